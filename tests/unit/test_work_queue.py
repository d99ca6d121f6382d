"""The queue: its bound, its order, and that it is fair to keys."""

import asyncio
import threading
from functools import partial

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


class Held:
    """A queue whose only worker is busy until `go` is set, and the keys of what ran, in that order."""

    def __init__(self, waiting: int) -> None:
        self.queue = WorkQueue(workers=1, waiting=waiting, seconds=5)
        self.go = threading.Event()
        self.ran: list[str] = []
        self.tasks: list[asyncio.Task[object]] = []

    async def add(self, *keys: str) -> None:
        for key in keys:
            self.tasks.append(asyncio.create_task(self.queue.run(key, partial(self._work, key))))
            await asyncio.sleep(0)

    def _work(self, key: str, _: float) -> None:
        self.go.wait(5)
        self.ran.append(key)

    async def finish(self) -> list[str]:
        """What became of each task: its key, or "refused"."""
        self.go.set()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        assert (self.queue.running, self.queue.depth) == (0, 0)
        self.queue.close()
        return ["refused" if isinstance(result, Overloaded) else str(result) for result in results]


def test_keys_take_turns_and_each_has_its_order() -> None:
    async def main() -> None:
        held = Held(waiting=10)
        await held.add("first", "greedy", "greedy", "greedy", "modest", "greedy", "other", "modest")
        assert "refused" not in await held.finish()
        assert held.ran == ["first", "greedy", "modest", "other", "greedy", "modest", "greedy", "greedy"]

    asyncio.run(main())


def test_one_key_may_fill_the_queue_and_gives_way_to_others() -> None:
    async def main() -> None:
        held = Held(waiting=4)
        await held.add("first", *["greedy"] * 4)
        assert held.queue.full
        await held.add("greedy", "modest", "modest", "modest", "other")
        assert held.queue.depth == 4
        done = await held.finish()
        assert done == ["None"] * 2 + ["refused"] * 4 + ["None", "None", "refused", "None"]
        assert held.ran == ["first", "greedy", "modest", "other", "modest"]

    asyncio.run(main())


def test_more_keys_than_places_are_refused_at_once() -> None:
    async def main() -> None:
        held = Held(waiting=3)
        await held.add("first", *"abcdef")
        assert await held.finish() == ["None"] * 4 + ["refused"] * 3

    asyncio.run(main())


def test_who_leaves_the_queue_makes_room_and_costs_no_turn() -> None:
    async def main() -> None:
        held = Held(waiting=3)
        await held.add("first", "b", "a", "a")
        held.tasks.pop(2).cancel()
        held.tasks.pop(1).cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert held.queue.depth == 1
        await held.add("b", "c")
        assert await held.finish() == ["None"] * 4
        assert held.ran == ["first", "a", "b", "c"]

    asyncio.run(main())


def give_a_turn(queue: WorkQueue) -> None:
    """As a second worker that has finished would."""
    queue._running += 1
    queue._end()


def test_a_turn_that_came_to_a_cancelled_function_is_passed_on() -> None:
    async def main() -> None:
        held = Held(waiting=2)
        await held.add("first", "a", "b")
        give_a_turn(held.queue)
        held.tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await held.tasks.pop(1)
        assert held.queue.depth == 0
        assert await held.finish() == ["None"] * 2
        assert held.ran == ["first", "b"]

    asyncio.run(main())


def test_a_turn_does_not_come_to_a_function_that_was_just_cancelled() -> None:
    async def main() -> None:
        held = Held(waiting=2)
        await held.add("first", "a", "b")
        held.tasks[1].cancel()
        give_a_turn(held.queue)
        with pytest.raises(asyncio.CancelledError):
            await held.tasks.pop(1)
        assert await held.finish() == ["None"] * 2
        assert held.ran == ["first", "b"]

    asyncio.run(main())


def test_a_function_that_was_just_cancelled_is_pushed_out() -> None:
    async def main() -> None:
        held = Held(waiting=2)
        await held.add("first", "a", "a")
        held.tasks.append(asyncio.create_task(held.queue.run("b", partial(held._work, "b"))))
        held.tasks[2].cancel()
        with pytest.raises(asyncio.CancelledError):
            await held.tasks.pop(2)
        assert await held.finish() == ["None"] * 3
        assert held.ran == ["first", "a", "b"]

    asyncio.run(main())
