"""Brightness, sharpness and contrast of a face, from its pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Matrix, Size
from visavis.image import Image
from visavis.vision.quality.numbers import NUMBERS

__all__ = ["PixelQuality", "measure_pixels", "sharpness_of"]

_OVAL = (0.26, 0.31)
"""The half axes of the oval in which pixels are measured, as fractions of the side of the crop, which is 1.5 times the
mesh's. The oval excludes hair, ears and background."""

_SIDE = (32, 88)
"""Pixels. Pixels are measured at the resolution of the image, but at no more than 88 pixels across the crop. That is
about what a comparison uses; beyond it the rounding of pixel values outweighs the Laplacian of a blurred face."""

_COARSE_WEIGHT = 0.5
"""The weight of the energy at half the resolution."""

_DARK = 10.0
"""Added to the mean luma, 0..255, because noise in a dark image is not sharpness."""


@dataclass(frozen=True, slots=True)
class PixelQuality:
    """The quality of a face's pixels.

    Attributes:
        brightness: 0 (black) to 100 (white), the mean luma of the face's oval (ITU-R BT.601, gamma-encoded as stored).
        sharpness: 0..100, of the edges at the scale of the face; see `sharpness_of`.
        contrast: 0..50, the standard deviation of that luma.
        laplacian_rms: at least 0, the root mean square of the Laplacian of the face, over its mean luma. The mean
            square at half the resolution is added with half the weight before the root is taken, and 10 is added to the
            mean luma, 0..255.
        side: of the crop, in pixels of the image.
    """

    brightness: float
    sharpness: float
    contrast: float
    laplacian_rms: float
    side: float


def measure_pixels(image: Image, crop_matrix: Matrix, crop_side: int) -> PixelQuality:
    """Measure brightness, sharpness and contrast inside the oval of a face.

    Args:
        image: that shows the face.
        crop_matrix: (2, 3), from the image to a square crop with level eyes, 1.5 times the mesh's bounding square.
        crop_side: the side of that crop in pixels.
    """
    luma = _resized_luma(image, crop_matrix, crop_side)
    face = _inside_oval(luma)
    mean = float(face.mean())
    deviations = face - np.float32(mean)
    contrast = math.sqrt(float(deviations @ deviations) / len(face))
    rms = math.sqrt(_energy(luma) + _COARSE_WEIGHT * _energy(_halved(luma))) / (mean + _DARK)
    side = crop_side / math.hypot(*crop_matrix[:, 0])
    return PixelQuality(mean / 2.55, sharpness_of(rms), contrast / 2.55, rms, side)


def sharpness_of(rms: float, logistic: tuple[float, float] = NUMBERS.sharpness_logistic) -> float:
    """Map `PixelQuality.laplacian_rms` to a sharpness, 0..100: 100 / (1 + exp(-(a + b * log2(rms)))).

    On lfw-dev the median is 60; with a blur of 4 pixels on its 350-pixel crops it is 20.

    Args:
        rms: at least 0, `PixelQuality.laplacian_rms`.
        logistic: a and b. Default: those that ship.
    """
    a, b = logistic
    return 100 / (1 + math.exp(-(a + b * math.log2(max(rms, 1e-6)))))


def _resized_luma(image: Image, crop_matrix: Matrix, crop_side: int) -> NDArray[np.float32]:
    """The luma of the crop, at the resolution of the image within the limits of `_SIDE`."""
    native = crop_side / math.hypot(*crop_matrix[:, 0])
    side = round(min(max(native, _SIDE[0]), _SIDE[1]) / 4) * 4
    return _luma(image.warped(crop_matrix * (side / crop_side), Size(side, side)))


def _energy(luma: NDArray[np.float32]) -> float:
    """The mean square, inside the oval, of the Laplacian: each pixel minus the mean of its four neighbours."""
    import cv2

    # OpenCV's is -4 times as large. At the border it differs too, but the oval does not reach it.
    face = _inside_oval(np.asarray(cv2.Laplacian(luma, cv2.CV_32F), np.float32))
    return float(face @ face) / (16 * len(face))


def _halved(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    half = len(luma) // 2
    return np.asarray(cv2.resize(luma, (half, half), interpolation=cv2.INTER_AREA), np.float32)


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def _inside_oval(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values inside the oval of a square crop, in one dimension."""
    return values.ravel()[_oval(len(values))]


@cache
def _oval(side: int) -> NDArray[np.intp]:
    """The indices of the pixels inside the oval, in a flattened crop. A mask would take three times as long."""
    middle = (np.arange(side) + 0.5) / side - 0.5
    return np.flatnonzero((middle[None, :] / _OVAL[0]) ** 2 + (middle[:, None] / _OVAL[1]) ** 2 <= 1)
