"""The server's limits on load: body size, concurrency, time in the queue and requests per second of a key."""

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
"""Bytes over the limit that are read and discarded before the response to a body that is too large."""


class BodyError(Exception):
    """The body of a request is too large, too slow or incomplete.

    Attributes:
        outcome: the outcome in logs and metrics.
        response_error: the error as the caller receives it.
    """

    def __init__(self, outcome: str, response_error: WireError) -> None:
        super().__init__(outcome, response_error)
        self.outcome = outcome
        self.response_error = response_error

    @classmethod
    def too_large(cls, size: int, limit: int, *, whole: bool = True) -> BodyError:
        """The error for a body over the limit.

        Args:
            size: bytes of the body, or those that were read.
            limit: the most bytes that a body may have.
            whole: whether `size` is that of the whole body.
        """
        actual, allowed = _megabytes(size), _megabytes(limit)
        if actual == allowed:  # because both are rounded
            actual, allowed = f"{size} bytes", f"{limit} bytes"
        text = (
            f"the request is {'' if whole else 'over '}{actual}, at most {allowed} are allowed; "
            "send large images by S3Object"
        )
        return cls("BodyTooLarge", WireError(413, "RequestEntityTooLargeException", text, "framework"))

    @classmethod
    def too_slow(cls, size: int, seconds: float) -> BodyError:
        """The error for a body of which only `size` bytes arrived within `seconds`."""
        text = f"the body did not arrive within {seconds:g} seconds: {size} bytes arrived"
        return cls("BodyTooSlow", WireError(408, "RequestTimeoutException", text, "framework"))

    @classmethod
    def client_gone(cls, size: int) -> BodyError:
        """The error for a client that disconnected after `size` bytes of the body."""
        text = f"the client disconnected before the end of the body: {size} bytes arrived"
        return cls("ClientGone", WireError(400, "ClientGone", text, "framework"))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


async def read_body(receive: Receive, *, limit: int, seconds: float) -> bytes:
    """The whole body of a request.

    Up to `MAX_DISCARDED` bytes over the limit are read and discarded, because a connection that is closed with unread
    bytes is reset, and the client then does not see the response.

    Args:
        receive: ASGI's function that gives the next part of the body.
        limit: the most bytes that the body may have.
        seconds: the time in which the whole body must arrive.

    Raises:
        BodyError: the body is too large or too slow, or the client disconnected.
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
    """A limit on the bytes of all bodies in progress together. For one event loop."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Reserve `size` bytes for the time of a `with` block.

        Raises:
            Overloaded: fewer bytes are left.
        """
        if size > self._left:
            held = _megabytes(self._total - self._left)
            raise Overloaded(
                f"memory: the bodies in progress take {held} and this one takes {_megabytes(size)}; "
                f"the limit is {_megabytes(self._total)}"
            )
        self._left -= size
        try:
            yield
        finally:
            self._left += size


class WorkQueue:
    """Runs functions in a fixed number of threads, with a bounded queue. For one event loop.

    A full queue refuses at once, because a caller that learns of the load early can back off.
    """

    def __init__(self, *, workers: int, waiting: int, seconds: float) -> None:
        """Prepare the queue. Threads start when they are needed.

        Args:
            workers: the number of threads, at least 1.
            waiting: the most functions that may wait, at least 0.
            seconds: the longest time that a function may wait.
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
        """The number of functions that run in a thread, including those whose client disconnected."""
        return self._running

    @property
    def depth(self) -> int:
        """The number of functions that wait, without those that run."""
        return max(0, self._inside - self._workers)

    @property
    def full(self) -> bool:
        """Whether `run` would refuse a function now."""
        return self._inside >= self._workers + self._waiting

    async def run(self, work: Callable[[float], Result]) -> Result:
        """Run `work` in a thread and return its result.

        Args:
            work: the function; its argument is the seconds that it waited.

        Raises:
            Overloaded: the queue is full, or no thread became free in time.
        """
        if self.full:
            raise Overloaded(
                f"queue: {self.depth} requests wait, at most {self._waiting} may; all {self._workers} workers are busy"
            )
        self._inside += 1
        try:
            started = time.perf_counter()
            await self._turn()
            waited = time.perf_counter() - started
            future = asyncio.get_running_loop().run_in_executor(self._threads, work, waited)
            # The turn ends with the thread's work, not with this task, because the thread of a cancelled task works on.
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
        """Accept no more functions. Those that run are not stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class TokenBuckets:
    """A token bucket for each key, which limits its requests per second. Safe to share between threads.

    Only the keys used last have a bucket; any other key starts with a full one.

    Example:
        >>> buckets = TokenBuckets(1.0, clock=lambda: 0.0)
        >>> buckets.take("AKIAFRONTDOOR"), buckets.take("AKIAFRONTDOOR")
        (True, False)
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
            rate: requests per second that a key may make, above 0.
            burst: the most requests that a key may make at once, at least 1; None for those of one second.
            keys: the number of keys that have a bucket, at least 1.
            clock: returns seconds; must be monotonic.
        """
        self.rate = rate
        self._burst = max(1.0, rate) if burst is None else burst
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, when they were counted

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request now. If it may, the request is counted."""
        with self._lock:
            now = self._clock()
            tokens, counted_at = self._buckets.pop(key, (self._burst, now))
            tokens = min(self._burst, tokens + (now - counted_at) * self.rate)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return allowed
