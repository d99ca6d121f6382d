"""Finds out which way up a face is, by running detector, mesh and embedder at several rotations.

The detector finds faces within about 45 degrees of upright, small ones within 30. Beyond that it misses them, or finds
them with points that are wrong by 180 degrees. This module uses several stages, so its layer is above `vision` and
below `analysis`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Box, Matrix, Points, Size, apply, invert, square_crop
from visavis.image import Image
from visavis.mean_face import mean_face_through
from visavis.vision.align import align, five_points
from visavis.vision.confidence import face_log_odds
from visavis.vision.detect import MIN_SCORE, Detections, Detector, non_max_suppression
from visavis.vision.embed import Embedded, Embedder
from visavis.vision.landmarks import box_around
from visavis.vision.mesh import FaceMeshModel, Mesh, crop_matrix_from_mesh
from visavis.vision.pose import pose_of

__all__ = ["Candidate", "OrientationResolver", "rotated_square"]

UPRIGHT_SCORE = 0.85
"""From this detector score on a face is certainly one, and probably the right way up."""

PORTRAIT = 0.2
"""An image with a certain face whose box has at least this fraction of the image's longer side shows a portrait, and is
not searched for small and tilted faces."""

UPRIGHT_PRESENCE = 17.0
"""The mesh's presence from which a face is certainly the right way up. Most upside-down faces stay below 8, but some
reach 16."""

SAME_ROLL = 12.0
"""Degrees. If the mesh has another roll than the detector's points by more than this, its presence alone does not
decide: the points of small tilted faces can be wrong by 40 degrees, and the mesh then turns back only half of it.
Detections that differ by less are read once."""

SURE_LOG_ODDS = 6.0
"""The log odds of a face (`face_log_odds`) from which a reading is certainly the right way up. Readings that are wrong
by 180 degrees have a norm of 6 to 8 and stay below 5."""

MIN_PRESENCE = 0.0
"""Up to this presence the mesh is not that of a face, and the mean face fitted to the detector's points replaces it."""

PROFILE_YAW = 60.0
"""Degrees. From this yaw of the mean face fitted to the detector's points on, the fit replaces the mesh unless its
presence is that of an upright face: the mesh network turns no face by more than about 50 degrees, and loses its hold.
Below, the embedding of a face aligned by the mesh is longer than that of one aligned by the fit."""

HINT_SCORE = 0.15
"""Detections of at least this score are looked at again, closer and tilted, where an image is searched."""

