import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from visavis.analysis import Analysis
from visavis.aws.policy import Caller
from visavis.deadline import Deadline
from visavis.engine import Engine
from visavis.errors import BadImage, Cancelled, ImageTooLarge, TimedOut
from visavis.gateway import Gateway
from visavis.geometry import Size
from visavis.image import Image, PixelMemory, from_pixels
from visavis.image.memory import Allowance
from visavis.server.app import build_app
from visavis.server.config import ServerConfig

PIXELS = np.zeros((100, 100, 3), np.uint8)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_work_goes_on_until_the_time_is_over() -> None:
    clock = Clock()
    deadline = Deadline(2, clock=clock)
    clock.now += 1.9
    deadline.check()
    clock.now += 0.1
    with pytest.raises(TimedOut, match="longer than 2 seconds"):
        deadline.check()


def test_work_that_is_cancelled_ends() -> None:
    deadline = Deadline()
    deadline.check()
    deadline.cancel()
    with pytest.raises(Cancelled):
        deadline.check()


@pytest.mark.parametrize("use", [lambda image: image.resized(Size(9, 9)), lambda image: image.pixels])
def test_each_use_of_an_image_looks_at_its_deadline(use: object) -> None:
    assert callable(use)
    deadline = Deadline()
    image = from_pixels(PIXELS, allowance=Allowance(deadline))
    use(image)
    deadline.cancel()
    with pytest.raises(Cancelled):
        use(image)


class Slow:
    """An analyzer that takes crops until it is stopped."""

    def __init__(self) -> None:
        self.started = threading.Event()

    def __call__(self, image: Image, **_: object) -> Analysis:
        self.started.set()
        while True:
            image.resized(Size(8, 8))


def slow_engine(threads: int = 1) -> tuple[Slow, Engine]:
    analyzer = Slow()
    return analyzer, Engine(analyzer, None, threads=threads)  # type: ignore[arg-type]


def test_an_analysis_ends_at_its_deadline_and_its_thread_is_free() -> None:
    _, engine = slow_engine()
    with engine:
        for _ in range(2):
            with pytest.raises(TimedOut):
                engine.analyze(PIXELS, deadline=Deadline(0.05))


def test_an_analysis_that_is_cancelled_ends() -> None:
    analyzer, engine = slow_engine()
    deadline = Deadline()

    def cancel() -> None:
        analyzer.started.wait()
        deadline.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with engine, pytest.raises(Cancelled):
        engine.analyze(PIXELS, deadline=deadline)
    canceller.join()


def test_the_analysis_of_the_target_ends_when_the_source_is_refused() -> None:
    from visavis.calibration import load_calibration

    engine = Engine(Slow(), load_calibration("standard", "robust-sface"), threads=2)  # type: ignore[arg-type]
    with engine, pytest.raises(BadImage, match="source"):
        engine.compare(b"no image", PIXELS)
    # `close` at the end of the block waited for the target's thread.


def test_an_image_waits_for_the_memory_of_another() -> None:
    memory = PixelMemory(100)
    waited = threading.Event()

    def second() -> None:
        with memory.allowance(Deadline()) as allowance:
            allowance.take(60)
            waited.set()

    with memory.allowance(Deadline()) as first:
        first.take(60)
        thread = threading.Thread(target=second)
        thread.start()
        assert not waited.wait(0.3)
    thread.join(10)
    assert waited.is_set()


def test_an_image_that_asks_again_holds_only_the_last() -> None:
    memory = PixelMemory(100)
    with memory.allowance(Deadline()) as one, memory.allowance(Deadline(0.05)) as other:
        one.take(90)
        one.take(40)
        other.take(60)
        with pytest.raises(TimedOut):
            other.take(61)


def test_the_memory_is_free_after_an_error() -> None:
    memory = PixelMemory(100)
    for _ in range(3):
        with suppress(BadImage), memory.allowance(Deadline(5)) as allowance:
            allowance.take(100)
            raise BadImage("damaged")


def test_the_wait_for_memory_ends_at_the_deadline() -> None:
    memory = PixelMemory(100)
    with memory.allowance(Deadline()) as first:
        first.take(100)
        with pytest.raises(TimedOut), memory.allowance(Deadline(0.05)) as second:
            second.take(1)


def test_an_image_above_all_memory_is_too_large() -> None:
    with (
        pytest.raises(ImageTooLarge, match="2 MB of memory, at most 1 MB"),
        PixelMemory(10**6).allowance(Deadline()) as allowance,
    ):
        allowance.take(2 * 10**6)


class Endless:
    """Works until its deadline."""

    def dispatch(
        self, operation: str, params: Mapping[str, object], caller: Caller, deadline: Deadline | None, /
    ) -> dict[str, object]:
        assert deadline is not None
        while True:
            deadline.check()


def test_the_server_answers_a_request_that_takes_too_long_and_frees_its_worker() -> None:
    app = build_app(Gateway(Endless()), ServerConfig(workers=1, work_seconds=0.05))
    sent: list[Any] = []
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/", "raw_path": b"/",
        "root_path": "", "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [
            (b"host", b"127.0.0.1"), (b"content-type", b"application/x-amz-json-1.1"), (b"content-length", b"2"),
            (b"x-amz-target", b"RekognitionService.CompareFaces"),
        ],
    }  # fmt: skip

    def connected() -> Any:
        """A caller that sends the body and then waits for the answer."""
        parts = iter([{"type": "http.request", "body": b"{}"}])

        async def receive() -> Any:
            part = next(parts, None)
            return part or await asyncio.Event().wait()

        return receive

    async def send(message: Any) -> None:
        sent.append(message)

    async def twice() -> None:
        for _ in range(2):
            await app(scope, connected(), send)

    asyncio.run(asyncio.wait_for(twice(), 30))
    assert [message["status"] for message in sent if "status" in message] == [400, 400]
    assert all(b"ThrottlingException" in message["body"] for message in sent if message.get("body"))
