"""Small files that would cost much time or memory: each is refused before decoding, in a bounded process."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.conftest import encode, gradient, linux
from visavis.errors import BadImage, ImageTooLarge
from visavis.image import decode
from visavis.image.limits import DEFAULT_LIMITS
from visavis.image.markers import MAX_SEGMENTS
from visavis.image.scans import MAX_SCANS

MOST_MEGABYTES = 60
"""By which the process may grow while it refuses a file; decoding one of them took 1,400."""


def segment(marker: int, body: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg_with(extra: bytes, **options: object) -> bytes:
    whole = encode(gradient(), "JPEG", **options)
    return whole[:2] + extra + whole[2:]


def png(width: int, height: int, rows: bytes, *extra: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    idat = chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + idat + chunk(b"IEND")


def zeros(count: int) -> bytes:
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(bytes(10**6)) for _ in range(count // 10**6 + 1)) + deflate.flush()


def claiming(width: int, height: int, **options: object) -> bytes:
    """A small JPEG whose header states another size."""
    data = bytearray(encode(gradient(), "JPEG", **options))
    at = data.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def progressive(width: int, height: int, scans: int) -> bytes:
    """A grey JPEG whose scans say in a few bytes that they contain nothing."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
    table = bytes([1]) + bytes(15)  # one code of one bit
    head = b"\xff\xd8" + segment(0xDB, bytes([0]) + b"\1" * 64) + frame
    tables = segment(0xC4, b"\0" + table + b"\0") + segment(0xC4, b"\x10" + table + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8 + 1)
    run = "".join("0" + format(min(32767, blocks - at) - 16384, "014b") for at in range(0, blocks - 16383, 32767))
    run += "1" * (-len(run) % 8)
    coded = b"".join(bytes([int(run[at : at + 8], 2)]) for at in range(0, len(run), 8)).replace(b"\xff", b"\xff\0")
    return head + tables + first + (segment(0xDA, b"\1\1\0\1\x3f\0") + coded) * scans + b"\xff\xd9"


EXIF = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0")
REFUSED: dict[str, tuple[Callable[[], bytes], type[Exception], str]] = {
    "260,000 EXIF segments": (lambda: jpeg_with(EXIF * 260_000), BadImage, "segments before"),
    "1,300,000 empty segments": (lambda: jpeg_with(segment(0xE5) * 1_300_000), BadImage, "segments before"),
    "230,000 Huffman tables": (
        lambda: jpeg_with(segment(0xC4, b"\0" + bytes([1]) + bytes(16)) * 230_000),
        BadImage,
        "segments before",
    ),
    "300,000 tables after the first scan": (
        lambda: encode(gradient(), "JPEG", progressive=True)[:-2] + segment(0xDB) * 300_000,
        BadImage,
        "segments from its first scan on",
    ),
    "a baseline file with 300,000 tables at its end": (
        lambda: encode(gradient(), "JPEG")[:-2] + segment(0xDB) * 300_000,
        BadImage,
        "segments from its first scan on",
    ),
    "1,000 scans": (lambda: progressive(200, 200, 1000), BadImage, "more than 64 scans"),
    "10 scans of 100 megapixels": (lambda: progressive(10_000, 10_000, 10), ImageTooLarge, "700 million samples"),
    "1 kB that claims 100 megapixels": (lambda: claiming(10_000, 10_000), BadImage, "before its last row"),
    "1 kB, progressive": (lambda: claiming(10_000, 10_000, progressive=True), BadImage, "before its last row"),
    "430,000 PNG chunks": (
        lambda: png(120, 90, zeros(90 * 361), chunk(b"abCd") * 430_000),
        BadImage,
        "chunks",
    ),
    "430,000 empty IDAT chunks": (
        lambda: png(120, 90, zeros(90 * 361), chunk(b"IDAT") * 430_000),
        BadImage,
        "chunks",
    ),
    "a PNG of 100 megapixels with 8 bytes each": (
        lambda: png(10_000, 10_000, zeros(80_010_000), depth=16, colour=6),
        ImageTooLarge,
        "800 MB, at most 225 MB",
    ),
}


@linux
@pytest.mark.parametrize("name", REFUSED)
def test_an_expensive_file_is_refused_in_little_memory_and_a_good_one_is_decoded_next(name: str) -> None:
    make, error, text = REFUSED[name]
    code = (
        "import json, resource, sys\n"
        "from tests.conftest import encode, gradient\n"
        "from visavis.errors import VisavisError\n"
        "from visavis.image import decode\n"
        "data, good = sys.stdin.buffer.read(), encode(gradient(), 'JPEG')\n"
        "decode(good), decode(encode(gradient()))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    decode(data); told = 'decoded'\n"
        "except VisavisError as e:\n    told = type(e).__name__ + ': ' + str(e)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(json.dumps([told, grown / 1024, decode(good).size.width]))\n"
    )
    # A hang ends the test; a file that is refused takes milliseconds.
    done = subprocess.run([sys.executable, "-c", code], input=make(), capture_output=True, check=True, timeout=60)
    told, grown, width = json.loads(done.stdout)
    assert told.startswith(error.__name__)
    assert text in told
    assert grown < MOST_MEGABYTES
    assert width == 120
    assert done.stderr == b""


def test_as_many_segments_as_allowed_are_read() -> None:
    whole = encode(gradient(), "JPEG")
    others = 6  # JFIF, two quantisation tables, the frame, Huffman tables
    assert decode(jpeg_with(segment(0xE2, b"x") * (MAX_SEGMENTS - others - 10))).size == decode(whole).size


def test_as_many_scans_as_allowed_are_decoded() -> None:
    assert decode(progressive(200, 200, MAX_SCANS - 1)).size.width == 200
    with pytest.raises(BadImage, match="more than 64 scans"):
        decode(progressive(200, 200, MAX_SCANS))


def test_a_progressive_photograph_of_40_megapixels_is_decoded() -> None:
    image = gradient(8000, 5000)
    assert decode(encode(image, "JPEG", progressive=True, subsampling=0)).size.pixels == 40_000_000


def test_bytes_of_ones_after_a_file_without_end_are_read_in_linear_time() -> None:
    # 2.5 million escaped bytes once took hours.
    data = encode(gradient(), "JPEG")[:-2] + b"\xff\0" * 2_500_000
    with suppress(BadImage):
        assert decode(data).size.width == 120


@pytest.mark.parametrize("progressive", [False, True])
def test_the_smallest_file_of_a_large_image_is_decoded(progressive: bool) -> None:
    # One colour has the shortest codes, so the bound on the bytes must not refuse it.
    from PIL import Image as Pil

    for mode, subsampling in (("RGB", 0), ("RGB", 2), ("L", 0)):
        data = encode(
            Pil.new(mode, (2000, 1500), 128), "JPEG", quality=1, optimize=True, progressive=progressive,
            subsampling=subsampling,
        )  # fmt: skip
        assert decode(data, DEFAULT_LIMITS).size.width == 2000
