"""Face -> 468 points in three dimensions, by MediaPipe's face mesh.

The network wants a square crop, the eyes level and the face filling two thirds of it. The first crop is placed by the
detector's five points; a second one, placed by the first result, halves the error that the placing makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import CROP_MARGIN, CROP_SIDE, OUTER_EYE_CORNERS, VERTICES
from visavis.geometry import Matrix, Points, Size, apply, invert, square_crop
from visavis.image import Image
from visavis.models.session import Session

__all__ = ["FaceMeshModel", "Mesh", "crop_matrix_from_mesh", "crop_matrix_from_points"]

CONVERGED_DEGREES = 4.0
"""The mesh is read again until its crop turns by less than this from one reading to the next."""
_MOST_READINGS = 6


@dataclass(frozen=True, slots=True)
class Mesh:
    """The face's surface.

    points:   (468, 3) float32; x and y in pixels of the upright image, z on the same scale, growing away from the
              viewer. Vertices are numbered as in MediaPipe's face mesh.
    presence: the logit of a face being in the crop at all: about 15 to 21 for a face the right way up, under 8 for one
              upside down, under 0 for something else. It does not tell a covered face from a bare one.
    crop_matrix: (2, 3), from the image to the crop that the points were read off
    crop_pixels: (192, 192, 3) uint8 RGB, that crop
    """

    points: NDArray[np.float32]
    presence: float
    crop_matrix: Matrix
    crop_pixels: NDArray[np.uint8]


class FaceMeshModel:
    """Reads the mesh of a face, twice, or more often where the detector's points were off by many degrees."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, image: Image, points: Points) -> Mesh:
        """Args:
        points: (5, 2), the detector's eyes, nose and mouth corners
        """
        crop = crop_matrix_from_points(points)
        for _ in range(_MOST_READINGS - 1):
            last, crop = crop, crop_matrix_from_mesh(self.read(image, crop).points[:, :2])
            if _turn_between(last, crop) < CONVERGED_DEGREES:
                break
        return self.read(image, crop)

    def read(self, image: Image, crop_matrix: Matrix) -> Mesh:
        """One reading.

        Args:
            image: that shows the face
            crop_matrix: (2, 3), from the image to a crop of `CROP_SIDE` pixels
        """
        pixels = image.warped(crop_matrix, Size(CROP_SIDE, CROP_SIDE))
        outputs = self._session.run(pixels[None])
        presence = float(outputs["conv2d_31"].reshape(()))
        in_crop = outputs["conv2d_21"].reshape(VERTICES, 3)
        points = np.empty_like(in_crop)
        points[:, :2] = apply(invert(crop_matrix), in_crop[:, :2])
        points[:, 2] = in_crop[:, 2] / math.hypot(*crop_matrix[:, 0])
        return Mesh(points, presence, crop_matrix, pixels)


def crop_matrix_from_points(points: Points) -> Matrix:
    """The crop for a face of which only eyes and mouth corners are known.

    Its side and centre are multiples of the distances between the eyes and from the eyes to the mouth; the factors were
    fitted so that the crop agrees with the one the mesh itself would ask for.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = points.astype(np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    eye_axis = right_eye - left_eye
    interocular = max(float(np.hypot(*eye_axis)), 1e-3)
    eye_axis = eye_axis / interocular
    down = np.array([-eye_axis[1], eye_axis[0]])
    drop = abs(float((mouth - eyes) @ down))
    side = max(3.80 * interocular, 3.66 * drop)
    centre = eyes + 0.5 * float((mouth - eyes) @ eye_axis) * eye_axis + 0.47 * drop * down
    return square_crop(centre, side, eye_axis, CROP_SIDE)


def crop_matrix_from_mesh(points: Points) -> Matrix:
    """The crop around a mesh: its bounding square in the frame in which the eyes are level, with a margin."""
    left, right = points[list(OUTER_EYE_CORNERS)].astype(np.float64)
    eye_axis = right - left
    eye_axis = eye_axis / max(float(np.hypot(*eye_axis)), 1e-3)
    frame = np.array([eye_axis, [-eye_axis[1], eye_axis[0]]])
    levelled = frame @ points.T
    low, high = levelled.min(axis=1), levelled.max(axis=1)
    side = max(CROP_MARGIN * float((high - low).max()), 1e-3)
    return square_crop(((low + high) / 2) @ frame, side, eye_axis, CROP_SIDE)


def _turn_between(one: Matrix, other: Matrix) -> float:
    """Degrees, 0..180."""
    turn = np.angle(complex(one[0, 0], one[1, 0]) / complex(other[0, 0], other[1, 0]), deg=True)
    return abs(float(turn))
