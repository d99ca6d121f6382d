"""The queue: its bound, its order, and that it is fair to keys."""

import asyncio
import threading

import pytest

from visavis.errors import Overloaded
from visavis.server.work_queue import WorkQueue


def test_the_line_is_bounded_and_moves_on() -> None:
    async def main() -> None:
        queue = WorkQueue(workers=1, waiting=1, seconds=5)
        go = threading.Event()
        first = asyncio.create_task(queue.run("a", lambda waited: go.wait(5)))
        second = asyncio.create_task(queue.run("a", lambda waited: "second"))
        await asyncio.sleep(0.05)
        assert (queue.running, queue.depth, queue.full) == (1, 1, True)
        with pytest.raises(Overloaded):
            await queue.run("a", lambda waited: "third")
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
        first = asyncio.create_task(queue.run("a", lambda waited: go.wait(5)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await queue.run("a", lambda waited: "too late")
        later = asyncio.create_task(queue.run("a", lambda waited: waited))
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
        task = asyncio.create_task(queue.run("a", lambda waited: go.wait(5)))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.sleep(0.02)
        assert queue.running == 1
        next_one = asyncio.create_task(queue.run("a", lambda waited: "next"))
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
                await queue.run("a", fail)
            await asyncio.sleep(0)
        assert queue.running == 0
        queue.close()

    asyncio.run(main())
