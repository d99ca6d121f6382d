"""The queue of the requests that wait for a worker, which is fair to the keys that sign them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from visavis.errors import Overloaded

__all__ = ["WorkQueue"]

Result = TypeVar("Result")


class WorkQueue:
    """Runs functions in a fixed number of threads, with a bounded queue. For one event loop.

    Each key has a line of its own in the queue, and the lines take turns. A full queue refuses at once, because a
    caller that learns of the load early can back off. It refuses a function of the longest line: a key alone may fill
    the queue, and with n keys each has room for the n-th part of it.
    """

    def __init__(self, *, workers: int, waiting: int, seconds: float) -> None:
        """Prepare the queue. Threads start when they are needed.

        Args:
            workers: the number of threads, at least 1.
            waiting: the most functions that may wait, at least 0.
            seconds: the longest time that a function may wait.
        """
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="visavis-request")
        self._waiting = waiting
        self._workers = workers
        self._seconds = seconds
        self._running = 0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  # none is empty; the first is next

    @property
    def running(self) -> int:
        """The number of functions that run in a thread, including those whose client disconnected."""
        return self._running

    @property
    def depth(self) -> int:
        """The number of functions that wait, without those that run."""
        return sum(map(len, self._lines.values()))

    @property
    def full(self) -> bool:
        """Whether all threads are busy and no more functions may wait."""
        return self._running >= self._workers and self.depth >= self._waiting

    async def run(
        self,
        key: str,
        work: Callable[[float], Result],
        waits: Callable[[asyncio.Future[None]], object] = lambda _: None,
    ) -> Result:
        """Run `work` in a thread and return its result.

        Args:
            key: whose function it is.
            work: the function; its argument is the seconds that it waited.
            waits: called if the function has to wait, with what is done when its turn comes. An error that is set
                there ends the wait and is raised.

        Raises:
            Overloaded: the queue is full, or no thread became free in time.
        """
        started = time.perf_counter()
        if self._running < self._workers:  # then nothing waits
            self._running += 1
        else:
            await self._turn(key, waits)
        waited = time.perf_counter() - started
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, waited)
        # The turn ends with the thread's work, not with this task, because the thread of a cancelled task works on.
        future.add_done_callback(self._end)
        return await asyncio.shield(future)

    async def _turn(self, key: str, waits: Callable[[asyncio.Future[None]], object]) -> None:
        self._make_room(key)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(key, deque()).append(turn)
        waits(turn)
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:  # cancelled just after its turn came
                self._end()
            self._leave(key, turn)
            if isinstance(error, TimeoutError):
                raise Overloaded(f"queue: no worker was free within {self._seconds:g} seconds") from error
            raise

    def _make_room(self, key: str) -> None:
        """Refuse a function if the queue is full: the last of the longest line, or the new one of `key`."""
        if self.depth < self._waiting:
            return
        full = f"queue: {self.depth} requests wait, at most {self._waiting} may; all {self._workers} workers are busy"
        longest = max(self._lines.values(), key=len, default=deque())
        if len(longest) <= len(self._lines.get(key, ())) + 1:
            raise Overloaded(full)
        last = longest.pop()
        if not last.done():
            last.set_exception(Overloaded(f"{full}, and this key had most of them"))

    def _leave(self, key: str, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(key, deque())
        if turn in line:
            line.remove(turn)
            if not line:
                del self._lines[key]

    def _end(self, _: object = None) -> None:
        """Give the turn that ends to the first of the next line."""
        while self._lines:
            key, line = self._lines.popitem(last=False)
            turn = line.popleft()
            if line:
                self._lines[key] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._running -= 1

    def close(self) -> None:
        """Accept no more functions. Those that run are not stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
