"""Converts JSON values to the types of the service model. The first wrong type raises a SerializationException."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import pybase64

from visavis.api.shapes import Shape
from visavis.aws.wire import MAX_SHOWN, WireError, serialization_error

__all__ = ["Fields", "decode_structure"]

Fields: TypeAlias = dict[str, Any]
"""The members of a structure by name, each of the type that the model gives it: bytes, str, float, int, bool, a list, a
dict for a map, or Fields for a structure."""

LIST_FOUND = "Start of list found where not expected"
MAP_FOUND = "Start of structure or map found where not expected."

FLOAT_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""The protocol's texts for the floats that JSON lacks. They are accepted here and then break the constraints."""


def decode_structure(shape: Shape, value: object) -> Fields:
    r"""The members of `value` that the model has, typed, in the model's order.

    A member that is null counts as absent. A blob is base64 in a str, or plain bytes.

    Args:
        shape: the structure in the service model.
        value: the JSON value.

    Raises:
        WireError: SerializationException, for the first value of a wrong type.

    Example:
        >>> from visavis.api.shapes import input_of
        >>> decode_structure(input_of("DetectFaces"), {"Image": {"Bytes": "/9j/"}, "Unknown": 1})
        {'Image': {'Bytes': b'\xff\xd8\xff'}}
    """
    if _is_list(value):
        raise serialization_error(LIST_FOUND)
    if not isinstance(value, Mapping):
        raise serialization_error("Expected null")
    return {name: _decode(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None}


def _decode_list(shape: Shape, value: object) -> list[Any]:
    if isinstance(value, Mapping):
        raise serialization_error(MAP_FOUND)
    if not _is_list(value):
        raise serialization_error("Expected list or null")
    return [_decode_item(shape, item) for item in value]  # type: ignore[attr-defined]


def _decode_map(shape: Shape, value: object) -> dict[str, Any]:
    if _is_list(value):
        raise serialization_error(LIST_FOUND)
    if not isinstance(value, Mapping):
        raise serialization_error("Expected map or null")
    return {_string(key): _decode_item(shape, item) for key, item in value.items()}


def _decode_item(shape: Shape, value: object) -> Any:
    if value is None or shape.item is None:
        # Dropping the item would change the caller's list.
        raise serialization_error(reason=f"a {shape.kind} contains null")
    return _decode(shape.item, value)


def _decode(shape: Shape, value: object) -> Any:
    if shape.kind in CONTAINERS:
        return CONTAINERS[shape.kind](shape, value)
    if _is_list(value):
        raise serialization_error(LIST_FOUND)
    if isinstance(value, Mapping):
        raise serialization_error(MAP_FOUND)
    return SCALARS[shape.kind](value)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _blob(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise _not_convertible(value, "Blob")
    try:
        blob = pybase64.b64decode(value, validate=True)
    except ValueError as error:
        raise _bad_base64(value) from error
    # pybase64 accepts bits other than 0 after the last byte, and without its C extension also superfluous padding.
    if len(value) % 4 or value.endswith("==="):
        raise _bad_base64(value)
    if value.endswith("=") and pybase64.b64encode(blob[-(len(blob) % 3) :]).decode() != value[-4:]:
        raise _not_a_blob(value, "Invalid last non-pad Base64 character dectected")  # spelt like this by the service
    return blob


def _bad_base64(text: str) -> WireError:
    if len(text) % 4:
        return _not_a_blob(text, f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}")
    stray = re.search("[^A-Za-z0-9+/]", text.rstrip("="))
    return _not_a_blob(text, f"Invalid Base64 character: '{stray.group() if stray else '='}'")


def _not_a_blob(text: str, why: str) -> WireError:
    # The text may be an image, so the log gets only its length.
    reason = f"a text of {len(text)} characters can not be converted to a Blob: {why}"
    return serialization_error(f"'{text[:MAX_SHOWN]}' can not be converted to a Blob: {why}", reason=reason)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _not_convertible(value, "String")
    if not value.isascii() and re.search("[\ud800-\udfff]", value):
        # Half of a surrogate pair is not a character, and a key with it cannot be encoded.
        raise serialization_error(reason="a text contains half of a surrogate pair")
    return value


def _float(value: object) -> float:
    if isinstance(value, str):
        if value in FLOAT_WORDS:
            return FLOAT_WORDS[value]
        raise serialization_error("class java.lang.String can not be converted to an Float")  # "an" was recorded
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_convertible(value, "Float")
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if value > 0 else -math.inf


def _whole_number(value: object, kind: str) -> int:
    if isinstance(value, float) and value.is_integer():  # not for infinity and NaN
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _not_convertible(value, kind)
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _not_convertible(value, "Boolean")
    return value


def _not_convertible(value: object, kind: str) -> WireError:
    if isinstance(value, bool):
        found = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, int | float):
        found = "NUMBER_VALUE"
    else:
        found = "STRING_VALUE" if isinstance(value, str) else type(value).__name__
    article = "an" if kind[0] in "AEIOU" else "a"
    return serialization_error(f"{found} can not be converted to {article} {kind}")


SCALARS: dict[str, Callable[[object], bytes | str | float | bool]] = {
    "blob": _blob,
    "boolean": _boolean,
    "float": _float,
    "integer": partial(_whole_number, kind="Integer"),
    "long": partial(_whole_number, kind="Long"),
    "string": _string,
}
CONTAINERS: dict[str, Callable[[Shape, object], object]] = {
    "list": _decode_list,
    "map": _decode_map,
    "structure": decode_structure,
}
"""Decoders by kind. A kind in neither table, which a later model may have, raises an error and is not skipped."""
