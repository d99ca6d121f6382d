"""Mesh -> the 30 named points, and the box that goes with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.face import Landmark, LandmarkType
from visavis.face_mesh import eye_centres
from visavis.geometry import Box, Points

__all__ = ["box_around", "named_points"]

L = LandmarkType

# Where each name lies on the mesh, as (vertex, weight). The vertices were chosen by searching all 468 for the one, or
# pair, nearest to the points of 107 recorded responses; the residuals are 1 to 8 % of the distance between the eyes.
# They are results of that search, so they stay numbers even where `face_mesh` has a name for a vertex.
_PLACES: dict[LandmarkType, tuple[tuple[int, float], ...]] = {
    L.NOSE: ((4, 1.0),),
    L.MOUTH_LEFT: ((61, 1.0),),
    L.MOUTH_RIGHT: ((291, 1.0),),
    L.LEFT_EYE_BROW_LEFT: ((70, 1.0),),
    L.LEFT_EYE_BROW_RIGHT: ((107, 0.7), (66, 0.3)),
    L.LEFT_EYE_BROW_UP: ((105, 0.68), (66, 0.32)),
    L.RIGHT_EYE_BROW_LEFT: ((336, 0.7), (296, 0.3)),
    L.RIGHT_EYE_BROW_RIGHT: ((300, 1.0),),
    L.RIGHT_EYE_BROW_UP: ((334, 0.68), (296, 0.32)),
    L.LEFT_EYE_LEFT: ((33, 1.0),),
    L.LEFT_EYE_RIGHT: ((155, 0.5), (173, 0.5)),
    L.LEFT_EYE_UP: ((159, 1.0),),
    L.LEFT_EYE_DOWN: ((145, 1.0),),
    L.RIGHT_EYE_LEFT: ((382, 0.5), (398, 0.5)),
    L.RIGHT_EYE_RIGHT: ((263, 1.0),),
    L.RIGHT_EYE_UP: ((386, 1.0),),
    L.RIGHT_EYE_DOWN: ((374, 1.0),),
    L.NOSE_LEFT: ((60, 0.5), (75, 0.5)),
    L.NOSE_RIGHT: ((290, 0.5), (305, 0.5)),
    L.MOUTH_UP: ((0, 1.0),),
    L.MOUTH_DOWN: ((17, 1.0),),
    L.UPPER_JAWLINE_LEFT: ((127, 1.0),),
    L.MID_JAWLINE_LEFT: ((172, 1.0),),
    L.CHIN_BOTTOM: ((152, 1.0),),
    L.MID_JAWLINE_RIGHT: ((397, 1.0),),
    L.UPPER_JAWLINE_RIGHT: ((356, 1.0),),
}

_VERTICES = np.array([[i for i, _ in (*place, place[0])[:2]] for place in _PLACES.values()])
_WEIGHTS = np.array([[w for _, w in (*place, (0, 0.0))[:2]] for place in _PLACES.values()], np.float32)[:, :, None]

# What the mesh's extents become in the box: to each side of the eyes' midpoint, above and below the eye line. They
# bring the medians over 1,112 near-frontal faces of LFW to those of recorded responses: a width of 2.21 times the
# distance between the eyes, a height of 2.86 times that from the eyes to the mouth, the eye line at 0.38 of it.
_SIDEWAYS, _ABOVE, _BELOW = 0.991, 1.412, 1.062


def named_points(mesh: NDArray[np.float32], pupils: Points) -> tuple[Landmark, ...]:
    """All 30 landmarks, in the order of `LandmarkType`.

    Args:
        mesh: (468, 2 or 3) float32, pixels of the upright image.
        pupils: (2, 2), image-left and image-right, same frame. `eyeLeft` and `leftPupil` are one point, as in recorded
            responses.
    """
    points = (_WEIGHTS * mesh[_VERTICES, :2]).sum(axis=1).tolist()
    placed = dict(zip(_PLACES, points, strict=True))
    placed[L.EYE_LEFT] = placed[L.LEFT_PUPIL] = pupils[0].tolist()
    placed[L.EYE_RIGHT] = placed[L.RIGHT_PUPIL] = pupils[1].tolist()
    return tuple(Landmark(name, *placed[name]) for name in LandmarkType)


def box_around(mesh: NDArray[np.float32]) -> Box:
    """The box of a face, with the proportions of Amazon's, from its mesh (468, 2 or 3).

    It is the upright box of an oval that turns with the face, so it changes smoothly with roll and is the same, with
    width and height exchanged, for a face on its side.
    """
    points = mesh[:, :2].astype(np.float64)
    left_eye, right_eye = eye_centres(mesh).astype(np.float64)
    middle = (left_eye + right_eye) / 2
    eye_axis = right_eye - left_eye
    eye_axis = eye_axis / max(float(np.hypot(*eye_axis)), 1e-6)
    frame = np.array([eye_axis, [-eye_axis[1], eye_axis[0]]])
    levelled = frame @ (points - middle).T
    low = levelled.min(axis=1) * (_SIDEWAYS, _ABOVE)
    high = levelled.max(axis=1) * (_SIDEWAYS, _BELOW)
    x, y = middle + ((low + high) / 2) @ frame
    half = (high - low) / 2
    half_width, half_height = np.sqrt((frame.T**2) @ half**2)
    return Box(*(float(v) for v in (x - half_width, y - half_height, x + half_width, y + half_height)))
