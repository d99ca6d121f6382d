"""The progress of a long task, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress", "comparison_progress", "image_progress"]

_WIDTH = 30
_REDRAW = 0.2  # seconds


class Progress:
    """A bar that redraws itself on a terminal. Elsewhere it is a line for each tenth, because logs keep every line.

    Args:
        what: is counted.
        stream: default: standard error.

    Example:
        >>> progress = Progress("images", sys.stdout)
        >>> for done in range(4):
        ...     progress(done, 3)  # doctest: +SKIP
    """

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._drawn = -1.0
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` are done; 0 starts the clock of the estimate."""
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
    """Of a run over images; None unless it is to be shown."""
    return Progress("images") if shown else None


def comparison_progress(*, shown: bool) -> Progress | None:
    """Of a run over pairs, which is short, so it is shown on a terminal only."""
    return Progress("blocks of comparisons") if shown and sys.stderr.isatty() else None
