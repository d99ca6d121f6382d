"""Decodes JPEG with libjpeg-turbo, at reduced scales too, or with Pillow if libjpeg-turbo rejects the file.

libjpeg-turbo's strict mode accepts only files without a fault. Files with faults are accepted as in viewers, as long as
no row is missing:

- If the end marker is missing, everything before it must be present: each row of each scan, and all scans.
- If the end marker is present, something inside the file was changed, and the decoder continues after it with displaced
  blocks. The image is accepted unless the data end before the last row of coded blocks.
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
from visavis.image.markers import EOI, Header, read_header
from visavis.image.memory import Allowance
from visavis.image.pyramid import Image, Pixels, in_strips
from visavis.image.scans import Scans, check_scans, read_scans, with_filler

__all__ = ["MIN_DECODED_SIDE", "decode"]

MIN_DECODED_SIDE = 1280
"""Pixels. A JPEG that is first decoded at a reduced scale keeps at least this longer side, the largest size at which a
whole image is used. For a small face it is decoded again, at the scale that the face needs."""

MAX_DCT_SCALING = 3
"""The largest number of halvings in libjpeg-turbo (DCT scaling): a block of 8 x 8 becomes one pixel."""

_RGB_WITH_COPIES = 4
"""Bytes for each pixel of an image that is decoded whole: three, and a third more for its halved copies."""

_PILLOW = 4
"""Bytes that Pillow takes for a pixel, besides."""

_FILLER = bytes((167 * n * n + 89 * n + 173) % 251 for n in range(512))
"""Pseudo-random bytes without 0xff, which begins a marker."""


def decode(data: bytes, limits: Limits, allowance: Allowance) -> Image:
    """Decode a JPEG, at a reduced scale if it is large.

    Raises:
        BadImage: the kind of JPEG is not supported, or rows are missing.
        ImageTooLarge, ImageTooSmall: the size is outside `limits`, or decoding takes too much time or memory.
        TimedOut, Cancelled: as for `Allowance.take`.
    """
    header = read_header(data)
    limits.check(header.size)
    if len(data) - header.scans_at < header.least_bytes:
        raise _cut_short()
    if header.buffered:
        check_scans(data, header)
    if len(header.components) < 4:
        with suppress(_Fault):
            return _by_turbo(header.plain + data[header.scans_at :], header, allowance)
    scans = read_scans(data, header)
    if scans.whole:
        return _by_pillow(header, scans.data, allowance, cut=False)
    if scans.missing:
        raise _cut_short()
    return _without_end(header, scans, allowance)


def _without_end(header: Header, scans: Scans, allowance: Allowance) -> Image:
    """Decode a JPEG without an end marker."""
    ran_out = False
    for data in scans.endings:
        try:
            image = _by_turbo(header.plain + data + EOI, header, allowance)
        except _Fault as fault:
            ran_out = _RAN_OUT in str(fault)
        else:
            return image if len(header.components) < 4 else _by_pillow(header, data, allowance, cut=True)
    if ran_out:
        raise _cut_short()
    return _by_pillow(header, scans.endings[-1], allowance, cut=True)


class _Fault(Exception):
    """The first fault that libjpeg-turbo found."""


_RAN_OUT = "premature end of data segment"


def _cut_short() -> BadImage:
    return BadImage("the image is cut short: it is a JPEG whose data end before its last row")


def _by_turbo(data: bytes, header: Header, allowance: Allowance) -> Image:
    """Decode with libjpeg-turbo.

    Raises:
        _Fault: the file has a fault.
    """
    # For the whole image from the beginning: an image that waited for more while it holds some could wait for ever.
    allowance.take(_coefficient_bytes(header) + header.size.pixels * _RGB_WITH_COPIES)
    halvings = _allowed_halvings(header.size, header.orientation)
    pixels = _decode_reduced(data, header.size, halvings)

    def decode_finer(fewer: int) -> Pixels:
        allowance.check()
        try:
            return upright(_decode_reduced(data, header.size, fewer), header.orientation)
        except _Fault as fault:
            text = "the image is damaged: part of it can be decoded at a reduced size only"
            raise BadImage(text) from fault

    width, height = header.size.width, header.size.height
    size = Size(width, height) if header.orientation < 5 else Size(height, width)
    return Image(
        upright(pixels, header.orientation),
        size=size,
        halvings=halvings,
        decode_finer=decode_finer,
        check=allowance.check,
    )


def _allowed_halvings(stored: Size, orientation: int) -> int:
    """How often the image can be halved and keep `MIN_DECODED_SIDE`."""
    halvings = min(MAX_DCT_SCALING, max(0, int(math.log2(stored.longer / MIN_DECODED_SIDE))))
    # The last column and row of a reduced image may reach beyond its edge. In the upright image they can become the
    # first, and then all coordinates would be off by the remainder.
    while orientation != 1 and (stored.width | stored.height) % 2**halvings:
        halvings -= 1
    return halvings


def _decode_reduced(data: bytes, stored: Size, halvings: int) -> Pixels:
    """Decode with libjpeg-turbo, with the sides divided by 2**`halvings` and rounded up.

    At full size the pixels are the same as Pillow's. Pillow uses the same library, but copies the pixels three times,
    with four bytes each.

    Raises:
        _Fault: the file has a fault of any kind.
    """
    import simplejpeg

    height, width = (-(-side >> halvings) for side in (stored.height, stored.width))
    pixels = np.empty((height, width, 3), np.uint8)
    try:
        # The library decodes at the smallest of its scales with at least these sides. It reads the size itself, and
        # rejects a buffer of another size.
        decoded = simplejpeg.decode_jpeg(
            data, "RGB", min_height=height, min_width=width, min_factor=2**halvings, buffer=pixels
        )
    except ValueError as error:
        raise _Fault(error) from error
    if decoded.shape != pixels.shape:
        raise _Fault(f"decoded as {decoded.shape} instead of {pixels.shape}")
    return pixels


def _by_pillow(header: Header, scans: bytes, allowance: Allowance, *, cut: bool) -> Image:
    """Decode a file that libjpeg-turbo's strict mode rejects, or CMYK, which libjpeg-turbo does not convert.

    Args:
        header: of the file.
        scans: without the end marker.
        allowance: of the image.
        cut: whether the end marker was missing; then the last row of blocks must be complete.

    Raises:
        BadImage: rows are missing; libjpeg fills them without an error.
    """
    # The image is decoded as it is, and again with filler bytes after each scan. If all rows are present, the decoder
    # does not use these bytes. Otherwise it decodes them as the missing rows, and the results differ. A reduced scale
    # is enough to see that.
    allowance.take(
        _PILLOW * header.size.pixels + max(_RGB_WITH_COPIES * header.size.pixels, _coefficient_bytes(header))
    )
    factor = 2 ** min(MAX_DCT_SCALING, max(0, int(math.log2(header.size.longer / MIN_DECODED_SIDE))))
    pixels = _pillow(header.plain + scans + EOI, factor)
    allowance.check()
    filled = _pillow(header.plain + with_filler(scans, header, _FILLER) + EOI, factor)
    last_blocks = (header.size.height - 1) // header.block_height * header.block_height
    if _first_difference(pixels, filled) * factor < (header.size.height if cut else last_blocks):
        raise _cut_short()
    whole = pixels if factor == 1 else _pillow(header.plain + scans + EOI)
    return Image(upright(whole, header.orientation), check=allowance.check)


def _coefficient_bytes(header: Header) -> int:
    """The memory of libjpeg's coefficients, two bytes each, which it keeps only for images of several scans."""
    return 2 * sum(header.samples) if header.buffered else 0


def _first_difference(one: Pixels, other: Pixels) -> int:
    """The first row in which blocks differ, or the height if none does."""
    rows: NDArray[np.intp] = np.flatnonzero((one != other).any(axis=(1, 2)))
    # Colours are interpolated across block borders, so the row of pixels above the first different block differs too.
    return min(int(rows[0]) + 1, len(one) - 1) if len(rows) else len(one)


def _pillow(data: bytes, factor: int = 1) -> Pixels:
    """Decode with Pillow: (height, width, 3) uint8, the sides divided by `factor` and rounded up."""
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(io.BytesIO(data)) as image:
        if factor > 1:
            image.draft(None, (image.width // factor, image.height // factor))
        image.load()
        return in_strips(
            Size(*image.size), lambda top, bottom: np.asarray(image.crop((0, top, image.width, bottom)).convert("RGB"))
        )
