"""Image -> its faces: the stages in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.face import Detail, Face
from visavis.face_mesh import CROP_SIDE, eye_centres
from visavis.geometry import Size
from visavis.image import Image
from visavis.orientation import Candidate, OrientationResolver
from visavis.vision.align import align, five_points
from visavis.vision.confidence import MIN_CONFIDENCE, face_confidence
from visavis.vision.detect import Detections, Detector
from visavis.vision.embed import Embedder
from visavis.vision.expression import ExpressionReader
from visavis.vision.gaze import eye_direction
from visavis.vision.iris import PupilFinder
from visavis.vision.landmarks import named_points
from visavis.vision.mesh import Mesher
from visavis.vision.openness import eyes_open, mouth_open
from visavis.vision.pose import pose_of
from visavis.vision.quality import Evidence, light_of, quality_of

__all__ = ["MAX_FACES", "Analysis", "Analyzer", "Spread", "one_by_one"]

T = TypeVar("T")
R = TypeVar("R")

MAX_FACES = 100
"""CompareFaces considers the 100 largest faces of an image (API reference)."""

_MAYBE_LARGEST = 0.4
"""The detector's boxes order faces by size a little differently from the final ones. A face whose detected box is
smaller than this fraction of the largest cannot become the largest."""


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
        self._orientation = OrientationResolver(detector, mesher)
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
        found = self._orientation.detect(image).largest_first(image.size)
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
        candidates = self._refine(image, found, largest_only=most == 1, spread=spread)
        candidates.sort(key=lambda c: (-c.box.area_within(image.size), -c.score, c.box.left))

        def described() -> Iterator[Face | None]:
            # As many at a time as are wanted, because a candidate that is no face is replaced by the next.
            for batch in _batches(candidates, most):
                yield from spread(lambda c: self._describe(image, c, detail), batch)

        return tuple(islice((face for face in described() if face is not None), most))

    def _refine(self, image: Image, found: Detections, *, largest_only: bool, spread: Spread) -> list[Candidate]:
        """Read the mesh of each detection, and keep one candidate a face."""

        def resolve(i: int) -> Candidate:
            return self._orientation.resolve(image, found.boxes[i], found.points[i], float(found.scores[i]))

        if largest_only:
            candidates = [resolve(i) for i in _maybe_largest(found.visible_areas(image.size))]
        else:
            candidates = spread(resolve, range(len(found)))
        return _deduplicated(candidates)

    def _describe(self, image: Image, candidate: Candidate, detail: Detail) -> Face | None:
        """Everything about a face, or None if it turns out to be none."""
        mesh = candidate.mesh.points
        embedded = self._embedder(align(image, five_points(mesh)))
        certainty = face_confidence(candidate.score, candidate.mesh.presence, embedded.strength)
        if certainty < MIN_CONFIDENCE:
            return None
        pose, eyes = pose_of(mesh), eye_centres(mesh)
        evidence = Evidence(
            confidence=certainty,
            presence=candidate.mesh.presence,
            strength=embedded.strength,
            pose=pose,
            eye_distance=float(np.hypot(*(eyes[1] - eyes[0]))),
        )
        full = detail is Detail.FULL
        read = self._pupils(image, mesh) if full else None
        face = Face(
            box=candidate.box,
            image_size=image.size,
            confidence=certainty,
            landmarks=named_points(mesh, eyes if read is None else read.pupils),
            pose=pose,
            quality=quality_of(light_of(image, candidate.mesh.crop, CROP_SIDE), evidence),
            embedding=embedded.vector,
        )
        if not full:
            return face
        expression = self._expressions(candidate.mesh.picture, mesh)
        face = replace(face, emotions=expression.emotions, smile=expression.smile, mouth_open=mouth_open(mesh, pose))
        if read is None:
            return face
        opened = eyes_open(read.contours, pose)
        gaze = eye_direction(read.pupils, read.contours, mesh, pose, opened)
        return replace(face, eyes_open=opened, eye_direction=gaze)


def _maybe_largest(areas: NDArray[np.float32]) -> range:
    """The detections, by their areas (n,) largest first, that can become the largest face."""
    ordered = areas.astype(np.float64)
    return range(int((ordered >= _MAYBE_LARGEST * ordered[:1]).sum()))


def _batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The first `most`, and as many again while there are."""
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _deduplicated(candidates: list[Candidate]) -> list[Candidate]:
    """One candidate a face: once read the right way up, two detections can be the same face.

    Two are the same where the centre of one box lies in the other; the one with more presence is kept.
    """
    kept: list[Candidate] = []
    for face in sorted(candidates, key=lambda c: -c.mesh.presence):
        x, y = face.box.centre
        if not any(k.box.left < x < k.box.right and k.box.top < y < k.box.bottom for k in kept):
            kept.append(face)
    return kept
