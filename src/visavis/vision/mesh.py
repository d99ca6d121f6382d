"""Reads the 468 points of a face in three dimensions with MediaPipe's face mesh.

The network takes a square crop in which the eyes are level and the face fills two thirds. The detector's five points
give the first crop. A second crop, given by the first result, halves the error that the position of the crop causes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import CROP_MARGIN, CROP_SIDE, OUTER_EYE_CORNERS, VERTICES
from visavis.fitted import load_numbers
from visavis.geometry import Matrix, Points, Size, apply, invert, level_axes, square_crop
from visavis.image import Image
from visavis.models.session import Session

__all__ = [
    "CONVERGED_DEGREES",
    "MESH_CROP_FILE",
    "FaceMeshModel",
    "Mesh",
    "MeshCropNumbers",
    "crop_matrix_from_mesh",
    "crop_matrix_from_points",
    "crop_square",
]

MESH_CROP_FILE = "vision/data/mesh_crop.json"

CONVERGED_DEGREES = 4.0
"""The mesh is read again until its crop rotates by less than this from one reading to the next."""
_MAX_READINGS = 6


@dataclass(frozen=True, slots=True)
class MeshCropNumbers:
    """The position of the first crop relative to eyes and mouth; fitted by `tools/fit_mesh_crop.py`.

    Attributes:
        side_by_eyes: side of the crop over the interocular distance. The longer of the two sides is used.
        side_by_mouth: side of the crop over the distance from the eyes to the mouth, along the face.
        sideways: how far the centre moves along the eye axis, as a fraction of the mouth's offset along it.
        down: how far the centre lies below the eyes, as a fraction of the distance from the eyes to the mouth.
    """

    side_by_eyes: float
    side_by_mouth: float
    sideways: float
    down: float

    def __post_init__(self) -> None:
        if min(self.side_by_eyes, self.side_by_mouth) <= 0:
            raise ValueError("side_by_eyes and side_by_mouth must be positive")


_CROP = load_numbers(MESH_CROP_FILE, MeshCropNumbers)


@dataclass(frozen=True, slots=True)
class Mesh:
    """The mesh of one face.

    Attributes:
        points: (468, 3) float32; x and y in pixels of the upright image, z on the same scale, growing away from the
            viewer. Vertices are numbered as in MediaPipe's face mesh.
        presence: the logit of "the crop shows a face": about 15 to 21 for a face the right way up, below 8 for one
            upside down, below 0 for anything else. Covered faces have as much as uncovered ones.
        crop_matrix: (2, 3), from the image to the crop that the points were read from.
        crop_pixels: (192, 192, 3) uint8 RGB, that crop.
    """

    points: NDArray[np.float32]
    presence: float
    crop_matrix: Matrix
    crop_pixels: NDArray[np.uint8]


class FaceMeshModel:
    """Reads the mesh of a face twice, or more often if the detector's points are off by many degrees.

    Args:
        session: of the mesh network.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, image: Image, points: Points) -> Mesh:
        """Read the mesh of one face until its crop has converged.

        Args:
            image: that shows the face.
            points: (5, 2), the detector's eyes, nose and mouth corners, in pixels of the image.
        """
        crop = crop_matrix_from_points(points)
        for _ in range(_MAX_READINGS - 1):
            last, crop = crop, crop_matrix_from_mesh(self.read(image, crop).points[:, :2])
            if _turn_between(last, crop) < CONVERGED_DEGREES:
                break
        return self.read(image, crop)

    def read(self, image: Image, crop_matrix: Matrix) -> Mesh:
        """Read the mesh once.

        Args:
            image: that shows the face.
            crop_matrix: (2, 3), from the image to a crop of `CROP_SIDE` pixels.
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
    """The first crop matrix, from the detector's points.

    Args:
        points: (5, 2), the detector's eyes, nose and mouth corners, in pixels of the image.

    Returns:
        (2, 3), from the image to the crop.
    """
    centre, side, eye_axis = crop_square(points)
    return square_crop(centre, side, eye_axis, CROP_SIDE)


def crop_square(
    points: Points, numbers: MeshCropNumbers = _CROP
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """The square of the first crop.

    Args:
        points: (5, 2), the detector's eyes, nose and mouth corners, in pixels of the image.
        numbers: fitted so that the square agrees with that of `crop_matrix_from_mesh`. Default: those that ship.

    Returns:
        The centre, (2,), and the side in pixels of the image; the direction of the upper edge, a unit vector (2,).
    """
    left_eye, right_eye, _, left_mouth, right_mouth = points.astype(np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    interocular = max(float(np.hypot(*(right_eye - left_eye))), 1e-3)
    eye_axis, down = level_axes(left_eye, right_eye)
    drop = abs(float((mouth - eyes) @ down))
    side = max(numbers.side_by_eyes * interocular, numbers.side_by_mouth * drop)
    sideways = numbers.sideways * float((mouth - eyes) @ eye_axis) * eye_axis
    return eyes + sideways + numbers.down * drop * down, side, eye_axis


def crop_matrix_from_mesh(points: Points) -> Matrix:
    """The crop matrix for a mesh: of its bounding square in the frame in which the eyes are level, with a margin.

    Args:
        points: (468, 2), in pixels of the image.

    Returns:
        (2, 3), from the image to the crop.
    """
    frame = level_axes(*points[list(OUTER_EYE_CORNERS)])
    levelled = frame @ points.T
    low, high = levelled.min(axis=1), levelled.max(axis=1)
    side = max(CROP_MARGIN * float((high - low).max()), 1e-3)
    return square_crop(((low + high) / 2) @ frame, side, frame[0], CROP_SIDE)


def _turn_between(one: Matrix, other: Matrix) -> float:
    """The rotation between two crops in degrees, 0..180."""
    turn = np.angle(complex(one[0, 0], one[1, 0]) / complex(other[0, 0], other[1, 0]), deg=True)
    return abs(float(turn))
