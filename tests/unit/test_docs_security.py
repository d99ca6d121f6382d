"""docs/security.md gives every bound with the number that the code has."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

import visavis
from visavis.api.shapes import input_of
from visavis.image.limits import Limits
from visavis.server.config import ServerConfig

SOURCE = Path(visavis.__file__).parent
PAGE = (Path(__file__).resolve().parents[2] / "docs/security.md").read_text("utf-8")

UNITS = {"KiB": 1024, "MiB": 1024**2}

NAME_OF_A_BOUND = re.compile(r"(MAX|MOST|LARGEST|LONGEST)_\w+|\w+_(LIMIT|SECONDS|BYTES)")

OF_CALLERS = ("server", "gateway", "aws", "api", "image", "models", "batch", "inputs", "settings", "analysis", "cli")
"""The parts of the package that handle what callers, stores and files give."""

NO_BOUNDS = {
    "batch.drawings.LONGEST_ID": "part of a file's name",
    "image.jpeg.MAX_DCT_SCALING": "what the decoder can do",
}
"""Constants whose names are those of bounds, and what they are."""


def table() -> dict[str, tuple[str, str]]:
    """What is bounded -> its number as the page gives it, and the constant or an empty text."""
    (section,) = re.findall(r"^## Bounds\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| **")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]
    return {what: (number, constant.strip("`")) for what, number, _setting, _origin, constant in rows}


def number_in(text: str) -> float:
    """The last number of a cell, times its unit."""
    number, unit = re.findall(r"([\d,]*\d)(?: (\w+))?", text)[-1]
    return float(number.replace(",", "")) * UNITS.get(unit, 1)


def value_of(constant: str) -> object:
    """The value of `module.NAME`, or of the default in `module.callable(parameter)`."""
    path, _, parameter = constant.rstrip(")").partition("(")
    module, _, name = path.rpartition(".")
    found = getattr(import_module(f"visavis.{module}"), name)
    value = inspect.signature(found).parameters[parameter].default if parameter else found
    return value.total_seconds() if isinstance(value, timedelta) else value


def constants() -> Iterator[str]:
    """The public constants of the code that have the name of a bound."""
    for part in OF_CALLERS:
        for path in [SOURCE / f"{part}.py", *sorted((SOURCE / part).rglob("*.py"))]:
            if not path.exists():
                continue
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.parse(path.read_text("utf-8")).body:
                targets = node.targets if isinstance(node, ast.Assign) else []
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                yield from (f"{module}.{name}" for name in names if NAME_OF_A_BOUND.fullmatch(name))


CHECKED = {what: row for what, row in table().items() if row[1]}


@pytest.mark.parametrize("what", CHECKED)
def test_the_number_of_a_bound_is_that_of_the_code(what: str) -> None:
    number, constant = CHECKED[what]
    assert number_in(number) == value_of(constant), f"{what}: {constant} is {value_of(constant)}"


def test_most_bounds_name_their_constant() -> None:
    assert len(CHECKED) > 30


def test_every_constant_that_is_a_bound_has_a_row() -> None:
    found = set(constants())
    assert {"server.config.MAX_BODY", "aws.authorization.MAX_SKEW", "inputs.LARGEST_FILE"} <= found
    assert set(NO_BOUNDS) <= found
    assert found - {constant for _, constant in CHECKED.values()} == set(NO_BOUNDS)


@pytest.mark.parametrize("kind", [ServerConfig, Limits])
def test_every_number_of_a_configuration_has_a_row(kind: type[ServerConfig | Limits]) -> None:
    module = kind.__module__.removeprefix("visavis.")
    numbers = {f.name: f.default for f in fields(kind) if f.type in {"int", "float"}}
    told = [value_of(constant) for _, constant in CHECKED.values() if constant.startswith(f"{module}.")]
    missing = {name for name, default in numbers.items() if name != "workers" and default not in told}
    assert missing == set()


def test_the_image_in_a_request_has_the_limit_of_the_model() -> None:
    number, _ = table()["image in `Bytes`"]
    assert number_in(number) == input_of("CompareFaces").members["SourceImage"].members["Bytes"].maximum
