"""Degrades images in stated ways, as photos outside a studio are degraded."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DEGRADATIONS", "degrade"]

Pixels = NDArray[np.uint8]


def smaller(factor: float) -> Callable[[Pixels, np.random.Generator], Pixels]:
    def apply(image: Pixels, _: np.random.Generator) -> Pixels:
        return _uint8(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))

    return apply


def blurred(image: Pixels, _: np.random.Generator) -> Pixels:
    return _uint8(cv2.GaussianBlur(image, (0, 0), 4))


def noisy(image: Pixels, rng: np.random.Generator) -> Pixels:
    return _uint8(image + rng.normal(0, 25, image.shape))


def jpeg_20(image: Pixels, _: np.random.Generator) -> Pixels:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    _done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return _uint8(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)))


def dark(image: Pixels, rng: np.random.Generator) -> Pixels:
    """A sixth of the light, with the sensor noise of that level."""
    return _uint8(image * 0.16 + rng.normal(0, 3, image.shape))


def over_exposed(image: Pixels, _: np.random.Generator) -> Pixels:
    return _uint8(image.astype(np.float32) * 1.9 + 20)


def turned(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Rotated by 10 degrees and shifted by up to 5 %, so that the edge of the image cuts the head."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.choice([-10, 10])), 1.0)
    matrix[:, 2] += rng.uniform(-0.05, 0.05, 2) * width
    return _uint8(cv2.warpAffine(image, matrix, (width, height)))


def lower_covered(image: Pixels, _: np.random.Generator) -> Pixels:
    """A grey rectangle over the lower half of the face in a centred crop."""
    out = image.copy()
    height, width = image.shape[:2]
    out[int(height * 0.58) :, int(width * 0.15) : int(width * 0.85)] = 128
    return out


DEGRADATIONS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "clean": lambda image, _: image,
    "half": smaller(0.5),
    "quarter": smaller(0.25),
    "blur": blurred,
    "noise": noisy,
    "jpeg-20": jpeg_20,
    "dark": dark,
    "over-exposed": over_exposed,
    "turned": turned,
    "covered": lower_covered,
}


def degrade(data: bytes, how: str) -> bytes:
    """Degrade an image file and return a PNG. The same bytes and the same degradation always give the same image."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("the bytes must be an image that OpenCV reads")
    rng = np.random.default_rng(zlib.crc32(how.encode()))
    _, out = cv2.imencode(".png", DEGRADATIONS[how](_uint8(image), rng), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return out.tobytes()


def _uint8(values: NDArray[np.generic]) -> Pixels:
    return np.asarray(values, np.float32).clip(0, 255).astype(np.uint8)
