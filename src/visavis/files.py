"""Files on disk: atomic writes, reads that do not block, and SHA-256."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

__all__ = ["IMAGE_SUFFIXES", "open_regular", "sha256_of", "writing_atomically"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
"""The suffixes of images, in lower case: of those that visavis writes, and of those that it looks for in a folder."""


@contextmanager
def writing_atomically(target: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `target` when the block ends without an error.

    If the block raises, `target` is unchanged. The new file is readable by all users.

    Args:
        target: the file to replace. Its folder must exist. If it is a symbolic link, the link itself is replaced;
            resolve the path first to replace the file that the link leads to.

    Yields:
        The path of the temporary file, in the folder of `target`.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "a.txt"
        ...     with writing_atomically(target) as temporary:
        ...         _ = temporary.write_text("text")
        ...     target.read_text()
        'text'
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


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read its bytes. A pipe, a device or a folder in its place is refused without waiting.

    Opening a pipe otherwise waits for a writer, and reading a device may never end. The check is made on the open file,
    so nothing can be put in its place in between.

    Raises:
        OSError: the file cannot be opened, or is not a regular file.

    Example:
        >>> with open_regular(Path("examples/photos/obama.jpg")) as file:
        ...     file.read(2).hex()
        'ffd8'
    """
    # Windows has no such pipes among its files, and text mode there changes bytes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 lowercase hexadecimal digits. The file is read in blocks.

    Raises:
        OSError: the file cannot be read.

    Example:
        >>> sha256_of(Path("examples/photos/obama.jpg"))[:8]
        'fd360e7d'
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
