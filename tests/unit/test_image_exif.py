"""The orientation is the one that Pillow reads, and damaged EXIF blocks are harmless."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil

from visavis.image.exif import orientation, upright

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
LETTERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}


def block(order: str, entries: list[tuple[int, int, int, bytes]], offset: int = 8) -> bytes:
    """A TIFF block with one directory of entries: tag, type, count and the four bytes of the value."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    packed = b"".join(struct.pack(f"{order}HHL", tag, kind, count) + value for tag, kind, count, value in entries)
    directory = struct.pack(f"{order}H", len(entries)) + packed + bytes(4)
    return magic + struct.pack(f"{order}L", offset) + bytes(offset - 8) + directory


def turned(order: str, kind: int, value: int) -> tuple[int, int, int, bytes]:
    return 0x0112, kind, 1, struct.pack(order + LETTERS[kind], value).ljust(4, b"\0")


def by_pillow(tiff: bytes) -> int:
    exif = Pil.Exif()
    exif.load(b"Exif\0\0" + tiff)
    value = exif.get(0x0112, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@given(
    order=st.sampled_from("<>"),
    kind=st.sampled_from(list(LETTERS)),
    value=st.integers(0, 12),
    offset=st.sampled_from([8, 10, 26]),
    others=st.lists(st.integers(0x0100, 0x9999).filter(lambda tag: tag != 0x0112), max_size=12, unique=True),
)
def test_it_reads_what_pillow_reads(order: str, kind: int, value: int, offset: int, others: list[int]) -> None:
    entries = [(tag, 3, 1, struct.pack(f"{order}HH", tag, 0)) for tag in others]
    tiff = block(order, sorted([*entries, turned(order, kind, value)]), offset)
    assert orientation(tiff) == by_pillow(tiff)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    for magic in (b"II*\0", b"MM\0*", b""):
        assert 1 <= orientation(magic + data) <= 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_all_eight_are_read_in_both_byte_orders(order: str, value: int) -> None:
    assert orientation(block(order, [turned(order, 3, value)])) == value


def test_several_values_or_another_type_are_no_orientation() -> None:
    assert orientation(block("<", [(0x0112, 3, 2, b"\6\0\6\0")])) == 1
    assert orientation(block("<", [(0x0112, 2, 1, b"6\0\0\0")])) == 1


def test_entries_that_point_nowhere_do_not_hide_it() -> None:
    wild = [(0x0100, kind, 2**31, b"\xff" * 4) for kind in SIZES]
    assert orientation(block(">", [*wild, turned(">", 3, 6)])) == 6


def test_a_directory_that_is_cut_off_counts_up_to_there() -> None:
    tiff = block("<", [turned("<", 3, 6), (0x0128, 3, 1, b"\2\0\0\0")])
    assert orientation(tiff[:-14]) == 6
    assert orientation(tiff[:-20]) == 1


def test_undoing_an_orientation_keeps_every_pixel() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    for value in range(1, 9):
        assert sorted(upright(pixels, value).ravel()) == sorted(pixels.ravel())
        assert upright(pixels, value).shape == ((2, 3, 3) if value < 5 else (3, 2, 3))
