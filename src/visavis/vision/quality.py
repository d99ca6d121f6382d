"""Pixels of a face -> brightness and sharpness."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Matrix, Size
from visavis.image import Image

__all__ = ["brightness_and_sharpness"]

# The face is looked at through an oval that leaves out hair, ears and background; its axes are parts of the crop's
# side, which is 1.5 times the mesh's.
_OVAL = (0.26, 0.31)

_SIDE = (32, 128)
"""Pixels. Detail is judged at the picture's own resolution, but never finer than 128 pixels across the crop: a
comparison sees no more than that, and beyond it even a good lens shows skin, not edges."""

# Sharpness = 100 / (1 + exp(-(a + b * log2(detail)))), detail being the root mean square of the Laplacian over the
# standard deviation of the luminance. Fitted so that lfw-dev's median is 75 and halving its pictures' detail costs 25.
_LOGISTIC = (2.83, 1.55)

_NOISE = 2.0
"""Added to the standard deviation, in 0..255: keeps the ratio finite on a face without any contrast."""


def brightness_and_sharpness(image: Image, crop: Matrix, crop_side: int) -> tuple[float, float]:
    """Both 0..100.

    Args:
        crop: from the image to a square crop with level eyes, 1.5 times the mesh's bounding square.
        crop_side: of that crop in pixels.

    Brightness is the mean luma (ITU-R BT.601, as stored, 0 black and 100 white) of the face's oval: twice the light
    gives about 1.4 times the number, as it gives the eye.
    """
    native = crop_side / math.hypot(*crop[:, 0])
    side = round(min(max(native, _SIDE[0]), _SIDE[1]))
    luma = _luma(image.warped(crop * (side / crop_side), Size(side, side)))
    inside = _oval(side)
    face = luma[inside]
    contrast = float(face.std()) + _NOISE
    detail = math.sqrt(float(np.mean(_laplacian(luma)[inside] ** 2))) / contrast
    return float(face.mean()) / 2.55, _logistic(detail)


def _logistic(detail: float) -> float:
    a, b = _LOGISTIC
    return 100 / (1 + math.exp(-(a + b * math.log2(max(detail, 1e-6)))))


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _laplacian(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each pixel, against the mean of its four neighbours; zero along the border."""
    out = np.zeros_like(luma)
    middle = luma[1:-1, 1:-1]
    around = (luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]) / 4
    out[1:-1, 1:-1] = middle - around
    return out


@cache
def _oval(side: int) -> NDArray[np.bool_]:
    middle = (np.arange(side) + 0.5) / side - 0.5
    return np.asarray((middle[None, :] / _OVAL[0]) ** 2 + (middle[:, None] / _OVAL[1]) ** 2 <= 1)
