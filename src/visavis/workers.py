"""The threads of an engine. Each analyses an image, and idle threads help with an image of many faces."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

from visavis.errors import EngineClosed
from visavis.forks import renew_in_children

__all__ = ["Workers"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Workers:
    """A pool of threads whose tasks can distribute work to idle threads.

    Tasks of one key start in the order in which they were submitted; the keys take turns. `parallel_map` runs in the
    calling thread and in idle threads, which leave it when a task waits. The calling thread cancels helpers that have
    not started, so nested calls cannot deadlock.

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
        self._lines: OrderedDict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = OrderedDict()  # none is empty

    def submit(self, key: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a call and return its future.

        Args:
            key: whose call it is. The keys of waiting calls take turns.
            function: what a thread calls.
            *args: passed to `function`.
            **kwargs: passed to `function`.

        Raises:
            EngineClosed: `close` was called, or the interpreter is ending.
        """
        if self._closed:
            raise EngineClosed("the engine is closed; open another")
        future: Future[R] = Future()
        with self._lock:
            self._lines.setdefault(key, deque()).append((future, partial(function, *args, **kwargs)))
        try:
            self._pool.submit(self._next)
        except RuntimeError as error:
            future.cancel()
            raise EngineClosed(f"the engine can take no more work: {error}") from error
        return future

    def _next(self) -> None:
        """Make the first call of the next key."""
        with self._lock:
            if not self._lines:  # the pool is being closed
                return
            key, line = self._lines.popitem(last=False)
            future, call = line.popleft()
            if line:
                self._lines[key] = line
        if future.set_running_or_notify_cancel():
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  # raised by the future, in the waiting thread
                future.set_exception(error)
            else:
                future.set_result(result)

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
                waiting.append(self.submit("", function, item))
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
        return bool(self._lines)

    def close(self) -> None:
        """Finish running tasks, cancel tasks that have not started, and end the threads."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            waiting = [future for line in self._lines.values() for future, _ in line]
            self._lines.clear()
        for future in waiting:
            future.cancel()
        self._pool.shutdown(wait=True)


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
