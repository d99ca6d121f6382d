"""The orientation in an EXIF block, and how to undo it.

Only this one value is read, because an EXIF block may be hostile: a general parser keeps every value it finds, and
warns of every one that it cannot read.
"""

from __future__ import annotations

import struct

import numpy as np

from visavis.image.pyramid import Pixels

__all__ = ["orientation", "upright"]

_TAG = 0x0112  # EXIF 2.32, section 4.6.4
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_INTEGERS = {3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}
"""TIFF's types of whole numbers -> `struct`'s. EXIF asks for SHORT (3); some writers use others, and viewers read them.
"""


def orientation(tiff: bytes) -> int:
    """1 to 8; 1 where there is none, or none that can be read, as in viewers.

    Args:
        tiff: the EXIF block behind its identifier. Only its first directory is looked at.
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
    """Undo an EXIF orientation; each names where the stored first row and column belong."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
