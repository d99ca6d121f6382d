"""A cache in memory that drops the least recently used values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from visavis.forks import renew_in_children

__all__ = ["LruCache"]

Value = TypeVar("Value")


class LruCache(Generic[Value]):
    """Keeps the most recently used values. Threads may share it.

    Args:
        size: how many values are kept, at least 0.

    Example:
        >>> cache = LruCache[str](1)
        >>> cache.put("a", "first")
        >>> cache.put("b", "second")
        >>> cache.get("a"), cache.get("b")
        (None, 'second')
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()
        renew_in_children(self)

    def renew(self) -> None:
        """Make a new lock, because a forked child may inherit a locked one. The values stay."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value of `key`, or None if there is none. Marks the value as just used."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Store `value` under `key`, and drop the least recently used value if there are more than `size`."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._values.clear()
