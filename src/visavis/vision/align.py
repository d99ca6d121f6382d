"""Face -> the (112, 112, 3) crop that the embedder was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Points, Size, similarity_from_points
from visavis.image import Image

__all__ = ["SIDE", "align", "five_points"]

SIDE = 112
"""Pixels."""

# Eyes, nose tip, mouth corners in the crop: the template of ArcFace (insightface, face_align.py), on which SFace too
# was trained (OpenCV, FaceRecognizerSF).
_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)

# An eye's centre is the mean of its corners and the middles of its lids: steadier than the pupil, which wanders.
_LEFT_EYE, _RIGHT_EYE = [33, 133, 159, 145], [362, 263, 386, 374]
_NOSE_TIP, _MOUTH_CORNERS = 1, (61, 291)


def five_points(mesh: NDArray[np.float32]) -> Points:
    """The mesh's eyes, nose tip and mouth corners: (5, 2), in the frame of `mesh` (468, 2 or 3)."""
    points = mesh[:, :2]
    left, right = points[_LEFT_EYE].mean(axis=0), points[_RIGHT_EYE].mean(axis=0)
    return np.stack([left, right, points[_NOSE_TIP], points[_MOUTH_CORNERS[0]], points[_MOUTH_CORNERS[1]]])


def align(image: Image, points: Points) -> NDArray[np.uint8]:
    """The crop in which `points` (5, 2) lie on the template.

    What lies outside the picture is black: replicating its border instead makes strangers alike.
    """
    return image.warped(similarity_from_points(points, _TEMPLATE), Size(SIDE, SIDE))
