"""docs/house-style.md quotes the project's code, and its limits of size hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import visavis

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(visavis.__file__).parent
PAGE = (ROOT / "docs/house-style.md").read_text("utf-8")
MAX_LINES_OF_FILE = 300
MAX_LINES_OF_FUNCTION = 60
QUOTES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_every_block_of_python_names_its_file() -> None:
    assert len(QUOTES) == PAGE.count("```python") > 0


@pytest.mark.parametrize(("file", "code"), QUOTES, ids=[file for file, _ in QUOTES])
def test_each_quoted_line_stands_in_its_file_in_this_order(file: str, code: str) -> None:
    rest = (ROOT / file).read_text("utf-8")
    for line in code.splitlines():
        if line.strip() not in ("", "..."):
            _, found, rest = rest.partition(line.strip())
            assert found, f"{file} has no line {line.strip()!r} there"


def python_files() -> Iterator[tuple[str, str]]:
    """The path of each file of the package, relative to it, and its text."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path.read_text("utf-8")


def functions_of(text: str) -> Iterator[tuple[str, int]]:
    """Each function as line:name, and its number of lines from `def` to the end, docstring included.

    Decorators are not counted, because those of a command are its table of options.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{node.lineno}:{node.name}", node.end_lineno - node.lineno + 1


def test_no_file_of_the_package_has_over_300_lines() -> None:
    lengths = {file: len(text.splitlines()) for file, text in python_files()}
    assert lengths
    assert {file: lines for file, lines in lengths.items() if lines > MAX_LINES_OF_FILE} == {}


def test_no_function_of_the_package_has_over_60_lines() -> None:
    lengths = {f"{file}:{function}": n for file, text in python_files() for function, n in functions_of(text)}
    assert lengths
    assert {function: lines for function, lines in lengths.items() if lines > MAX_LINES_OF_FUNCTION} == {}


def test_a_function_is_as_long_as_from_its_def_to_its_last_line() -> None:
    text = "@one\ndef outer():\n    async def inner():\n        return 1\n\n    return inner\n\n\nx = 1\n"
    assert dict(functions_of(text)) == {"2:outer": 5, "3:inner": 2}
