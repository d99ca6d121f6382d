"""Files on disk: atomic writes and SHA-256."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["sha256_of", "writing_atomically"]


@contextmanager
def writing_atomically(target: Path) -> Iterator[Path]:
    """Yield a temporary file beside `target`, which replaces it, readable by all, when the block ends without an error.

    Otherwise `target` stays as it was. Its folder must exist. A symbolic link is itself replaced; resolve the path
    first to write the file that it leads to.

    Raises:
        OSError: the file cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=".visavis-", dir=target.parent)
    temporary = Path(name)
    try:
        os.close(handle)  # Windows cannot replace a file that is open.
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as 64 lowercase hexadecimal digits. The file is read in pieces.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
