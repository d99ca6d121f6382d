"""Reads the orientation in an EXIF block, and applies it.

No other value is read, because an EXIF block may be hostile: a general parser stores every value that it finds, and
warns about every value that it cannot read.
"""

from __future__ import annotations

import struct

import numpy as np

from visavis.image.pyramid import Pixels

__all__ = ["orientation", "upright"]

_TAG = 0x0112  # EXIF 2.32, section 4.6.4
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_INTEGERS = {3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}
"""TIFF's integer types -> `struct`'s. EXIF requires SHORT (3); some programs write others, which viewers accept."""


def orientation(tiff: bytes) -> int:
    """Read the orientation.

    Args:
        tiff: the EXIF block without its identifier. Only its first directory is read.

    Returns:
        1 to 8; 1 if there is none or it cannot be read, as in viewers.
    """
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "L", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(order + "HHL", tiff, entry)
            if tag != _TAG:
                continue
            if kind not in _INTEGERS or count != 1:
                return 1
            (value,) = struct.unpack_from(order + _INTEGERS[kind], tiff, entry + 8)
            return value if 1 <= value <= 8 else 1
    except struct.error:  # the directory reaches beyond the block
        pass
    return 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn an image upright.

    Args:
        pixels: (height, width, 3) uint8, as stored.
        orientation: 1 to 8 (EXIF 2.32, section 4.6.4).

    Returns:
        The upright pixels, contiguous.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
