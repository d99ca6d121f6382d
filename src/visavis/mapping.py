"""How work on several items is distributed: the protocol of an engine's threads, and the way without threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["MapFunction", "serial_map"]

T = TypeVar("T")
R = TypeVar("R")


class MapFunction(Protocol):
    """Calls a function on each of several items, possibly in several threads."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """Return the results in the order of `items`. If calls fail, raise the error of the first in that order."""
        ...


def serial_map(function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
    """The `MapFunction` that uses the calling thread only: `[function(item) for item in items]`.

    Example:
        >>> serial_map(abs, [-1, 2])
        [1, 2]
    """
    return [function(item) for item in items]
