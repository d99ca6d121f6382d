"""A JPEG with all of its rows is decoded despite other faults; a JPEG without is refused as cut short."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from tests.conftest import encode, gradient
from visavis.errors import BadImage
from visavis.image import decode

EOI = b"\xff\xd9"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {}),
    "optimised": ("RGB", {"optimize": True, "subsampling": 0}),
    "progressive": ("RGB", {"progressive": True}),
    "restarts": ("RGB", {"restart_marker_blocks": 3}),
    "restarts by row": ("RGB", {"restart_marker_rows": 1}),
    "progressive restarts": ("RGB", {"progressive": True, "restart_marker_rows": 1}),
    "grey": ("L", {}),
    "grey progressive": ("L", {"progressive": True}),
    "cmyk": ("CMYK", {}),
    "cmyk progressive": ("CMYK", {"progressive": True}),
}


def noisy(width: int = 200, height: int = 150) -> Pil.Image:
    """A gradient with noise, so that rows differ and no row is coded in a few bits."""
    noise = np.random.default_rng(3).integers(-60, 60, (height, width, 3))
    pixels = np.asarray(gradient(width, height)).astype(int) + noise
    return Pil.fromarray(pixels.clip(0, 255).astype(np.uint8))


def jpeg(kind: str, width: int = 200, height: int = 150) -> bytes:
    mode, options = KINDS[kind]
    return encode(noisy(width, height).convert(mode), "JPEG", quality=85, **options)


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def behind_soi(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "tail",
    [b"", b"\xff", b"\0\0", b"\xff\0", bytes(4096), b"\xff" * 4096, b"\xff" + bytes(600)],
    ids=["nothing", "a half", "two zeros", "one zero", "4096 zeros", "4096 ones", "a half and zeros"],
)
def test_a_jpeg_that_lacks_only_its_end_marker_is_taken_as_whole(kind: str, tail: bytes) -> None:
    whole = jpeg(kind)
    assert (decode(whole[:-2] + tail).pixels == decode(whole).pixels).all()


@pytest.mark.slow
def test_a_large_jpeg_that_lacks_only_its_end_marker_is_decoded_at_the_same_scales() -> None:
    whole = jpeg("baseline", 2600, 2000)
    lacking, sound = decode(whole[:-2] + bytes(512)), decode(whole)
    assert lacking.halvings == sound.halvings == 1
    assert (lacking.pixels == sound.pixels).all()


def test_stray_bytes_in_place_of_the_end_are_passed_over() -> None:
    whole = jpeg("baseline")
    assert (decode(whole[:-2] + b"\x12\x34\x56\x78" * 5).pixels == decode(whole).pixels).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_whose_data_break_off_is_cut_short(kind: str) -> None:
    whole = jpeg(kind)
    for missing in (5, 6, 7, 8, 10, 12, 20, 50, len(whole) // 100, len(whole) // 20, len(whole) // 2):
        with pytest.raises(BadImage, match="cut short"):
            decode(whole[: -2 - missing])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_up_for_missing_rows_never_counts(kind: str) -> None:
    # Either the last bytes contain nothing of the image, or the file is refused.
    whole = jpeg(kind, 101, 85)
    expected = decode(whole).pixels
    for missing in range(1, 40):
        try:
            pixels = decode(whole[:-missing]).pixels
        except BadImage:
            continue
        assert (pixels == expected).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.8])
def test_an_end_marker_does_not_stand_for_the_missing_rows(kind: str, kept: float) -> None:
    whole = jpeg(kind)
    with pytest.raises(BadImage, match="cut short"):
        decode(whole[: int(len(whole) * kept)] + EOI)


def test_rows_that_break_off_at_a_restart_marker_are_missed() -> None:
    whole = jpeg("restarts by row")
    at = whole.index(b"\xff\xd3")
    for data in (whole[:at], whole[:at] + EOI, whole[: at + 2] + EOI):
        with pytest.raises(BadImage, match="cut short"):
            decode(data)


def test_a_progressive_jpeg_without_its_last_scans_is_cut_short() -> None:
    whole = jpeg("progressive")
    last = whole.rindex(b"\xff\xda")
    tables = whole.rindex(b"\xff\xc4")
    for end in (last, min(last, tables), last + 4):
        with pytest.raises(BadImage, match="cut short"):
            decode(whole[:end])


def test_a_header_that_claims_more_rows_than_there_are_is_cut_short() -> None:
    data = bytearray(jpeg("baseline"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 10_000, 10_000)
    with pytest.raises(BadImage, match="cut short"):
        decode(bytes(data))


def test_damage_within_is_taken_as_viewers_take_it_while_the_rows_are_there() -> None:
    whole = jpeg("baseline", 400, 300)
    middle = len(whole) // 2
    for change in (b"\0" * 20, b"\x55" * 20):
        pixels = decode(whole[:middle] + change + whole[middle + 20 :]).pixels
        assert np.abs(pixels[:120].astype(int) - decode(whole).pixels[:120]).max() == 0


def test_bytes_lost_within_are_taken_as_viewers_take_them_within_the_last_row_of_blocks() -> None:
    whole = jpeg("baseline", 400, 300)
    pixels = decode(whole[:-8] + EOI).pixels
    # Blocks are 16 rows high; the row above the last of them, the 288th, is blended with it.
    assert (pixels[:287] == decode(whole).pixels[:287]).all()
    assert (pixels != decode(whole).pixels).any()


def test_running_out_of_data_is_enough_to_be_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    # The other check may fail if the made-up rows are similar by chance.
    from visavis.image import jpeg as module

    monkeypatch.setattr(module, "_FILLER", b"")
    with pytest.raises(BadImage, match="cut short"):
        decode(jpeg("baseline")[:-12])


def test_a_colourless_jpeg_whose_data_end_in_zeros_is_whole_behind_more_of_them() -> None:
    whole = encode(Pil.linear_gradient("L").resize((100, 100)).convert("RGB"), "JPEG", quality=60)
    assert whole[:-2].endswith(b"\0")
    for tail in (b"", b"\0\0", bytes(4096)):
        assert (decode(whole[:-2] + tail).pixels == decode(whole).pixels).all()


def test_the_first_exif_block_counts() -> None:
    blocks = [
        segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHLHH", 0x0112, 3, 1, value, 0))
        for value in (6, 1)
    ]
    assert decode(behind_soi(jpeg("baseline"), *blocks)).size.width == 150
    assert decode(behind_soi(jpeg("baseline"), *reversed(blocks))).size.width == 200


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xE1, b"Exif\0\0" + b"\xff" * 2000),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta" + b"x" * 60_000) * 40,
        segment(0xE2, b"ICC_PROFILE\0\x02\x01junk") * 300,
        segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff"),
        segment(0xFE, b"\0" * 65_000) * 3,
        segment(0xE0, b"JFIF"),
        segment(0xEE, b"Adobe"),
        segment(0xE5, b""),
        b"\xff" * 100,
        segment(0xE5, b"") + b"junk between segments",
    ],
    ids=["exif", "xmp", "icc", "mpf", "photoshop", "comment", "jfif", "adobe", "empty", "fill", "junk"],
)
def test_metadata_change_nothing_in_a_jpeg(extra: bytes) -> None:
    whole = jpeg("baseline")
    assert (decode(behind_soi(whole, extra)).pixels == decode(whole).pixels).all()


def test_a_thumbnail_is_not_the_image() -> None:
    whole, thumbnail = jpeg("baseline"), jpeg("grey", 160, 120)
    for marker, body in ((0xE1, b"Exif\0\0II*\0" + thumbnail), (0xE0, b"JFXX\0\x10" + thumbnail)):
        assert (decode(behind_soi(whole, segment(marker, body))[:-2]).pixels == decode(whole).pixels).all()


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [
        (1, 0xC3, "lossless or hierarchical"),
        (4, 12, "a JPEG with 12 bits per colour"),
        (9, 2, "wrong length"),
        (3, 12, "wrong length|before its first scan"),
    ],
)
def test_a_frame_of_another_kind_is_refused_by_name(at: int, value: int, text: str) -> None:
    data = bytearray(jpeg("baseline"))
    data[data.index(b"\xff\xc0") + at] = value
    with pytest.raises(BadImage, match=text):
        decode(bytes(data))


def test_two_frames_are_refused() -> None:
    data = jpeg("baseline")
    at = data.index(b"\xff\xc0")
    frame = data[at : at + 19]
    with pytest.raises(BadImage, match="two frames"):
        decode(data[:at] + frame + data[at:])


def test_a_jpeg_without_a_scan_or_a_frame_is_refused_by_name() -> None:
    data = jpeg("baseline")
    at = data.index(b"\xff\xc0")
    with pytest.raises(BadImage, match="ends before its first scan"):
        decode(data[: data.index(b"\xff\xda")])
    with pytest.raises(BadImage, match="ends before its first scan"):
        decode(data[:20] + EOI + data[20:])
    with pytest.raises(BadImage, match="without a frame"):
        decode(data[:at] + data[at + 19 :])


def test_what_stands_behind_the_end_marker_does_not_matter() -> None:
    whole = jpeg("baseline")
    for behind in (b"\n", bytes(4096), jpeg("grey"), b"MPF"):
        assert (decode(whole + behind).pixels == decode(whole).pixels).all()


def test_a_difference_in_the_last_row_alone_is_a_difference() -> None:
    from visavis.image.jpeg import _first_difference

    one, other = np.zeros((8, 4, 3), np.uint8), np.zeros((8, 4, 3), np.uint8)
    assert _first_difference(one, other) == 8
    other[7, 3, 2] = 1
    assert _first_difference(one, other) == 7
