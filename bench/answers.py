"""Reads the faces of Amazon's recorded answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["corners_of", "faces_in", "iou"]

Floats = NDArray[np.float64]


def faces_in(answer: object) -> Iterator[dict[str, Any]]:
    """The objects of a recorded answer that describe a face."""
    if isinstance(answer, dict):
        if "BoundingBox" in answer:
            yield answer
        for value in answer.values():
            yield from faces_in(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from faces_in(value)


def corners_of(box: Mapping[str, float]) -> Floats:
    """Left, top, right and bottom of a `BoundingBox`, in its unit, (4,)."""
    left, top = box["Left"], box["Top"]
    return np.array([left, top, left + box["Width"], top + box["Height"]], np.float64)


def iou(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes, each left, top, right, bottom."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    inside = float(np.prod(np.maximum(sides, 0)))
    areas = sum(float(np.prod(box[2:] - box[:2])) for box in (one, other))
    return inside / max(areas - inside, 1e-9)
