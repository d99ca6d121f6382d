"""The vertices and the crop of MediaPipe's face mesh, which several stages share.

Left and right are the viewer's, as everywhere in visavis. The numbers are MediaPipe's
(mediapipe/modules/face_geometry/data/canonical_face_model_uv_visualization.png).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Points

__all__ = [
    "CROP_MARGIN",
    "CROP_SIDE",
    "INNER_BROWS",
    "INNER_EYE_CORNERS",
    "LEFT_EYE_CORNERS",
    "LOWER_INNER_LIP",
    "LOWER_LIDS",
    "MOUTH_CORNERS",
    "NOSE_TIP",
    "OUTER_EYE_CORNERS",
    "RIGHT_EYE_CORNERS",
    "UPPER_INNER_LIP",
    "UPPER_LIDS",
    "VERTICES",
    "eye_centres",
]

VERTICES = 468

CROP_SIDE = 192
"""Pixels of the square crop that the mesh is read off; the network's input."""

CROP_MARGIN = 1.5
"""Side of the crop over the longer side of the mesh's bounding square, eyes level."""

OUTER_EYE_CORNERS = (33, 263)
INNER_EYE_CORNERS = (133, 362)
LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS = (33, 133), (362, 263)
"""Of one eye each, from left to right."""

UPPER_LIDS, LOWER_LIDS = (159, 158, 386, 385), (145, 153, 374, 380)
"""Two vertices in the middle of each lid, those of the left eye first; each upper one lies above its lower one."""

INNER_BROWS = (107, 336)
NOSE_TIP = 1
MOUTH_CORNERS = (61, 291)

UPPER_INNER_LIP, LOWER_INNER_LIP = (82, 13, 312), (87, 14, 317)
"""Three vertices in the middle of the inner edge of each lip; each upper one lies above its lower one."""

# The corners and the middles of the lids.
_LEFT_EYE = (*LEFT_EYE_CORNERS, UPPER_LIDS[0], LOWER_LIDS[0])
_RIGHT_EYE = (*RIGHT_EYE_CORNERS, UPPER_LIDS[2], LOWER_LIDS[2])


def eye_centres(mesh: NDArray[np.float32]) -> Points:
    """The centres of the left and the right eye: (2, 2), in the frame of `mesh` (468, 2 or 3).

    Each is the mean of the eye's corners and the middles of its lids. It is steadier than the pupil, which moves with
    the gaze, and stands for the pupil where an eye is too small for the iris network.
    """
    return np.stack([mesh[list(eye), :2].mean(axis=0) for eye in (_LEFT_EYE, _RIGHT_EYE)])
