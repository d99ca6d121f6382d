"""The threads of an engine. Each analyses an image, and idle threads help with an image of many faces."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, ParamSpec, TypeVar

from visavis.errors import EngineClosed
from visavis.forks import renew_in_children

__all__ = ["Workers"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Workers:
    """A pool of threads whose tasks can distribute work to idle threads.

    Tasks start in the order in which they were submitted. `parallel_map` runs in the calling thread and in idle
    threads, which leave it when a task waits. The calling thread cancels helpers that have not started, so nested calls
    cannot deadlock.

    Args:
        threads: how many tasks run at once, at least 1.

    Example:
        >>> workers = Workers(2)
        >>> workers.parallel_map(lambda n: n * n, range(4))
        [0, 1, 4, 9]
        >>> workers.close()
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._closed = False
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Make a new pool of threads, because a forked child has none of its parent's threads."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="visavis")
        self._lock = threading.Lock()
        self._waiting = 0  # tasks that were submitted and have not started

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a call and return its future.

        Args:
            function: what a thread calls.
            *args: passed to `function`.
            **kwargs: passed to `function`.

        Raises:
            EngineClosed: `close` was called, or the interpreter is ending.
        """
        if self._closed:
            raise EngineClosed("the engine is closed; open another")
        self._count(1)
        try:
            future = self._pool.submit(self._start, partial(function, *args, **kwargs))
        except RuntimeError as error:
            self._count(-1)
            raise EngineClosed(f"the engine can take no more work: {error}") from error
        future.add_done_callback(self._uncount_cancelled)
        return future

    def _start(self, function: Callable[[], R]) -> R:
        self._count(-1)
        return function()

    def _uncount_cancelled(self, future: Future[R]) -> None:
        if future.cancelled():
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._waiting += change

    def stream(self, function: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
        """Call `function` on each of a stream of items, and yield the results in the order of `items`.

        An item is taken when fewer than two for each thread are waiting or running, so memory does not grow with
        their number. The calls that have not started are cancelled if the caller stops early.

        Args:
            function: what the threads call.
            items: a generator may make them; it runs in the calling thread.

        Raises:
            EngineClosed: the pool was closed meanwhile.
        """
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self.submit(function, item))
                if len(waiting) >= 2 * self._threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except CancelledError as error:
            raise EngineClosed("the engine was closed before it analysed this image") from error
        finally:
            for future in waiting:
                future.cancel()

    def parallel_map(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """Call `function` on each of `items`, and return the results in the order of `items`.

        Other threads help while no task waits for them, so an image of many faces delays others by one item. After a
        failure no further item is started. If calls fail, the error of the first in that order is raised.
        """
        batch = _WorkStealingBatch(function, items)
        helpers, most = [], min(self._threads, len(items)) - 1
        with contextlib.suppress(RuntimeError):  # the pool was closed meanwhile, so this thread finishes alone
            helpers = [self._pool.submit(batch.work, leave=self._is_needed) for _ in range(most)]
        batch.work()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
        return batch.results()

    def _is_needed(self) -> bool:
        """Whether a task waits for a thread."""
        return self._waiting > 0

    def close(self) -> None:
        """Finish running tasks, cancel tasks that have not started, and end the threads."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)


class _WorkStealingBatch(Generic[T, R]):
    """Items that several threads process, each taking one at a time."""

    def __init__(self, function: Callable[[T], R], items: Sequence[T]) -> None:
        self._function = function
        self._remaining = enumerate(items)
        self._lock = threading.Lock()
        self._results: dict[int, R] = {}
        self._failures: dict[int, Exception] = {}

    def work(self, *, leave: Callable[[], bool] = lambda: False) -> None:
        """Take items until none remains, one has failed or `leave` returns true."""
        while not self._failures and not leave():
            with self._lock:
                i, item = next(self._remaining, (None, None))
            if i is None:
                return
            try:
                self._results[i] = self._function(item)  # type: ignore[arg-type]
            except Exception as error:  # noqa: BLE001  # raised by `results`, in the waiting thread
                self._failures[i] = error

    def results(self) -> list[R]:
        """The results in the order of the items; raises the error of the first item that failed."""
        if self._failures:
            raise self._failures[min(self._failures)]
        return [self._results[i] for i in range(len(self._results))]
