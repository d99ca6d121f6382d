"""Text to value, for the environment and the command line. What is not clearly valid is refused, never guessed."""

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
# Not what int() and float() take, which is more: "1_000", digits of other scripts, "nan", "infinity".
_WHOLE = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_DEVICE = re.compile(r"CPU|GPU(\.(0|[1-9][0-9]?))?|NPU|AUTO")
_LONGEST_SHOWN = 100


class BadValue(Exception):
    """A text that is not a valid value.

    Its message reads on from the name of the option or variable: "must be a whole number of at least 1, not 'two'".

    Args:
        what: what would be right.
        text: what was given; shown with control characters escaped.
        why: more about it, if there is more to say.
    """

    def __init__(self, what: str, text: str, why: str = "") -> None:
        shown = repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
        super().__init__(f"must be {what}, not {shown}" + (f": {why}" if why else ""))


def whole_number(text: str, *, least: int = 0, most: int | None = None) -> int:
    """A whole number in decimal digits, from `least`, which is not negative, to `most`.

    Raises:
        BadValue: it is not one.
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
    """A finite number: not below `least`, greater than `above`, not over `most`, and not 0 if it must not be.

    Raises:
        BadValue: it is not one.
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
    """The one of `choices` that `text` is, in small letters or large.

    Raises:
        BadValue: it is none of them; the message lists them.
    """
    *others, last = choices
    for choice in (*others, last):
        if text.strip().lower() == choice.lower():
            return choice
    listed = f"{', '.join(map(str, others))} or {last}" if others else str(last)
    raise BadValue(listed, text)


def device(text: str) -> str:
    """A device as OpenVINO names it, in capitals: CPU, GPU, GPU.0 to GPU.99, NPU or AUTO. The case does not matter.

    Whether the machine has it is not checked here.

    Raises:
        BadValue: it is no such name.
    """
    name = text.strip().upper()
    if not _DEVICE.fullmatch(name):
        raise BadValue("CPU, GPU, GPU.0 (GPU.1 and so on), NPU or AUTO", text)
    return name


def flag(text: str) -> bool:
    """Yes or no.

    Raises:
        BadValue: it is neither.
    """
    value = text.strip().lower()
    if value not in _TRUE | _FALSE:
        raise BadValue("1 or 0", text)
    return value in _TRUE


def nonempty(text: str) -> str:
    """A text on one line that is not empty; white space around it is dropped.

    Raises:
        BadValue: it is empty, or holds control characters.
    """
    value = text.strip()
    if not value or not value.isprintable():
        raise BadValue("a text that is not empty, on one line", text)
    return value


def path_prefix(text: str) -> str:
    """The path before the operation's root, without a slash at its end; empty for none.

    Raises:
        BadValue: it is not such a path.
    """
    if not _PREFIX.fullmatch(text):
        raise BadValue("a path such as /faces, without a slash at its end", text)
    return text


def folder_to_make(text: str) -> Path:
    """The path of a folder that is there, or is not there and can be made; `~` is the user's home.

    Raises:
        BadValue: it is empty, something else has this name, or a part of the path is no folder.
    """
    what = "a folder, which is made if it is not there"
    if not text.strip() or "\0" in text:
        raise BadValue(what, text)
    try:
        path = Path(text).expanduser()
        nearest = next((p for p in (path, *path.absolute().parents) if p.exists()), path)
        is_folder = nearest.is_dir()
    except (OSError, RuntimeError) as error:  # the second where `~` names nobody
        raise BadValue(what, text, getattr(error, "strerror", None) or str(error)) from error
    if not is_folder:
        raise BadValue(what, text, "it is a file" if nearest == path else f"{nearest} is a file")
    return path
