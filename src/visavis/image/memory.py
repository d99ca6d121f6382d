"""Bounds the memory of all images that are decoded at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from visavis.deadline import LOOK_EVERY, Deadline
from visavis.errors import ImageTooLarge
from visavis.forks import renew_in_children

__all__ = ["DEFAULT_IMAGE_MEMORY", "Allowance", "PixelMemory"]

DEFAULT_IMAGE_MEMORY = 400 * 1024 * 1024
"""Bytes. The largest JPEG of a camera, 100 million pixels, takes 400 MB when it is decoded whole, with its halved
copies; eight photographs of 12 megapixels fit at once."""


class PixelMemory:
    """The memory that decoded images may take together. Threads may share it.

    An image whose memory is in use waits, and holds none meanwhile. So images never wait for each other in a circle.

    Args:
        total: bytes.
    """

    def __init__(self, total: int = DEFAULT_IMAGE_MEMORY) -> None:
        self.total = total
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Count from zero with a new lock, because a forked child has none of the threads that hold memory."""
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def allowance(self, deadline: Deadline) -> Iterator[Allowance]:
        """What one image may use until the `with` block ends.

        Args:
            deadline: of the work on the image.
        """
        allowance = Allowance(deadline, self)
        try:
            yield allowance
        finally:
            allowance.release()

    def acquire(self, size: int, deadline: Deadline) -> None:
        """Wait until `size` bytes are free, and count them as used.

        Raises:
            ImageTooLarge: `size` is above the total.
            TimedOut, Cancelled: as for `Deadline.check`.
        """
        if size > self.total:
            raise ImageTooLarge(
                f"decoding takes {size / 1e6:.0f} MB of memory, at most {self.total / 1e6:.0f} MB are used"
            )
        with self._changed:
            while self._used + size > self.total:
                deadline.check()
                self._changed.wait(LOOK_EVERY)
            self._used += size

    def release(self, size: int) -> None:
        """Count `size` bytes as free."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()


class Allowance:
    """The time and the memory that the work on one image may take.

    Args:
        deadline: of the work. Default: none.
        memory: that the image shares with others; None for no limit.
    """

    def __init__(self, deadline: Deadline | None = None, memory: PixelMemory | None = None) -> None:
        self._deadline = deadline or Deadline()
        self._memory = memory
        self._held = 0

    def check(self) -> None:
        """As `Deadline.check`."""
        self._deadline.check()

    def take(self, size: int) -> None:
        """Wait for `size` bytes of memory in place of those that the image holds. Called before each decoding.

        Raises:
            ImageTooLarge: the image alone takes more memory than all images may.
            TimedOut, Cancelled: as for `Deadline.check`.
        """
        self.check()
        if self._memory is not None and size != self._held:
            self.release()
            self._memory.acquire(size, self._deadline)
            self._held = size

    def release(self) -> None:
        """Give the memory back."""
        if self._memory is not None and self._held:
            self._memory.release(self._held)
            self._held = 0
