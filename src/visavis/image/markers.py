"""Reads the segments of a JPEG before its first scan (ITU-T T.81, annex B).

Nothing is decoded here. Only those segments before the first scan that a decoder needs are kept, so no thumbnail,
colour profile, comment or EXIF block reaches a decoder.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from visavis.errors import BadImage
from visavis.geometry import Size
from visavis.image.exif import orientation

__all__ = ["EOI", "MARKER", "MAX_SEGMENTS", "TABLES", "Header", "next_segment", "read_header"]


SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker outside coded data. In coded data 0xff 0x00 is an escaped 0xff, 0xff 0xff is padding, and restart markers
are part of the data."""
_EOI, _SOS, _DRI, _APP0, _APP1, _APP14 = 0xD9, 0xDA, 0xDD, 0xE0, 0xE1, 0xEE
_DHT, _JPG, _DAC = 0xC4, 0xC8, 0xCC
_FRAMES = set(range(0xC0, 0xD0)) - {_DHT, _JPG, _DAC}
_PROGRESSIVE = (0xC2, 0xCA)
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_ARITHMETIC = (0xC9, 0xCA)
TABLES = {_DHT, _DAC, 0xDB, _DRI}  # and the frame; DB has the quantisation tables
_PARAMETERLESS = {0x01, *range(0xD0, 0xD9)}

MAX_SEGMENTS = 1024
"""Segments before the first scan. Of 3,615 photographs none has more than 10. A colour profile has up to 255 (ICC.1,
annex B.4), and the metadata of a file of 15 MB in segments of 64 kB are 240."""


@dataclass(frozen=True, slots=True)
class Header:
    """The part of the file before the first scan.

    Attributes:
        size: as stored, before the orientation is applied.
        orientation: the EXIF orientation, 1 to 8.
        components: their identifiers, as stored: 1 for grey, 3 for colour, 4 for CMYK or YCCK.
        block_height: rows of pixels in a row of coded units: 8 times the largest vertical sampling factor.
        progressive: whether the frame is progressive.
        restarts: whether the scans have restart markers.
        samples: of each component, as identified in `components`, over the whole image.
        least_bytes: the least bytes of coded data that the image has without its last row of coded units.
        buffered: whether a decoder keeps the coefficients of the whole image, because it needs several scans.
        plain: the marker SOI and the segments that a decoder needs.
        scans_at: the offset of the first scan's SOS marker.
    """

    size: Size
    orientation: int
    components: bytes
    block_height: int
    progressive: bool
    restarts: bool
    samples: tuple[int, ...]
    least_bytes: int
    buffered: bool
    plain: bytes
    scans_at: int


def read_header(data: bytes) -> Header:
    """Read the segments before the first scan.

    Args:
        data: the file.

    Raises:
        BadImage: there is no frame or no scan, or the kind of frame is not supported.
    """
    plain, frame, exif, restarts = [SOI], b"", b"", False
    kind, at, count = 0, 2, 0
    while (found := next_segment(data, at)) is not None:
        marker, begin, at = found
        body = data[begin + 4 : at]
        if marker == _SOS:
            break
        count += 1
        if count > MAX_SEGMENTS:
            raise BadImage(f"the image is a JPEG with more than {MAX_SEGMENTS} segments before its first scan")
        if marker == _EOI:
            raise BadImage("the image is cut short: it is a JPEG that ends before its first scan")
        if marker == _APP1 and not exif and body[:6] == b"Exif\0\0":
            exif = body[6:]
        if marker in _FRAMES:
            if kind:
                raise BadImage("the image is damaged: it is a JPEG with two frames")
            kind, frame = marker, body
        restarts |= marker == _DRI and any(body)
        # libjpeg ignores shorter segments, and Pillow fails on them.
        jfif = marker == _APP0 and len(body) >= 14 and body[:5] == b"JFIF\0"
        adobe = marker == _APP14 and len(body) >= 12 and body[:5] == b"Adobe"
        if marker in TABLES or marker in _FRAMES or jfif or adobe:
            plain.append(data[begin:at])
    else:
        raise BadImage("the image is cut short: it is a JPEG that ends before its first scan")
    _check_frame(kind, frame)
    height, width = struct.unpack_from(">HH", frame, 1)
    samples = _samples(width, height, frame[7::3])
    progressive = kind in _PROGRESSIVE
    block_height = 8 * max(sampling & 15 for sampling in frame[7::3])
    return Header(
        size=Size(width, height),
        orientation=orientation(exif),
        components=frame[6::3],
        block_height=block_height,
        progressive=progressive,
        restarts=restarts,
        samples=samples,
        # A block of 64 samples has at least one bit in the first scan, and one more for its end in a sequential scan.
        # Arithmetic coding can take less.
        least_bytes=0
        if kind in _ARITHMETIC
        else sum(_samples(width, max(0, height - block_height), frame[7::3])) // (512 if progressive else 256),
        buffered=progressive or data[begin + 4] < frame[5],
        plain=b"".join(plain),
        scans_at=begin,
    )


def next_segment(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The next marker, and where its segment begins and ends; None if it does not end within the data."""
    found = MARKER.search(data, at)
    if found is None:
        return None
    marker, begin = data[found.start() + 1], found.start()
    if marker in _PARAMETERLESS or marker == _EOI:
        return marker, begin, begin + 2
    if begin + 4 > len(data):
        return None
    (length,) = struct.unpack_from(">H", data, begin + 2)
    end = begin + 2 + length
    return (marker, begin, end) if length >= 2 and end <= len(data) else None


def _check_frame(kind: int, frame: bytes) -> None:
    if not kind:
        raise BadImage("the image is damaged: it is a JPEG without a frame, which gives the size")
    if kind not in (*_SEQUENTIAL, *_PROGRESSIVE):
        raise BadImage("the image is a lossless or hierarchical JPEG: store it as an ordinary JPEG or as a PNG")
    if len(frame) < 6 or len(frame) != 6 + 3 * frame[5]:
        raise BadImage("the image is damaged: the frame of the JPEG has the wrong length")
    if frame[0] != 8:
        raise BadImage(f"the image is a JPEG with {frame[0]} bits per colour: store it with 8 bits, or as a PNG")
    if frame[5] not in (1, 3, 4):
        raise BadImage(f"the image is a JPEG with {frame[5]} colours: store it with 1, 3 or 4, or as a PNG")


def _samples(width: int, height: int, sampling: bytes) -> tuple[int, ...]:
    """The samples of each component.

    Args:
        width: of the image in pixels.
        height: of the image in pixels.
        sampling: for each component its horizontal factor in the high half, and the vertical one in the low half.
    """
    factors = [(factor >> 4, factor & 15) for factor in sampling]
    most_x, most_y = (max(each) for each in zip(*factors, strict=True))
    if min(min(each) for each in factors) < 1:
        raise BadImage("the image is damaged: the frame of the JPEG has a sampling factor of 0")
    return tuple(width * x // most_x * (height * y) // most_y for x, y in factors)
