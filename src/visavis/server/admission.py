"""The server's limits on load: concurrency, time in the queue and requests per second of a key."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from visavis.errors import Overloaded

__all__ = ["TokenBuckets", "WorkQueue"]

Result = TypeVar("Result")


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
