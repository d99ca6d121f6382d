"""When the work on one request must end."""

from __future__ import annotations

import time
from collections.abc import Callable

from visavis.errors import Cancelled, TimedOut

__all__ = ["LOOK_EVERY", "Deadline"]

LOOK_EVERY = 0.1
"""Seconds after which work that waits for something else looks at its deadline again."""


class Deadline:
    """When the work on one request must end, or that nobody waits for its result any more. Threads may share it.

    The work calls `check` between its steps, so it ends within the time of one step.

    Args:
        seconds: from now; None for no limit.
        clock: returns seconds; must be monotonic.

    Attributes:
        key: whose request it is. In an engine whose threads are all at work, requests of several keys take turns.

    Example:
        >>> from visavis import Deadline
        >>> deadline = Deadline(60)
        >>> deadline.check()
        >>> deadline.cancel()
        >>> deadline.check()
        Traceback (most recent call last):
        visavis.errors.Cancelled: nobody waits for the result any more
    """

    def __init__(self, seconds: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._started = clock()
        self._cancelled = False
        self.key = ""

    def restart(self) -> None:
        """Count the time from now on, because a wait for a worker is no work.

        Example:
            >>> from visavis import Deadline
            >>> Deadline(60).restart()
        """
        self._started = self._clock()

    def cancel(self) -> None:
        """End the work, because nobody waits for its result.

        Example:
            >>> from visavis import Deadline
            >>> Deadline().cancel()
        """
        self._cancelled = True

    def check(self) -> None:
        """Raise an error if the work must end.

        Raises:
            TimedOut: the time is over.
            Cancelled: `cancel` was called.

        Example:
            >>> from visavis import Deadline
            >>> Deadline(seconds=60).check()
        """
        if self._cancelled:
            raise Cancelled("nobody waits for the result any more")
        if self._seconds is not None and self._clock() - self._started >= self._seconds:
            raise TimedOut(f"time: the work took longer than {self._seconds:g} seconds")
