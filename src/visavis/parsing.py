"""Parses texts of the environment and the command line. A text that is not clearly valid is refused, not guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

__all__ = [
    "BadValue",
    "device",
    "flag",
    "folder_to_make",
    "nonempty",
    "number",
    "one_of",
    "path_prefix",
    "whole_number",
]

Choice = TypeVar("Choice", bound=str)

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
# int() and float() accept more: "1_000", digits of other scripts, "nan", "infinity".
_WHOLE = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_DEVICE = re.compile(r"CPU|GPU(\.(0|[1-9][0-9]?))?|NPU|AUTO")
_MAX_SHOWN = 100


class BadValue(Exception):
    """A text is not a valid value.

    The message continues a sentence that begins with the name of the option or variable.

    Args:
        what: the values that would be right.
        text: the value that was given. The message escapes its control characters.
        why: the cause, if there is more to say.

    Example:
        >>> print(BadValue("a whole number of at least 1", "two"))
        must be a whole number of at least 1, not 'two'
    """

    def __init__(self, what: str, text: str, why: str = "") -> None:
        shown = repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "...")
        super().__init__(f"must be {what}, not {shown}" + (f": {why}" if why else ""))


def whole_number(text: str, *, least: int = 0, most: int | None = None) -> int:
    """A whole number in decimal digits.

    Args:
        text: the digits; white space around them is ignored.
        least: the smallest allowed number, not negative.
        most: the largest allowed number; None for no limit.

    Raises:
        BadValue: the text is not such a number.

    Example:
        >>> whole_number("8", least=1, most=64)
        8
    """
    stripped = text.strip()
    value = int(stripped) if _WHOLE.fullmatch(stripped) else -1
    if value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise BadValue(f"a whole number {limits}", text)
    return value


def number(
    text: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    nonzero: bool = False,
) -> float:
    """A finite number in decimal digits, with or without an exponent.

    Args:
        text: the number; white space around it is ignored.
        least: the smallest allowed number; None for no limit.
        above: a number that the result must exceed; None for no limit.
        most: the largest allowed number; None for no limit.
        nonzero: whether 0 is refused.

    Raises:
        BadValue: the text is not such a number.

    Example:
        >>> number("1e-3", above=0)
        0.001
    """
    stripped = text.strip()
    value = float(stripped) if _NUMBER.fullmatch(stripped) else math.nan
    limits = [f"from {least:g}" if least is not None else "", f"above {above:g}" if above is not None else ""]
    limits += [f"to {most:g}" if least is not None else f"up to {most:g}"] if most is not None else []
    within = (
        math.isfinite(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
        and not (nonzero and value == 0)
    )
    if not within:
        raise BadValue(" ".join(["a number other than 0" if nonzero else "a number", *filter(None, limits)]), text)
    return value


def one_of(text: str, choices: Iterable[Choice]) -> Choice:
    """The one of `choices` that equals `text`; the case does not matter.

    Raises:
        BadValue: none of them does; the message lists them.

    Example:
        >>> one_of("HIGH", ["standard", "high"])
        'high'
    """
    *others, last = choices
    for choice in (*others, last):
        if text.strip().lower() == choice.lower():
            return choice
    listed = f"{', '.join(map(str, others))} or {last}" if others else str(last)
    raise BadValue(listed, text)


def device(text: str) -> str:
    """The name of a device of OpenVINO, in capitals: CPU, GPU, GPU.0 to GPU.99, NPU or AUTO.

    The case of `text` does not matter. Whether the machine has the device is not checked.

    Raises:
        BadValue: the text is not such a name.

    Example:
        >>> device("gpu.1")
        'GPU.1'
    """
    name = text.strip().upper()
    if not _DEVICE.fullmatch(name):
        raise BadValue("CPU, GPU, GPU.0 (GPU.1 and so on), NPU or AUTO", text)
    return name


def flag(text: str) -> bool:
    """True for 1, true, yes or on; False for 0, false, no or off; the case does not matter.

    Raises:
        BadValue: the text is none of these.

    Example:
        >>> flag("false")
        False
    """
    value = text.strip().lower()
    if value not in _TRUE | _FALSE:
        raise BadValue("1 or 0", text)
    return value in _TRUE


def nonempty(text: str) -> str:
    """`text` without the white space around it.

    Raises:
        BadValue: the text is empty or contains control characters.
    """
    value = text.strip()
    if not value or not value.isprintable():
        raise BadValue("a text that is not empty, on one line", text)
    return value


def path_prefix(text: str) -> str:
    """A path such as `/faces`, without a slash at its end; the empty text is allowed.

    Raises:
        BadValue: the text is not such a path.
    """
    if not _PREFIX.fullmatch(text):
        raise BadValue("a path such as /faces, without a slash at its end", text)
    return text


def folder_to_make(text: str) -> Path:
    """The path of a folder that exists or can be created; `~` is the user's home.

    Raises:
        BadValue: the text is empty, or the path or a part of it exists and is not a folder.
    """
    what = "a folder, which is created if it does not exist"
    if not text.strip() or "\0" in text:
        raise BadValue(what, text)
    try:
        path = Path(text).expanduser()
        nearest = next((p for p in (path, *path.absolute().parents) if p.exists()), path)
        is_folder = nearest.is_dir()
    except (OSError, RuntimeError) as error:  # RuntimeError: `~` names an unknown user
        raise BadValue(what, text, getattr(error, "strerror", None) or str(error)) from error
    if not is_folder:
        raise BadValue(what, text, "it is a file" if nearest == path else f"{nearest} is a file")
    return path
