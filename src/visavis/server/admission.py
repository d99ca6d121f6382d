"""What the server takes on: how large a body, how much at once, how long it may wait, how often one key may ask."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from starlette.types import Receive

from visavis.errors import Overloaded

__all__ = [
    "BodyError",
    "MemoryBudget",
    "TokenBuckets",
    "WorkQueue",
    "read_body",
]

Result = TypeVar("Result")


MAX_DISCARDED = 64 * 1024 * 1024
"""Bytes of a body that is too large which are still read, and thrown away, before the answer."""


class BodyError(Exception):
    """The request has no body that can be worked on.

    status:  the HTTP status that says so
    outcome: the word for it in logs and metrics
    """

    def __init__(self, status: int, outcome: str) -> None:
        super().__init__(status, outcome)
        self.status = status
        self.outcome = outcome

    @classmethod
    def too_large(cls) -> BodyError:
        return cls(413, "BodyTooLarge")


async def read_body(receive: Receive, *, limit: int, seconds: float) -> bytes:
    """The whole request body.

    What goes beyond the limit is read too, within reason: a connection closed with bytes unread is reset, and the
    client then never sees why.

    Args:
        receive: ASGI's.
        limit: bytes, inclusive.
        seconds: for all of it to arrive.

    Raises:
        BodyError: too large, too slow, or the client went away.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more and size <= limit + MAX_DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyError(400, "ClientGone")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size <= limit:
                    chunks.append(chunk)
                else:
                    chunks.clear()
    except TimeoutError as error:
        raise BodyError(408, "BodyTooSlow") from error
    if size > limit:
        raise BodyError.too_large()
    return b"".join(chunks)


class MemoryBudget:
    """Bytes that bodies being read or worked on may hold together. For one event loop."""

    def __init__(self, total: int) -> None:
        self._left = total

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Set `size` bytes aside.

        Raises:
            Overloaded: fewer are left.
        """
        if size > self._left:
            raise Overloaded("the bodies in flight hold all the memory they may")
        self._left -= size
        try:
            yield
        finally:
            self._left += size


class WorkQueue:
    """Runs plain functions in `workers` threads, with at most `waiting` more in line. For one event loop.

    The line is short on purpose: a caller that is refused at once can back off, one that waits for ever cannot.
    """

    def __init__(self, *, workers: int, waiting: int, seconds: float) -> None:
        """Start nothing yet; threads come as they are needed.

        Args:
            workers: threads, at least 1.
            waiting: functions in line, at least 0.
            seconds: the longest that one may wait in line.
        """
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="visavis-request")
        self._turns = asyncio.Semaphore(workers)
        self._capacity = workers + waiting
        self._workers = workers
        self._seconds = seconds
        self._inside = 0
        self._running = 0

    @property
    def running(self) -> int:
        """Functions that threads are at work on, those included that nobody waits for any more."""
        return self._running

    @property
    def depth(self) -> int:
        """Functions in line, not counting those that run."""
        return max(0, self._inside - self._workers)

    @property
    def full(self) -> bool:
        return self._inside >= self._capacity

    async def run(self, work: Callable[[float], Result]) -> Result:
        """What `work` returns; it is given the seconds that it waited.

        Raises:
            Overloaded: the line is full, or the turn did not come in time.
        """
        if self.full:
            raise Overloaded("the work queue is full")
        self._inside += 1
        try:
            started = time.perf_counter()
            await self._turn()
            waited = time.perf_counter() - started
            future = asyncio.get_running_loop().run_in_executor(self._threads, work, waited)
            # The thread's end, not this task's, gives the turn back: a cancelled task leaves its thread working.
            self._running += 1
            future.add_done_callback(self._end)
            return await asyncio.shield(future)
        finally:
            self._inside -= 1

    def _end(self, _: object) -> None:
        self._running -= 1
        self._turns.release()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Overloaded("the turn of the request did not come in time") from error

    def close(self) -> None:
        """Take no more work; what runs is left to end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class TokenBuckets:
    """At most `rate` requests a second for a key, and at most `burst` at once. Safe to share between threads.

    Only the `keys` keys seen last are remembered: a forgotten one starts with a full bucket.
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: float | None = None,
        keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with every bucket full.

        Args:
            rate: requests a second, above 0.
            burst: requests, at least 1; a second's worth if None.
            keys: at least 1.
            clock: seconds, never going back.
        """
        self._rate = rate
        self._burst = max(1.0, rate) if burst is None else burst
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, when they were counted

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request now; if so, it is counted."""
        with self._lock:
            now = self._clock()
            tokens, counted_at = self._buckets.pop(key, (self._burst, now))
            tokens = min(self._burst, tokens + (now - counted_at) * self._rate)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return allowed
