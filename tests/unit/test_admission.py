"""The server's limits on load, with clocks that the tests control."""

import asyncio
import threading

import pytest

from visavis.errors import Overloaded
from visavis.server.admission import TokenBuckets, WorkQueue


def test_the_line_is_bounded_and_moves_on() -> None:
    async def main() -> None:
        queue = WorkQueue(workers=1, waiting=1, seconds=5)
        go = threading.Event()
        first = asyncio.create_task(queue.run(lambda waited: go.wait(5)))
        second = asyncio.create_task(queue.run(lambda waited: "second"))
        await asyncio.sleep(0.05)
        assert (queue.running, queue.depth, queue.full) == (1, 1, True)
        with pytest.raises(Overloaded):
            await queue.run(lambda waited: "third")
        go.set()
        assert await first is True
        assert await second == "second"
        assert (queue.running, queue.depth, queue.full) == (0, 0, False)
        queue.close()

    asyncio.run(main())


def test_work_is_told_how_long_it_waited_and_gives_up_when_that_is_too_long() -> None:
    async def main() -> None:
        queue = WorkQueue(workers=1, waiting=2, seconds=0.1)
        go = threading.Event()
        first = asyncio.create_task(queue.run(lambda waited: go.wait(5)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await queue.run(lambda waited: "too late")
        later = asyncio.create_task(queue.run(lambda waited: waited))
        await asyncio.sleep(0.03)
        go.set()
        assert 0.02 < await later < 0.1
        assert await first is True
        queue.close()

    asyncio.run(main())


def test_work_that_nobody_waits_for_any_more_still_keeps_its_turn() -> None:
    async def main() -> None:
        queue = WorkQueue(workers=1, waiting=1, seconds=5)
        go = threading.Event()
        task = asyncio.create_task(queue.run(lambda waited: go.wait(5)))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.sleep(0.02)
        assert queue.running == 1
        next_one = asyncio.create_task(queue.run(lambda waited: "next"))
        await asyncio.sleep(0.02)
        assert not next_one.done()
        go.set()
        assert await next_one == "next"
        queue.close()

    asyncio.run(main())


def test_an_error_in_the_work_reaches_its_caller_and_frees_the_turn() -> None:
    def fail(_: float) -> None:
        raise ValueError("here")

    async def main() -> None:
        queue = WorkQueue(workers=1, waiting=0, seconds=5)
        for _ in range(3):
            with pytest.raises(ValueError, match="here"):
                await queue.run(fail)
            await asyncio.sleep(0)
        assert queue.running == 0
        queue.close()

    asyncio.run(main())


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_at_once_and_fills_with_time() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    clock.now = 0.5
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    clock.now = 100
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]


def test_a_rate_below_one_a_second_still_lets_one_through() -> None:
    clock = Clock()
    buckets = TokenBuckets(0.1, clock=clock)
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
    clock.now = 10.001
    assert buckets.take("a")


def test_keys_do_not_take_from_each_other() -> None:  # case 79
    buckets = TokenBuckets(1, clock=Clock())
    assert [buckets.take("a"), buckets.take("a"), buckets.take("b")] == [True, False, True]


def test_refusals_do_not_put_off_the_next_token() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, clock=clock)
    assert buckets.take("a")
    for tenth in range(1, 10):
        clock.now = tenth / 10
        assert not buckets.take("a")
    clock.now = 1.001
    assert buckets.take("a")


def test_only_the_keys_seen_last_are_remembered() -> None:
    buckets = TokenBuckets(1, keys=2, clock=Clock())
    assert [buckets.take(key) for key in "abab"] == [True, True, False, False]
    assert buckets.take("c")  # forgets a, which was seen least recently
    assert [buckets.take(key) for key in "bca"] == [False, False, True]
