"""Measures of the face mesh that change with the expression, in a frame that follows the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import (
    CHIN,
    INNER_BROWS,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    LOWER_LIP,
    MIDDLE_BROWS,
    MOUTH_CORNERS,
    NOSE_BASE,
    NOSE_WINGS,
    OUTER_BROWS,
    OUTER_EYE_CORNERS,
    UPPER_INNER_LIP,
    UPPER_LIDS,
    UPPER_LIP,
)

__all__ = ["MEASURES", "expression_measures"]

MEASURES = (
    "opening of the mouth",
    "width of the mouth",
    "lift of its corners",
    "difference between the lifts of its corners",
    "thickness of both lips",
    "nose to upper lip",
    "lower lip to chin",
    "height of the inner brows",
    "height of the middles of the brows",
    "height of the outer brows",
    "distance of the inner brows",
    "height of the upper lids",
    "height of the lower lids",
    "width of the nose",
    "length of the nose",
    "turn of the head",
    "nod of the head",
)
"""What `expression_measures` returns, in its order."""

_PLACES: tuple[tuple[int, ...], ...] = (
    UPPER_INNER_LIP, LOWER_INNER_LIP, (UPPER_LIP,), (LOWER_LIP,), (NOSE_BASE,), (CHIN,), UPPER_LIDS, LOWER_LIDS,
    INNER_BROWS, MIDDLE_BROWS, OUTER_BROWS,
    *((vertex,) for pair in (MOUTH_CORNERS, INNER_BROWS, NOSE_WINGS) for vertex in pair),
)  # fmt: skip
"""The vertices whose means the measures are computed from."""

_VERTICES = np.unique([vertex for place in _PLACES for vertex in place])
_MEANS = np.array([np.isin(_VERTICES, place) / len(place) for place in _PLACES])
"""(places, vertices): the matrix that takes the vertices to the means of their places."""


def expression_measures(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure mouth, brows, lids and nose, and how far the head is turned.

    A mirrored face has the same measures, because left and right are averaged or subtracted without their sign.

    Args:
        mesh: (468, 3), in any frame with the same unit on all axes, z growing away from the viewer.

    Returns:
        (17,) float32, in the order of `MEASURES`. Lengths are over the distance of the outer eye corners, and heights
        above the line through them. Turn, 0..1, and nod, -1..1 and growing as the face looks down, are the parts of
        the head's axes that point away from the viewer; nod is -0.38 if the mean face looks straight ahead.
    """
    axes, origin, unit = _head_frame(mesh)
    means = _MEANS @ ((mesh[_VERTICES] - origin) @ axes.T / unit)
    x, y = means[:, 0].tolist(), means[:, 1].tolist()
    upper, lower, lip_above, lip_below, nose, chin, upper_lids, lower_lids, inner, middle, outer, left, right = y[:13]
    measures = (
        lower - upper,
        x[12] - x[11],
        (upper + lower - left - right) / 2,
        abs(left - right),
        upper - lip_above + lip_below - lower,
        lip_above - nose,
        chin - lip_below,
        -inner,
        -middle,
        -outer,
        x[14] - x[13],
        -upper_lids,
        -lower_lids,
        x[16] - x[15],
        nose,
        abs(axes[0, 2]),
        axes[1, 2],
    )
    return np.array(measures, np.float32)


def _head_frame(mesh: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The frame of the head.

    It is made of the outer eye corners and the wings of the nose, because no expression moves them far.

    Returns:
        The directions right and down, (2, 3), orthogonal unit vectors; the midpoint of the outer eye corners, (3,); the
        distance of these corners. The numbers are finite even if the points coincide.
    """
    left, right = mesh[list(OUTER_EYE_CORNERS)].astype(np.float64)
    origin = (left + right) / 2
    unit = max(float(np.linalg.norm(right - left)), 1e-6)
    across = (right - left) / unit
    down = mesh[list(NOSE_WINGS)].mean(axis=0, dtype=np.float64) - origin
    down = down - (down @ across) * across
    return np.stack([across, down / max(float(np.linalg.norm(down)), 1e-6)]), origin, unit
