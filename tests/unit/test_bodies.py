"""Bodies of requests, sent by the tests in pieces and at any pace."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from visavis.errors import Overloaded
from visavis.server.bodies import Bodies, BodyError
from visavis.server.config import ServerConfig

Receive = Callable[[], Awaitable[dict[str, Any]]]


def body_of(chunks: Iterable[bytes | None], pause: float = 0.0) -> Receive:
    """ASGI's receive for a body in `chunks`; None means that the client disconnects."""
    parts = list(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause if parts else 60)
        part = parts.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    return receive


def config(**limits: Any) -> ServerConfig:
    return ServerConfig(**{"max_body": 10, "memory": 100, **limits})


def read(receive: Receive, **limits: Any) -> bytes:
    async def main() -> bytes:
        with Bodies(config(**limits)).open() as body:
            return await body.read(receive)

    return asyncio.run(main())


def refusal(receive: Receive, **limits: Any) -> tuple[int, str, str]:
    with pytest.raises(BodyError) as caught:
        read(receive, **limits)
    error = caught.value.response_error
    return error.status, caught.value.outcome, str(error.message)


def test_a_body_is_put_together() -> None:
    assert read(body_of([b"abc", b"", b"def"])) == b"abcdef"
    assert read(body_of([b""])) == b""


def test_a_body_of_just_the_limit_is_read() -> None:
    assert read(body_of([b"12345", b"67890"])) == b"1234567890"


def test_a_body_over_the_limit_is_refused_at_once() -> None:
    status, outcome, text = refusal(body_of([b"12345", b"678901", b"more", b"last"]))
    assert (status, outcome) == (413, "BodyTooLarge")
    assert text == "the request is over 0.0 MB, at most 0.0 MB are allowed; send large images by S3Object"
    assert refusal(body_of([b"12345678901"]))[2].startswith("the request is 11 bytes, at most 10 bytes are allowed")


def test_a_client_that_disconnects_ends_its_body() -> None:
    assert refusal(body_of([b"a", None]))[:2] == (400, "ClientGone")


def test_a_body_that_stalls_is_given_up_long_before_its_deadline() -> None:
    assert refusal(body_of([b"a", b"b"], pause=5), rate_seconds=0.05) == (
        408,
        "BodyTooSlow",
        "the body arrived at less than 8000 bytes a second: 0 bytes arrived",
    )


def test_a_body_that_drips_is_given_up_though_it_never_stalls() -> None:
    drops = body_of([b"1"] * 1000, pause=0.01)
    assert refusal(drops, max_body=1000, memory=2000, rate_seconds=0.1)[1] == "BodyTooSlow"


def test_a_body_that_keeps_to_the_least_rate_has_until_its_deadline() -> None:
    def drops(number: int) -> Receive:
        return body_of([b"12"] * number, pause=0.01)

    limits = {"max_body": 10_000, "memory": 20_000, "rate_seconds": 0.1, "least_rate": 20}
    assert len(read(drops(30), **limits)) == 60
    status, _, text = refusal(drops(1000), body_seconds=0.3, **limits)
    assert status == 408
    assert text.startswith("the body did not arrive within 0.3 seconds: ")


def test_memory_is_charged_as_bytes_arrive_and_given_back() -> None:
    async def main() -> None:
        every = Bodies(config(max_body=10, memory=15))
        with every.open() as first, every.open() as second:
            assert await first.read(body_of([b"1234567890"])) == b"1234567890"
            assert every.left == 5
            with pytest.raises(Overloaded, match=r"^memory: "):
                await second.read(body_of([b"123", b"456"]))
            assert not second.complete or every.left == 2
        assert every.left == 15

    asyncio.run(main())


def test_a_discarded_body_takes_no_memory_and_has_the_same_limit() -> None:
    async def discard(receive: Receive) -> int:
        every = Bodies(config())
        with every.open() as body:
            await body.discard(receive)
            assert every.left == 100
            return body.size

    limit = config().max_body
    assert asyncio.run(discard(body_of([bytes(1)] * limit))) == limit
    with pytest.raises(BodyError, match="BodyTooLarge"):
        asyncio.run(discard(body_of([bytes(1)] * (limit + 1))))


@pytest.mark.parametrize("limits", [{"slow_bodies": 2}, {"memory": 340}], ids=["number", "memory"])
def test_the_slowest_of_too_many_slow_bodies_are_given_up(limits: dict[str, int]) -> None:
    async def main() -> list[object]:
        pace = {"rate_seconds": 0.1, "least_rate": 10}
        every = Bodies(config(**{"max_body": 300, "memory": 10_000, **pace, **limits}))

        async def send(size: int) -> int:
            with every.open() as body:
                return len(await body.read(body_of([bytes(size)] * 20, pause=0.02)))

        return await asyncio.gather(*(send(size) for size in (2, 9, 3)), return_exceptions=True)

    slowest, *others = asyncio.run(main())
    assert isinstance(slowest, BodyError)
    assert "there are too many slow ones" in str(slowest.response_error.message)
    assert others[0] == 180


def test_a_fast_body_is_read_while_slow_ones_hold_all_that_they_may() -> None:
    async def main() -> None:
        every = Bodies(config(max_body=100, memory=400, rate_seconds=0.05, least_rate=1))

        async def slow() -> None:
            with every.open() as body:
                await body.read(body_of([bytes(60), *[b"1"] * 30], pause=0.02))

        crowd = [asyncio.create_task(slow()) for _ in range(6)]
        await asyncio.sleep(0.2)
        assert 100 <= every.left < 400
        with every.open() as body:
            assert len(await body.read(body_of([bytes(100)]))) == 100
        await asyncio.gather(*crowd, return_exceptions=True)

    asyncio.run(main())
