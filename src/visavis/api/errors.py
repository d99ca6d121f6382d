"""The table from visavis's errors to Amazon's. An error that it does not list is an InternalServerError.

Amazon's texts name no cause, so `reason_of` gives the cause with its numbers, for the log only.
"""

from __future__ import annotations

from typing import TypeAlias

from visavis.aws.wire import WireError
from visavis.errors import (
    BadImage,
    CalibrationMismatch,
    Cancelled,
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
"""Status, code, text. A row is not a WireError, because an exception that is raised twice keeps the first traceback."""

INVALID_PARAMETER: Row = (400, "InvalidParameterException", "Request has invalid parameters")
THROTTLED: Row = (400, "ThrottlingException", "Slow down; sudden increase in rate of requests.")
INTERNAL: Row = (500, "InternalServerError", "Internal server error")

TABLE: dict[type[Exception], Row] = {
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
    Overloaded: THROTTLED,
    MemoryError: THROTTLED,
    Cancelled: THROTTLED,  # nobody reads it
    CalibrationMismatch: INTERNAL,
    EngineClosed: INTERNAL,
    SettingsError: INTERNAL,
    ModelError: INTERNAL,
}


def to_wire(error: Exception) -> WireError:
    """`error` as the caller receives it.

    A class that the table does not list counts as its nearest listed base class; without one the status is 500.

    Example:
        >>> to_wire(BadImage("cut short")).code
        'InvalidImageFormatException'
    """
    if isinstance(error, WireError):
        return error
    rows = (TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    status, code, message = next(rows, INTERNAL)
    return WireError(status, code, message)


def reason_of(error: Exception) -> str:
    """The cause of `error` for the log, without an object's name and without any part of an image.

    For an error of another library it is only the name of the type, because the text may contain anything.
    """
    if isinstance(error, WireError):
        return error.reason or error.message or error.code
    return str(error) if isinstance(error, VisavisError) else type(error).__name__
