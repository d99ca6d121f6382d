"""Reading and writing the files a user names."""

from __future__ import annotations

import tempfile
from pathlib import Path

from visavis.errors import InvalidRequest

__all__ = ["read_picture", "write_file"]

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


def write_file(path: Path, data: bytes) -> None:
    """Write a file that is either whole or not there.

    Raises:
        InvalidRequest: it cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix=".visavis-", dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.flush()
                temporary.chmod(0o644)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error
