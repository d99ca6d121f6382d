"""Aligns a face: the (112, 112, 3) crop that the embedder was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import MOUTH_CORNERS, NOSE_TIP, eye_centres
from visavis.geometry import Points, Size, similarity_from_points
from visavis.image import Image

__all__ = ["SIDE", "TEMPLATE", "align", "five_points"]

SIDE = 112
"""Pixels."""

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""Eyes, nose tip and mouth corners in the crop: the alignment template of ArcFace (insightface, face_align.py), with
which SFace was trained too (OpenCV, FaceRecognizerSF)."""


def five_points(mesh: NDArray[np.float32]) -> Points:
    """The eye centres, the nose tip and the mouth corners of a mesh.

    Args:
        mesh: (468, 2 or 3), in any frame.

    Returns:
        (5, 2) float32, in the same frame.
    """
    return np.concatenate([eye_centres(mesh), mesh[[NOSE_TIP, *MOUTH_CORNERS], :2]])


def align(image: Image, points: Points) -> NDArray[np.uint8]:
    """The crop in which `points` lie on ArcFace's alignment template, by a least-squares similarity transform.

    Pixels outside the image are black, because replicating the border makes faces of different people more similar.

    Args:
        image: upright RGB.
        points: (5, 2), pixels of the image: eyes, nose tip, mouth corners, as `five_points` returns them.

    Returns:
        (112, 112, 3) uint8 RGB.

    Raises:
        ValueError: all points coincide.
    """
    return image.warped(similarity_from_points(points, TEMPLATE), Size(SIDE, SIDE))
