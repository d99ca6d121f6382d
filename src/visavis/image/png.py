"""Decodes PNG: reads its chunks, and passes only those with the image to Pillow.

Other chunks (text, colour profiles, EXIF, animation) are skipped unread. So they are never a reason to refuse an image,
and only pixels are decompressed. The rules on order and checksums are libpng's, because viewers use it.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from visavis.errors import BadImage, ImageTooLarge
from visavis.geometry import Size
from visavis.image.limits import Limits
from visavis.image.memory import Allowance
from visavis.image.pyramid import Image, Pixels, in_strips

__all__ = ["decode"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ANCILLARY = 0x20  # this bit of a chunk name's first letter (PNG, section 5.4)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
"""First column, first row, and the steps between columns and rows, of each pass of an interlaced image."""


MAX_CHUNKS = 1024
"""Chunks of a PNG, and one more for each KiB of the file. Encoders write rows in chunks of 8 kB (libpng) or more."""

MAX_STREAM = 225_000_000
"""Bytes of the decompressed rows, which take about 1.3 seconds: 56 million pixels of four channels with 8 bits each."""

_RGB_WITH_COPIES = 4
"""Bytes for each pixel of the decoded image: three, and a third more for its halved copies."""


@dataclass(frozen=True, slots=True)
class _Header:
    size: Size
    depth: int
    colour: int
    interlaced: bool

    @property
    def stream_bytes(self) -> int:
        """The number of bytes of the decompressed rows, each with a leading byte for its filter."""
        width, height = self.size.width, self.size.height
        passes = _ADAM7 if self.interlaced else [(0, 0, 1, 1)]
        bits = self.depth * _CHANNELS[self.colour]
        total = 0
        for x, y, dx, dy in passes:
            columns, rows = len(range(x, width, dx)), len(range(y, height, dy))
            total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
        return total

    @property
    def memory(self) -> int:
        """The bytes that the image takes while it is decoded, those of Pillow included."""
        pillow = 4 if self.colour in (2, 4, 6) else 2 if self.depth == 16 else 1
        return self.size.pixels * (pillow + _RGB_WITH_COPIES)


def decode(data: bytes, limits: Limits, allowance: Allowance) -> Image:
    """Decode a PNG.

    Raises:
        BadImage: a chunk that a decoder needs is damaged, unknown, missing or in the wrong place, or rows are missing.
        ImageTooLarge, ImageTooSmall: the size is outside `limits`, or decoding takes too much time or memory.
        TimedOut, Cancelled: as for `Allowance.take`.
    """
    from PIL.PngImagePlugin import PngImageFile

    header, palette, idat = _critical(data, limits)
    allowance.take(header.memory)
    plain = b"".join(
        [
            _SIGNATURE,
            data[8 : 8 + 12 + 13],
            *(_chunk(b"PLTE", [palette]) if palette else []),
            *_chunk(b"IDAT", idat),
            *_chunk(b"IEND", []),
        ]
    )
    with PngImageFile(io.BytesIO(plain)) as image:
        image.load()
        # Pillow accepts a compressed stream that ends early, and leaves the missing rows zero. Counting the rows in the
        # stream takes a fifth of the decoding time, so it is done only if the last row is zero.
        last = header.size.height - 1
        if header.interlaced:
            last -= header.size.height % 2  # the last pass has the odd rows
        if not np.asarray(image.crop((0, last, header.size.width, last + 1))).any():
            _count_rows(header, b"".join(idat))
        # The memory of Pillow's own copy stays counted until the image is forgotten.
        return Image(_to_rgb(image), check=allowance.check)


def _critical(data: bytes, limits: Limits) -> tuple[_Header, bytes, list[memoryview]]:
    """The header, the palette (empty if none is used) and the compressed rows in pieces."""
    chunks = _chunks(data)
    header = _header(*next(chunks, (b"", memoryview(b""))))
    limits.check(header.size)
    if header.stream_bytes > MAX_STREAM:
        raise ImageTooLarge(
            f"the rows of the PNG take {header.stream_bytes / 1e6:.0f} MB, at most {MAX_STREAM / 1e6:g} MB are decoded"
        )
    palette, idat, done = b"", list[memoryview](), False
    for name, body in chunks:
        if name == b"IDAT":
            # IDAT chunks after another chunk are ignored, as in viewers.
            if not done:
                idat.append(body)
            continue
        done = bool(idat)
        if name == b"IEND":
            break
        if name == b"PLTE" and not done and not palette:
            palette = bytes(body)
        elif not name[0] & _ANCILLARY:
            where = " in the wrong place" if name in (b"IHDR", b"PLTE") else ", which no decoder knows"
            raise BadImage(f"the image is damaged: it has a critical PNG chunk {_quoted(name)}{where}")
    else:
        raise BadImage("the image is cut short: it is a PNG without an end (no IEND chunk)")
    if not idat:
        raise BadImage("the image is damaged: it is a PNG without pixels (no IDAT chunk)")
    return header, _palette(header, palette), idat


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The names and bodies of the chunks up to IEND. Ancillary chunks have an empty body and an unchecked checksum."""
    view, at = memoryview(data), len(_SIGNATURE)
    name, left = b"", MAX_CHUNKS + len(data) // 1024
    while name != b"IEND" and at + 12 <= len(data):
        (length,) = struct.unpack_from(">L", data, at)
        name = data[at + 4 : at + 8]
        if not name.isalpha():
            raise BadImage("the image is damaged: a PNG chunk must begin where there are other bytes")
        end = at + 12 + length
        if end > len(data):
            raise BadImage(f"the image is cut short: it ends within its {_quoted(name)} chunk")
        if name[0] & _ANCILLARY:
            yield name, view[:0]
        else:
            body = view[at + 8 : end - 4]
            (checksum,) = struct.unpack_from(">L", data, end - 4)
            if zlib.crc32(body, zlib.crc32(name)) != checksum:
                raise BadImage(f"the image is damaged: the checksum of its {_quoted(name)} chunk is wrong")
            yield name, body
        at = end
        left -= 1
        if not left:
            raise BadImage(f"the image is a PNG with more than {MAX_CHUNKS + len(data) // 1024} chunks")


