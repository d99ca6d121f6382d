"""A typed request against the service model: every violation, told in the words of a ValidationException."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from visavis.api.decoding import Fields
from visavis.api.shapes import Shape
from visavis.aws.wire import WireError

__all__ = ["check", "violations"]

SHOWN = 2048
"""Characters of an offending value that a message repeats: every legal value fits, a text of megabytes does not."""


def check(shape: Shape, fields: Fields) -> None:
    """Pass `fields` only if they keep every constraint of `shape`.

    Raises:
        WireError: ValidationException, which tells all violations at once.
    """
    found = list(violations(shape, fields))
    if found:
        plural = "s" if len(found) > 1 else ""
        text = f"{len(found)} validation error{plural} detected: {'; '.join(found)}"
        raise WireError(400, "ValidationException", text, "framework")


def violations(shape: Shape, fields: Fields, path: str = "") -> Iterator[str]:
    """What is wrong with `fields`, in the model's order. `path` leads to the structure and ends in a dot."""
    for name, member in shape.members.items():
        here = path + name[0].lower() + name[1:]
        if name not in fields:
            if name in shape.required:
                yield _violation("null", here, "Member must not be null")
            continue
        value = fields[name]
        if isinstance(value, dict):
            yield from violations(member, value, here + ".")
        else:
            shown = f"'{_show(value)}'"
            yield from (_violation(shown, here, clause) for clause in _clauses(member, value))


def _violation(value: str, path: str, clause: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {clause}"


def _clauses(shape: Shape, value: bytes | str | float) -> Iterator[str]:
    if isinstance(value, str):
        if shape.enum and value not in shape.enum:
            yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        if shape.pattern is not None and not re.fullmatch(shape.pattern, value):
            yield f"Member must satisfy regular expression pattern: {shape.pattern}"
    measure, amount = ("value", value) if isinstance(value, float) else ("length", len(value))
    # NaN is neither, so one of the two comparisons is turned round for it to fail.
    if shape.maximum is not None and not amount <= shape.maximum:
        yield f"Member must have {measure} less than or equal to {shape.maximum}"
    if shape.minimum is not None and amount < shape.minimum:
        yield f"Member must have {measure} greater than or equal to {shape.minimum}"


def _show(value: bytes | str | float) -> str:
    """`value` as Java prints it."""
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, str):
        return value[:SHOWN]
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else str(value)
