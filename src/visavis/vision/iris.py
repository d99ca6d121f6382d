"""Finds the pupils and the contours of the eyes, by MediaPipe's iris network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from visavis.geometry import Matrix, Points, Size, apply, invert, square_crop
from visavis.image import Image
from visavis.models.session import Session

__all__ = ["CONTOUR", "SMALLEST_EYE", "Eyes", "PupilFinder"]

_SIDE = 64
_MARGIN = 2.3  # the crop's side over the eye's width, as in MediaPipe's iris_landmark graph

SMALLEST_EYE = 6.0
"""Pixels between the corners of an eye. In smaller eyes the network finds nothing, and the eye's centre is as good."""


CONTOUR = 16
"""Points of an eye's contour: the first of the 71 points of the network's second output, as in MediaPipe's
refine_landmarks_from_attention options."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """Both eyes, image-left then image-right, in pixels of the upright image.

    pupils:   (2, 2) float32, x before y
    contours: (2, 16, 2) float32. Point 0 is the outer corner, 1 to 7 follow the lower lid from there, 8 is the inner
              corner, and 9 to 15 follow the upper lid from the outer corner on, so that 8 + i lies above i.
    """

    pupils: Points
    contours: NDArray[np.float32]


class PupilFinder:
    """Finds the pupils of both eyes. The network knows one side only, so the other eye is mirrored."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, image: Image, mesh: NDArray[np.float32]) -> Eyes | None:
        """Both eyes, or None if an eye is too small.

        Args:
            mesh: (468, 3), pixels of the upright image.
        """
        corners = [mesh[list(pair), :2].astype(np.float64) for pair in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
        if min(np.hypot(*(right - left)) for left, right in corners) < SMALLEST_EYE:
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
        # The first of five points is the pupil; the others lie on the rim of the iris.
        pupil = outputs["output_iris"].reshape(5, 3)[:1, :2]
        contour = outputs["output_eyes_contours_and_brows"].reshape(-1, 3)[:CONTOUR, :2]
        back = invert(crop_matrix)
        return np.concatenate([apply(back, pupil), apply(back, contour)])


def _crop_matrix(left: NDArray[np.float64], right: NDArray[np.float64], *, mirrored: bool) -> Matrix:
    """The transform from the image to a level square around an eye with these corners (2,)."""
    eye_axis = right - left
    width = float(np.hypot(*eye_axis))
    return square_crop((left + right) / 2, _MARGIN * width, eye_axis / width, _SIDE, mirrored=mirrored)
