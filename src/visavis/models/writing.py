"""Writes into folders that several processes share, with errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visavis.errors import ModelError, ModelStoreError
from visavis.files import writing_atomically

__all__ = ["locked", "writing"]

_LOCK_SECONDS = 900  # another process may be downloading 45 MB over a slow line


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`, which is made if need be, until the block ends. Must not be nested.

    Raises:
        ModelStoreError: the folder cannot be written, or another process does not release it. An `OSError` of the
            block becomes one too.
    """
    from filelock import FileLock

    with _store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=_LOCK_SECONDS):
            yield


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """As `writing_atomically`, in a folder that is made if need be.

    Raises:
        ModelStoreError: the file cannot be written.
    """
    with _store_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with writing_atomically(target) as temporary:
            yield temporary


@contextmanager
def _store_errors(where: Path) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except TimeoutError as error:
        raise ModelStoreError(f"another process has held {where} for {_LOCK_SECONDS} s; is it stuck?") from error
    except OSError as error:
        raise ModelStoreError(f"{where} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full (about 80 MB are needed)"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "it is read-only for this user; set VISAVIS_HOME or VISAVIS_DATA_HOME to a folder that is not"
    return error.strerror or str(error)
