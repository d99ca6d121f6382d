from __future__ import annotations

from visavis import forks
from visavis.memory import Memory


def test_what_was_used_last_is_kept() -> None:
    memory: Memory[int] = Memory(2)
    memory.keep("a", 1)
    memory.keep("b", 2)
    assert memory.get("a") == 1
    memory.keep("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]
    assert len(memory) == 2


def test_a_memory_of_none_keeps_nothing() -> None:
    memory: Memory[int] = Memory(0)
    memory.keep("a", 1)
    assert memory.get("a") is None


def test_what_is_kept_is_cleared() -> None:
    memory: Memory[int] = Memory(2)
    memory.keep("a", 1)
    memory.clear()
    assert len(memory) == 0


def test_a_child_forgets_who_held_the_lock_and_keeps_the_values() -> None:
    memory: Memory[int] = Memory(2)
    memory.keep("a", 1)
    assert memory in forks._renewables
    memory._lock.acquire()  # as another thread may at the moment of the fork
    memory.renew()
    assert not memory._lock.locked()
    assert memory.get("a") == 1
