"""Pictures made worse in stated ways: what a comparison must bear outside the studio."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DEGRADATIONS", "degrade"]

Pixels = NDArray[np.uint8]


def smaller(factor: float) -> Callable[[Pixels, np.random.Generator], Pixels]:
    def apply(picture: Pixels, _: np.random.Generator) -> Pixels:
        return _uint8(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))

    return apply


def blurred(picture: Pixels, _: np.random.Generator) -> Pixels:
    return _uint8(cv2.GaussianBlur(picture, (0, 0), 4))


def noisy(picture: Pixels, chance: np.random.Generator) -> Pixels:
    return _uint8(picture + chance.normal(0, 25, picture.shape))


def jpeg_20(picture: Pixels, _: np.random.Generator) -> Pixels:
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    _done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return _uint8(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)))


def dark(picture: Pixels, chance: np.random.Generator) -> Pixels:
    """A sixth of the light, read with the noise that goes with it."""
    return _uint8(picture * 0.16 + chance.normal(0, 3, picture.shape))


def over_exposed(picture: Pixels, _: np.random.Generator) -> Pixels:
    return _uint8(picture.astype(np.float32) * 1.9 + 20)


def turned(picture: Pixels, chance: np.random.Generator) -> Pixels:
    """Turned by 10 degrees and shifted by 5 %, so that the frame cuts into the head."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(chance.choice([-10, 10])), 1.0)
    matrix[:, 2] += chance.uniform(-0.05, 0.05, 2) * width
    return _uint8(cv2.warpAffine(picture, matrix, (width, height)))


def lower_covered(picture: Pixels, _: np.random.Generator) -> Pixels:
    """A grey mask over the lower face of a centred crop."""
    out = picture.copy()
    height, width = picture.shape[:2]
    out[int(height * 0.58) :, int(width * 0.15) : int(width * 0.85)] = 128
    return out


DEGRADATIONS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "clean": lambda picture, _: picture,
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
    """A picture file made worse, as PNG; the same bytes and way give the same picture every time."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("the bytes are not a picture that OpenCV reads")
    chance = np.random.default_rng(zlib.crc32(how.encode()))
    _, out = cv2.imencode(".png", DEGRADATIONS[how](_uint8(picture), chance), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return out.tobytes()


def _uint8(values: NDArray[np.generic]) -> Pixels:
    return np.asarray(values, np.float32).clip(0, 255).astype(np.uint8)
