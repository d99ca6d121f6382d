"""Checks a typed request against the service model and reports every violation as a ValidationException does."""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from visavis.api.decoding import Fields
from visavis.api.shapes import Shape
from visavis.aws.wire import WireError

__all__ = ["Violation", "check", "violations"]

MAX_VALUE_SHOWN = 2048
"""Characters of a wrong value that a message repeats at most. Every valid value is shorter."""

CONTAINERS = ("structure", "list", "map")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint.

    Attributes:
        path: the path of the member, such as `sourceImage.s3Object.name` or `userIds.1.member`.
        shown: the value as Amazon repeats it to the caller. It may be a person's name, so it is never logged.
        measured: what the log says about the value: a number, a length, or nothing.
        clause: the constraint in Amazon's words.
        subject: what the constraint applies to: the member, or the keys or values of a map.
    """

    path: str
    shown: str
    measured: str
    clause: str
    subject: str = "Member"

    def __str__(self) -> str:
        return f"Value {self.shown} at '{self.path}' failed to satisfy constraint: {self.subject} {self.clause}"

    @property
    def reason(self) -> str:
        """The violation in words for the log, without the value."""
        subject = "" if self.subject == "Member" else self.subject.lower()
        return " ".join(part for part in (self.path, self.measured, subject, self.clause) if part)


def check(shape: Shape, fields: Fields) -> None:
    """Accept `fields` if they meet every constraint of `shape`.

    Raises:
        WireError: ValidationException, which lists all violations. Its `reason` repeats no text of the caller.
    """
    found = list(violations(shape, fields))
    if found:
        plural = "s" if len(found) > 1 else ""
        text = f"{len(found)} validation error{plural} detected: {'; '.join(map(str, found))}"
        reason = "; ".join(violation.reason for violation in found)
        raise WireError(400, "ValidationException", text, "framework", reason)


def violations(shape: Shape, fields: Fields, path: str = "") -> Iterator[Violation]:
    """Every violation in `fields`, in the model's order.

    Args:
        shape: the structure in the service model.
        fields: the members, typed.
        path: the path of the structure with a dot at its end; empty for the request itself.

    Yields:
        A violation for each constraint that a member breaks.

    Example:
        >>> from visavis.api.shapes import input_of
        >>> for violation in violations(input_of("CompareFaces"), {"SourceImage": {}, "SimilarityThreshold": 101.0}):
        ...     print(violation.reason)
        targetImage must not be null
        similarityThreshold is 101 and must have value less than or equal to 100
    """
    for name, member in shape.members.items():
        here = path + name[0].lower() + name[1:]
        if name in fields:
            yield from _violations_of(member, fields[name], here)
        elif name in shape.required:
            yield Violation(here, "null", "", "must not be null")


def _violations_of(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if shape.kind == "structure":
        yield from violations(shape, value, path + ".")
        return
    shown, measured = f"'{_show(value)}'", _measure(value)
    yield from (Violation(path, shown, measured, clause) for clause, kept in _constraints(shape, value) if not kept)
    if shape.item is None:
        return
    if shape.item.kind in CONTAINERS:
        for i, item in enumerate(value, 1):
            yield from _violations_of(shape.item, item, f"{path}.{i}.member")
        return
    if shape.key is not None:
        for clause in _broken_by_one(shape.key, list(value)):
            yield Violation(path, shown, measured, clause, "Map keys")
        for clause in _broken_by_one(shape.item, list(value.values())):
            yield Violation(path, shown, measured, clause, "Map value")
    else:
        yield from (Violation(path, shown, measured, clause) for clause in _broken_by_one(shape.item, value))


def _broken_by_one(shape: Shape, values: Sequence[Any]) -> Iterator[str]:
    """The clause for a list or map with a value that breaks a constraint; it names all constraints of the values."""
    for value in values:
        constraints = list(_constraints(shape, value))
        if not all(kept for _, kept in constraints):
            yield f"must satisfy constraint: [{', '.join(f'Member {clause}' for clause, _ in constraints)}]"
            return


def _constraints(shape: Shape, value: Any) -> Iterator[tuple[str, bool]]:
    """Each constraint of `shape` in Amazon's words, and whether `value` meets it."""
    if shape.enum:
        yield f"must satisfy enum value set: [{', '.join(shape.enum)}]", value in shape.enum
    if shape.pattern is not None:
        kept = _compiled(shape.pattern).fullmatch(value) is not None
        yield f"must satisfy regular expression pattern: {shape.pattern}", kept
    measure, amount = ("value", value) if isinstance(value, int | float) else ("length", len(value))
    # Comparisons with NaN are false. This way NaN breaks the maximum only, and not the minimum as well.
    if shape.maximum is not None:
        yield f"must have {measure} less than or equal to {shape.maximum}", amount <= shape.maximum
    if shape.minimum is not None:
        yield f"must have {measure} greater than or equal to {shape.minimum}", not amount < shape.minimum


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    r"""A pattern of the model as a Python expression: the model's patterns are Java's, and Python has no `\p{L}`."""
    return re.compile(re.sub(r"\\p\{(\w)\}", lambda found: _category(found[1]), pattern))


@cache
def _category(initial: str) -> str:
    """The characters whose Unicode category begins with `initial`, as ranges for a set of an expression."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == initial:
            if not ranges or ranges[-1][1] != code - 1:
                ranges.append([code, code])
            ranges[-1][1] = code
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def _measure(value: Any) -> str:
    if isinstance(value, int | float):
        return f"is {value if isinstance(value, int) else format(value, 'g')} and"
    unit = "bytes" if isinstance(value, bytes) else "characters" if isinstance(value, str) else "items"
    return f"has {len(value)} {unit} and"


def _show(value: Any) -> str:
    """`value` as Java prints it, cut to `MAX_VALUE_SHOWN` characters."""
    match value:
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case str():
            return value[:MAX_VALUE_SHOWN]
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case list():
            return f"[{', '.join(map(_show, value[:MAX_VALUE_SHOWN]))[:MAX_VALUE_SHOWN]}]"
        case dict():
            return f"{{{', '.join(f'{key}={_show(inner)}' for key, inner in value.items())[:MAX_VALUE_SHOWN]}}}"
    return str(value)
