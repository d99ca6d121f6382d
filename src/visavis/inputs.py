"""Checks the arguments of the library. Errors say what is wrong and what would be right.

Images are distinguished by type, never by the content of a string.
"""

from __future__ import annotations

import math
import os
import reprlib
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest

__all__ = [
    "LARGEST_FILE",
    "ImageInput",
    "bytes_or_pixels",
    "choice_of",
    "percent_of",
    "read_file",
    "read_from",
    "short_repr",
    "unchanged",
]

Choice = TypeVar("Choice", bound=StrEnum)

ImageInput: TypeAlias = "bytes | bytearray | memoryview | os.PathLike[str] | BinaryIO | NDArray[np.uint8]"
"""The bytes of a JPEG or PNG, a path to one, a file opened in binary mode, or RGB pixels (h, w, 3) uint8."""

LARGEST_FILE = 200_000_000
"""Bytes. No image within the pixel limit needs more. A device file or a video is refused before it fills the memory."""


def bytes_or_pixels(image: object) -> bytes | NDArray[np.uint8]:
    """Check an image, and read it if it is a file.

    Args:
        image: as `ImageInput` describes it.

    Returns:
        The bytes of an encoded image, or RGB pixels (h, w, 3) uint8.

    Raises:
        InvalidRequest: `image` has another type, a file cannot be read, or an array has another shape or dtype.
    """
    if isinstance(image, bytes):
        return image
    if isinstance(image, bytearray | memoryview):
        return _copied(image)
    if isinstance(image, np.ndarray):
        return _pixels(image)
    if isinstance(image, os.PathLike):
        return read_file(Path(os.fsdecode(image)))  # a path may be spelled in bytes
    if isinstance(image, str):
        raise InvalidRequest(
            "an image must not be a str: wrap the path of a file in pathlib.Path, or pass the file's bytes; "
            "visavis opens no URL and decodes no base64"
        )
    if hasattr(image, "read"):
        return read_from(image, "the open file")
    if hasattr(image, "__array_interface__"):  # Pillow's images among others
        raise InvalidRequest(
            f"an image must not be of type {type(image).__name__}: pass its pixels as an RGB array; "
            "with Pillow that is numpy.asarray(image.convert('RGB'))"
        )
    raise InvalidRequest(
        f"an image must be bytes, a path, a file opened in binary mode, or an RGB array (h, w, 3) uint8, "
        f"not {type(image).__name__}"
    )


def read_file(path: Path) -> bytes:
    """Read an image file.

    Raises:
        InvalidRequest: the file does not exist, cannot be read, is a folder, or is larger than `LARGEST_FILE`.
    """
    try:
        if path.is_dir():
            raise InvalidRequest(f"{path} is a folder; name one image in it")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InvalidRequest(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return _bounded(data, str(path))


def read_from(file: object, name: str) -> bytes:
    """Read an open file from its current position to its end.

    Args:
        file: opened in binary mode.
        name: of the file in error messages.

    Raises:
        InvalidRequest: the file cannot be read, returns strings, or is larger than `LARGEST_FILE`.
    """
    data = bytearray()
    # Repeatedly, because an unbuffered pipe or socket returns only what has arrived.
    while len(data) <= LARGEST_FILE and (part := _part(file, LARGEST_FILE + 1 - len(data), name)):
        data += part
    return _bounded(bytes(data), name)


def _part(file: object, size: int, name: str) -> bytes | bytearray | memoryview:
    try:
        part = file.read(size)  # type: ignore[attr-defined]
    except Exception as error:  # any, because file objects of other libraries raise other errors
        raise InvalidRequest(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(part, bytes | bytearray | memoryview):
        raise InvalidRequest(f"{name} gives {type(part).__name__}, not bytes: open it in binary mode, 'rb'")
    return part


def _copied(data: bytearray | memoryview) -> bytes:
    try:
        return bytes(data)
    except ValueError as error:
        raise InvalidRequest(f"the {type(data).__name__} cannot be read: {error}") from error


def _bounded(data: bytes, what: str) -> bytes:
    if len(data) > LARGEST_FILE:
        raise InvalidRequest(f"{what} has more than {LARGEST_FILE / 1e6:.0f} MB, the limit for an image")
    return data


def _pixels(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise InvalidRequest(f"an array must be RGB, (h, w, 3) uint8; this one is {array.shape} {array.dtype}")
    # A copy, because the caller may write to the array while it is analysed.
    return np.array(array, np.uint8, order="C")


class _ShortRepr(reprlib.Repr):
    """Shortens values, and omits the bytes of an image that was passed as another argument."""

    def repr_bytes(self, data: bytes | bytearray, _: int) -> str:
        return f"{len(data)} bytes"

    repr_bytearray = repr_bytes

    def repr_ndarray(self, array: NDArray[np.generic], _: int) -> str:
        return f"an array {array.shape}"


short_repr = _ShortRepr().repr
"""A short text of a wrong value, for an error message."""


def unchanged(image: Any) -> Any:
    """Return `image`: how images are read that need no reading."""
    return image


def percent_of(name: str, value: object) -> float:
    """Check a number from 0 to 100.

    Args:
        name: of the option in the error message.
        value: a number, or a string of one.

    Raises:
        InvalidRequest: the value is something else.

    Example:
        >>> percent_of("similarity_threshold", "80")
        80.0
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= 100:
        raise InvalidRequest(f"{name} must be a number from 0 to 100, not {short_repr(value)}")
    return number


def choice_of(name: str, value: object, choices: type[Choice]) -> Choice:
    """Check one of several choices.

    Args:
        name: of the option in the error message.
        value: a member of `choices`, or its value as a string in any case.
        choices: the enumeration.

    Raises:
        InvalidRequest: the value is something else; the message lists the choices.
    """
    try:
        return choices(value.upper())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        raise InvalidRequest(f"{name} must be one of {', '.join(choices)}, not {short_repr(value)}") from None
