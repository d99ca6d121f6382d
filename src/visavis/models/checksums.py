"""Files in the cache with their SHA-256 beside them, which is checked whenever they are read.

A folder of files has the file SHA256SUMS, in the format of `sha256sum`. Files are read into memory once, and the bytes
that were hashed are the bytes that are used. They are not mapped into memory, because a mapped file that is changed
changes what runs, and one that is truncated ends the process by a signal.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from visavis.errors import ModelCorrupt
from visavis.files import open_regular, sha256_of
from visavis.models.model_file import ModelFile

__all__ = ["CHECKSUMS", "check_file", "is_intact", "read_checked", "write_checksums"]

CHECKSUMS = "SHA256SUMS"
"""The name of the file with the checksums of the other files of its folder."""

_LINE = re.compile(r"([0-9a-f]{64})  (model\.[a-z]+)")


def write_checksums(folder: Path) -> None:
    """Write the SHA-256 of every file of a folder to its SHA256SUMS.

    Raises:
        OSError: a file cannot be read or written.
    """
    lines = [f"{sha256_of(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / CHECKSUMS).write_text("".join(lines), "ascii")


def read_checked(folder: Path) -> dict[str, bytes]:
    """Read the files that a SHA256SUMS lists, and check them.

    Args:
        folder: a folder that `write_checksums` has completed.

    Returns:
        The bytes of each file, by its name.

    Raises:
        ModelCorrupt: a file is missing, cannot be read or has another SHA-256, or SHA256SUMS does not list the files.
    """
    files = {}
    for line in _read(folder / CHECKSUMS).decode("latin-1").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelCorrupt(f"{folder / CHECKSUMS} is damaged: it has a line that is no checksum")
        expected, name = match.groups()
        files[name] = _read(folder / name)
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise ModelCorrupt(f"{folder / name} is damaged: its SHA-256 is not the one in {CHECKSUMS}")
    if not files or {file.name for file in folder.iterdir()} != {CHECKSUMS, *files}:
        raise ModelCorrupt(f"{folder / CHECKSUMS} is damaged: it does not list the files of its folder")
    return files


def is_intact(folder: Path) -> bool:
    """Whether `read_checked` would read a folder."""
    try:
        read_checked(folder)
    except ModelCorrupt:
        return False
    return True


def check_file(model: ModelFile, path: Path) -> None:
    """Check that a file has the SHA-256 of a model.

    Raises:
        ModelCorrupt: it has another; the message contains both.
    """
    found = sha256_of(path)
    if found != model.sha256:
        raise ModelCorrupt(
            f"{path} is not the model {model.file}: its SHA-256 is {found}, it should be {model.sha256}. {model.remedy}"
        )


def _read(file: Path) -> bytes:
    try:
        with open_regular(file) as opened:
            return opened.read()
    except OSError as error:
        raise ModelCorrupt(f"{file} cannot be read: {error.strerror}") from error
