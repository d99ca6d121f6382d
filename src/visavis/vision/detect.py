"""Detects faces with YuNet: boxes, five points and scores.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) predicts one face per cell on grids of 8, 16
and 32 pixels. It finds faces of about 10 to 300 pixels, so the detector runs on an image at one, two or three sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Size
from visavis.image import Image
from visavis.models.session import Session

__all__ = ["MIN_SCORE", "NMS_THRESHOLD", "PIXELS", "SHAPES", "Detections", "Detector", "decode", "non_max_suppression"]

Floats = NDArray[np.float32]

_STRIDES = (8, 16, 32)
MIN_SCORE = 0.6
"""The score from which a detection counts. OpenCV Zoo's demo has 0.9, which misses tilted faces."""
NMS_THRESHOLD = 0.3
"""Non-maximum suppression drops a box whose IoU with a better one is above this; the value of OpenCV Zoo's demo."""

SAME_FACE_IOS = 0.8
"""It also drops a box whose IoS (intersection over the smaller box) with a better one is above this. Detecting at two
sizes can give two boxes of one face, one with twice the sides of the other, and their IoU is low."""

_BASE, _SMALL, _LARGE = 512, 224, 1280

FINE = 960
"""Pixels. In an image up to this longer side, the smallest face worth comparing (40 pixels in 1920, or that fraction of
a smaller image) still has 10 pixels at the base size. On larger images the detector also runs at the large size."""

_STEP = 64
"""The sides of the network's input are multiples of this many pixels, so that it is compiled for a dozen shapes and not
for every image."""

_NMS_BLOCK = 64  # boxes between two removals of those that were dropped

SHAPES = 12
"""How many input shapes are worth keeping compiled."""

