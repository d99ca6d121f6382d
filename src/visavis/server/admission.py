"""The server's limits on load: size of a body, work at once, time in the queue, requests a second of one key."""

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

from visavis.aws.wire import WireError
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
"""Bytes of a body that is too large which are still read and discarded before the response."""


class BodyError(Exception):
    """The request has no body that can be worked on.

    outcome: the word for it in logs and metrics
    refusal: the error as the caller receives it
    """

    def __init__(self, outcome: str, refusal: WireError) -> None:
        super().__init__(outcome, refusal)
        self.outcome = outcome
        self.refusal = refusal

    @classmethod
    def too_large(cls, size: int, limit: int, *, whole: bool = True) -> BodyError:
        """A body of `size` bytes, or of more where it was not read to its end, where `limit` are taken."""
        is_, taken = _megabytes(size), _megabytes(limit)
        if is_ == taken:  # both rounded
            is_, taken = f"{size} bytes", f"{limit} bytes"
        text = f"the request is {'' if whole else 'over '}{is_}, {taken} are taken; pass large pictures by S3Object"
        return cls("BodyTooLarge", WireError(413, "RequestEntityTooLargeException", text, "framework"))

    @classmethod
    def too_slow(cls, size: int, seconds: float) -> BodyError:
        text = f"the body did not arrive within {seconds:g} seconds: {size} bytes came"
        return cls("BodyTooSlow", WireError(408, "RequestTimeoutException", text, "framework"))

    @classmethod
    def client_gone(cls, size: int) -> BodyError:
        text = f"the client went away before the end of the body: {size} bytes came"
        return cls("ClientGone", WireError(400, "ClientGone", text, "framework"))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


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
                    raise BodyError.client_gone(size)
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size <= limit:
                    chunks.append(chunk)
                else:
                    chunks.clear()
    except TimeoutError as error:
        raise BodyError.too_slow(size, seconds) from error
    if size > limit:
        raise BodyError.too_large(size, limit, whole=not more)
    return b"".join(chunks)


class MemoryBudget:
    """Bytes that bodies being read or worked on may hold together. For one event loop."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Set `size` bytes aside.

        Raises:
            Overloaded: fewer are left.
        """
        if size > self._left:
            held = _megabytes(self._total - self._left)
            raise Overloaded(
                f"memory: bodies in flight hold {held}, this one takes {_megabytes(size)}, "
                f"at most {_megabytes(self._total)} together"
            )
        self._left -= size
        try:
            yield
        finally:
            self._left += size


class WorkQueue:
    """Runs plain functions in `workers` threads, with at most `waiting` more in line. For one event loop.

    The queue is short on purpose, because a caller that is refused at once can back off.
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
        self._waiting = waiting
        self._workers = workers
        self._seconds = seconds
        self._inside = 0
        self._running = 0

    @property
    def running(self) -> int:
        """Functions that run in a thread, including those whose caller has gone."""
        return self._running

    @property
    def depth(self) -> int:
        """Functions in line, not counting those that run."""
        return max(0, self._inside - self._workers)

    @property
    def full(self) -> bool:
        return self._inside >= self._workers + self._waiting

    async def run(self, work: Callable[[float], Result]) -> Result:
        """What `work` returns; it is given the seconds that it waited.

        Raises:
            Overloaded: the line is full, or the turn did not come in time.
        """
        if self.full:
            raise Overloaded(
                f"queue: {self.depth} waiting, at most {self._waiting}; all {self._workers} workers are taken"
            )
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
            raise Overloaded(f"queue: no worker was free within {self._seconds:g} seconds") from error

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
        self.rate = rate
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
            tokens = min(self._burst, tokens + (now - counted_at) * self.rate)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return allowed
