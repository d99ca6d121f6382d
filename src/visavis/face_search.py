"""Searches an image for faces: also small ones, and faces that are tilted, on their side or upside down.

The detector finds faces within about 45 degrees of upright, small ones within 30. Beyond that it misses them, or finds
them with points that are wrong by 180 degrees, which `orientation` corrects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Matrix, Size, apply, invert, square_crop
from visavis.image import Image
from visavis.vision.detect import FINE, MIN_SCORE, Detections, Detector, non_max_suppression

__all__ = ["FaceSearch", "box_side", "centred_in", "rotated_square"]

UPRIGHT_SCORE = 0.85
"""From this detector score on a face is certainly one, and probably the right way up."""

PORTRAIT = 0.2
"""An image with a certain face whose box has at least this fraction of the image's longer side shows a portrait, and is
not searched for small and tilted faces."""

CROWD = 150
"""An image with so many faces shows a crowd, and is not searched either, because at most the 100 largest are compared.
"""

HINT_SCORE = 0.15
"""Detections of at least this score are looked at again, closer and tilted, where an image is searched."""

_SEARCH_PIXELS = (640, 1600)
"""The least and the largest longer side at which a turned image is searched."""
_LARGE_FACE_PIXELS = 320
"""The longer side at which it is also searched, for tilted faces that fill it and are too large for the detector at
`_SEARCH_PIXELS`."""
_MAX_HINTS = 32
_HINT_NEIGHBOURHOOD = 2.5  # the side of the square around a hint, in sides of its box
_HINT_PIXELS = 192  # the side to which that square is resized for the detector


class FaceSearch:
    """Detects faces at any rotation of the image or of a face. Threads may share it.

    Args:
        detector: finds faces within about 45 degrees of upright.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def __call__(self, image: Image) -> Detections:
        """Detect the faces of an image, which may be small, tilted, on their side or upside down; best first."""
        upright = self._detector.detect_at_sizes(image, min_score=HINT_SCORE)
        found = non_max_suppression([_sure(seen) for seen in upright])
        sides = np.sqrt(found.areas)
        portrait = bool(((found.scores >= UPRIGHT_SCORE) & (sides >= PORTRAIT * image.size.longer)).any())
        if portrait or len(found) >= CROWD:
            return found
        return self._search(image, found, upright)

    def _search(self, image: Image, found: Detections, upright: list[Detections]) -> Detections:
        """Detect at three more rotations of the image, and look closer where the detector is in doubt.

        Args:
            image: to search.
            found: without duplicates.
            upright: what was detected in the unturned image, down to `HINT_SCORE`.
        """
        turned = [(0, seen) for seen in upright]
        for pixels in (int(np.clip(image.size.longer, *_SEARCH_PIXELS)), _LARGE_FACE_PIXELS):
            resized = image.resized(image.size.with_longer_side(pixels))
            # In a larger image the unturned faces were looked for at nearly this size.
            turns = (1, 2, 3) if image.size.longer > FINE else (0, 1, 2, 3)
            turned += [(turn, self._detect_turned(resized, image.size, turn)) for turn in turns]
        together = non_max_suppression([found, *(_sure(seen) for _, seen in turned)])
        looks = [self._look_closer(image, box, 90 * turn) for turn, box in _hints(turned, together.boxes)]
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
        centre, side = (box[:2] + box[2:]) / 2, _HINT_NEIGHBOURHOOD * box_side(box)
        seen = self.detect_rotated(image, centre, side, _HINT_PIXELS, [turn - 45, turn, turn + 45])
        return non_max_suppression([centred_in(box, found) for found in seen])

    def detect_rotated(
        self, image: Image, centre: NDArray[np.floating], side: float, pixels: int, turns: Sequence[float]
    ) -> list[Detections]:
        """Detect in a rotated square of the image, in one run of the detector.

        Args:
            image: to look at.
            centre: (2,), of the square in pixels of the image.
            side: of the square in pixels of the image.
            pixels: the side to which it is resized, a multiple of 64.
            turns: the rotations, counterclockwise in degrees.

        Returns:
            The detections at each rotation, in pixels of the image.
        """
        matrices = [rotated_square(centre, side, pixels, turn) for turn in turns]
        crops = np.stack([image.warped(matrix, Size(pixels, pixels)) for matrix in matrices])
        found = self._detector.detect_in_crops(crops)
        return [_transformed(seen, invert(matrix)) for seen, matrix in zip(found, matrices, strict=True)]


def _sure(found: Detections) -> Detections:
    return found.take(np.flatnonzero(found.scores >= MIN_SCORE))


def _hints(
    turned: list[tuple[int, Detections]], known: NDArray[np.float32]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Places to look at closer, best first: detections that are neither in a known box nor in one looked at already.

    Args:
        turned: quarter turns of the image, and what was detected.
        known: (n, 4), the boxes of the faces that were found.

    Yields:
        Quarter turns and a box (4,), at most `_MAX_HINTS` times.
    """
    turns = np.concatenate([np.full(len(seen), turn) for turn, seen in turned])
    scores, boxes = (np.concatenate([getattr(seen, name) for _, seen in turned]) for name in ("scores", "boxes"))
    order = np.argsort(-scores, kind="stable")
    looked = np.zeros((0, 4), np.float32)
    for block in np.array_split(order, len(order) // 100 + 1):  # in blocks, because few of thousands are needed
        for i in block[~_centred_in_any(boxes[block], known)]:
            if len(looked) == _MAX_HINTS:
                return
            # A small box within a large one may be another face.
            same_size = looked[(looked[:, 2:] - looked[:, :2]).max(axis=1) < 2 * box_side(boxes[i])]
            if not _centred_in_any(boxes[[i]], same_size)[0]:
                looked = np.concatenate([looked, boxes[[i]]])
                yield int(turns[i]), boxes[i]


def _transformed(found: Detections, matrix: Matrix) -> Detections:
    """Detections in another frame, with the upright boxes around the transformed boxes."""
    corners = apply(matrix, found.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Detections(boxes, apply(matrix, found.points), found.scores)


def centred_in(box: NDArray[np.float32], found: Detections) -> Detections:
    """The detections whose points have their centre in a box (4,)."""
    centres = found.points.mean(axis=1)
    return found.take(np.flatnonzero(((box[:2] <= centres) & (centres <= box[2:])).all(axis=1)))


def _centred_in_any(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which boxes (n, 4) have their centre in one of other boxes (m, 4)."""
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T[:, :, None]
    left, top, right, bottom = others.T
    return np.asarray(((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).any(axis=1))


def box_side(box: NDArray[np.float32]) -> float:
    """The longer side of a box (4,)."""
    return float((box[2:] - box[:2]).max())


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
