"""No decoder writes to stderr, and none raises anything but our errors, even where warnings are errors."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import encode, gradient
from visavis.errors import VisavisError
from visavis.image import decode

EOI = b"\xff\xd9"


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def directory(entries: int, count: int) -> bytes:
    """An EXIF directory whose every entry claims `count` bytes."""
    packed = b"".join(struct.pack("<HHLL", 0x9000 + n, 1, count, 0) for n in range(entries))
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", entries) + packed


def jpegs() -> Iterator[bytes]:
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 2}):
        whole = encode(gradient(), "JPEG", quality=90, **options)
        yield from (whole[:-2], whole[:-1], whole[:-2] + bytes(900), whole[:-9], whole[:-9] + EOI)
        yield from (whole[: len(whole) // 2], whole[: len(whole) // 2] + EOI, whole + bytes(100))
        middle = len(whole) // 2
        yield whole[:middle] + bytes(20) + whole[middle + 20 :]
        yield whole[:middle] + whole[middle + 100 :]
        yield whole[:middle] + b"\xff\xd8" + whole[middle:]
    metadata = [
        segment(0xE1, directory(4000, 10**6)),
        segment(0xE1, directory(100, 2**31)[:600]),
        segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        segment(0xE1, b"Exif\0\0") * 50,
        segment(0xE2, b"MPF\0MM\0*\0\0\0\x08" + b"\xff" * 60),
        segment(0xE2, b"ICC_PROFILE\0\x01\x02" + b"junk" * 20) * 3,
        segment(0xE0, b"JFIF\0\x09\x09\7\0\0\0\0\xff\xff"),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\x09"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x0c" + b"\xff" * 30),
    ]
    for mode in ("RGB", "L", "CMYK"):
        whole = encode(gradient().convert(mode), "JPEG")
        yield from (whole[:2] + extra + whole[2:] for extra in metadata)
        yield from (whole[:2] + extra + whole[2:-2] for extra in metadata)
        # Sampling factors that libjpeg-turbo's own interface has no name for, and ones that do not exist.
        at = whole.index(b"\xff\xc0") + 11
        yield from (whole[:at] + bytes([factors]) + whole[at + 1 :] for factors in (0x31, 0x13, 0x44, 0x00, 0x51))


def pngs() -> Iterator[bytes]:
    images = [gradient(), gradient().convert("L"), gradient().quantize(16), gradient().convert("LA")]
    files = [encode(image) for image in images]
    files.append(encode(images[2], transparency=bytes(range(16))))
    for whole in files:
        for name in (b"acTL", b"fcTL", b"fdAT", b"iCCP", b"zTXt", b"iTXt", b"tRNS", b"gAMA", b"eXIf", b"PLTE", b"zzZZ"):
            for body in (b"", bytes(8), b"\xff" * 26, b"a\0\0" + zlib.compress(bytes(3_000_000))):
                yield whole[:33] + chunk(name, body) + whole[33:]
                yield whole[:-12] + chunk(name, body) + whole[-12:]
        yield from (whole[:-n] for n in (1, 4, 12, 30))


def damaged() -> Iterator[bytes]:
    chance = random.Random(11)
    for whole in (encode(gradient(), "JPEG"), encode(gradient(), "JPEG", progressive=True), encode(gradient())):
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            yield bytes(data)


def others() -> Iterator[bytes]:
    for kind in ("GIF", "BMP", "TIFF", "WEBP", "PDF"):
        yield encode(gradient(), kind)
    yield from (b"", b"\xff", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"data:", b"<html>", bytes(9), b"some text")


def decode_all() -> tuple[int, int]:
    """How many are taken and refused; anything else escapes."""
    taken = refused = 0
    for source in (jpegs, pngs, damaged, others):
        for data in source():
            try:
                assert decode(data).pixels.shape[2] == 3
                taken += 1
            except VisavisError:
                refused += 1
    return taken, refused


def test_nothing_reaches_stderr_or_the_caller_even_where_warnings_are_errors() -> None:
    code = "from tests.hostile.test_decoders_are_silent import decode_all; print(*decode_all())"
    root = str(Path(__file__).parents[2])
    for flags in ([], ["-W", "always"], ["-W", "error"]):
        found = subprocess.run(
            [sys.executable, *flags, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            cwd=root,
            env=os.environ,
        )
        assert found.stderr == ""
        assert found.returncode == 0
        taken, refused = map(int, found.stdout.split())
        assert taken > 200
        assert refused > 100
