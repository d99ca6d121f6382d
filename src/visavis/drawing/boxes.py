"""Many boxes at once as arrays: which ones a label would cover, and how far lines run inside them.

Boxes are (n, 4) float64: left, top, right, bottom in pixels of the drawing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Box

__all__ = ["Boxes", "as_array", "free", "length_inside", "moved"]

Boxes = NDArray[np.float64]


def as_array(boxes: Iterable[Box]) -> Boxes:
    """The boxes as an array, (n, 4)."""
    return np.array([(b.left, b.top, b.right, b.bottom) for b in boxes], np.float64).reshape(-1, 4)


def moved(box: Box, x: float, y: float, scale: float = 1.0) -> Box:
    """The box after scaling about the origin and then shifting by (x, y)."""
    return Box(box.left * scale + x, box.top * scale + y, box.right * scale + x, box.bottom * scale + y)


def free(candidates: Boxes, obstacles: Boxes, gap: float = 0.0) -> NDArray[np.bool_]:
    """Which candidates keep a distance of `gap` pixels from every obstacle: (m,).

    Args:
        candidates: (m, 4).
        obstacles: (n, 4).
        gap: boxes that touch keep a distance of 0.

    Example:
        >>> free(as_array([Box(0, 0, 5, 5), Box(8, 8, 20, 20)]), as_array([Box(5, 0, 10, 10)])).tolist()
        [True, False]
    """
    one, other = candidates[:, None], obstacles[None]
    apart = (
        (one[..., 0] >= other[..., 2] + gap)
        | (one[..., 2] <= other[..., 0] - gap)
        | (one[..., 1] >= other[..., 3] + gap)
        | (one[..., 3] <= other[..., 1] - gap)
    )
    return np.asarray(apart.all(axis=1))


def length_inside(start: NDArray[np.float64], ends: NDArray[np.float64], boxes: Boxes) -> NDArray[np.float64]:
    """How many pixels of each line from `start` to one of `ends` lie inside the boxes, summed over the boxes: (m,).

    Args:
        start: (2,).
        ends: (m, 2).
        boxes: (n, 4).

    Example:
        >>> inside = length_inside(np.array([0.0, 5.0]), np.array([[30.0, 5.0]]), as_array([Box(10, 0, 20, 10)]))
        >>> inside.round(6).tolist()
        [10.0]
    """
    first, last = np.zeros((len(ends), len(boxes))), np.ones((len(ends), len(boxes)))
    for axis in (0, 1):
        step = ends[:, axis] - start[axis]
        step = np.where(np.abs(step) < 1e-9, 1e-9, step)[:, None]  # a line along an axis never enters by that axis
        enters, leaves = (boxes[:, axis] - start[axis]) / step, (boxes[:, axis + 2] - start[axis]) / step
        np.maximum(first, np.minimum(enters, leaves), out=first)
        np.minimum(last, np.maximum(enters, leaves), out=last)
    return np.asarray((last - first).clip(0).sum(axis=1) * np.hypot(*(ends - start).T))
