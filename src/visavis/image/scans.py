"""The scans of a JPEG: whether they are as many as encoders write, and where they end (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from visavis.errors import BadImage, ImageTooLarge
from visavis.image.markers import MARKER, MAX_SEGMENTS, TABLES, Header, next_segment

__all__ = ["MAX_SCANS", "MAX_SCAN_SAMPLES", "Scans", "check_scans", "read_scans", "with_filler"]

_EOI, _SOS = 0xD9, 0xDA
_BETWEEN_SCANS = TABLES | {0xDC, *range(0xE0, 0xFF)}  # DC gives the height after the first scan; decoders refuse it
_ESCAPED = re.compile(rb"(\xff\0)*")  # bytes of ones in coded data

MAX_SCANS = 64
"""libjpeg writes 10 scans for colour and 18 for CMYK, and mozjpeg tries 64 and keeps some of them. Photographs have
up to 10."""

MAX_SCAN_SAMPLES = 700_000_000
"""Samples that all scans of an image contain together. libjpeg takes about 0.8 ns for each, so decoding once takes 0.6
seconds. The ten scans of a colour image that libjpeg writes contain 8 samples for each pixel if the colours are stored
at half size, and 14 otherwise: 87 or 50 million pixels."""


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
        padding = len(self.data.rstrip(b"\0\xff"))
        kept = self.data[: padding + len(_ESCAPED.match(self.data, padding)[0])]  # type: ignore[index]  # it may be empty
        return [self.data] if kept == self.data else [self.data, kept, kept + b"\0"]


def check_scans(data: bytes, header: Header) -> None:
    """Check that an image of several scans has no more of them than encoders write.

    Args:
        data: the file.
        header: of the file.

    Raises:
        BadImage: there are more than `MAX_SCANS` scans, or more than `MAX_SEGMENTS` segments.
        ImageTooLarge: the scans contain more than `MAX_SCAN_SAMPLES`.
    """
    samples_of = dict(zip(header.components, header.samples, strict=True))
    scans = samples = 0
    for marker, _, _, body in _scan_segments(data, header.scans_at):
        if marker == _SOS and body:
            scans += 1
            samples += sum(samples_of.get(component, 0) for component in body[1 : 1 + 2 * body[0] : 2])
        if scans > MAX_SCANS:
            raise BadImage(f"the image is a JPEG with more than {MAX_SCANS} scans")
        if samples > MAX_SCAN_SAMPLES:
            raise ImageTooLarge(
                f"the scans of the JPEG contain over {MAX_SCAN_SAMPLES / 1e6:g} million samples: store it with fewer "
                "scans, or as a baseline JPEG"
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
    left = MAX_SEGMENTS
    while (found := next_segment(data, at)) is not None:
        marker, begin, at = found
        body = data[begin + 4 : at]
        if marker == _SOS:
            following = MARKER.search(data, at)
            at = following.start() if following else len(data)
        elif marker != _EOI and marker not in _BETWEEN_SCANS:
            return
        left -= 1
        if not left:
            raise BadImage(f"the image is a JPEG with more than {MAX_SEGMENTS} segments from its first scan on")
        yield marker, begin, at, body


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
