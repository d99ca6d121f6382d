"""Reading the files a user names."""

from __future__ import annotations

from pathlib import Path

from visavis.errors import InvalidRequest

__all__ = ["read_picture"]

_LARGEST = 200_000_000
"""Bytes; no picture within the pixel limit needs more, and a device or a film is told apart before it fills memory."""


def read_picture(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InvalidRequest: it is not there, not readable, not a file, or far too large for a picture.
    """
    try:
        if path.is_dir():
            raise InvalidRequest(f"{path} is a folder; name one picture in it")
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise InvalidRequest(f"{path} has more than {_LARGEST / 1e6:.0f} MB, which no picture needs")
    return data
