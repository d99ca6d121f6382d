"""Reads fitted numbers from JSON files in the package.

`tools/fit_*.py` writes the files; the code reads the member `numbers` only. Each file is an object with these members:

- numbers: the fitted numbers, by the names of the module that reads them
- origin: how the numbers were chosen, and what the tool finds today
- data: the data set of the fit, and the number of faces
- date: of the fit, YYYY-MM-DD
- networks: name -> SHA-256 of each network on whose outputs the numbers were fitted
- tool: the command that fits them again
"""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from visavis.errors import CalibrationMismatch

__all__ = ["MEMBERS", "load_numbers", "parse_numbers"]

MEMBERS = ("numbers", "origin", "data", "date", "networks", "tool")
"""The members of a file of fitted numbers."""

T = TypeVar("T")


def load_numbers(name: str, kind: type[T]) -> T:
    """Read a file of fitted numbers that ships with visavis.

    Args:
        name: of the file in the package, such as `vision/data/confidence.json`.
        kind: a dataclass with a field for each number; see `parse_numbers`.

    Raises:
        CalibrationMismatch: the file cannot be read, or does not contain these numbers.

    Example:
        >>> from visavis.vision.pose import PoseNumbers
        >>> load_numbers("vision/data/pose.json", PoseNumbers).pitch_zero
        3.3
    """
    file = files("visavis").joinpath(*name.split("/"))
    try:
        return parse_numbers(file.read_text("utf-8"), kind)
    except (OSError, UnicodeDecodeError, CalibrationMismatch) as error:
        raise CalibrationMismatch(f"fitted numbers {name}: {error}; install visavis again") from error


def parse_numbers(text: str, kind: type[T]) -> T:
    """Parse the text of a file of fitted numbers.

    Args:
        text: JSON with the members that `MEMBERS` names.
        kind: a dataclass with fields of the types `float`, `int`, `tuple[...]` and `dict[str, ...]`. A JSON array
            becomes a tuple. Its `__post_init__` may raise a ValueError for numbers that are not valid together.

    Raises:
        CalibrationMismatch: the text is not JSON, lacks a member, or its numbers are not those of `kind`.

    Example:
        >>> from visavis.vision.pose import PoseNumbers
        >>> text = '{"numbers": {"pitch_zero": 8}, "origin": "", "data": {}, "date": "", "networks": {}, "tool": ""}'
        >>> parse_numbers(text, PoseNumbers)
        PoseNumbers(pitch_zero=8.0)
    """
    try:
        stored = json.loads(text)
    except ValueError as error:
        raise CalibrationMismatch(f"must be JSON: {error}") from error
    _check_names("the file", stored, MEMBERS)
    hints = get_type_hints(kind)
    numbers = stored["numbers"]
    _check_names("numbers", numbers, tuple(hints))
    try:
        return kind(**{name: _parsed(hint, numbers[name], name) for name, hint in hints.items()})
    except ValueError as error:
        raise CalibrationMismatch(str(error)) from error


def _check_names(what: str, found: object, names: tuple[str, ...]) -> None:
    if not isinstance(found, dict) or set(found) != set(names):
        have = ", ".join(sorted(found)) if isinstance(found, dict) else type(found).__name__
        raise CalibrationMismatch(f"{what} must be an object of {', '.join(names)}, not of {have}")


def _parsed(hint: Any, value: Any, where: str) -> Any:
    """Convert a JSON value to the type `hint`. Errors call it `where`.

    Raises:
        ValueError: the value has another type or is not finite.
    """
    inner = get_args(hint)
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be an object")
        return {name: _parsed(inner[1], item, f"{where}.{name}") for name, item in value.items()}
    if get_origin(hint) is tuple:
        hints = inner[:1] * len(value) if inner[-1] is Ellipsis and isinstance(value, list) else inner
        if not isinstance(value, list) or len(value) != len(hints):
            raise ValueError(f"{where} must be an array of {len(hints)}")
        return tuple(_parsed(h, item, f"{where}[{i}]") for i, (h, item) in enumerate(zip(hints, value, strict=True)))
    if isinstance(value, bool) or not isinstance(value, int if hint is int else (int, float)):
        raise ValueError(f"{where} must be {'a whole number' if hint is int else 'a number'}, not {value!r}")  # noqa: TRY004
    if not math.isfinite(value):
        raise ValueError(f"{where} must be finite")
    return hint(value)
