"""Threads that pictures are analysed in, and that help one another with a picture of many faces."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar

from visavis.errors import EngineClosed
from visavis.forks import renew_in_children

__all__ = ["Workers"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Workers:
    """`threads` threads.

    Work goes by the order it came in. What `spread` shares out is done by the thread that calls it and by those that
    have nothing else to do: nobody waits for a helper that has not begun, so no number of pictures at once can lock.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._closed = False
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Start over with threads that do not exist yet, as in a forked child."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="visavis")

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """The future of `function(*args, **kwargs)`.

        Raises:
            EngineClosed: `close` was called, or the interpreter is ending.
        """
        if self._closed:
            raise EngineClosed("the engine is closed; open another")
        try:
            return self._pool.submit(function, *args, **kwargs)
        except RuntimeError as error:
            raise EngineClosed(f"the engine can take no more work: {error}") from error

    def spread(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """`function` of each of `items`, in their order; raises what the first of them to fail raised."""
        share = _Share(function, items)
        helpers = []
        with contextlib.suppress(RuntimeError):  # closed meanwhile: what is under way is finished without help
            helpers = [self._pool.submit(share.work) for _ in range(min(self._threads, len(items)) - 1)]
        share.work()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
        return share.results()

    def close(self) -> None:
        """Finish what is under way, drop what has not begun, and let the threads go."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Share(Generic[T, R]):
    """Items that several threads take from, one at a time."""

    def __init__(self, function: Callable[[T], R], items: Sequence[T]) -> None:
        self._function = function
        self._left = enumerate(items)
        self._lock = threading.Lock()
        self._results: dict[int, R] = {}
        self._failures: dict[int, Exception] = {}

    def work(self) -> None:
        """Take items until none is left, or one has failed."""
        while not self._failures:
            with self._lock:
                i, item = next(self._left, (None, None))
            if i is None:
                return
            try:
                self._results[i] = self._function(item)  # type: ignore[arg-type]
            except Exception as error:  # noqa: BLE001  # raised by `results`, in the thread that waits for them
                self._failures[i] = error

    def results(self) -> list[R]:
        if self._failures:
            raise self._failures[min(self._failures)]
        return [self._results[i] for i in range(len(self._results))]
