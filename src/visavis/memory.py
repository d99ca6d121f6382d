"""What was found in the pictures seen last, so that none of them is analysed again. In memory, and nowhere else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from visavis.forks import renew_in_children

__all__ = ["Memory"]

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """The values used last, `most` of them; none where `most` is 0. Threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()
        renew_in_children(self)

    def renew(self) -> None:
        """Forget who holds the lock, as in a forked child. What was kept stays."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: Hashable, value: Value) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
