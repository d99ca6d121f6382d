"""Finds the pupils, by MediaPipe's iris network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from visavis.geometry import Matrix, Points, Size, apply, invert, square_crop
from visavis.image import Image
from visavis.models.session import Session

__all__ = ["SMALLEST_EYE", "PupilFinder"]

_SIDE = 64
_MARGIN = 2.3  # the crop's side over the eye's width, as in MediaPipe's iris_landmark graph

SMALLEST_EYE = 6.0
"""Pixels between the corners of an eye. In smaller eyes the network finds nothing, and the eye's centre is as good."""


class PupilFinder:
    """Finds the pupils of both eyes. The network knows one side only, so the other eye is mirrored."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, image: Image, mesh: NDArray[np.float32]) -> Points | None:
        """The pupils, image-left then image-right: (2, 2) float32, pixels of the image; None if an eye is too small.

        Args:
            mesh: (468, 3), pixels of the upright image.
        """
        corners = [mesh[list(pair), :2].astype(np.float64) for pair in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
        if min(np.hypot(*(right - left)) for left, right in corners) < SMALLEST_EYE:
            return None
        return np.stack([self._pupil(image, *pair, mirrored=bool(i)) for i, pair in enumerate(corners)])

    def _pupil(
        self, image: Image, left: NDArray[np.float64], right: NDArray[np.float64], *, mirrored: bool
    ) -> NDArray[np.float32]:
        crop_matrix = _crop_matrix(left, right, mirrored=mirrored)
        crop = image.warped(crop_matrix, Size(_SIDE, _SIDE))
        # The first of five points is the pupil; the others lie on the rim of the iris.
        centre = self._session.run(crop[None])["output_iris"].reshape(5, 3)[:1, :2]
        return np.asarray(apply(invert(crop_matrix), centre)[0])


def _crop_matrix(left: NDArray[np.float64], right: NDArray[np.float64], *, mirrored: bool) -> Matrix:
    """The transform from the image to a level square around an eye with these corners (2,)."""
    eye_axis = right - left
    width = float(np.hypot(*eye_axis))
    return square_crop((left + right) / 2, _MARGIN * width, eye_axis / width, _SIDE, mirrored=mirrored)
