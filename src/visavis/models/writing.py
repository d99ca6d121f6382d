"""Writes to folders that several processes share, with errors that say what to do."""

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
    """Lock a folder against other processes until the block ends. Blocks must not be nested.

    Args:
        folder: the folder, which is created if it does not exist.

    Raises:
        ModelStoreError: the folder cannot be written, another process does not release it, or the block raised an
            `OSError`.
    """
    from filelock import FileLock

    with _store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=_LOCK_SECONDS):
            yield


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Do the same as `writing_atomically`, and create the folder of `target` if it does not exist.

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
        raise ModelStoreError(
            f"another process has locked {where} for {_LOCK_SECONDS} s; end it if it is stuck"
        ) from error
    except OSError as error:
        raise ModelStoreError(f"{where} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full; about 80 MB are needed"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "it is read-only for this user; set VISAVIS_HOME or VISAVIS_DATA_HOME to a folder that is not"
    return error.strerror or str(error)
