"""Writes lines in a thread, so that a reader who does not read never stops who logs."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

from visavis.forks import renew_in_children

__all__ = ["FLUSH_SECONDS", "MOST_BYTES", "LineWriter"]

MOST_BYTES = 4_000_000
"""Bytes of lines that wait for the reader. A line of a request has 420, so these are about 9,000 requests."""

FLUSH_SECONDS = 2.0
"""The longest time that the end of the process waits for the reader."""


class LineWriter:
    """Writes lines to a file descriptor, each at once, because lines of several processes would mix otherwise.

    Lines wait in memory, at most `MOST_BYTES` of them. Further lines are dropped and counted, and so are lines that
    cannot be written because the disk is full or the reader has gone.

    Args:
        descriptor: of a pipe, a file or a terminal.
        report: makes the line that tells how many lines were dropped.
    """

    def __init__(self, descriptor: int, report: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._report = report
        self.dropped = 0
        """Lines that were dropped so far."""
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Start anew in a forked child. The parent writes the lines that wait."""
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._bytes = 0  # of the lines that wait, and of the one that is being written
        self._reported = self.dropped
        self._thread: threading.Thread | None = None
        self._closed = False

    def write(self, line: bytes) -> None:
        """Add a line, with its end, or drop it. Never waits."""
        with self._changed:
            if self._closed or self._bytes + len(line) > MOST_BYTES:
                self.dropped += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="visavis-log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until every line is written, at most `FLUSH_SECONDS`."""
        end = time.monotonic() + FLUSH_SECONDS
        with self._changed:
            while self._bytes and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    def close(self) -> None:
        """Flush, and end the thread when it has written what waits. Further lines are dropped."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._thread is None:
                os.close(self._descriptor)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._lines and not self._closed:
                    self._changed.wait()
                if not self._lines:
                    os.close(self._descriptor)
                    return
                line = self._lines.popleft()
            if self._put(line):
                self._tell()
            with self._changed:
                self._bytes -= len(line)
                self._changed.notify_all()

    def _tell(self) -> None:
        """Write how many lines were dropped since this was last told."""
        dropped = self.dropped
        if dropped > self._reported and self._put(self._report(dropped - self._reported)):
            self._reported = dropped

    def _put(self, line: bytes) -> bool:
        """Write a line, and return whether that was possible."""
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another process made the pipe non-blocking
                select.select([], [self._descriptor], [], 1.0)
            except OSError:
                with self._changed:
                    self.dropped += 1
                return False
        return True
