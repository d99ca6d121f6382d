"""Reading and writing the files a user names."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from visavis.errors import InvalidRequest
from visavis.files import writing_atomically

__all__ = ["Photo", "read_photos", "refuse_overwriting", "write_file"]


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that the user named; path: None for standard input."""

    path: Path | None

    def __str__(self) -> str:
        return "standard input" if self.path is None else str(self.path)

    def read(self) -> bytes:
        """The bytes.

        Raises:
            InvalidRequest: it is not there, not readable, not a file, empty standard input, or far too large.
        """
        # A shell that completes a line needs no arrays, which `inputs` imports.
        from visavis.inputs import read_file, read_from

        if self.path is not None:
            return read_file(self.path)
        data = read_from(_standard_input(), str(self))
        if not data:
            raise InvalidRequest("standard input is empty, but a picture is read from it")
        return data


def read_photos(photos: Iterable[Photo]) -> list[bytes]:
    """The bytes of each.

    Raises:
        InvalidRequest: as for `Photo.read`; or two of them are standard input.
    """
    photos = list(photos)
    if sum(photo.path is None for photo in photos) > 1:
        raise InvalidRequest("only one of the photos can be - (standard input): it can be read once")
    return [photo.read() for photo in photos]


def refuse_overwriting(output: Path | None, inputs: Iterable[Path | None]) -> None:
    """Check that an output is none of the inputs, under any name.

    Raises:
        InvalidRequest: it is one.
    """
    for path in inputs:
        if output is not None and path is not None and output.exists() and path.exists() and output.samefile(path):
            raise InvalidRequest(f"{output} is read by this command and would be overwritten; name another file")


def write_file(path: Path, data: bytes) -> None:
    """Write a file that is either whole or not there. Where `path` is a symbolic link, the file it leads to is written.

    Raises:
        InvalidRequest: it cannot be written.
    """
    try:
        with writing_atomically(path.resolve()) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InvalidRequest("standard input is closed, but a picture is read from it")
    if sys.stdin.isatty():
        raise InvalidRequest("standard input is a terminal; send a picture to it, as in: visavis faces - < photo.jpg")
    return sys.stdin.buffer
