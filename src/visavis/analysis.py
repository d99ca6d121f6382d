"""Picture -> its faces: the stages in order, and which way up each face is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.face import Detail, Face
from visavis.geometry import Box, Matrix, Points, Size, apply, invert, similarity_from_points
from visavis.image import Image
from visavis.vision.align import align, five_points
from visavis.vision.detect import Detections, Detector, merge
from visavis.vision.embed import Embedder
from visavis.vision.expression import ExpressionReader
from visavis.vision.iris import PupilFinder
from visavis.vision.landmarks import box_around, named_points, pupils_without_iris
from visavis.vision.mesh import CROP_SIDE, Mesh, Mesher, crop_matrix_from_points
from visavis.vision.pose import mean_face, pose_of
from visavis.vision.quality import Evidence, light_of, quality_of

__all__ = ["MAX_FACES", "Analysis", "Analyzer", "Spread", "one_by_one"]

T = TypeVar("T")
R = TypeVar("R")

MAX_FACES = 100
"""CompareFaces considers the 100 largest faces of a picture (API reference)."""

_PLAIN = 0.85
"""A detector's score below which the whole picture may lie on its side; upside down it can be higher than this, but
then the face is found all the same, and the mesh tells."""

_UPRIGHT, _LIKELY = 17.0, 9.0
"""The mesh's presence from which a face is surely, and likely, the right way up. Over 98 % of the faces of LFW reach 9;
faces that are upside down mostly stay below 8, but some reach 16."""

_NO_HOLD = 7.5
"""The presence of a first reading below which a face turned about is not read any further. On all of lfw-dev no answer
changes by it."""

_PRESENT = 0.0
"""The mesh's presence below which it found no hold, and the mean face through the detector's points serves better."""

CERTAIN_ENOUGH = 60.0
"""Confidence below which a detection is dropped as no face."""

_STRONGEST = 16.0
"""No embedding seen was longer; what even this could not make a face is dropped before it is embedded."""

_UNTOLD = 8.0
"""Stands in for a strength that says nothing, so that detector and mesh decide alone. Here they are wrong as often one
way as the other: of the data of `confidence`, 9 of the 96 false detections pass and 9 of the 2,042 faces fall out,
where with SFace's strength it is none and 6."""

_NEIGHBOURHOOD = 2.0  # sides of a face's box
_CLOSE_UP = 256  # pixels, the side at which a neighbourhood is looked at again
_WHOLE = 640  # the same for a whole picture
_MAYBE_LARGEST = 0.4
"""The detector's boxes order faces by size a little differently from the final ones; a face whose box is smaller than
this part of the largest cannot turn out the largest."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The faces of one picture.

    size:  of the picture when upright
    faces: largest first, by the part of the box that lies in the picture
    more:  the picture shows further, smaller faces, which are left out because only the `MAX_FACES` largest are kept;
           not looked for where only the largest face was asked for
    """

    size: Size
    faces: tuple[Face, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """A face on its way: how sure the detector was, its mesh, and the box that follows from it."""

    score: float
    mesh: Mesh
    box: Box


class Spread(Protocol):
    """Calls a function on each of some items, perhaps in several threads; the results come in the order of the items.

    What the first of them raises is raised.
    """

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]: ...


