"""JPEG: by libjpeg-turbo straight into an array, at reduced scales too; by Pillow where that has a complaint.

libjpeg-turbo's strict mode takes only what is faultless. What is not faultless is taken as viewers take it, as long as
its rows are there:

- Where the end marker is missing, everything before it must be there: each row of each scan, and all scans.
- Where the end marker stands in its place, something within the file was changed, and the decoder goes on behind it,
  displaced. The image is taken unless the data run out before the last row of coded blocks.
"""

from __future__ import annotations

import io
import math
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from visavis.errors import BadImage
from visavis.geometry import Size
from visavis.image.exif import upright
from visavis.image.limits import Limits
from visavis.image.markers import EOI, Header, Scans, read_header, read_scans, with_filler
from visavis.image.pyramid import Image, Pixels

__all__ = ["MIN_DECODED_SIDE", "decode"]

MIN_DECODED_SIDE = 1280
"""Pixels of the longer side that a JPEG keeps when it is first decoded at a reduced scale: the most that any look at a
whole image asks for. A face that is small in it has the image decoded anew, as fine as that face needs."""

MAX_DCT_SCALING = 3
"""Halvings that libjpeg-turbo can do while decoding: a block of 8 x 8 becomes one pixel."""

_FILLER = bytes((167 * n * n + 89 * n + 173) % 251 for n in range(512))
"""Bits of no meaning; none of them 0xff, which begins a marker."""


def decode(data: bytes, limits: Limits) -> Image:
    """Raises:
    BadImage: not a JPEG of a known kind, or rows are missing.
    ImageTooLarge, ImageTooSmall: outside `limits`.
    """
    header = read_header(data)
    limits.check(header.size)
    if len(header.components) < 4:
        with suppress(_Complaint):
            return _by_turbo(header.plain + data[header.scans_at :], header)
    scans = read_scans(data, header)
    if scans.whole:
        return _by_pillow(header, scans.data, cut=False)
    if scans.missing:
        raise _cut_short()
    return _without_end(header, scans)


def _without_end(header: Header, scans: Scans) -> Image:
    ran_out = False
    for data in scans.endings:
        try:
            image = _by_turbo(header.plain + data + EOI, header)
        except _Complaint as complaint:
            ran_out = _RAN_OUT in str(complaint)
        else:
            return image if len(header.components) < 4 else _by_pillow(header, data, cut=True)
    if ran_out:
        raise _cut_short()
    return _by_pillow(header, scans.endings[-1], cut=True)


class _Complaint(Exception):
    """What libjpeg-turbo found fault with first."""


_RAN_OUT = "premature end of data segment"


def _cut_short() -> BadImage:
    return BadImage("the image is cut short: it is a JPEG whose data end before its last row")


def _by_turbo(data: bytes, header: Header) -> Image:
    """Raises:
    _Complaint: from libjpeg-turbo.
    """
    halvings = _spare_halvings(header.size, header.orientation)
    pixels = _decode_reduced(data, header.size, halvings)

    def decode_finer(fewer: int) -> Pixels:
        try:
            return upright(_decode_reduced(data, header.size, fewer), header.orientation)
        except _Complaint as complaint:
            text = "the image is damaged: a part of it can be decoded at a reduced size only"
            raise BadImage(text) from complaint

    width, height = header.size.width, header.size.height
    size = Size(width, height) if header.orientation < 5 else Size(height, width)
    return Image(upright(pixels, header.orientation), size=size, halvings=halvings, decode_finer=decode_finer)


def _spare_halvings(stored: Size, orientation: int) -> int:
    """How often the image can be halved and still have `MIN_DECODED_SIDE`."""
    halvings = min(MAX_DCT_SCALING, max(0, int(math.log2(stored.longer / MIN_DECODED_SIDE))))
    # The last column and row of a reduced image may reach beyond its edge. Turned, they could come to lie first, and
    # all places would be off by their rest.
    while orientation != 1 and (stored.width | stored.height) % 2**halvings:
        halvings -= 1
    return halvings


def _decode_reduced(data: bytes, stored: Size, halvings: int) -> Pixels:
    """A JPEG by libjpeg-turbo, its sides divided by 2**`halvings` and rounded up.

    At full size the pixels are Pillow's, which uses the same library but copies them three times, four bytes each.

    Raises:
        _Complaint: something is not as it should be, however little.
    """
    import simplejpeg

    height, width = (-(-side >> halvings) for side in (stored.height, stored.width))
    pixels = np.empty((height, width, 3), np.uint8)
    try:
        # Of the sizes that the library has, it takes the smallest with these sides or more. It finds the sides out
        # anew, and refuses what does not fit.
        decoded = simplejpeg.decode_jpeg(
            data, "RGB", min_height=height, min_width=width, min_factor=2**halvings, buffer=pixels
        )
    except ValueError as error:
        raise _Complaint(error) from error
    if decoded.shape != pixels.shape:
        raise _Complaint(f"decoded as {decoded.shape} instead of {pixels.shape}")
    return pixels


def _by_pillow(header: Header, scans: bytes, *, cut: bool) -> Image:
    """What libjpeg-turbo's strict mode refuses, and CMYK, which it does not convert.

    Args:
        scans: without the end marker
        cut: all of the last row of blocks must be there too

    Raises:
        BadImage: rows are missing, which libjpeg makes up in silence.
    """
    # The image is decoded as it is, and once more with bits of no meaning behind each scan. A decoder that has all it
    # needs does not look at them; one that has not takes them for the missing rows. A reduced image tells as well.
    factor = 2 ** min(MAX_DCT_SCALING, max(0, int(math.log2(header.size.longer / MIN_DECODED_SIDE))))
    pixels = _pillow(header.plain + scans + EOI, factor)
    filled = _pillow(header.plain + with_filler(scans, header, _FILLER) + EOI, factor)
    last_blocks = (header.size.height - 1) // header.block_height * header.block_height
    if _first_difference(pixels, filled) * factor < (header.size.height if cut else last_blocks):
        raise _cut_short()
    whole = pixels if factor == 1 else _pillow(header.plain + scans + EOI)
    return Image(upright(whole, header.orientation))


def _first_difference(one: Pixels, other: Pixels) -> int:
    """The row from which on blocks differ; the height where none does."""
    rows: NDArray[np.intp] = np.flatnonzero((one != other).any(axis=(1, 2)))
    # Colours are blended over the border of blocks, so that one more row of pixels differs above the first block.
    return min(int(rows[0]) + 1, len(one) - 1) if len(rows) else len(one)


def _pillow(data: bytes, factor: int = 1) -> Pixels:
    """(height, width, 3), the sides divided by `factor` and rounded up."""
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as image:
        if factor > 1:
            image.draft(None, (image.width // factor, image.height // factor))
        image.load()
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
