from __future__ import annotations

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