PIXELS = 3_000_000
"""For how many pixels of input a thread keeps intermediate results allocated, which take 30 bytes a pixel. Enough for
the largest input, 1600 x 1600, or for two of photographs, 1280 x 960, and small ones. Allocating again makes a run one
and a half times as long."""


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections of one image, best first unless a function says otherwise.

    Attributes:
        boxes: (n, 4) float32: left, top, right, bottom in pixels of the upright image.
        points: (n, 5, 2) float32: eyes, nose and mouth corners in pixels of the upright image, x before y; left is the
            viewer's.
        scores: (n,) float32, 0..1.
    """

    boxes: Floats
    points: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def areas(self) -> Floats:
        """The areas of the boxes, (n,) float32, in square pixels."""
        return np.asarray((self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1), np.float32)

    def visible_areas(self, size: Size) -> Floats:
        """The area of each box inside an image of this size, (n,) float32, in square pixels."""
        ends = np.clip(self.boxes, 0, [size.width, size.height, size.width, size.height])
        return np.asarray((ends[:, 2:] - ends[:, :2]).prod(axis=1), np.float32)

    def take(self, which: NDArray[np.intp]) -> Detections:
        """The detections with the indices `which`, (m,), in that order."""
        return Detections(self.boxes[which], self.points[which], self.scores[which])

    def largest_first(self, size: Size) -> Detections:
        """The same detections in an image of this size, ordered by `visible_areas`, largest first."""
        return self.take(np.argsort(-self.visible_areas(size), kind="stable"))


class Detector:
    """Finds the faces of an image that are within about 45 degrees of upright.

    Args:
        session: of the detector network.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, image: Image) -> Detections:
        """Detect at one, two or three sizes, and suppress duplicates."""
        return non_max_suppression(self.detect_at_sizes(image))

    def detect_at_sizes(self, image: Image, *, min_score: float = MIN_SCORE) -> list[Detections]:
        """Detect at one, two or three sizes.

        Args:
            image: upright or rotated.
            min_score: detections with a lower score are dropped.

        Returns:
            The detections at each size, in no order, before NMS, in pixels of `image`.
        """
        found = [self.detect_at_size(image, _BASE, min_score=min_score)]
        if not _has_confident_face(found[0], image.size):
            found.append(self.detect_at_size(image, _SMALL, min_score=min_score))
        if image.size.longer > FINE:
            found.append(self.detect_at_size(image, _LARGE, min_score=min_score))
        return found

    def detect_at_size(self, image: Image, longer_side: int, *, min_score: float = MIN_SCORE) -> Detections:
        """Detect once, with the longer side of the image resized to `longer_side` pixels.

        Args:
            image: upright or rotated.
            longer_side: pixels.
            min_score: detections with a lower score are dropped.

        Returns:
            The detections in no order, before NMS, in pixels of `image`.
        """
        size = image.size.with_longer_side(longer_side)
        canvas = np.zeros((_round_up(size.height), _round_up(size.width), 3), np.uint8)
        image.resized(size, canvas[: size.height, : size.width])
        (found,) = self.detect_in_crops(canvas[None], min_score=min_score)
        # Width and height are rounded separately, so they have different scales.
        back = np.array([image.size.width / size.width, image.size.height / size.height], np.float32)
        return Detections(found.boxes * np.tile(back, 2), found.points * back, found.scores)

    def detect_in_crops(self, crops: NDArray[np.uint8], *, min_score: float = MIN_SCORE) -> list[Detections]:
        """Detect once in each of several crops, in one run of the network.

        Args:
            crops: (n, h, w, 3) uint8 RGB; h and w are multiples of 64.
            min_score: detections with a lower score are dropped.

        Returns:
            The detections of each crop in no order, before NMS, in pixels of the crop.
        """
        # The network concatenates the cells of all crops.
        outputs = {
            name: grid.reshape(len(crops), -1, grid.shape[-1]) for name, grid in self._session.run(crops).items()
        }
        return [decode(outputs, crops.shape[2] // _STRIDES[0], min_score, crop=i) for i in range(len(crops))]


def decode(outputs: Mapping[str, Floats], columns: int, min_score: float = MIN_SCORE, *, crop: int = 0) -> Detections:
    """Decode the network's grids of one crop.

    Args:
        outputs: for each stride s: cls_s and obj_s (n, cells, 1), bbox_s (n, cells, 4), kps_s (n, cells, 10).
        columns: of the finest grid.
        min_score: detections with a lower score are dropped.
        crop: its index in the network's input, 0 to n - 1.

    Returns:
        The detections in no order, in pixels of the crop.
    """
    parts = []
    for i, stride in enumerate(_STRIDES):
        classes, centres = outputs[f"cls_{stride}"][crop, :, 0], outputs[f"obj_{stride}"][crop, :, 0]
        # Few cells have a high score, and only theirs is computed: the geometric mean of "a face is here" and "this
        # cell is its centre", which is at most the root of either.
        cells = np.flatnonzero((classes >= min_score**2) & (centres >= min_score**2))
        scores = np.sqrt(classes[cells].clip(0, 1) * centres[cells].clip(0, 1))
        sure = scores >= min_score
        cells, scores = cells[sure], scores[sure]
        if not len(cells):
            continue
        corner = np.stack([cells % (columns >> i), cells // (columns >> i)], axis=1).astype(np.float32)
        box = outputs[f"bbox_{stride}"][crop, cells]
        centre, half = (corner + box[:, :2]) * stride, np.exp(box[:, 2:]) * stride / 2
        points = (corner[:, None] + outputs[f"kps_{stride}"][crop, cells].reshape(-1, 5, 2)) * stride
        parts.append(Detections(np.hstack([centre - half, centre + half]), points, scores))
    return _concatenate(parts)


def non_max_suppression(found: list[Detections]) -> Detections:
    """Non-maximum suppression (NMS) of the detections of one image at several sizes.

    It is greedy: the best box stays, and boxes that overlap it (`_overlap` above `NMS_THRESHOLD`) are dropped.

    Args:
        found: the detections of each size, in pixels of the same image.

    Returns:
        The detections without duplicates, best first.
    """
    together = _concatenate(found)
    if len(together) <= 1:
        return together
    together = together.take(np.argsort(-together.scores, kind="stable"))
    # A crowd has tens of thousands of boxes, so a box is compared with those in its columns only, and dropped boxes are
    # removed after each block.
    rows, numbers = np.vstack([together.boxes.T, together.areas]), np.arange(len(together))
    kept: list[int] = []
    while len(numbers):
        stays = np.ones(len(numbers), np.bool_)
        for i in range(min(_NMS_BLOCK, len(numbers))):
            if stays[i]:
                kept.append(int(numbers[i]))
                left, _, right, _, _ = rows[:, i]
                near = np.flatnonzero((rows[0] < right) & (rows[2] > left) & stays)
                dropped = near[_overlap(rows[:, i], rows[:, near]) > NMS_THRESHOLD]
                stays[dropped[dropped > i]] = False
        stays[:_NMS_BLOCK] = False
        rows, numbers = rows[:, stays], numbers[stays]
    return together.take(np.array(kept, np.intp))


def _has_confident_face(found: Detections, size: Size) -> bool:
    """Whether a face of medium size has a high score. Then no undetected face fills the image."""
    sides = np.sqrt(found.areas) / size.longer
    return bool(((found.scores > 0.85) & (sides > 0.15) & (sides < 0.5)).any())


def _round_up(side: int) -> int:
    return -(-side // _STEP) * _STEP


def _overlap(box: Floats, boxes: Floats) -> Floats:
    """The IoU of a box with each of others, (n,) float32; 1 where their IoS is above `SAME_FACE_IOS`.

    Args:
        box: (5,), left, top, right, bottom and area.
        boxes: (5, n), likewise.
    """
    width, height = np.minimum(box[2:4, None], boxes[2:4]) - np.maximum(box[:2, None], boxes[:2])
    intersection = width.clip(0) * height.clip(0)
    ios = intersection / np.minimum(box[4], boxes[4])
    iou = intersection / (box[4] + boxes[4] - intersection)
    return np.where(ios > SAME_FACE_IOS, 1.0, iou).astype(np.float32)


_NONE = Detections(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


def _concatenate(parts: list[Detections]) -> Detections:
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else _NONE
    return Detections(
        np.concatenate([p.boxes for p in parts]).astype(np.float32),
        np.concatenate([p.points for p in parts]).astype(np.float32),
        np.concatenate([p.scores for p in parts]).astype(np.float32),
    )
