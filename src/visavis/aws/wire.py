"""AWS JSON 1.1: which operation is called, its body, and the answer's bytes. No I/O and no clock.

An error's body has one of three forms, which SDKs read alike but which callers of the raw service tell apart:

service        {"__type":CODE,"Code":CODE,"Message":TEXT}   the operation's own exceptions
framework      {"__type":CODE,"message":TEXT}               signatures, constraints, unknown operations
serialization  {"__type":CODE,"Message":TEXT}               a body that cannot be read

Without a text all three are {"__type":CODE}. What other protocols take in their place is in `forms`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Literal, NoReturn

__all__ = [
    "CONTENT_TYPE",
    "OPERATIONS",
    "TARGET_PREFIX",
    "Kind",
    "WireError",
    "asked_operation",
    "encode",
    "error_body",
    "new_request_id",
    "operation_of",
    "parse_body",
    "printable",
    "serialization_error",
    "unknown_operation",
]

CONTENT_TYPE = "application/x-amz-json-1.1"
TARGET_PREFIX = "RekognitionService."
OPERATIONS = frozenset({"CompareFaces"})

SHOWN = 64
"""Characters of an operation's name, as the caller wrote it, that are repeated to it and in the log."""

Kind = Literal["service", "framework", "serialization"]


class WireError(Exception):
    """A refusal as the caller gets it: all that a door needs to write the answer.

    status:  HTTP status
    code:    the shape's bare name, as in `InvalidParameterException`
    message: the text, or None for a body that has none
    kind:    which of the three forms the body takes
    reason:  what the log says in place of `message`: given wherever the message repeats a value of the caller's, which
             may be a picture or a name, and wherever more is known than the caller is told

    Where it stands for an error of ours, that error is its `__cause__`: log it, never send it.
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
    """The refusal of a body that is not JSON, or whose JSON has the wrong types."""
    return WireError(400, "SerializationException", message, "serialization", reason)


def unknown_operation(asked: str | None = None) -> WireError:
    """The refusal of `asked`, as `asked_operation` gives it: names it, and what is answered here.

    The service itself sends no text.
    """
    return _unknown(f"{asked} is not answered here" if asked else "the request has no X-Amz-Target header")


def _unknown(what: str) -> WireError:
    answered = " and ".join(sorted(OPERATIONS))
    return WireError(400, "UnknownOperationException", f"{what}; visavis answers {answered}", "framework")


def printable(text: str, most: int) -> str:
    """At most `most` characters of `text`, with `?` for those that would break a line or hide in it."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def asked_operation(headers: Mapping[str, str]) -> str | None:
    """What the target in `headers` (names in lower case) names, answered here or not; None without a target.

    The bare name for an operation of Rekognition, the whole target for one of another service. It is the caller's own
    text, so it is cut to `SHOWN` printable characters.
    """
    target = headers.get("x-amz-target", "")
    return printable(target.removeprefix(TARGET_PREFIX), SHOWN) or None


def operation_of(headers: Mapping[str, str]) -> str:
    """The operation that `headers` (names in any case) call for.

    Raises:
        WireError: UnknownOperationException, for another content type, service or operation than ours.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    asked = asked_operation(lowered)
    head, dot, name = lowered.get("x-amz-target", "").partition(".")
    if head + dot != TARGET_PREFIX or name not in OPERATIONS:
        raise unknown_operation(asked)
    media_type = lowered.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() != CONTENT_TYPE:
        given = f"as Content-Type {printable(media_type, SHOWN)}" if media_type else "without a Content-Type"
        raise _unknown(f"{name} was asked for {given}, which must be {CONTENT_TYPE}")
    return name


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
