"""Token buckets that several processes of one server share."""

from __future__ import annotations

import hashlib
import mmap
import struct
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from filelock import FileLock

__all__ = ["SharedTokenBuckets"]

SLOTS = 8192
"""Keys that have a bucket at one time. Two keys with the same slot take it from each other."""

_SLOT = struct.Struct("=Qdd")
"""The hash of a key, its tokens, and when they were counted, by the machine's monotonic clock."""


class SharedTokenBuckets:
    """As `token_buckets.TokenBuckets`, for several processes, to which it can be sent.

    A key that loses its slot to another one starts with a full bucket. A process that is killed leaves no lock behind.

    Args:
        folder: that only these processes use.
        rate: requests per second that a key may make, above 0.
        clock: returns seconds, the same ones in every process.

    Attributes:
        rate: as given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     buckets = SharedTokenBuckets(Path(folder), 1.0, clock=float)
        ...     buckets.take("AKIAFRONTDOOR"), buckets.take("AKIAFRONTDOOR")
        (True, False)
    """

    def __init__(self, folder: Path, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._burst = max(1.0, rate)
        self._clock = clock
        self._file = folder / "buckets"
        if not self._file.exists():
            self._file.write_bytes(bytes(SLOTS * _SLOT.size))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._file.parent, self.rate)

    @cached_property
    def _slots(self) -> mmap.mmap:
        with self._file.open("r+b") as file:
            return mmap.mmap(file.fileno(), 0)

    @cached_property
    def _locks(self) -> tuple[threading.Lock, FileLock]:
        # A file lock keeps other processes away, but not the threads of this one.
        return threading.Lock(), FileLock(self._file.with_suffix(".lock"), thread_local=False)

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request now. If it may, the request is counted."""
        mark = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") or 1
        at = mark % SLOTS * _SLOT.size
        threads, processes = self._locks
        with threads, processes:
            now = self._clock()
            found, tokens, counted_at = _SLOT.unpack_from(self._slots, at)
            if found != mark:
                tokens, counted_at = self._burst, now
            tokens = min(self._burst, tokens + (now - counted_at) * self.rate)
            allowed = bool(tokens >= 1)
            _SLOT.pack_into(self._slots, at, mark, tokens - 1 if allowed else tokens, now)
            return allowed
