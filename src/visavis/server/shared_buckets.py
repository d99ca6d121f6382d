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

SETS, WAYS = 1024, 8
"""Sets of buckets, one of which a key's hash chooses, and the keys that have a bucket in a set at one time."""

_SLOT = struct.Struct("=Qdd")
"""The hash of a key, its tokens, and when they were counted, by the machine's monotonic clock."""


class SharedTokenBuckets:
    """As `token_buckets.TokenBuckets`, for several processes, to which it can be sent.

    A key whose set is full takes over the fullest bucket of the set. A full bucket is as good as none, and of another
    one the key gets the tokens, so that nobody gains by sending under several keys of the same set. A process that is
    killed leaves no lock behind.

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
            self._file.write_bytes(bytes(SETS * WAYS * _SLOT.size))
        # Mapped now, because a cleaner of temporary folders may delete the file before the first request.
        with self._file.open("r+b") as file:
            self._slots = mmap.mmap(file.fileno(), 0)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._file.parent, self.rate)

    @cached_property
    def _locks(self) -> tuple[threading.Lock, FileLock]:
        # A file lock keeps other processes away, but not the threads of this one.
        return threading.Lock(), FileLock(self._file.with_suffix(".lock"), thread_local=False)

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request now. If it may, the request is counted."""
        mark = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") or 1
        first = mark % SETS * WAYS
        threads, processes = self._locks
        with threads, processes:
            now = self._clock()
            buckets = []
            for at in range(first * _SLOT.size, (first + WAYS) * _SLOT.size, _SLOT.size):
                found, tokens, counted_at = _SLOT.unpack_from(self._slots, at)
                filled = min(self._burst, tokens + (now - counted_at) * self.rate) if found else self._burst
                buckets.append((found == mark, filled, at))
            _, tokens, at = max(buckets)  # the key's own, or else the fullest
            allowed = tokens >= 1
            _SLOT.pack_into(self._slots, at, mark, tokens - 1 if allowed else tokens, now)
            return allowed