_SEARCH_PIXELS = (640, 1600)
"""The least and the largest longer side at which an image is searched."""
_LARGE_FACE_PIXELS = 320
"""The longer side at which it is also searched, for tilted faces that fill it and are too large for the detector at
`_SEARCH_PIXELS`."""
_MAX_HINTS = 32
_HINT_NEIGHBOURHOOD, _HINT_PIXELS = 2.5, 192  # as the next two, for a hint
_NEIGHBOURHOOD = 2.0  # the side of the square around a face, in sides of its box
_NEIGHBOURHOOD_PIXELS = 256  # the side to which that square is resized for the detector
_MAX_READ = 4  # how many detections in that square the mesh reads, best first


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detection with its mesh.

    Attributes:
        score: the detector's, 0..1.
        mesh: read the right way up.
        box: computed from the mesh, in pixels of the upright image.
        embedded: the face aligned by the mesh; None where it was not needed to tell which way up the face is.
    """

    score: float
    mesh: Mesh
    box: Box
    embedded: Embedded | None = None

    @property
    def size(self) -> float:
        """The square root of the area of the box, in pixels."""
        return math.sqrt(self.box.area)


class OrientationResolver:
    """Detects faces and reads their meshes at any rotation of the image or of a face. Threads may share it.

    Args:
        detector: finds faces within about 45 degrees of upright.
        mesh_model: reads the mesh of a face from five points.
        embedder: embeds aligned crops; its norm is low for a face that is upside down.
    """

    def __init__(self, detector: Detector, mesh_model: FaceMeshModel, embedder: Embedder) -> None:
        self._detector = detector
        self._mesh_model = mesh_model
        self._embedder = embedder

    def detect(self, image: Image) -> Detections:
        """Detect the faces of an image, which may be small, tilted, on their side or upside down; best first."""
        found = self._detector(image)
        sides = np.sqrt(found.areas)
        if bool(((found.scores >= UPRIGHT_SCORE) & (sides >= PORTRAIT * image.size.longer)).any()):
            return found
        return self._search(image, found)

    def _search(self, image: Image, found: Detections) -> Detections:
        """Detect at four rotations of the image, and look closer where the detector is in doubt."""
        resized = [
            image.resized(image.size.with_longer_side(pixels))
            for pixels in (int(np.clip(image.size.longer, *_SEARCH_PIXELS)), _LARGE_FACE_PIXELS)
        ]
        turned = [(turn, self._detect_turned(one, image.size, turn)) for one in resized for turn in range(4)]
        sure = [seen.take(np.flatnonzero(seen.scores >= MIN_SCORE)) for _, seen in turned]
        together = non_max_suppression([found, *sure])
        hints = [(turn, seen.take(np.array([i]))) for turn, seen in turned for i in range(len(seen))]
        hints.sort(key=lambda hint: -float(hint[1].scores[0]))
        looks: list[Detections] = []
        looked: list[NDArray[np.float32]] = []
        for turn, hint in hints:
            if len(looks) == _MAX_HINTS:
                break
            box = hint.boxes[0]
            if any(_is_centred_in(box, other) for other in together.boxes) or any(
                _is_centred_in(box, other) and _side(box) > _side(other) / 2 for other in looked
            ):
                continue
            looked.append(box)
            looks.append(self._look_closer(image, box, 90 * turn))
        return non_max_suppression([together, *looks])

    def _detect_turned(self, resized: NDArray[np.uint8], size: Size, turn: int) -> Detections:
        """Detect, down to `HINT_SCORE`, in a resized image turned counterclockwise by `turn` quarters.

        Args:
            resized: (h, w, 3) uint8 RGB.
            size: of the image, in whose pixels the detections are.
            turn: 0 to 3.
        """
        height, width = resized.shape[:2]
        turned = Image(np.ascontiguousarray(np.rot90(resized, turn)))
        found = self._detector.detect_at_size(turned, max(width, height), min_score=HINT_SCORE)
        # From the turned image back to the resized one.
        back = np.array([
            [[1, 0, 0], [0, 1, 0]], [[0, -1, width], [1, 0, 0]], [[-1, 0, width], [0, -1, height]],
            [[0, 1, 0], [-1, 0, height]],
        ][turn], np.float64)  # fmt: skip
        back *= np.array([[size.width / width], [size.height / height]])
        return _transformed(found, back)

    def _look_closer(self, image: Image, box: NDArray[np.float32], turn: float) -> Detections:
        """The faces that the detector finds in a box at three rotations about `turn`."""
        centre, side = (box[:2] + box[2:]) / 2, _HINT_NEIGHBOURHOOD * _side(box)
        seen = [self._detect_rotated(image, centre, side, _HINT_PIXELS, turn + further) for further in (-45, 0, 45)]
        return non_max_suppression([_centred_in(box, found) for found in seen])

    def resolve(self, image: Image, box: NDArray[np.float32], points: Points, score: float) -> Candidate:
        """Read the mesh of a detection, the right way up.

        Beyond about 45 degrees of roll the detector's points can be wrong although its score is high. Detector, mesh
        and embedding norm decide together: of several readings the one that most certainly shows a face is taken.

        Args:
            image: that shows the face.
            box: (4,), left, top, right, bottom in pixels of `image`.
            points: (5, 2), the detector's eyes, nose and mouth corners, in pixels of `image`.
            score: the detector's, 0..1.
        """
        first = self._read(image, points, score)
        agree = _between(_roll(points), _roll(five_points(first.mesh.points))) <= SAME_ROLL
        if agree and first.mesh.presence >= UPRIGHT_PRESENCE:
            return first
        first = self._embed(image, first)
        if _log_odds(first) >= SURE_LOG_ODDS:
            return first
        others = self._detect_at_other_rolls(image, box, points)
        # The detector's usual error is a half turn.
        half_turned = 2 * points.mean(axis=0) - points
        if all(_between(_roll(half_turned), _roll(other)) >= SAME_ROLL for _, other in others):
            others.append((score, half_turned))
        readings = [first, *(self._embed(image, self._read(image, p, s)) for s, p in others)]
        return max(readings, key=_log_odds)

    def _detect_at_other_rolls(
        self, image: Image, box: NDArray[np.float32], known: Points
    ) -> list[tuple[float, Points]]:
        """The scores and points that the detector finds around a box at eight rotations, best first.

        Only the best of each roll is returned, and none with the roll of `known` points. Points whose centre is outside
        the box are dropped, because they belong to other faces.
        """
        centre = (box[:2] + box[2:]) / 2
        side = _NEIGHBOURHOOD * _side(box)
        rotated = [
            _centred_in(box, self._detect_rotated(image, centre, side, _NEIGHBOURHOOD_PIXELS, turn))
            for turn in range(0, 360, 45)
        ]
        found = sorted(
            ((float(s), p) for seen in rotated for p, s in zip(seen.points, seen.scores, strict=True)),
            key=lambda one: -one[0],
        )
        kept: list[tuple[float, Points]] = []
        for s, p in found:
            if all(_between(_roll(p), _roll(other)) >= SAME_ROLL for other in (known, *(q for _, q in kept))):
                kept.append((s, p))
        return kept[:_MAX_READ]

    def _read(self, image: Image, points: Points, score: float) -> Candidate:
        mesh = self._mesh_model(image, points)
        if mesh.presence < UPRIGHT_PRESENCE:
            fitted = mean_face_through(points)
            if mesh.presence <= MIN_PRESENCE or abs(pose_of(fitted).yaw) >= PROFILE_YAW:
                crop = self._mesh_model.read(image, crop_matrix_from_mesh(fitted[:, :2]))
                mesh = replace(crop, points=fitted, presence=max(crop.presence, mesh.presence))
        return Candidate(score, mesh, box_around(mesh.points))

    def _embed(self, image: Image, candidate: Candidate) -> Candidate:
        return replace(candidate, embedded=self._embedder(align(image, five_points(candidate.mesh.points))))

    def _detect_rotated(
        self, image: Image, centre: NDArray[np.floating], side: float, pixels: int, turn: float
    ) -> Detections:
        """Detect in a square of the image, rotated counterclockwise by `turn` degrees and resized to `pixels`."""
        matrix = rotated_square(centre, side, pixels, turn)
        found = self._detector.detect_at_size(Image(image.warped(matrix, Size(pixels, pixels))), pixels)
        return _transformed(found, invert(matrix))


def _log_odds(candidate: Candidate) -> float:
    """How certainly a candidate is a face the right way up."""
    norm = None if candidate.embedded is None else candidate.embedded.embedding_norm
    return face_log_odds(candidate.score, candidate.mesh.presence, norm, candidate.size)


def _transformed(found: Detections, matrix: Matrix) -> Detections:
    """Detections in another frame, with the upright boxes around the transformed boxes."""
    corners = apply(matrix, found.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Detections(boxes, apply(matrix, found.points), found.scores)


def _centred_in(box: NDArray[np.float32], found: Detections) -> Detections:
    """The detections whose points have their centre in a box (4,)."""
    centres = found.points.mean(axis=1)
    return found.take(np.flatnonzero(((box[:2] <= centres) & (centres <= box[2:])).all(axis=1)))


def _is_centred_in(box: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    centre = (box[:2] + box[2:]) / 2
    return bool((other[:2] <= centre).all() and (centre <= other[2:]).all())


def _side(box: NDArray[np.float32]) -> float:
    """The longer side of a box (4,)."""
    return float((box[2:] - box[:2]).max())


def _roll(points: Points) -> float:
    """The direction from the eyes to the mouth of a detector's points (5, 2), in degrees."""
    x, y = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    return math.degrees(math.atan2(y, x))


def _between(one: float, other: float) -> float:
    """The angle between two directions, 0..180 degrees."""
    return abs((one - other + 180) % 360 - 180)


def rotated_square(centre: NDArray[np.floating], side: float, pixels: int, turn: float) -> Matrix:
    """The crop matrix of a square of an image, rotated counterclockwise on the screen.

    Args:
        centre: (2,), of the square in pixels of the image.
        side: of the square in pixels of the image.
        pixels: side of the crop.
        turn: degrees.

    Returns:
        (2, 3), from the image to the crop.
    """
    angle = math.radians(turn)
    return square_crop(centre, side, np.array([math.cos(angle), math.sin(angle)]), pixels)
