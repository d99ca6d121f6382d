"""JSON values to the types of the service model. What does not fit is a SerializationException, at the first find."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from visavis.api.shapes import Shape
from visavis.aws.wire import WireError, serialization_error

__all__ = ["Fields", "decode_structure"]

Fields: TypeAlias = dict[str, Any]
"""A structure's members: bytes, str, float or again Fields, each as the model says for its name."""

SHOWN = 64
"""Characters of an offending text that an error repeats; a whole image in base64 would help nobody."""

FLOAT_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How the protocol writes the floats that JSON lacks; they pass here, and then fail the range."""


def decode_structure(shape: Shape, value: object) -> Fields:
    """The members of `value` that the model knows, typed, in the model's order.

    A member that is null counts as absent. A blob is base64 in a str, or plain bytes.

    Raises:
        WireError: SerializationException.
    """
    if isinstance(value, Mapping):
        return {
            name: _decode(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None
        }
    if _is_list(value):
        raise serialization_error("Start of list found where not expected")
    raise serialization_error("Expected null")


def _decode(shape: Shape, value: object) -> bytes | str | float | Fields:
    if shape.kind == "structure":
        return decode_structure(shape, value)
    if _is_list(value):
        raise serialization_error("Start of list found where not expected")
    if isinstance(value, Mapping):
        raise serialization_error("Start of structure or map found where not expected.")
    return SCALARS[shape.kind](value)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _blob(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise _not_convertible(value, "Blob")
    try:
        blob = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise _bad_base64(value) from error
    # Python lets two faults pass: a whole group of padding, and bits that are not zero beyond the last byte.
    if value.endswith("==="):
        raise _bad_base64(value)
    if value.endswith("=") and base64.b64encode(blob[-(len(blob) % 3) :]).decode() != value[-4:]:
        raise _not_a_blob(value, "Invalid last non-pad Base64 character dectected")  # the runtime's own spelling
    return blob


def _bad_base64(text: str) -> WireError:
    if len(text) % 4:
        return _not_a_blob(text, f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}")
    stray = re.search("[^A-Za-z0-9+/]", text.rstrip("="))
    return _not_a_blob(text, f"Invalid Base64 character: '{stray.group() if stray else '='}'")


def _not_a_blob(text: str, why: str) -> WireError:
    # The text is what should have been a picture, so the log gets its length only.
    reason = f"a text of {len(text)} characters can not be converted to a Blob: {why}"
    return serialization_error(f"'{text[:SHOWN]}' can not be converted to a Blob: {why}", reason=reason)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _not_convertible(value, "String")
    if not value.isascii() and re.search("[\ud800-\udfff]", value):
        # Half of a surrogate pair is no character, and no store could be asked for it.
        raise serialization_error(reason="a text contains half of a surrogate pair")
    return value


def _float(value: object) -> float:
    if isinstance(value, str):
        if value in FLOAT_WORDS:
            return FLOAT_WORDS[value]
        raise serialization_error("class java.lang.String can not be converted to an Float")  # recorded so
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_convertible(value, "Float")
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if value > 0 else -math.inf


def _not_convertible(value: object, kind: str) -> WireError:
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "NUMBER_VALUE" if isinstance(value, int | float) else type(value).__name__
    return serialization_error(f"{token} can not be converted to a {kind}")


SCALARS: dict[str, Callable[[object], bytes | str | float]] = {"blob": _blob, "string": _string, "float": _float}
