"""Makes images of any size and with any number of faces from the example photos."""

from __future__ import annotations

import io
import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image as Pil

__all__ = ["PAIR", "PHOTOS", "crowd", "enlarged", "group", "noise", "photo"]

PHOTOS = Path(__file__).parent.parent / "examples/photos"
PAIR = (PHOTOS / "ardern_2018.jpg", PHOTOS / "ardern_2022.jpg")
"""Two portraits of one person, 716x900 and 689x900."""

_TIGHT = {
    "ardern_2018": (150, 80, 580, 610), "ardern_2022": (140, 60, 560, 600), "obama": (150, 100, 530, 560),
    "sunak": (150, 90, 600, 640), "macron_2025": (130, 60, 560, 600),
}  # fmt: skip


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


@cache
def enlarged(name: str, megapixels: float) -> bytes:
    """An example photo resized to `megapixels` million pixels, with the noise of a camera, as a JPEG of quality 88."""
    image = _open(photo(name))
    scale = math.sqrt(megapixels * 1e6 / (image.width * image.height))
    size = round(image.width * scale), round(image.height * scale)
    return _with_noise(image.resize(size, Pil.Resampling.BICUBIC))


@cache
def group(faces: int, megapixels: float = 2.0) -> bytes:
    """An image with `faces` faces in ten columns and ten rows. Their size does not depend on their number."""
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    canvas = Pil.new("RGB", (width, round(width * 3 / 4)), (96, 108, 118))
    column, row = canvas.width // 10, canvas.height // 10
    names = list(_TIGHT)
    for i in range(faces):
        name = names[i % len(names)]
        face = _open(photo(name)).crop(_TIGHT[name])
        height = row - 20
        face = face.resize((round(face.width * height / face.height), height), Pil.Resampling.LANCZOS)
        canvas.paste(face, (i % 10 * column + 10, i // 10 * row + 10))
    return _with_noise(canvas)


def crowd(faces: int, *, cell: int = 60, turned: bool = False, noise: float = 2.0) -> bytes:
    """An image with `faces` small faces, each in a cell of so many pixels.

    Args:
        faces: how many.
        cell: the side of a cell in pixels; a face is a little smaller.
        turned: turn each face by an angle of its own.
        noise: the standard deviation of the noise, in grey levels.
    """
    columns = math.ceil(math.sqrt(faces))
    canvas = Pil.new("RGB", (columns * cell, math.ceil(faces / columns) * cell), (96, 108, 118))
    names, height = list(_TIGHT), cell - 4
    small = []
    for name in names:
        face = _open(photo(name)).crop(_TIGHT[name])
        small.append(face.resize((round(face.width * height / face.height), height), Pil.Resampling.LANCZOS))
    for i in range(faces):
        face = small[i % len(names)]
        if turned:
            face = face.rotate(i * 137 % 360, Pil.Resampling.BICUBIC, fillcolor=(96, 108, 118))
        canvas.paste(face, (i % columns * cell + 2, i // columns * cell + 2))
    return _with_noise(canvas, noise)


def noise(width: int, height: int, kind: str = "JPEG") -> bytes:
    """An image of nothing but noise, which is slow to decode."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Pil.fromarray(pixels).save(out, kind)
    return out.getvalue()


def _open(data: bytes) -> Pil.Image:
    return Pil.open(io.BytesIO(data)).convert("RGB")


def _with_noise(image: Pil.Image, deviation: float = 2.0) -> bytes:
    pixels = np.asarray(image).astype(np.int16)
    pixels += np.random.default_rng(0).normal(0, deviation, pixels.shape[:2]).round().astype(np.int16)[:, :, None]
    out = io.BytesIO()
    Pil.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()
