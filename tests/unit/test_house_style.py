"""The code that docs/house-style.md quotes is the project's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/house-style.md").read_text("utf-8")
QUOTES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_every_block_of_python_names_its_file() -> None:
    assert len(QUOTES) == PAGE.count("```python") > 0


@pytest.mark.parametrize(("file", "code"), QUOTES, ids=[file for file, _ in QUOTES])
def test_each_quoted_line_stands_in_its_file_in_this_order(file: str, code: str) -> None:
    rest = (ROOT / file).read_text("utf-8")
    for line in code.splitlines():
        if line.strip() != "...":
            _, found, rest = rest.partition(line.strip())
            assert found, f"{file} has no line {line.strip()!r} there"
