"""Reads and writes the files that a user names."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from visavis.errors import InvalidRequest
from visavis.files import writing_atomically

__all__ = ["ImageArgument", "read_images", "refuse_landmarks_alone", "refuse_overwriting", "write_file"]


@dataclass(frozen=True, slots=True)
class ImageArgument:
    """An image that the user named.

    Attributes:
        path: the file; None: standard input.
    """

    path: Path | None

    def __str__(self) -> str:
        return "standard input" if self.path is None else str(self.path)

    def read(self) -> bytes:
        """The bytes of the file, or of standard input.

        Raises:
            InvalidRequest: the file is missing, unreadable, not a file, or far too large; or standard input is empty.
        """
        # `inputs` imports NumPy, which shell completion does not need.
        from visavis.inputs import read_file, read_from

        if self.path is not None:
            return read_file(self.path)
        data = read_from(_standard_input(), str(self))
        if not data:
            raise InvalidRequest("standard input is empty; send an image to it")
        return data


def read_images(images: Iterable[ImageArgument]) -> list[bytes]:
    """The bytes of each image.

    Raises:
        InvalidRequest: as for `ImageArgument.read`; or two images are standard input.
    """
    images = list(images)
    if sum(image.path is None for image in images) > 1:
        raise InvalidRequest("only one photo can be - (standard input), because it can be read only once")
    return [image.read() for image in images]


def refuse_overwriting(output: Path | None, inputs: Iterable[Path | None]) -> None:
    """Check that an output file is not one of the input files, also under another name.

    Raises:
        InvalidRequest: it is one of them.
    """
    for path in inputs:
        if output is not None and path is not None and output.exists() and path.exists() and output.samefile(path):
            raise InvalidRequest(f"{output} is read by this command and would be overwritten; name another file")


def refuse_landmarks_alone(draw: Path | None, landmarks: bool) -> None:
    """Check that landmarks are drawn somewhere.

    Raises:
        InvalidRequest: there is no drawing.
    """
    if landmarks and draw is None:
        raise InvalidRequest("--landmarks needs --draw, the file that they are drawn into")


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically. If `path` is a symbolic link, its target is written.

    Raises:
        InvalidRequest: the file cannot be written.
    """
    try:
        with writing_atomically(path.resolve()) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InvalidRequest("standard input is closed; send an image to it")
    if sys.stdin.isatty():
        raise InvalidRequest("standard input is a terminal; send an image to it, as in: visavis faces - < photo.jpg")
    return sys.stdin.buffer
