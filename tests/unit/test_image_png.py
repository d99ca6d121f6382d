"""PNG: chunks without pixels are ignored, and faults in the chunks of the image are errors."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import encode, gradient
from visavis.errors import BadImage, ImageTooLarge
from visavis.image import decode

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KNOWN = [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"pHYs", b"cHRM", b"sRGB", b"eXIf", b"tRNS", b"sBIT", b"bKGD"]
KNOWN += [b"hIST", b"tIME", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"cICP", b"prVt"]


def chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    sound = zlib.crc32(name + body)
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", sound if checksum is None else checksum)


def parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">L", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def build(*chunks: tuple[bytes, bytes]) -> bytes:
    return SIGNATURE + b"".join(chunk(name, body) for name, body in chunks)


def with_extra(data: bytes, *extra: bytes) -> bytes:
    """A PNG with `extra` after IHDR."""
    return data[:33] + b"".join(extra) + data[33:]


def grey(rows: int, *, claimed: int = 100, interlaced: bool = False, value: int = 200) -> bytes:
    """100 x `claimed` grey pixels, of which the compressed data contain some rows."""
    header = struct.pack(">LLBBBBB", 100, claimed, 8, 0, 0, 0, interlaced)
    return build((b"IHDR", header), (b"IDAT", zlib.compress((b"\0" + bytes([value]) * 100) * rows)), (b"IEND", b""))


MODES = {
    "RGB": gradient(),
    "RGBA": gradient().convert("RGBA"),
    "L": gradient().convert("L"),
    "LA": gradient().convert("LA"),
    "1": gradient().convert("1"),
    "P": gradient().quantize(64),
}
FILES = {mode: encode(image) for mode, image in MODES.items()}

ancillary = st.builds(
    chunk,
    st.one_of(st.sampled_from(KNOWN), st.from_regex(rb"\A[a-z][A-Za-z][A-Z][A-Za-z]\Z")),
    st.binary(max_size=120),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
)


@pytest.mark.slow
@settings(deadline=None)
@given(mode=st.sampled_from(list(MODES)), front=st.lists(ancillary, max_size=6), behind=st.lists(ancillary, max_size=4))
def test_ancillary_chunks_change_nothing(mode: str, front: list[bytes], behind: list[bytes]) -> None:
    data = with_extra(FILES[mode], *front)
    data = data[:-12] + b"".join(behind) + data[-12:]
    assert (decode(data).pixels == decode(FILES[mode]).pixels).all()
    assert (decode(data).pixels == np.asarray(MODES[mode].convert("RGB"))).all()


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<xmp/>" * 500_000)),
        chunk(b"zTXt", b"raw\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"tEXt", b"workflow\0" + b"x" * 3_000_000),
        chunk(b"iCCP", b"printer\0\0" + zlib.compress(bytes(range(256)) * 6000)),
        chunk(b"iCCP", b"p\0\1junk"),
        chunk(b"iCCP", b"p\0\0junk"),
        chunk(b"gAMA", b"\0"),
        chunk(b"pHYs", b"\0\0\0"),
        chunk(b"cHRM", b""),
        chunk(b"sRGB", b""),
        chunk(b"tEXt", b"a\0b", checksum=0),
        chunk(b"eXIf", b"garbage"),
        chunk(b"acTL", bytes(8)),
        chunk(b"acTL", b""),
        chunk(b"fcTL", b"\xff" * 26),
    ],
    ids=lambda extra: f"{extra[4:8].decode()} of {len(extra)} bytes",
)
def test_metadata_that_viewers_ignore_are_ignored(extra: bytes) -> None:
    assert (decode(with_extra(FILES["RGB"], extra)).pixels == np.asarray(gradient())).all()


def test_an_animation_shows_its_default_image() -> None:
    frame = chunk(b"fdAT", struct.pack(">L", 1) + zlib.compress(bytes(361 * 90)))
    control = chunk(b"acTL", struct.pack(">LL", 2, 0))
    data = with_extra(FILES["RGB"], control)
    assert (decode(data[:-12] + frame + data[-12:]).pixels == np.asarray(gradient())).all()


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_wrong_checksum_of_a_chunk_that_decoders_need_is_refused_by_name(name: bytes) -> None:
    data = SIGNATURE + b"".join(
        chunk(kind, body, checksum=1 if kind == name else None) for kind, body in parts(FILES["P"])
    )
    with pytest.raises(BadImage, match=f"damaged: the checksum of its {name.decode()} chunk"):
        decode(data)


@pytest.mark.parametrize("mode", list(FILES))
@pytest.mark.parametrize("missing", [1, 12, 13, 40, 200])
def test_a_png_that_ends_early_is_cut_short(mode: str, missing: int) -> None:
    with pytest.raises(BadImage, match="cut short"):
        decode(FILES[mode][:-missing])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("value", [0, 200])
def test_fewer_rows_than_the_header_says_are_cut_short(interlaced: bool, value: int) -> None:
    with pytest.raises(BadImage, match="cut short"):
        decode(grey(60, interlaced=interlaced, value=value))


@pytest.mark.parametrize("height", [100, 101])
def test_an_interlaced_png_without_its_last_pass_is_cut_short(height: int) -> None:
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    rows = [
        (b"\0" + b"\xc8" * len(range(x, 100, dx))) * len(range(y, height, dy))
        for x, y, dx, dy in [*passes, (0, 1, 1, 2)]
    ]
    header = struct.pack(">LLBBBBB", 100, height, 8, 0, 0, 0, 1)
    whole, lacking = (
        build((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(part))), (b"IEND", b"")) for part in (rows, rows[:-1])
    )
    assert (decode(whole).pixels == 200).all()
    with pytest.raises(BadImage, match="cut short"):
        decode(lacking)


def test_a_black_last_row_is_there_when_it_is_there() -> None:
    assert (decode(grey(100, value=0)).pixels == 0).all()
    assert (decode(encode(gradient().point(lambda _: 0))).pixels == 0).all()


def test_rows_that_break_off_within_the_stream_are_cut_short_or_damaged() -> None:
    header, body, end = parts(grey(100))
    for kept in (0.3, 0.7, 0.95):
        with pytest.raises(BadImage, match=r"cut short|damaged"):
            decode(build(header, (b"IDAT", body[1][: int(len(body[1]) * kept)]), end))


def test_what_stands_behind_the_end_does_not_matter() -> None:
    for behind in (b"\n", bytes(5000), chunk(b"teXt", b"late"), FILES["L"]):
        assert (decode(FILES["RGB"] + behind).pixels == np.asarray(gradient())).all()


def test_many_small_and_empty_idat_chunks_are_one() -> None:
    header, body, end = parts(FILES["RGB"])
    pieces = [(b"IDAT", body[1][at : at + 7]) for at in range(0, len(body[1]), 7)]
    data = build(header, (b"IDAT", b""), *pieces, (b"IDAT", b""), end)
    assert (decode(data).pixels == np.asarray(gradient())).all()


def test_idat_chunks_behind_another_chunk_are_none_of_the_image() -> None:
    header, body, end = parts(FILES["RGB"])
    half = len(body[1]) // 2
    late = build(header, (b"IDAT", body[1][:half]), (b"tEXt", b"a\0b"), (b"IDAT", body[1][half:]), end)
    with pytest.raises(BadImage, match="cut short"):
        decode(late)
    spare = build(header, body, (b"tEXt", b"a\0b"), (b"IDAT", b"spare"), end)
    assert (decode(spare).pixels == np.asarray(gradient())).all()


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (lambda h, b, e: [(b"CgBI", b"\0\0\0\0"), h, b, e], "begins with an IHDR chunk, not CgBI"),
        (lambda h, b, e: [h, (b"ABCD", b""), b, e], "critical PNG chunk ABCD, which no decoder knows"),
        (lambda h, b, e: [h, h, b, e], "critical PNG chunk IHDR in the wrong place"),
        (lambda h, b, e: [h, e], "without pixels"),
        (lambda h, b, e: [h, b], "no IEND chunk"),
        (lambda h, b, e: [h, (b"a1b2", b""), b, e], "a PNG chunk must begin where"),
        (lambda h, b, e: [(b"IHDR", h[1][:12]), b, e], "12 bytes instead of 13"),
        (lambda h, b, e: [(b"IHDR", h[1][:8] + b"\x07" + h[1][9:]), b, e], "a kind of PNG that does not exist"),
        (lambda h, b, e: [(b"IHDR", h[1][:9] + b"\x03" + h[1][10:]), b, e], "PLTE chunk, the palette, is missing"),
    ],
)
def test_a_broken_structure_is_refused_by_name(chunks: object, text: str) -> None:
    assert callable(chunks)
    with pytest.raises(BadImage, match=text):
        decode(build(*chunks(*parts(FILES["RGB"]))))


def test_the_header_alone_is_enough_to_refuse_a_size() -> None:
    header = struct.pack(">LLBBBBB", 100_000, 100, 8, 2, 0, 0, 0)
    with pytest.raises(ImageTooLarge):
        decode(SIGNATURE + chunk(b"IHDR", header))
