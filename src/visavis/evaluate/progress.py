"""How far a long task is, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress"]

_WIDTH = 30
_REDRAW = 0.2  # seconds


class Progress:
    """A bar that redraws itself on a terminal; elsewhere a line for every tenth, so that a log stays a log."""

    def __init__(self, what: str, total: int, stream: TextIO | None = None) -> None:
        self._what, self._total = what, max(total, 1)
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._began = time.monotonic()
        self._drawn = -1.0
        self._tenth = 0

    def at(self, done: int) -> None:
        """Say that `done` of the total are done."""
        now = time.monotonic()
        if self._terminal:
            if done >= self._total or now - self._drawn > _REDRAW:
                self._drawn = now
                self._draw(done, now)
        elif done * 10 // self._total > self._tenth:
            self._tenth = done * 10 // self._total
            print(f"{self._what}: {done:,} of {self._total:,}", file=self._stream, flush=True)

    def _draw(self, done: int, now: float) -> None:
        full = _WIDTH * done // self._total
        left = (now - self._began) * (self._total - done) / max(done, 1)
        bar = "#" * full + "." * (_WIDTH - full)
        end = "\n" if done >= self._total else ""
        text = f"\r{self._what} [{bar}] {done:,} of {self._total:,}, {left:.0f} s left \x1b[K{end}"
        print(text, end="", file=self._stream, flush=True)
