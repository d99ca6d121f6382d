from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from visavis.errors import EngineClosed
from visavis.workers import Workers


def test_results_come_in_the_order_of_the_items() -> None:
    workers = Workers(3)
    assert workers.parallel_map(lambda n: n * n, range(50)) == [n * n for n in range(50)]
    workers.close()


def test_nothing_to_do_gives_nothing() -> None:
    workers = Workers(2)
    assert workers.parallel_map(lambda n: n, []) == []
    workers.close()


def test_idle_threads_help() -> None:
    workers = Workers(3)
    both = threading.Barrier(3, timeout=10)  # passed only by three threads at once: the caller and two helpers
    assert workers.parallel_map(lambda _: both.wait() >= 0, range(3)) == [True] * 3
    workers.close()


def test_threads_stop_helping_when_a_task_waits() -> None:
    workers, end = Workers(2), threading.Event()
    workers.submit("", end.wait, 10)  # occupies one of the two threads
    both = threading.Barrier(2, timeout=10)
    helped: list[int] = []

    def item(n: int) -> None:
        if n < 2:
            both.wait()  # the caller and the thread that helps
        if threading.current_thread() is not threading.main_thread():
            helped.append(n)
            submitted.wait(10)
        elif not submitted.is_set():
            tasks.append(workers.submit("", lambda: None))
            submitted.set()
            tasks[0].result(10)

    tasks: list[Future[None]] = []
    submitted = threading.Event()
    workers.parallel_map(item, range(20))
    assert len(helped) == 1
    end.set()
    workers.close()


def test_keys_take_turns_and_each_has_its_order() -> None:
    workers, begun, goes_on = Workers(1), threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        goes_on.wait(10)

    workers.submit("busy", first)
    begun.wait(10)
    calls = [("busy", "b1"), ("busy", "b2"), ("busy", "b3"), ("calm", "c1"), ("calm", "c2")]
    futures = [workers.submit(key, done.append, name) for key, name in calls]
    assert futures[1].cancel()
    goes_on.set()
    for future in (futures[0], *futures[2:]):
        future.result(10)
    assert done == ["b1", "c1", "c2", "b3"]  # the turn of b2 is lost
    workers.close()


def test_a_stream_is_taken_two_items_a_thread_ahead_and_keeps_its_order() -> None:
    workers, taken = Workers(2), []

    def items() -> Iterator[int]:
        for n in range(20):
            taken.append(n)
            yield n

    results = workers.stream(lambda n: n * n, items())
    for n in range(20):
        assert next(results) == n * n
        assert len(taken) <= n + 4
    assert list(results) == []
    workers.close()


def test_the_rest_of_a_stream_is_dropped_if_its_caller_stops() -> None:
    workers, goes_on, done = Workers(1), threading.Event(), []

    def work(n: int) -> int:
        done.append(n)
        return n

    def waiting(n: int) -> int:
        goes_on.wait(10 if n else 0)
        return work(n)

    results = workers.stream(waiting, range(10))
    assert next(results) == 0
    results.close()
    goes_on.set()
    workers.close()
    assert done in ([0], [0, 1])


def test_a_stream_of_a_closed_pool_is_an_error() -> None:
    workers, begun, goes_on = Workers(1), threading.Event(), threading.Event()

    def work(n: int) -> int:
        begun.set()
        goes_on.wait(10)
        return n

    results = workers.stream(work, range(5))
    outcomes: list[object] = []

    def consume() -> None:
        try:
            outcomes.extend(results)
        except EngineClosed as error:
            outcomes.append(str(error))

    consumer = threading.Thread(target=consume)
    consumer.start()
    begun.wait(10)
    threading.Timer(0.1, goes_on.set).start()
    workers.close()
    consumer.join(10)
    assert outcomes[-1] in ("the engine was closed before it analysed this image", "the engine is closed; open another")


def test_more_work_at_once_than_threads_does_not_lock() -> None:
    workers = Workers(2)

    def image(_: int) -> int:
        return sum(workers.parallel_map(lambda n: n, range(20)))

    futures = [workers.submit("", image, i) for i in range(30)]
    assert [future.result(timeout=20) for future in futures] == [190] * 30
    workers.close()


def test_the_first_failure_is_raised_and_the_rest_is_dropped() -> None:
    workers = Workers(2)
    done = []

    def work(n: int) -> None:
        done.append(n)
        if n >= 3:
            raise ValueError(n)

    with pytest.raises(ValueError, match="3"):
        workers.parallel_map(work, range(1000))
    assert len(done) < 1000
    workers.close()


def test_closing_lets_what_is_under_way_finish_alone() -> None:
    workers = Workers(1)
    begun, closed = threading.Event(), threading.Event()

    def image() -> list[int]:
        begun.set()
        closed.wait(10)
        return workers.parallel_map(lambda n: n, range(5))

    future = workers.submit("", image)
    begun.wait(10)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(workers.close)
        threading.Timer(0.2, closed.set).start()
        assert future.result(timeout=20) == [0, 1, 2, 3, 4]
        closing.result(timeout=20)


def test_closing_finishes_what_is_under_way_and_drops_what_has_not_begun() -> None:
    workers = Workers(1)
    begun, goes_on, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        goes_on.wait(10)
        ended.append(True)

    under_way, not_begun = workers.submit("", work), workers.submit("", work)
    begun.wait(10)
    closing = threading.Thread(target=workers.close)
    closing.start()
    while not not_begun.cancelled() and closing.is_alive():
        closing.join(0.01)
    assert closing.is_alive()
    goes_on.set()
    closing.join(10)
    assert under_way.done()
    assert not_begun.cancelled()
    assert ended == [True]


def test_work_under_way_while_threads_are_let_go_is_finished_without_their_help() -> None:
    workers = Workers(2)
    workers._pool.shutdown()
    assert workers.parallel_map(lambda n: n * n, range(5)) == [0, 1, 4, 9, 16]


def test_threads_that_take_no_more_work_are_those_of_a_closed_engine() -> None:
    workers = Workers(1)
    workers._pool.shutdown()  # as Python does when it ends
    with pytest.raises(EngineClosed, match="the engine can take no more work: cannot schedule new futures"):
        workers.submit("", int)
