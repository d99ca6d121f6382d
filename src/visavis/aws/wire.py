"""AWS JSON 1.1: the body of a request, and the bytes of a response. No I/O and no clock.

An error's body has one of three forms. SDKs read them alike, but callers of the raw service see a difference:

service        {"__type":CODE,"Code":CODE,"Message":TEXT}   the operation's own exceptions
framework      {"__type":CODE,"message":TEXT}               signatures, constraints, unknown operations
serialization  {"__type":CODE,"Message":TEXT}               a body that cannot be read

Without a text all three are {"__type":CODE}. `forms` has the errors of other protocols.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Literal, NoReturn

__all__ = [
    "CONTENT_TYPE",
    "SHOWN",
    "Kind",
    "WireError",
    "encode",
    "error_body",
    "new_request_id",
    "parse_body",
    "printable",
    "serialization_error",
]

CONTENT_TYPE = "application/x-amz-json-1.1"

SHOWN = 64
"""Characters of an operation's name, as the caller wrote it, that are repeated to it and in the log."""

Kind = Literal["service", "framework", "serialization"]


class WireError(Exception):
    """An error as the caller receives it: everything that a response needs.

    status:  HTTP status
    code:    the shape's bare name, as in `InvalidParameterException`
    message: the text, or None for a body that has none
    kind:    which of the three forms the body takes
    reason:  what the log says in place of `message`: given where the message repeats a value of the caller's, which
             may be an image or a name, and where more is known than the caller may learn
    """

    # Not a frozen dataclass: contextlib assigns __traceback__ to exceptions that pass through a `with`.
    def __init__(
        self, status: int, code: str, message: str | None = None, kind: Kind = "service", reason: str | None = None
    ) -> None:
        super().__init__(status, code, message, kind, reason)
        self.status = status
        self.code = code
        self.message = message
        self.kind: Kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return self.code if self.message is None else f"{self.code}: {self.message}"


def serialization_error(message: str | None = None, *, reason: str | None = None) -> WireError:
    """The error for a body that is not JSON, or whose JSON has the wrong types."""
    return WireError(400, "SerializationException", message, "serialization", reason)


def printable(text: str, most: int) -> str:
    """At most `most` characters of `text`, with `?` for those that would break a line or hide in it."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def parse_body(body: bytes) -> dict[str, object]:
    """The JSON object in `body`.

    Raises:
        WireError: SerializationException, for anything but one JSON object in UTF-8.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise serialization_error(reason=f"the body is not JSON: {error}") from error
    if isinstance(value, list):
        raise serialization_error("Start of list found where not expected")
    if not isinstance(value, dict):
        raise serialization_error(reason="the body is JSON, but not an object")
    return value


def _refuse_constant(token: str) -> NoReturn:
    # Python's parser takes NaN and Infinity as bare tokens; JSON has none.
    raise ValueError(f"{token} is not JSON")


def encode(value: Mapping[str, object]) -> bytes:
    """Compact JSON in ASCII, keys in the order given; a float always has a point or an exponent.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def error_body(error: WireError) -> bytes:
    body = {"__type": error.code}
    if error.message is not None:
        if error.kind == "service":
            body["Code"] = error.code
        body["message" if error.kind == "framework" else "Message"] = error.message
    return encode(body)


def new_request_id() -> str:
    """A version 4 UUID in lower case, for the header x-amzn-RequestId."""
    return str(uuid.uuid4())
