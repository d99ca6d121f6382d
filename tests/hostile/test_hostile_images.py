"""Images made to break a decoder: bombs, lying headers, random damage."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
import zlib

import pytest

from tests.conftest import encode, gradient, linux
from visavis.errors import BadImage, ImageTooLarge, VisavisError
from visavis.image import decode


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, depth: int = 1, colour: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


WHITE = zlib.compress((b"\0" + b"\xff" * 13) * 100)
"""The rows of `png(100, 100)`."""


def bomb() -> bytes:
    """30,000 x 30,000 white 1-bit pixels in about 110 kB."""
    return png(30_000, 30_000, chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 3750) * 30_000, 9)))


@linux
def test_a_pixel_bomb_is_refused_at_once_and_before_memory_is_spent() -> None:
    code = (
        "import resource, sys, time\n"
        "from tests.hostile.test_hostile_images import bomb\n"
        "from visavis.errors import ImageTooLarge\n"
        "from visavis.image import decode\n"
        "data = bomb(); decode.__module__; import PIL.PngImagePlugin, PIL.JpegImagePlugin\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    decode(data)\n"
        "except ImageTooLarge as e:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(grown) < 20_000  # kilobytes


def test_a_jpeg_that_claims_65500_pixels_a_side_is_refused() -> None:
    data = bytearray(encode(gradient(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
    with pytest.raises(ImageTooLarge, match="65500 x 65500"):
        decode(bytes(data))


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_compressed_bomb_beside_the_image_is_not_decompressed(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = png(100, 100, chunk(name, b"Comment\0\0" + zlib.compress(b"x" * 200_000_000, 9)), chunk(b"IDAT", WHITE))

    def refused(*_: object) -> None:
        raise AssertionError("decompressed")

    monkeypatch.setattr(zlib, "decompressobj", refused)  # Pillow's, too; pixels are inflated in C
    assert (decode(data).pixels == 255).all()


def test_a_warning_that_is_an_error_is_the_images_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL.PngImagePlugin import PngImageFile

    def warned(self: object) -> None:
        raise UserWarning("something odd")

    monkeypatch.setattr(PngImageFile, "load", warned)
    with pytest.raises(BadImage, match="something odd"):
        decode(png(100, 100, chunk(b"IDAT", WHITE)))


@pytest.mark.parametrize("size", [(0, 100), (100, 0)])
def test_a_png_without_any_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(VisavisError):
        decode(png(*size, chunk(b"IDAT", zlib.compress(b""))))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_random_damage_never_escapes_as_another_error(kind: str) -> None:
    whole = encode(gradient(200, 150), kind)
    chance = random.Random(7)
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert decode(bytes(data)).pixels.shape[2] == 3
        except VisavisError:
            refused += 1
    assert refused > 20


def test_random_bytes_behind_a_jpeg_magic_are_refused() -> None:
    chance = random.Random(7)
    for _ in range(200):
        with pytest.raises(BadImage):
            decode(b"\xff\xd8\xff" + chance.randbytes(chance.randint(0, 400)))


def test_a_hostile_exif_block_does_not_hide_the_image() -> None:
    exif = b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40
    assert decode(encode(gradient(), "JPEG", exif=exif)).size.width == 120


def test_a_large_image_within_the_limits_decodes_in_bounded_memory() -> None:
    began = time.monotonic()
    rows = zlib.compress((b"\0" + b"\xff" * 1000) * 8000, 1)
    assert decode(png(8000, 8000, chunk(b"IDAT", rows))).size.pixels == 64_000_000
    assert time.monotonic() - began < 60
