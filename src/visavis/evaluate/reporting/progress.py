"""The progress of a long task, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress", "comparison_progress", "image_progress"]

_WIDTH = 30
_REDRAW = 0.2  # seconds


class Progress:
    """A progress bar on a terminal. Elsewhere it is a line for each tenth, because a log keeps every line.

    Args:
        what: the name of what is counted.
        stream: where to write; default: standard error.

    Example:
        >>> progress = Progress("images", sys.stdout)
        >>> for done in range(3):
        ...     progress(done, 2)
        images: 1 of 2
        images: 2 of 2
    """

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._drawn = -1.0
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` are done. The estimate of the time left starts when `done` is 0."""
        now = time.monotonic()
        if done == 0:
            self._began = now
        elif self._terminal:
            if done >= total or now - self._drawn > _REDRAW:
                self._drawn = now
                self._draw(done, total, now)
        elif done * 10 // total > self._tenth:
            self._tenth = done * 10 // total
            print(f"{self._what}: {done:,} of {total:,}", file=self._stream, flush=True)

    def _draw(self, done: int, total: int, now: float) -> None:
        full = _WIDTH * done // total
        left = (now - self._began) * (total - done) / done
        bar = "#" * full + "." * (_WIDTH - full)
        end = "\n" if done >= total else ""
        text = f"\r{self._what} [{bar}] {done:,} of {total:,}, {left:.0f} s left \x1b[K{end}"
        print(text, end="", file=self._stream, flush=True)


def image_progress(*, shown: bool) -> Progress | None:
    """The progress of a run over images; None if it is not shown."""
    return Progress("images") if shown else None


def comparison_progress(*, shown: bool) -> Progress | None:
    """The progress of a run over pairs. It is shown on a terminal only, because the run is short."""
    return Progress("blocks of comparisons") if shown and sys.stderr.isatty() else None
