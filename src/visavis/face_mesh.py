"""The vertices and the crop of MediaPipe's face mesh, and the points of its eye contours, which several stages share.

Left and right are the viewer's, as everywhere in visavis. The numbers are MediaPipe's
(mediapipe/modules/face_geometry/data/canonical_face_model_uv_visualization.png).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Points

__all__ = [
    "CHIN",
    "CONTOUR_INNER_CORNER",
    "CONTOUR_LOWER_LID",
    "CONTOUR_OUTER_CORNER",
    "CONTOUR_POINTS",
    "CONTOUR_UPPER_LID",
    "CROP_MARGIN",
    "CROP_SIDE",
    "INNER_BROWS",
    "INNER_EYE_CORNERS",
    "LEFT_EYE",
    "LEFT_EYE_CORNERS",
    "LOWER_INNER_LIP",
    "LOWER_LIDS",
    "LOWER_LIP",
    "MIDDLE_BROWS",
    "MIN_EYE_WIDTH",
    "MOUTH_CORNERS",
    "NOSE_BASE",
    "NOSE_TIP",
    "NOSE_WINGS",
    "OUTER_BROWS",
    "OUTER_EYE_CORNERS",
    "RIGHT_EYE",
    "RIGHT_EYE_CORNERS",
    "UPPER_INNER_LIP",
    "UPPER_LIDS",
    "UPPER_LIP",
    "VERTICES",
    "eye_centres",
]

VERTICES = 468

CROP_SIDE = 192
"""Pixels; the side of the square crop that the mesh is read from, which is the network's input."""

CROP_MARGIN = 1.5
"""The side of the crop over the side of the mesh's bounding square, with the eyes level."""

OUTER_EYE_CORNERS = (33, 263)
INNER_EYE_CORNERS = (133, 362)
LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS = (33, 133), (362, 263)
"""The corners of each eye, from left to right."""

UPPER_LIDS, LOWER_LIDS = (159, 158, 386, 385), (145, 153, 374, 380)
"""Two vertices in the middle of each lid, the left eye's first. Vertices with the same index are above each other."""

INNER_BROWS, MIDDLE_BROWS, OUTER_BROWS = (107, 336), (105, 334), (70, 300)
NOSE_TIP, NOSE_BASE = 1, 2
NOSE_WINGS = (129, 358)
MOUTH_CORNERS = (61, 291)

UPPER_INNER_LIP, LOWER_INNER_LIP = (82, 13, 312), (87, 14, 317)
"""Three vertices in the middle of the inner edge of each lip. Vertices with the same index are above each other."""

UPPER_LIP, LOWER_LIP, CHIN = 0, 17, 152
"""The middles of the outer edges of the lips, and of the chin."""

MIN_EYE_WIDTH = 6.0
"""Pixels between the corners of an eye. In smaller eyes the pupil is no more accurate than the centre of the eye."""

CONTOUR_POINTS = 16
"""The number of points of an eye's contour: the first of the 71 points of the iris network's second output, as in
MediaPipe's refine_landmarks_from_attention options. The other constants of a contour are indices of these points."""

CONTOUR_OUTER_CORNER, CONTOUR_INNER_CORNER = 0, 8

CONTOUR_LOWER_LID, CONTOUR_UPPER_LID = range(1, 8), range(9, 16)
"""From the outer to the inner corner. Points at the same position in both are above each other."""

# The corners and the middles of the lids.
LEFT_EYE = (*LEFT_EYE_CORNERS, UPPER_LIDS[0], LOWER_LIDS[0])
RIGHT_EYE = (*RIGHT_EYE_CORNERS, UPPER_LIDS[2], LOWER_LIDS[2])
_EYES = np.array([LEFT_EYE, RIGHT_EYE])


def eye_centres(mesh: NDArray[np.float32]) -> Points:
    """The centres of the left and the right eye.

    Each is the mean of the eye's corners and the middles of its lids. Unlike the pupil it does not move with the gaze.
    It replaces the pupil if an eye is too small for the iris network.

    Args:
        mesh: (468, 2 or 3), in any frame.

    Returns:
        (2, 2) float32, in the same frame.
    """
    return np.asarray(mesh[_EYES, :2].mean(axis=1))
