"""Which images and options the library accepts, and its errors for others."""

from __future__ import annotations

import io
import os
from http.client import IncompleteRead
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from visavis.compare_options import CompareOptions
from visavis.errors import InvalidRequest
from visavis.face import Detail, QualityFilter
from visavis.inputs import bytes_or_pixels

DATA = b"\xff\xd8\xff of an image"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind_are_taken(kind: type) -> None:
    assert bytes_or_pixels(kind(DATA)) == DATA


def test_a_path_of_any_kind_is_read(file: Path) -> None:
    class Entry:
        def __fspath__(self) -> str:
            return str(file)

    (found,), (in_bytes,) = os.scandir(file.parent), os.scandir(os.fsencode(file.parent))
    assert [bytes_or_pixels(path) for path in (file, Entry(), found, in_bytes)] == [DATA] * 4


def test_an_open_file_is_read_from_where_it_stands(file: Path) -> None:
    with file.open("rb") as opened:
        opened.seek(3)
        assert bytes_or_pixels(opened) == DATA[3:]
    assert bytes_or_pixels(io.BytesIO(DATA)) == DATA


class Drops:
    """An unbuffered file: each read returns the next part, or raises it if it is an error."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = list(parts)

    def read(self, _: int) -> bytes:
        part = self.parts.pop(0) if self.parts else b""
        if isinstance(part, Exception):
            raise part
        return part


def test_a_file_that_gives_a_part_at_a_time_is_read_to_its_end() -> None:
    assert bytes_or_pixels(Drops(DATA[:3], DATA[3:5], DATA[5:])) == DATA


def test_a_file_is_read_no_further_than_an_image_may_be_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.inputs.LARGEST_FILE", 10)
    assert bytes_or_pixels(Drops(b"12345", b"67890")) == b"1234567890"
    endless = Drops(*[b"12345"] * 1000)
    with pytest.raises(InvalidRequest, match="the open file has more than"):
        bytes_or_pixels(endless)
    assert len(endless.parts) == 997


def test_what_a_file_of_another_library_raises_is_an_invalid_request() -> None:
    for error in (EOFError("gone"), IncompleteRead(b""), RuntimeError("gone")):
        with pytest.raises(InvalidRequest, match="the open file cannot be read: ") as caught:
            bytes_or_pixels(Drops(DATA, error))
        assert caught.value.__cause__ is error


def test_a_view_that_was_released_is_named() -> None:
    view = memoryview(DATA)
    view.release()
    with pytest.raises(InvalidRequest, match=r"the memoryview cannot be read: .*released"):
        bytes_or_pixels(view)


def test_pixels_are_copied_so_that_the_caller_may_go_on_writing() -> None:
    array = np.zeros((4, 5, 3), np.uint8)
    taken = bytes_or_pixels(array[:, ::-1])
    array[:] = 9
    assert isinstance(taken, np.ndarray)
    assert not taken.any()


def test_pixels_are_taken_in_any_order_of_memory() -> None:
    taken = bytes_or_pixels(np.zeros((5, 4, 3), np.uint8).transpose(1, 0, 2))
    assert isinstance(taken, np.ndarray)
    assert taken.shape == (4, 5, 3)
    assert taken.flags.c_contiguous


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("a.jpg", "wrap the path of a file in pathlib.Path"),
        ("https://example.com/a.jpg", "opens no URL"),
        (None, r"an image must be bytes, a path, a file opened in binary mode, or an RGB array .*, not NoneType"),
        (7, "not int"),
        (Pil.new("RGB", (9, 9)), r"with Pillow that is numpy.asarray\(image.convert\('RGB'\)\)"),
        (io.StringIO("text"), "gives str, not bytes: open it in binary mode, 'rb'"),
        (np.zeros((4, 5), np.uint8), r"must be RGB, \(h, w, 3\) uint8; this one is \(4, 5\) uint8"),
        (np.zeros((4, 5, 4), np.uint8), r"this one is \(4, 5, 4\) uint8"),
        (np.zeros((4, 5, 3)), r"this one is \(4, 5, 3\) float64"),
        (Path("not there.jpg"), "not there.jpg cannot be read: No such file or directory"),
        (Path(), "is a folder; name one image in it"),
        (Path("a\0b"), "cannot be read"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_anything_else_is_refused_with_what_would_be_right(image: object, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        bytes_or_pixels(image)


def test_a_closed_file_and_one_that_cannot_be_read_are_named(file: Path) -> None:
    opened = file.open("rb")
    opened.close()
    with pytest.raises(InvalidRequest, match="the open file cannot be read"):
        bytes_or_pixels(opened)
    with file.open("ab") as written, pytest.raises(InvalidRequest, match="the open file cannot be read"):
        bytes_or_pixels(written)


def test_a_file_without_an_end_is_refused_before_it_fills_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visavis.inputs.LARGEST_FILE", 1000)
    with pytest.raises(InvalidRequest, match="has more than"):
        bytes_or_pixels(Path("/dev/zero"))


@pytest.mark.parametrize("value", ["80", 80, 80.0, np.float32(80), "8e1"])
def test_a_threshold_may_be_any_number_or_its_text(value: float) -> None:
    assert CompareOptions(similarity_threshold=value).similarity_threshold == 80.0


@pytest.mark.parametrize("value", [0, 100])
def test_a_threshold_may_be_either_end(value: int) -> None:
    assert CompareOptions(similarity_threshold=value).similarity_threshold == value


@pytest.mark.parametrize("value", ["eighty", None, float("nan"), "nan", "inf", -0.1, 100.1, True, [80], 10**400])
def test_a_threshold_that_is_none_is_named(value: float) -> None:
    with pytest.raises(InvalidRequest, match="similarity_threshold must be a number from 0 to 100, not"):
        CompareOptions(similarity_threshold=value)


def test_choices_may_be_texts_in_any_case() -> None:
    options = CompareOptions(quality_filter="auto", detail="minimal")  # type: ignore[arg-type]
    assert (options.quality_filter, options.detail) == (QualityFilter.AUTO, Detail.MINIMAL)
    assert CompareOptions(quality_filter=QualityFilter.HIGH).quality_filter is QualityFilter.HIGH


@pytest.mark.parametrize("value", ["WRONG", "", None, 3])
def test_a_choice_that_is_none_lists_the_choices(value: object) -> None:
    with pytest.raises(InvalidRequest, match="quality_filter must be one of NONE, LOW, AUTO, MEDIUM, HIGH, not"):
        CompareOptions(quality_filter=value)  # type: ignore[arg-type]


def test_a_review_band_may_be_a_list_of_texts() -> None:
    assert CompareOptions(review=["60", 80]).review == (60.0, 80.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [(80, 60), (1, 2, 3), "12", 5, (0, 101)])
def test_a_review_band_that_is_none_is_named(value: object) -> None:
    with pytest.raises(InvalidRequest, match="review must be"):
        CompareOptions(review=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", [DATA * 1000, bytearray(DATA), [DATA], np.zeros((9, 9, 3), np.uint8)])
@pytest.mark.parametrize("argument", ["similarity_threshold", "quality_filter", "detail", "review"])
def test_an_image_passed_for_something_else_is_not_in_the_text_of_the_error(image: object, argument: str) -> None:
    with pytest.raises(InvalidRequest, match=argument) as caught:
        CompareOptions(**{argument: image})  # type: ignore[arg-type]
    text = str(caught.value)
    assert len(text) < 150
    assert "xff" not in text
    assert "image" not in text
