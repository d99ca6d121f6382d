from __future__ import annotations

import math
from pathlib import Path

import pytest

from visavis.face import QualityFilter
from visavis.parsing import BadValue, flag, folder_to_make, nonempty, number, one_of, whole_number


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("7", 7), (" 7 ", 7), ("007", 7)])
def test_a_whole_number_is_read(text: str, value: int) -> None:
    assert whole_number(text) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", "1_000", "\u0663", "nan", "two", "9" * 5000])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="must be a whole number of at least 0, not '"):
        whole_number(text)


@pytest.mark.parametrize(("text", "right"), [("1", False), ("2", True), ("5", True), ("6", False)])
def test_the_limits_of_a_whole_number_belong_to_it(text: str, right: bool) -> None:
    if right:
        assert whole_number(text, least=2, most=5) == int(text)
    else:
        with pytest.raises(BadValue, match=f"must be a whole number from 2 to 5, not '{text}'"):
            whole_number(text, least=2, most=5)


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("-2.5", -2.5), ("+.5", 0.5), ("1.", 1.0), ("1e2", 100.0)])
def test_a_number_is_read(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "nan", "NaN", "inf", "-inf", "infinity", "1e999", "1_0", "0x10", "1,5", "\u0661"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="must be a number, not '"):
        number(text)


def test_the_limits_of_a_number_are_kept_and_told() -> None:
    assert number("0", least=0, most=100) == 0
    assert number("100", least=0, most=100) == 100
    for text in ("-0.1", "100.1"):
        with pytest.raises(BadValue, match=f"must be a number from 0 to 100, not '{text}'"):
            number(text, least=0, most=100)
    with pytest.raises(BadValue, match="must be a number above 0 up to 9, not '0'"):
        number("0", above=0, most=9)
    with pytest.raises(BadValue, match=r"must be a number other than 0, not '0\.0'"):
        number("0.0", nonzero=True)
    assert math.isclose(number("0.001", above=0), 0.001)


def test_a_choice_is_read_in_small_letters_or_large_and_keeps_its_type() -> None:
    assert one_of("auto", tuple(QualityFilter)) is QualityFilter.AUTO
    assert one_of("High", ("standard", "high")) == "high"
    with pytest.raises(BadValue, match="must be NONE, LOW, AUTO, MEDIUM or HIGH, not 'best'"):
        one_of("best", tuple(QualityFilter))
    with pytest.raises(BadValue, match="must be arcface112, not ''"):
        one_of("", ("arcface112",))


def test_a_flag_is_yes_or_no() -> None:
    assert [flag(text) for text in ("1", "True", "YES", "on")] == [True] * 4
    assert [flag(text) for text in ("0", "False", "NO", "off")] == [False] * 4
    with pytest.raises(BadValue, match="must be 1 or 0, not 'maybe'"):
        flag("maybe")


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "\x1b[31mred"])
def test_an_empty_text_or_one_with_control_characters_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="must be a text that is not empty, on one line"):
        nonempty(text)


def test_a_folder_may_be_made_but_not_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert folder_to_make(str(tmp_path)) == tmp_path
    assert folder_to_make(str(tmp_path / "new/one")) == tmp_path / "new/one"
    with pytest.raises(
        BadValue, match=r"must be a folder, which is created if it does not exist, not '.*': it is a file"
    ):
        folder_to_make(str(tmp_path / "file"))
    with pytest.raises(BadValue, match=f"{tmp_path / 'file'} is a file"):
        folder_to_make(str(tmp_path / "file/below"))
    for text in ("", "~nobody-of-this-name/x", "zero\0byte"):
        with pytest.raises(BadValue, match="must be a folder"):
            folder_to_make(text)


def test_a_long_text_is_shown_in_part_and_control_characters_escaped() -> None:
    with pytest.raises(BadValue) as error:
        whole_number("\x1b" + "9" * 10_000)
    assert len(str(error.value)) < 200
    assert "\\x1b999" in str(error.value)