def _header(name: bytes, body: memoryview) -> _Header:
    if name != b"IHDR":
        raise BadImage(f"the image is damaged: a PNG begins with an IHDR chunk, not {_quoted(name)}")
    if len(body) != 13:
        raise BadImage(f"the image is damaged: its IHDR chunk has {len(body)} bytes instead of 13")
    width, height, depth, colour, compression, filters, interlace = struct.unpack(">LLBBBBB", body)
    if depth not in _DEPTHS.get(colour, ()) or compression or filters or interlace > 1:
        raise BadImage("the image is damaged: its IHDR chunk names a kind of PNG that does not exist")
    return _Header(Size(width, height), depth, colour, bool(interlace))


def _palette(header: _Header, palette: bytes) -> bytes:
    if header.colour != _PALETTE:
        return b""  # only a suggestion
    if not palette or len(palette) % 3 or len(palette) > 768:
        raise BadImage("the image is damaged: its PLTE chunk, the palette, is missing or has the wrong length")
    return palette


def _count_rows(header: _Header, idat: bytes) -> None:
    inflater = zlib.decompressobj()
    wanted = header.stream_bytes
    try:
        # In small pieces, because the unconsumed rest of each is copied.
        for at in range(0, len(idat), 1 << 14):
            piece = idat[at : at + (1 << 14)]
            while piece and wanted > 0 and not inflater.eof:
                wanted -= len(inflater.decompress(piece, 1 << 20))
                piece = inflater.unconsumed_tail
        if wanted > 0:
            wanted -= len(inflater.flush())
    except zlib.error as error:
        raise BadImage(f"the image is damaged: its IDAT chunks cannot be decompressed: {error}") from error
    if wanted > 0:
        raise BadImage("the image is cut short: its last rows are missing from its IDAT chunks")


def _to_rgb(image: object) -> Pixels:
    from PIL import Image as Pil

    assert isinstance(image, Pil.Image)
    whole = image

    def rows(top: int, bottom: int) -> Pixels:
        strip = whole.crop((0, top, whole.width, bottom))
        if strip.mode.startswith("I"):
            # 16-bit grey: Pillow's conversion clips at 255 instead of scaling.
            grey = (np.asarray(strip).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.asarray(strip.convert("RGB"))

    return in_strips(Size(*image.size), rows)


def _chunk(name: bytes, body: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """A chunk in pieces, because joining the compressed rows again takes a tenth of the decoding time."""
    checksum = zlib.crc32(name)
    for piece in body:
        checksum = zlib.crc32(piece, checksum)
    return [struct.pack(">L", sum(map(len, body))) + name, *body, struct.pack(">L", checksum)]


def _quoted(name: bytes) -> str:
    return name.decode("ascii") if name else "the end"
