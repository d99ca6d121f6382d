"""Images made worse in stated ways: what a comparison must bear outside the studio."""

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


def noisy(image: Pixels, chance: np.random.Generator) -> Pixels:
    return _uint8(image + chance.normal(0, 25, image.shape))


def jpeg_20(image: Pixels, _: np.random.Generator) -> Pixels:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    _done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return _uint8(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)))


def dark(image: Pixels, chance: np.random.Generator) -> Pixels:
    """A sixth of the light, read with the noise that goes with it."""
    return _uint8(image * 0.16 + chance.normal(0, 3, image.shape))


def over_exposed(image: Pixels, _: np.random.Generator) -> Pixels:
    return _uint8(image.astype(np.float32) * 1.9 + 20)


def turned(image: Pixels, chance: np.random.Generator) -> Pixels:
    """Turned by 10 degrees and shifted by 5 %, so that the frame cuts into the head."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(chance.choice([-10, 10])), 1.0)
    matrix[:, 2] += chance.uniform(-0.05, 0.05, 2) * width
    return _uint8(cv2.warpAffine(image, matrix, (width, height)))


def lower_covered(image: Pixels, _: np.random.Generator) -> Pixels:
    """A grey mask over the lower face of a centred crop."""
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
    """An image file made worse, as PNG; the same bytes and way give the same image every time."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("the bytes are not an image that OpenCV reads")
    chance = np.random.default_rng(zlib.crc32(how.encode()))
    _, out = cv2.imencode(".png", DEGRADATIONS[how](_uint8(image), chance), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return out.tobytes()


def _uint8(values: NDArray[np.generic]) -> Pixels:
    return np.asarray(values, np.float32).clip(0, 255).astype(np.uint8)
