"""A typed request against the service model: every violation, told in the words of a ValidationException."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from visavis.api.decoding import Fields
from visavis.api.shapes import Shape
from visavis.aws.wire import WireError

__all__ = ["Violation", "check", "violations"]

SHOWN = 2048
"""Characters of an offending value that a message repeats: every legal value fits, a text of megabytes does not."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint.

    path:     of the member, as `sourceImage.s3Object.name`
    shown:    its value as Amazon repeats it to the caller; a name or part of one, so never for a log
    measured: what a log may say of the value: a number, a length, or nothing
    clause:   the constraint, in the model's words
    """

    path: str
    shown: str
    measured: str
    clause: str

    def __str__(self) -> str:
        return f"Value {self.shown} at '{self.path}' failed to satisfy constraint: Member {self.clause}"

    @property
    def reason(self) -> str:
        return " ".join(part for part in (self.path, self.measured, self.clause) if part)


def check(shape: Shape, fields: Fields) -> None:
    """Pass `fields` only if they keep every constraint of `shape`.

    Raises:
        WireError: ValidationException, which lists all violations; its `reason` repeats no text of the caller's.
    """
    found = list(violations(shape, fields))
    if found:
        plural = "s" if len(found) > 1 else ""
        text = f"{len(found)} validation error{plural} detected: {'; '.join(map(str, found))}"
        reason = "; ".join(violation.reason for violation in found)
        raise WireError(400, "ValidationException", text, "framework", reason)


def violations(shape: Shape, fields: Fields, path: str = "") -> Iterator[Violation]:
    """What is wrong with `fields`, in the model's order. `path` leads to the structure and ends in a dot."""
    for name, member in shape.members.items():
        here = path + name[0].lower() + name[1:]
        if name not in fields:
            if name in shape.required:
                yield Violation(here, "null", "", "must not be null")
            continue
        value = fields[name]
        if isinstance(value, dict):
            yield from violations(member, value, here + ".")
        else:
            shown, measured = f"'{_show(value)}'", _measure(value)
            yield from (Violation(here, shown, measured, clause) for clause in _clauses(member, value))


def _clauses(shape: Shape, value: bytes | str | float) -> Iterator[str]:
    if isinstance(value, str):
        if shape.enum and value not in shape.enum:
            yield f"must satisfy enum value set: [{', '.join(shape.enum)}]"
        if shape.pattern is not None and not re.fullmatch(shape.pattern, value):
            yield f"must satisfy regular expression pattern: {shape.pattern}"
    measure, amount = ("value", value) if isinstance(value, float) else ("length", len(value))
    # NaN is neither, so one of the two comparisons is turned round for it to fail.
    if shape.maximum is not None and not amount <= shape.maximum:
        yield f"must have {measure} less than or equal to {shape.maximum}"
    if shape.minimum is not None and amount < shape.minimum:
        yield f"must have {measure} greater than or equal to {shape.minimum}"


def _measure(value: bytes | str | float) -> str:
    if isinstance(value, float):
        return f"is {value:g} and"
    return f"has {len(value)} {'bytes' if isinstance(value, bytes) else 'characters'} and"


def _show(value: bytes | str | float) -> str:
    """`value` as Java prints it."""
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, str):
        return value[:SHOWN]
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else str(value)
