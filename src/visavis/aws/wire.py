"""AWS JSON 1.1: the body of a request, and the bytes of a response. No I/O and no clock.

An error's body has one of three forms. SDKs treat them alike, but a program that reads the body itself sees a
difference:

    service        {"__type":CODE,"Code":CODE,"Message":TEXT}   the operation's own exceptions
    framework      {"__type":CODE,"message":TEXT}               signatures, constraints, unknown operations
    serialization  {"__type":CODE,"Message":TEXT}               a body that cannot be read

Without a text all three are {"__type":CODE}. The module `forms` has the errors of other protocols.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Literal, NoReturn

__all__ = [
    "CONTENT_TYPE",
    "MAX_SEPARATORS",
    "MAX_SHOWN",
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

MAX_SHOWN = 64
"""Characters of an operation's name, or of a text that cannot be read, that responses and the log repeat at most. The
caller wrote it, and it may be an image in base64."""

MAX_SEPARATORS = 10_000
"""Commas, colons and opening brackets in a body at most, those in texts included. Each value of JSON but the first
follows one, so they bound the objects that a body becomes: 2 MB besides its texts. The model's largest request has some
4,100: two images whose S3 names and versions have 1,024 commas each, and about 20 others."""

Kind = Literal["service", "framework", "serialization"]


class WireError(Exception):
    """An error as the caller receives it, with everything that the response needs.

    Attributes:
        status: the HTTP status.
        code: the bare name of the error's shape, such as `InvalidParameterException`.
        message: the text, or None for a body without one.
        kind: which of the three forms the body has.
        reason: the text for the log in place of `message`, or None. It is given if the message repeats a value of
            the caller, which may be an image or a name, or if the cause is more than the caller may know.
    """

    # Not a frozen dataclass, because contextlib assigns __traceback__ to exceptions that leave a `with` block.
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
    """The error for a body that is not JSON or has values of wrong types.

    Args:
        message: Amazon's text, or None where Amazon sends none.
        reason: the text for the log; None repeats the message.
    """
    return WireError(400, "SerializationException", message, "serialization", reason)


def printable(text: str, most: int) -> str:
    r"""`text` cut to `most` characters, each character that is not printable replaced with `?`.

    Example:
        >>> printable("two\nlines of text", 10)
        'two?lines…'
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def parse_body(body: bytes) -> dict[str, object]:
    """The JSON object in `body`.

    Raises:
        WireError: SerializationException, if the body is not one JSON object in UTF-8, or has more than
            `MAX_SEPARATORS` separators.
    """
    if _has_more_separators(body, MAX_SEPARATORS):
        raise serialization_error(reason=f"the body has more than {MAX_SEPARATORS} commas, colons and brackets")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise serialization_error(reason=f"the body is not JSON: {error}") from error
    if isinstance(value, list):
        raise serialization_error("Start of list found where not expected")
    if not isinstance(value, dict):
        raise serialization_error(reason="the body is JSON, but not an object")
    return value


def _has_more_separators(body: bytes, most: int) -> bool:
    # `find` passes over images in base64 several times as fast as `count`, and ends soon where separators are many.
    for separator in b",:[":
        at = -1
        while (at := body.find(separator, at + 1)) >= 0:
            most -= 1
            if most < 0:
                return True
    return False


def _refuse_constant(token: str) -> NoReturn:
    # Python's parser accepts NaN and Infinity as bare tokens, but JSON has neither.
    raise ValueError(f"{token} is not JSON")


def encode(value: Mapping[str, object]) -> bytes:
    """Compact JSON in ASCII with keys in the given order. A float always has a point or an exponent.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot express.

    Example:
        >>> encode({"Similarity": 100.0})
        b'{"Similarity":100.0}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def error_body(error: WireError) -> bytes:
    """The body of `error` in AWS JSON 1.1, in the form that its `kind` selects."""
    body = {"__type": error.code}
    if error.message is not None:
        if error.kind == "service":
            body["Code"] = error.code
        body["message" if error.kind == "framework" else "Message"] = error.message
    return encode(body)


def new_request_id() -> str:
    """A version 4 UUID in lower case, for the header x-amzn-RequestId."""
    return str(uuid.uuid4())