def one_by_one(function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
    """The `Spread` of a single thread."""
    return [function(item) for item in items]


class Analyzer:
    """Runs the stages. Holds no state of its own, so threads may share it."""

    def __init__(
        self,
        *,
        detector: Detector,
        mesher: Mesher,
        pupils: PupilFinder,
        expressions: ExpressionReader,
        embedder: Embedder,
    ) -> None:
        self._detector = detector
        self._mesher = mesher
        self._pupils = pupils
        self._expressions = expressions
        self._embedder = embedder

    def __call__(
        self,
        image: Image,
        *,
        largest_only: bool = False,
        detail: Detail = Detail.FULL,
        spread: Spread = one_by_one,
    ) -> Analysis:
        """Find and describe the faces of `image`.

        Args:
            largest_only: describe one face, the largest.
            detail: how much is found out of each.
            spread: what the work on several faces is shared out by.
        """
        found = self._find(image).largest_first(image.size)
        faces: tuple[Face, ...] = ()
        if largest_only:
            faces = self._faces(image, found, most=1, detail=detail, spread=one_by_one)
        if not faces:
            # With the largest only, what seemed the largest was no face, and smaller ones were passed over for it.
            # One face more than is kept tells whether there are more.
            faces = self._faces(image, found, most=MAX_FACES + 1, detail=detail, spread=spread)
        if largest_only:
            return Analysis(image.size, faces[:1])
        return Analysis(image.size, faces[:MAX_FACES], more=len(faces) > MAX_FACES)

    def _faces(self, image: Image, found: Detections, *, most: int, detail: Detail, spread: Spread) -> tuple[Face, ...]:
        seen = self._look_closely(image, found, largest_only=most == 1, spread=spread)
        seen.sort(key=lambda s: (-s.box.area_within(image.size), -s.score, s.box.left))

        def described() -> Iterator[Face | None]:
            # As many at a time as are wanted, for what turns out no face is replaced by the next in line.
            for some in _batches(seen, most):
                yield from spread(lambda s: self._describe(image, s, detail), some)

        return tuple(islice((face for face in described() if face is not None), most))

    def _find(self, image: Image) -> Detections:
        found = self._detector(image)
        if len(found) and found.scores[0] >= _PLAIN:
            return found
        # Nothing is plainly upright: the picture itself may lie on its side.
        centre = np.array([image.size.width, image.size.height]) / 2
        turns = [self._look_turned(image, centre, image.size.longer, _WHOLE, turn) for turn in (90, 180, 270)]
        return merge([found, *turns])

    def _look_closely(self, image: Image, found: Detections, *, largest_only: bool, spread: Spread) -> list[_Seen]:
        def settle(i: int) -> _Seen | None:
            face = self._settle(image, found.boxes[i], found.points[i], float(found.scores[i]))
            return face if confidence(face.score, face.mesh.presence, _STRONGEST) >= CERTAIN_ENOUGH else None

        settled: Iterable[_Seen | None]
        if largest_only:
            settled = _while_maybe_largest(found.visible_areas(image.size), settle)
        else:
            settled = spread(settle, range(len(found)))
        return _without_twins([face for face in settled if face is not None])

    def _settle(self, image: Image, box: NDArray[np.float32], points: Points, score: float) -> _Seen:
        """Read the mesh, the right way up: past some 45 degrees of roll the detector's points are confidently wrong."""
        seen = self._read(image, points, score)
        if seen.mesh.presence >= _UPRIGHT:
            return seen
        # A detector that is wrong is mostly wrong by half a turn: if the mesh holds better on the points turned about,
        # something is amiss.
        about = 2 * points.mean(axis=0) - points
        if seen.mesh.presence >= _LIKELY and (
            self._mesher.read(image, crop_matrix_from_points(about)).presence < _NO_HOLD
            or self._read(image, about, score).mesh.presence <= seen.mesh.presence
        ):
            return seen
        centre = (box[:2] + box[2:]) / 2
        side = _NEIGHBOURHOOD * float((box[2:] - box[:2]).max())
        again = [self._look_turned(image, centre, side, _CLOSE_UP, turn) for turn in range(0, 360, 45)]
        candidates = [
            (float(s), p)
            for found in again
            for p, s in zip(found.points, found.scores, strict=True)
            if (box[:2] <= p.mean(axis=0)).all() and (p.mean(axis=0) <= box[2:]).all()
        ]
        # Detector and mesh settle it together, between the few best: upside down the one gives up to .91, on its side
        # the other up to 20, but no face the wrong way round has both.
        candidates.sort(key=lambda c: -c[0])
        readings = [seen, *(self._read(image, p, s) for s, p in candidates[:4])]
        return max(readings, key=lambda r: r.score * min(r.mesh.presence, _UPRIGHT))

    def _read(self, image: Image, points: Points, score: float) -> _Seen:
        mesh = self._mesher(image, points)
        if mesh.presence <= _PRESENT:
            mesh = replace(mesh, points=_mesh_through(points))
        return _Seen(score, mesh, box_around(mesh.points))

    def _look_turned(
        self, image: Image, centre: NDArray[np.floating], side: float, pixels: int, turn: float
    ) -> Detections:
        """Detect in a square of the picture, turned counterclockwise by `turn` degrees and brought to `pixels`."""
        matrix = _square_turned(centre, side, pixels, turn)
        found = self._detector.look(Image(image.warped(matrix, Size(pixels, pixels))), pixels)
        back = invert(matrix)
        corners = found.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        corners = apply(back, corners)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return Detections(boxes, apply(back, found.points), found.scores)

    def _describe(self, image: Image, seen: _Seen, detail: Detail) -> Face | None:
        """Everything about a face, or None if it turns out to be none."""
        mesh = seen.mesh.points
        embedded = self._embedder(align(image, five_points(mesh)))
        certainty = confidence(seen.score, seen.mesh.presence, embedded.strength)
        if certainty < CERTAIN_ENOUGH:
            return None
        pose, eyes = pose_of(mesh), pupils_without_iris(mesh)
        evidence = Evidence(
            confidence=certainty,
            presence=seen.mesh.presence,
            strength=embedded.strength,
            pose=pose,
            eye_distance=float(np.hypot(*(eyes[1] - eyes[0]))),
        )
        full = detail is Detail.FULL
        pupils = self._pupils(image, mesh) if full else None
        face = Face(
            box=seen.box,
            image_size=image.size,
            confidence=certainty,
            landmarks=named_points(mesh, eyes if pupils is None else pupils),
            pose=pose,
            quality=quality_of(light_of(image, seen.mesh.crop, CROP_SIDE), evidence),
            embedding=embedded.vector,
        )
        if not full:
            return face
        expression = self._expressions(seen.mesh.picture, mesh)
        return replace(face, emotions=expression.emotions, smile=expression.smile)


def confidence(score: float, presence: float, strength: float | None) -> float:
    """0..100: the probability that a detection is a face.

    Args:
        score: the detector's, 0..1
        presence: the mesh's, a logit
        strength: the length of the embedding; what is no face embeds weakly. None where that is not known to hold

    A logistic regression on 2,042 faces (lfw-dev plain, degraded and partly covered, and scenes) and the 96 detections
    in 668 crops without a face, weighed as ten faces to one false detection. None of the 96 reaches 52; 6 faces, all
    partly covered or over-exposed, fall below 60.
    """
    doubt = 19.233 - 0.707 * _logit(min(max(score, 0.01), 0.99)) - 0.427 * min(max(presence, -5.0), 12.0)
    strength = _UNTOLD if strength is None else strength
    return 100 / (1 + math.exp(doubt - 8.89 * math.log(max(strength, 1e-3))))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _while_maybe_largest(areas: NDArray[np.float32], settle: Callable[[int], _Seen | None]) -> Iterator[_Seen | None]:
    """Settle detections, by their areas largest first, until one is too small to turn out the largest face."""
    largest = 0.0
    for i, area in enumerate(areas.tolist()):
        if area < _MAYBE_LARGEST * largest:
            return
        face = settle(i)
        if face is not None:
            largest = max(largest, area)
        yield face


def _batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The first `most`, and as many again while there are."""
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _without_twins(seen: list[_Seen]) -> list[_Seen]:
    """Once the right way up, two detections may turn out to be one face; the surer stays."""
    kept: list[_Seen] = []
    for face in sorted(seen, key=lambda s: -s.mesh.presence):
        x, y = face.box.centre
        if not any(k.box.left < x < k.box.right and k.box.top < y < k.box.bottom for k in kept):
            kept.append(face)
    return kept


def _mesh_through(points: Points) -> NDArray[np.float32]:
    """The mean face laid through the detector's five points, for a face on which the mesh finds no hold."""
    model = mean_face().astype(np.float32)
    matrix = similarity_from_points(five_points(model), points)
    depth = model[:, 2] * math.hypot(*matrix[:, 0])
    return np.column_stack([apply(matrix, model[:, :2]), depth]).astype(np.float32)


def _square_turned(centre: NDArray[np.floating], side: float, pixels: int, turn: float) -> Matrix:
    angle, scale = math.radians(turn), pixels / side
    linear = scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.column_stack([linear, pixels / 2 - linear @ centre])
