"""Reads the structure of a JPEG: the segments before the first scan, and where the scans end (ITU-T T.81, annex B).

Nothing is decoded here. Only those segments before the first scan that a decoder needs are kept, so no thumbnail,
colour profile, comment or EXIF block reaches a decoder.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from visavis.errors import BadImage
from visavis.geometry import Size
from visavis.image.exif import orientation

__all__ = ["EOI", "Header", "Scans", "read_header", "read_scans", "with_filler"]

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker outside coded data. In coded data 0xff 0x00 is an escaped 0xff, 0xff 0xff is padding, and restart markers
are part of the data."""
_EOI, _SOS, _DRI, _APP0, _APP1, _APP14 = 0xD9, 0xDA, 0xDD, 0xE0, 0xE1, 0xEE
_DHT, _JPG, _DAC = 0xC4, 0xC8, 0xCC
_FRAMES = set(range(0xC0, 0xD0)) - {_DHT, _JPG, _DAC}
_PROGRESSIVE = (0xC2, 0xCA)
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_KEPT = {_DHT, _DAC, 0xDB, _DRI}  # and the frame; DB has the quantisation tables
_BETWEEN_SCANS = _KEPT | {0xDC, *range(0xE0, 0xFF)}  # DC gives the height after the first scan; decoders refuse it
_PARAMETERLESS = {0x01, *range(0xD0, 0xD9)}


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
        plain: the marker SOI and the segments that a decoder needs.
        scans_at: the offset of the first scan's SOS marker.
    """

    size: Size
    orientation: int
    components: bytes
    block_height: int
    progressive: bool
    restarts: bool
    plain: bytes
    scans_at: int


@dataclass(frozen=True, slots=True)
class Scans:
    """The part of the file from the first scan on, without the end marker.

    Attributes:
        data: scans and the tables between them.
        whole: whether an end marker follows.
        missing: whether a coefficient of a component, or its last bit, is in no scan.
    """

    data: bytes
    whole: bool
    missing: bool

    @property
    def endings(self) -> list[bytes]:
        """What `data` may have been before a failed transfer or disk padded it, likeliest first.

        Padding bytes of zeros or ones at the end would be decoded like other bits. The data of a grey image may end in
        one byte of zeros, which belongs to its colours. One byte too many can change only the colours of the last
        block.
        """
        kept = self.data.rstrip(b"\0\xff")
        while self.data.startswith(b"\xff\0", len(kept)):  # an escaped byte of ones in coded data
            kept += b"\xff\0"
        return [self.data] if kept == self.data else [self.data, kept, kept + b"\0"]


def read_header(data: bytes) -> Header:
    """Read the segments before the first scan.

    Args:
        data: the file.

    Raises:
        BadImage: there is no frame or no scan, or the kind of frame is not supported.
    """
    plain, frame, exif, restarts = [SOI], b"", b"", False
    kind, at = 0, 2
    while (found := _segment(data, at)) is not None:
        marker, begin, at = found
        body = data[begin + 4 : at]
        if marker == _SOS:
            break
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
        if marker in _KEPT or marker in _FRAMES or jfif or adobe:
            plain.append(data[begin:at])
    else:
        raise BadImage("the image is cut short: it is a JPEG that ends before its first scan")
    _check_frame(kind, frame)
    height, width = struct.unpack_from(">HH", frame, 1)
    return Header(
        size=Size(width, height),
        orientation=orientation(exif),
        components=frame[6::3],
        block_height=8 * max(sampling & 15 for sampling in frame[7::3]),
        progressive=kind in _PROGRESSIVE,
        restarts=restarts,
        plain=b"".join(plain),
        scans_at=begin,
    )


def read_scans(data: bytes, header: Header) -> Scans:
    """Read the scans up to the end marker, or up to the first segment that cannot be between scans.

    Args:
        data: the file.
        header: of the file.
    """
    sent = _Sent(header)
    end = header.scans_at
    for marker, begin, following, body in _scan_segments(data, header.scans_at):
        if marker == _EOI:
            return Scans(data[header.scans_at : begin], whole=True, missing=sent.missing)
        if marker == _SOS:
            sent.note(body)
        end = following
    return Scans(data[header.scans_at : end], whole=False, missing=sent.missing)


def with_filler(scans: bytes, header: Header, filler: bytes) -> bytes:
    """Append filler bytes to the coded data of each scan.

    Args:
        scans: scans and the tables between them.
        header: of the file.
        filler: bytes without a marker.
    """
    parts, done = list[bytes](), 0
    for marker, _, end, _ in _scan_segments(scans, 0):
        if marker != _SOS:
            continue
        # Bytes of ones at the end are padding, and would form a marker with the filler.
        parts += [scans[done:end].rstrip(b"\xff"), filler]
        if header.restarts:  # a decoder that expects a restart marker skips anything else
            at, last = max((scans.rfind(bytes([0xFF, 0xD0 + n]), done, end), n) for n in range(8))
            parts += [bytes([0xFF, 0xD0 + (last + 1) % 8 if at >= 0 else 0xD0]), filler]
        done = end
    return b"".join([*parts, scans[done:]])


def _scan_segments(data: bytes, at: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Marker, begin, end and body of each segment from the first scan on. A scan ends after its coded data."""
    while (found := _segment(data, at)) is not None:
        marker, begin, at = found
        body = data[begin + 4 : at]
        if marker == _SOS:
            following = _MARKER.search(data, at)
            at = following.start() if following else len(data)
        elif marker != _EOI and marker not in _BETWEEN_SCANS:
            return
        yield marker, begin, at, body


def _segment(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The next marker, and where its segment begins and ends; None if it does not end within the data."""
    found = _MARKER.search(data, at)
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


class _Sent:
    """The bits of each coefficient that the scans contain."""

    def __init__(self, header: Header) -> None:
        self._bits: dict[tuple[int, int], int] = {}
        self._needed = [
            (component, coefficient)
            for component in header.components
            for coefficient in range(64 if header.progressive else 1)
        ]
        self._progressive = header.progressive

    def note(self, scan: bytes) -> None:
        """Note the coefficients that a scan contains.

        Args:
            scan: the body of an SOS segment.
        """
        count = scan[0] if scan else 0
        if not 1 <= count <= 4 or len(scan) < 4 + 2 * count:
            return
        first, last, approximation = scan[1 + 2 * count : 4 + 2 * count]
        if not self._progressive:
            first = last = approximation = 0
        for component in scan[1 : 1 + 2 * count : 2]:
            for coefficient in range(first, min(last, 63) + 1):
                self._bits[component, coefficient] = approximation & 15

    @property
    def missing(self) -> bool:
        """Whether a coefficient or its last bits are in no scan."""
        return any(self._bits.get(needed, 1) for needed in self._needed)
