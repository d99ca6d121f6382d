import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf

import pytest

from visavis.api import calls as calls_module
from visavis.api.calls import Calls, seconds_left
from visavis.errors import Overloaded


def soon(seconds: float = 20) -> float:
    return time.monotonic() + seconds


def until(fact: Callable[[], bool]) -> None:
    end = soon()
    while not fact():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


def threads() -> int:
    return sum(thread.name == "visavis-call" for thread in threading.enumerate())


@contextmanager
def hanging(calls: Calls) -> Iterator[threading.Event]:
    """A call that hangs until the event is set, and whose caller has left."""
    released = threading.Event()
    with pytest.raises(TimeoutError):
        calls.run(lambda: released.wait(20), soon(0))
    try:
        yield released
    finally:
        released.set()
        until(lambda: threads() == 0)


def test_a_call_gives_its_result_or_its_error() -> None:
    calls = Calls(1)
    assert calls.run(lambda: "done", soon()) == "done"
    with pytest.raises(ZeroDivisionError):
        calls.run(lambda: 1 / 0, soon())


def test_a_call_that_hangs_is_left_when_its_time_is_over() -> None:
    released = threading.Event()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        Calls().run(lambda: released.wait(20), soon(0.05))
    assert time.monotonic() - started < 10
    released.set()
    until(lambda: threads() == 0)


def test_a_call_knows_the_time_that_is_left() -> None:
    assert seconds_left() == inf
    assert 15 < Calls().run(seconds_left, soon(20)) <= 20


def test_no_more_calls_run_at_once_than_may() -> None:
    calls, running, most = Calls(2), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: calls.run(work, soon()), range(40)))
    assert most == [2]


def test_any_number_may_run_if_no_number_is_given() -> None:
    calls, together = Calls(), threading.Barrier(9)
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda _: calls.run(lambda: together.wait(20), soon()), range(9)))


def test_a_call_is_refused_once_all_others_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(1)
    with hanging(calls):
        monkeypatch.setattr(calls_module, "PATIENCE", 0.1)
        with pytest.raises(Overloaded, match="1 are being read, at most 1 may be at a time"):
            calls.run(lambda: None, soon())
        # The patience has been spent, so the next callers are not held.
        monkeypatch.setattr(threading.Condition, "wait", lambda *_: pytest.fail("it waits"))
        with pytest.raises(Overloaded):
            calls.run(lambda: None, soon())
        monkeypatch.undo()


def test_a_call_waits_for_its_turn_no_longer_than_its_time() -> None:
    calls = Calls(1)
    with hanging(calls):
        started = time.monotonic()
        with pytest.raises(Overloaded):
            calls.run(lambda: None, soon(0.05))
        assert time.monotonic() - started < 4


def test_a_call_that_waits_has_its_turn_when_another_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "PATIENCE", 60.0)
    calls = Calls(1)
    with hanging(calls) as released, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(calls.run, lambda: "done", soon())
        released.set()
        assert waiting.result(20) == "done"


def test_calls_that_end_give_others_more_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "PATIENCE", 1.0)
    calls = Calls(1)
    with ThreadPoolExecutor(8) as pool:  # the last waits for longer than the patience
        waiting = [pool.submit(calls.run, lambda: time.sleep(0.25), soon()) for _ in range(8)]
        for one in waiting:
            one.result(20)


def test_a_call_that_ends_after_its_time_gives_no_more_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(2)
    with hanging(calls) as first, hanging(calls):
        moved = calls._moved
        first.set()
        until(lambda: threads() == 1)
        assert (calls._moved, calls._running) == (moved, 1)


def test_a_thread_that_cannot_start_does_not_keep_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    calls = Calls(1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            calls.run(lambda: None, soon())
    assert calls.run(lambda: "done", soon()) == "done"


def test_what_a_failed_call_used_is_not_kept_in_memory() -> None:
    class Large:
        pass

    kept: list[weakref.ref[Large]] = []

    def fail() -> None:
        large = Large()
        kept.append(weakref.ref(large))
        raise ValueError

    gc.disable()
    try:
        with pytest.raises(ValueError, match=r"^$") as caught:
            Calls().run(fail, soon())
        del caught
        until(lambda: kept[0]() is None)
    finally:
        gc.enable()
