"""Token buckets, which limit the requests per second of a key."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["TokenBuckets"]


class TokenBuckets:
    """A token bucket for each key, which limits its requests per second. Safe to share between threads.

    Only the keys used last have a bucket; any other key starts with a full one.

    Example:
        >>> buckets = TokenBuckets(1.0, clock=lambda: 0.0)
        >>> buckets.take("AKIAFRONTDOOR"), buckets.take("AKIAFRONTDOOR")
        (True, False)
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: float | None = None,
        keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with every bucket full.

        Args:
            rate: requests per second that a key may make, above 0.
            burst: the most requests that a key may make at once, at least 1; None for those of one second.
            keys: the number of keys that have a bucket, at least 1.
            clock: returns seconds; must be monotonic.
        """
        self.rate = rate
        self._burst = max(1.0, rate) if burst is None else burst
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, when they were counted

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request now. If it may, the request is counted."""
        with self._lock:
            now = self._clock()
            tokens, counted_at = self._buckets.pop(key, (self._burst, now))
            tokens = min(self._burst, tokens + (now - counted_at) * self.rate)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return allowed
