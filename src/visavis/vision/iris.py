"""Finds the pupils and the contours of the eyes with MediaPipe's iris network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import CONTOUR_POINTS, LEFT_EYE_CORNERS, MIN_EYE_WIDTH, RIGHT_EYE_CORNERS
from visavis.geometry import Matrix, Points, Size, apply, invert, level_axes, square_crop
from visavis.image import Image
from visavis.models.session import Session

__all__ = ["Eyes", "PupilFinder"]

_SIDE = 64
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
        corners = [mesh[list(pair), :2].astype(np.float64) for pair in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
        if min(np.hypot(*(right - left)) for left, right in corners) < MIN_EYE_WIDTH:
            return None
        read = np.stack([self._read(image, *pair, mirrored=bool(i)) for i, pair in enumerate(corners)])
        return Eyes(pupils=read[:, 0], contours=read[:, 1:])

    def _read(
        self, image: Image, left: NDArray[np.float64], right: NDArray[np.float64], *, mirrored: bool
    ) -> NDArray[np.float32]:
        """The pupil and the contour of one eye: (1 + 16, 2)."""
        crop_matrix = _crop_matrix(left, right, mirrored=mirrored)
        crop = image.warped(crop_matrix, Size(_SIDE, _SIDE))
        outputs = self._session.run(crop[None])
        # The first of five points is the pupil; the others are on the edge of the iris.
        pupil = outputs["output_iris"].reshape(5, 3)[:1, :2]
        contour = outputs["output_eyes_contours_and_brows"].reshape(-1, 3)[:CONTOUR_POINTS, :2]
        back = invert(crop_matrix)
        return np.concatenate([apply(back, pupil), apply(back, contour)])


def _crop_matrix(left: NDArray[np.float64], right: NDArray[np.float64], *, mirrored: bool) -> Matrix:
    """The crop matrix of a square around an eye with these corners, (2,) each, in which the corners are level."""
    eye_axis, _ = level_axes(left, right)
    width = float(np.hypot(*(right - left)))
    return square_crop((left + right) / 2, _MARGIN * width, eye_axis, _SIDE, mirrored=mirrored)
