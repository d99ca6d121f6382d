"""Finds the pupils and the contours of the eyes with MediaPipe's iris network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import CONTOUR_POINTS, LEFT_EYE_CORNERS, MIN_EYE_WIDTH, RIGHT_EYE_CORNERS
from visavis.geometry import Matrix, Points, Size, apply, invert, level_axes, square_crop
from visavis.image import Image
from visavis.models.session import Session

__all__ = ["EYES", "Eyes", "PupilFinder"]

EYES = 2
"""The number of images in a run of the network."""

_SIDE = 64
_CORNERS = np.array([LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS])
_MARGIN = 2.3  # side of the crop over the width of the eye, as in MediaPipe's iris_landmark graph


@dataclass(frozen=True, slots=True)
class Eyes:
    """Both eyes, image-left then image-right, in pixels of the upright image, x before y.

    Attributes:
        pupils: (2, 2) float32.
        contours: (2, 16, 2) float32. The `CONTOUR_` constants of `face_mesh` are the indices of corners and lids.
    """

    pupils: Points
    contours: NDArray[np.float32]


class PupilFinder:
    """Finds the pupils and contours of both eyes. The network reads left eyes, so the right eye is mirrored.

    Args:
        session: of the iris network.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, image: Image, mesh: NDArray[np.float32]) -> Eyes | None:
        """Read both eyes.

        Args:
            image: that shows the face.
            mesh: (468, 3), in pixels of the image.

        Returns:
            The eyes, or None if one is narrower than `MIN_EYE_WIDTH`.
        """
        left_eye, right_eye = mesh[_CORNERS, :2].astype(np.float64)
        if min(math.dist(*left_eye), math.dist(*right_eye)) < MIN_EYE_WIDTH:
            return None
        matrices = _crop_matrix(*left_eye, mirrored=False), _crop_matrix(*right_eye, mirrored=True)
        outputs = self._session.run(np.stack([image.warped(matrix, Size(_SIDE, _SIDE)) for matrix in matrices]))
        # The first of five points is the pupil; the others are on the edge of the iris.
        pupils = outputs["output_iris"].reshape(2, 5, 3)[:, :1, :2]
        contours = outputs["output_eyes_contours_and_brows"].reshape(2, -1, 3)[:, :CONTOUR_POINTS, :2]
        read = np.concatenate([pupils, contours], axis=1)
        read = np.stack([apply(invert(matrix), points) for matrix, points in zip(matrices, read, strict=True)])
        return Eyes(pupils=read[:, 0], contours=read[:, 1:])


def _crop_matrix(left: NDArray[np.float64], right: NDArray[np.float64], *, mirrored: bool) -> Matrix:
    """The crop matrix of a square around an eye with these corners, (2,) each, in which the corners are level."""
    eye_axis, _ = level_axes(left, right)
    width = float(np.hypot(*(right - left)))
    return square_crop((left + right) / 2, _MARGIN * width, eye_axis, _SIDE, mirrored=mirrored)
