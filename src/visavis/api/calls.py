"""Calls that may hang. A caller waits for one until a given time, whatever it does, and few of them run at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from visavis.deadline import LOOK_EVERY, Deadline
from visavis.errors import Overloaded

__all__ = ["PATIENCE", "Calls", "interrupt_by", "seconds_left"]

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds without a start or an end of a call after which the calls count as hanging. It is a quarter of the time that
a request may wait for a worker of the server, so that a worker is free before the requests behind it have waited too
long."""


class Calls:
    """Runs calls, each in a thread of its own, so that a caller can leave one that hangs.

    The thread of a call that is left goes on and counts until it ends, because Python cannot stop it. What it runs is
    therefore bounded too, by `seconds_left`, and may say by `interrupt_by` how its wait ends when the caller leaves.

    Args:
        most: the calls that may run at a time; None for any number. A further call waits as long as others start or
            end. When none has done so for `PATIENCE`, it is refused, so that the threads that call are not all held.

    Example:
        >>> Calls(1).run(lambda: "done", time.monotonic() + 5)
        'done'
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._running = 0
        self._moved = 0.0
        self._changed = threading.Condition()

    def run(self, work: Callable[[], T], ends: float, deadline: Deadline | None = None) -> T:
        """Call `work` in another thread and return its result, or raise its error.

        Args:
            work: the call.
            ends: until when the caller waits, in seconds of `time.monotonic`.
            deadline: of the caller's own work, which ends the wait too, a tenth of a second later at most.

        Raises:
            TimeoutError: it is `ends`.
            Overloaded: the call did not start, because others hang or because it is `ends`.
            TimedOut, Cancelled: as for `Deadline.check`.
        """
        deadline = deadline or Deadline()
        self._take_turn(ends, deadline)
        result: Future[T] = Future()
        thread = _CallThread(work, result, ends, self._end)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            self._end(moved=False)
            raise
        try:
            while not wait([result], max(0.0, min(ends - time.monotonic(), LOOK_EVERY))).done:
                if time.monotonic() >= ends:
                    raise TimeoutError
                deadline.check()
            return result.result()
        finally:
            if not result.done():
                thread.leave()
            # An error has this frame in its traceback. They would keep each other, and what the call read, in memory.
            del result, thread

    def _take_turn(self, ends: float, deadline: Deadline) -> None:
        with self._changed:
            while self._most is not None and self._running >= self._most:
                deadline.check()
                left = min(ends, self._moved + PATIENCE) - time.monotonic()
                if left <= 0:
                    raise Overloaded(
                        f"objects: {self._running} are being read, at most {self._most} may be at a time, "
                        f"and none has started or ended within {PATIENCE:g} seconds"
                    )
                self._changed.wait(min(left, LOOK_EVERY))
            self._running += 1
            self._moved = time.monotonic()

    def _end(self, *, moved: bool) -> None:
        with self._changed:
            self._running -= 1
            if moved:
                self._moved = time.monotonic()
            self._changed.notify()


class _CallThread(threading.Thread):
    """A thread that the interpreter does not wait for when it ends."""

    def __init__(self, work: Callable[[], T], result: Future[T], ends: float, end: Callable[..., None]) -> None:
        super().__init__(name="visavis-call", daemon=True)
        self.ends = ends
        self._parts = work, result, end
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None

    def leave(self) -> None:
        """Let the call end, because nobody waits for it."""
        self.ends = min(self.ends, time.monotonic())
        with self._lock:
            if self._interrupt is not None:
                self._interrupt()

    def interrupt_by(self, interrupt: Callable[[], None] | None) -> None:
        """See the function of this name. When it returns, nothing that was given before is called any more."""
        with self._lock:
            self._interrupt = interrupt

    def run(self) -> None:
        work, result, end = self._parts
        del self._parts
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001 - raised where the result is taken
            end(moved=seconds_left() > 0)
            result.set_exception(error)
            del result  # as above
        else:
            end(moved=seconds_left() > 0)
            result.set_result(found)


def seconds_left() -> float:
    """The time until the caller of the present call leaves it; infinite outside of a call.

    Example:
        >>> seconds_left()
        inf
    """
    thread = threading.current_thread()
    return thread.ends - time.monotonic() if isinstance(thread, _CallThread) else float("inf")


def interrupt_by(interrupt: Callable[[], None] | None) -> None:
    """Say what ends the wait of the present call when its caller leaves it. Outside of a call nothing happens.

    Args:
        interrupt: called in another thread; must not block. None: nothing ends the wait but `seconds_left`.

    Example:
        >>> waiting = threading.Event()
        >>> interrupt_by(waiting.set)
    """
    thread = threading.current_thread()
    if isinstance(thread, _CallThread):
        thread.interrupt_by(interrupt)
