"""AWS JSON 1.1: which operation is called, its body, and the answer's bytes. No I/O and no clock.

An error's body has one of three forms, which SDKs read alike but which callers of the raw service tell apart:

service        {"__type":CODE,"Code":CODE,"Message":TEXT}   the operation's own exceptions
framework      {"__type":CODE,"message":TEXT}               signatures, constraints, unknown operations
serialization  {"__type":CODE,"Message":TEXT}               a body that cannot be read

Without a text all three are {"__type":CODE}.
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
    "encode",
    "error_body",
    "new_request_id",
    "operation_of",
    "parse_body",
    "serialization_error",
    "unknown_operation",
]

CONTENT_TYPE = "application/x-amz-json-1.1"
TARGET_PREFIX = "RekognitionService."
OPERATIONS = frozenset({"CompareFaces"})

Kind = Literal["service", "framework", "serialization"]


class WireError(Exception):
    """A refusal as the caller gets it: all that a door needs to write the answer.

    status:  HTTP status
    code:    the shape's bare name, as in `InvalidParameterException`
    message: the text, or None for a body that has none
    kind:    which of the three forms the body takes

    Where it stands for an error of ours, that error is its `__cause__`: log it, never send it.
    """

    # Not a frozen dataclass: contextlib assigns __traceback__ to exceptions that pass through a `with`.
    def __init__(self, status: int, code: str, message: str | None = None, kind: Kind = "service") -> None:
        super().__init__(status, code, message, kind)
        self.status = status
        self.code = code
        self.message = message
        self.kind: Kind = kind

    def __str__(self) -> str:
        return self.code if self.message is None else f"{self.code}: {self.message}"


def serialization_error(message: str | None = None) -> WireError:
    """The refusal of a body that is not JSON, or whose JSON has the wrong types."""
    return WireError(400, "SerializationException", message, "serialization")


def unknown_operation() -> WireError:
    return WireError(400, "UnknownOperationException", None, "framework")


def operation_of(headers: Mapping[str, str]) -> str:
    """The operation that `headers` (names in any case) call for.

    Raises:
        WireError: UnknownOperationException, for another content type, service or operation than ours.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    media_type = lowered.get("content-type", "").partition(";")[0].strip().lower()
    prefix, name = _split_target(lowered.get("x-amz-target", ""))
    if media_type != CONTENT_TYPE or prefix != TARGET_PREFIX or name not in OPERATIONS:
        raise unknown_operation()
    return name


def _split_target(target: str) -> tuple[str, str]:
    head, dot, name = target.partition(".")
    return head + dot, name


def parse_body(body: bytes) -> dict[str, object]:
    """The JSON object in `body`.

    Raises:
        WireError: SerializationException, for anything but one JSON object in UTF-8.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise serialization_error() from error
    if isinstance(value, list):
        raise serialization_error("Start of list found where not expected")
    if not isinstance(value, dict):
        raise serialization_error()
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
