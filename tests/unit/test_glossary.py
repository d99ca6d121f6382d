"""Every name of the glossary exists."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/glossary.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| term |")
]
NAMES = sorted({name for row in ROWS for name in re.findall(r"`([^`]+)`", row[-1])})


def exists(name: str) -> bool:
    """Whether `visavis.NAME` is a module, or something in one; a field of a class counts, with or without a value."""
    words = f"visavis.{name}".split(".")
    module = next(n for n in range(len(words), 0, -1) if found(".".join(words[:n])))
    thing: object = import_module(".".join(words[:module]))
    for word in words[module:]:
        if word in getattr(thing, "__dataclass_fields__", {}):
            return word == words[-1]
        if not hasattr(thing, word):
            return False
        thing = getattr(thing, word)
    return True


def found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_glossary_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("name", ["nothing", "face.Nothing", "face.Face.nothing", "face.Face.box.left"])
def test_what_is_not_there_is_noticed(name: str) -> None:
    assert not exists(name)


def test_every_row_has_a_term_a_meaning_and_a_place() -> None:
    assert all(len(row) == 3 and all(row) and "`" in row[2] for row in ROWS)


def test_no_term_has_two_meanings() -> None:
    terms = [term.strip() for row in ROWS for term in row[0].split(",")]
    assert len(set(terms)) == len(terms)
