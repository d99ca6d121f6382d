"""Image bytes to pixels: the decoders of JPEG and PNG, with their markers, EXIF blocks and chunks."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from warnings import catch_warnings

import numpy as np
from PIL import Image as Pil

from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall
from visavis.geometry import Size
from visavis.image import Image, Limits, decode

__all__ = ["LIMITS", "run"]

LIMITS = Limits(smallest_side=8, longest_side=20_000, pixels=1_000_000)
"""Below the package's own, so that the inputs that are kept are small and none takes longer than some milliseconds."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def run(data: bytes) -> None:
    check(data)
    if data.startswith(SIGNATURE):
        # Otherwise nearly every changed byte ends at a checksum, and nothing behind it is reached.
        check(with_checksums(data))


def check(data: bytes) -> None:
    """Decode twice: the pixels have the size that the header names, and are the same, so none is left unwritten."""
    try:
        first, again = pixels_of(decode(data, LIMITS)), pixels_of(decode(data, LIMITS))
    except (BadImage, ImageTooLarge, ImageTooSmall):
        return
    assert (first == again).all(), "two runs decode other pixels"
    assert sorted(first.shape[:2]) == sorted(size_by_pillow(data) or first.shape[:2])


def pixels_of(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    size = image.size
    LIMITS.check(size)
    # As a search for faces does: first the image reduced, and then whole. A large JPEG is decoded anew for that.
    assert image.resized(Size(8, 8)).shape == (8, 8, 3)
    pixels = image.pixels
    assert pixels.shape == (size.height, size.width, 3), (pixels.shape, size)
    assert pixels.dtype == np.uint8
    return pixels


def size_by_pillow(data: bytes) -> tuple[int, int] | None:
    """What Pillow reads from the header; None if it reads none."""
    # Pillow reads more than the size here, such as comments and EXIF, and fails on or warns of faults in many ways.
    with (
        suppress(Exception),
        catch_warnings(action="ignore"),
        Pil.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as it,
    ):
        return it.size
    return None


def with_checksums(data: bytes) -> bytes:
    """A PNG in which the checksum of each chunk is right."""
    fixed, at = bytearray(data), len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">L", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">L", fixed, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(fixed)
