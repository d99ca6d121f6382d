"""Sizes, boxes and plane transforms.

All of visavis uses one frame: x grows to the right, y grows downwards, and coordinates are continuous. Pixel `i` covers
`i` to `i + 1`, so the centre of the first pixel is at 0.5, and the right edge of the image is at its width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box",
    "Matrix",
    "Points",
    "RelativeBox",
    "Size",
    "apply",
    "invert",
    "level_axes",
    "similarity_from_points",
    "square_crop",
]

Points: TypeAlias = NDArray[np.float32]
"""(n, 2) float32, x before y, in pixels of the upright image unless stated otherwise."""

Matrix: TypeAlias = NDArray[np.float64]
"""(2, 3) float64: a point (x, y) goes to `matrix @ (x, y, 1)`."""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of an image.

    Attributes:
        width: pixels, at least 1.
        height: pixels, at least 1.

    Example:
        >>> Size(1600, 1200).longer
        1600
    """

    width: int
    height: int

    @property
    def longer(self) -> int:
        """The longer side in pixels."""
        return max(self.width, self.height)

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    def with_longer_side(self, pixels: int) -> Size:
        """The size of the same image resized so that its longer side is `pixels`, sides rounded.

        Example:
            >>> Size(1600, 1200).with_longer_side(320)
            Size(width=320, height=240)
        """
        scale = pixels / self.longer
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))


@dataclass(frozen=True, slots=True)
class RelativeBox:
    """A box in fractions of the upright image's width and height. It may reach outside 0..1.

    Attributes:
        left: of the image's width.
        top: of the image's height.
        width: of the image's width.
        height: of the image's height.

    Example:
        >>> Box(10, 20, 110, 220).relative_to(Size(1000, 1000))
        RelativeBox(left=0.01, top=0.02, width=0.1, height=0.2)
    """

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels of the upright image. It may reach outside the image.

    Attributes:
        left: x of the left edge.
        top: y of the top edge.
        right: x of the right edge.
        bottom: y of the bottom edge.

    Example:
        >>> box = Box(left=10, top=20, right=110, bottom=220)
        >>> box.width, box.height, box.centre
        (100, 200, (60.0, 120.0))
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """The width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """The height in pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """The area in square pixels."""
        return self.width * self.height

    def area_within(self, size: Size) -> float:
        """The area of the part inside an image of this size, in square pixels; 0 if no part is inside.

        Example:
            >>> Box(-50, 0, 50, 100).area_within(Size(640, 480))
            5000
        """
        width = min(self.right, size.width) - max(self.left, 0)
        height = min(self.bottom, size.height) - max(self.top, 0)
        return max(width, 0) * max(height, 0)

    @property
    def centre(self) -> tuple[float, float]:
        """The centre, x before y, in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def relative_to(self, size: Size) -> RelativeBox:
        """The box in fractions of an image of this size.

        Example:
            >>> Box(10, 20, 110, 220).relative_to(Size(200, 400))
            RelativeBox(left=0.05, top=0.05, width=0.5, height=0.5)
        """
        return RelativeBox(
            self.left / size.width, self.top / size.height, self.width / size.width, self.height / size.height
        )


def apply(matrix: Matrix, points: NDArray[np.floating]) -> Points:
    """Transform points.

    Args:
        matrix: (2, 3).
        points: (..., 2).

    Returns:
        float32 of the same shape as `points`.

    Example:
        >>> apply(np.array([[2.0, 0, 1], [0, 2, 1]]), np.array([[1.0, 2.0]])).tolist()
        [[3.0, 5.0]]
    """
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def invert(matrix: Matrix) -> Matrix:
    """The inverse of a transform, (2, 3).

    Raises:
        ValueError: the determinant is zero.
    """
    (a, b, x), (c, d, y) = matrix.tolist()
    determinant = a * d - b * c
    if abs(determinant) < 1e-12:
        raise ValueError("the transform cannot be inverted: its determinant is zero")
    # Written out, because numpy.linalg.inv takes several times as long for such a small matrix.
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)]])


def similarity_from_points(source: NDArray[np.floating], target: NDArray[np.floating]) -> Matrix:
    """The similarity transform (rotation, uniform scale, shift) from `source` to `target`, by least squares.

    This is the closed form in two dimensions: with both sets centred and read as complex numbers, the factor is
    `sum(target * conj(source)) / sum(|source|^2)`. Unlike Umeyama's general form (1991) it needs no SVD, and the result
    is never a reflection.

    Args:
        source: (n, 2), n at least 2, not all at the same point.
        target: (n, 2).

    Returns:
        (2, 3) float64.

    Raises:
        ValueError: all source points coincide.
    """
    source_mean, target_mean = source.mean(axis=0, dtype=np.float64), target.mean(axis=0, dtype=np.float64)
    s, t = source - source_mean, target - target_mean
    sum_of_squares = float((s * s).sum())
    if sum_of_squares <= 0:
        raise ValueError("all source points coincide, so no rotation or scale follows from them")
    a = float((s * t).sum()) / sum_of_squares
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / sum_of_squares
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (target_mean - linear @ source_mean)[:, None]])


def level_axes(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """The axes of the frame in which two points are level.

    Args:
        left: (2,), x before y.
        right: (2,), in the same frame.

    Returns:
        (2, 2) float64, one unit vector a row: from `left` to `right`, and that direction rotated by 90 degrees, which
        is down if `right` is to the right of `left`. Both rows are close to zero if the points coincide.

    Example:
        >>> level_axes(np.array([0.0, 0.0]), np.array([0.0, 5.0])).tolist()
        [[0.0, 1.0], [-1.0, 0.0]]
    """
    direction = right.astype(np.float64) - left.astype(np.float64)
    return _with_perpendicular(direction / max(float(np.hypot(*direction)), 1e-6))


def _with_perpendicular(axis: NDArray[np.floating]) -> NDArray[np.float64]:
    """A vector and the vector at 90 degrees clockwise on the screen, one a row."""
    return np.array([axis, [-axis[1], axis[0]]], np.float64)


def square_crop(
    centre: NDArray[np.floating],
    side: float,
    axis: NDArray[np.floating],
    pixels: int,
    *,
    mirrored: bool = False,
) -> Matrix:
    """The crop matrix of a square of an image, resized to (pixels, pixels).

    Args:
        centre: (2,), of the square in pixels of the image.
        side: of the square in pixels of the image, above 0.
        axis: (2,), a unit vector: the direction in the image that becomes the crop's x axis.
        pixels: side of the crop.
        mirrored: whether left and right of the crop are exchanged.

    Returns:
        (2, 3) float64, from the image to the crop.

    Example:
        >>> matrix = square_crop(np.array([50.0, 50.0]), 20, np.array([1.0, 0.0]), 10)
        >>> apply(matrix, np.array([[50.0, 50.0], [40.0, 40.0]])).tolist()
        [[5.0, 5.0], [0.0, 0.0]]
    """
    linear = pixels / side * _with_perpendicular(axis)
    if mirrored:
        linear[0] = -linear[0]
    return np.column_stack([linear, pixels / 2 - linear @ centre])
