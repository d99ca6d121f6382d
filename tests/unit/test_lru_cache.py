from __future__ import annotations

from visavis import forks
from visavis.lru_cache import LruCache


def test_what_was_used_last_is_kept() -> None:
    cache: LruCache[int] = LruCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]
    assert len(cache) == 2


def test_a_cache_of_size_0_keeps_nothing() -> None:
    cache: LruCache[int] = LruCache(0)
    cache.put("a", 1)
    assert cache.get("a") is None


def test_what_is_kept_is_cleared() -> None:
    cache: LruCache[int] = LruCache(2)
    cache.put("a", 1)
    cache.clear()
    assert len(cache) == 0


def test_a_child_forgets_who_held_the_lock_and_keeps_the_values() -> None:
    cache: LruCache[int] = LruCache(2)
    cache.put("a", 1)
    assert cache in forks._renewables
    cache._lock.acquire()  # as another thread may at the moment of the fork
    cache.renew()
    assert not cache._lock.locked()
    assert cache.get("a") == 1
