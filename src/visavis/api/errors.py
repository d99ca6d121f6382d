"""What Amazon calls each of our errors: the one table. What it does not list is a fault of the server's own.

Amazon's texts say little, so `reason_of` gives the cause in our words and with its numbers, for the log only.
"""

from __future__ import annotations

from typing import TypeAlias

from visavis.aws.wire import WireError
from visavis.errors import (
    BadImage,
    CalibrationMismatch,
    EngineClosed,
    ImageTooLarge,
    ImageTooSmall,
    InvalidRequest,
    ModelError,
    NoFace,
    ObjectUnavailable,
    Overloaded,
    SettingsError,
    VisavisError,
)

__all__ = ["TABLE", "reason_of", "to_wire"]

Row: TypeAlias = tuple[int, str, str]
"""Status, code, text. Rows are data, not WireErrors: an exception once raised carries the traceback of one call."""

INVALID_PARAMETER: Row = (400, "InvalidParameterException", "Request has invalid parameters")
INTERNAL: Row = (500, "InternalServerError", "Internal server error")

TABLE: dict[type[VisavisError], Row] = {
    BadImage: (400, "InvalidImageFormatException", "Request has invalid image format"),
    ImageTooLarge: (400, "ImageTooLargeException", "Image size is too large"),
    ImageTooSmall: INVALID_PARAMETER,
    NoFace: INVALID_PARAMETER,
    InvalidRequest: INVALID_PARAMETER,
    ObjectUnavailable: (
        400,
        "InvalidS3ObjectException",
        "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
    ),
    Overloaded: (400, "ThrottlingException", "Slow down; sudden increase in rate of requests."),
    CalibrationMismatch: INTERNAL,
    EngineClosed: INTERNAL,
    SettingsError: INTERNAL,
    ModelError: INTERNAL,
}


def to_wire(error: Exception) -> WireError:
    """`error` as the caller receives it: a subclass as its nearest listed ancestor, anything unlisted as a 500."""
    if isinstance(error, WireError):
        return error
    rows = (TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    status, code, message = next(rows, INTERNAL)
    return WireError(status, code, message)


def reason_of(error: Exception) -> str:
    """The cause in our words, for the log: never an object's name, nor any part of an image.

    For an error of another library it is only the type's name, because the text may hold anything.
    """
    if isinstance(error, WireError):
        return error.reason or error.message or error.code
    return str(error) if isinstance(error, VisavisError) else type(error).__name__
