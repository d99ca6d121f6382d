"""The server's limits on load, with clocks and bodies that the tests control."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from visavis.errors import Overloaded
from visavis.server import admission
from visavis.server.admission import BodyError, MemoryBudget, read_body


def body_of(chunks: Iterable[bytes | None]) -> Callable[[], Awaitable[dict[str, Any]]]:
    """ASGI's receive for a body in `chunks`; None means that the client disconnects."""
    parts = list(chunks)

    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.sleep(60)
        part = parts.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    return receive


def read(chunks: Iterable[bytes | None], limit: int = 10, seconds: float = 5) -> bytes:
    return asyncio.run(read_body(body_of(chunks), limit=limit, seconds=seconds))


def test_a_body_is_put_together() -> None:
    assert read([b"abc", b"", b"def"]) == b"abcdef"
    assert read([b""]) == b""


def test_a_body_of_just_the_limit_is_read() -> None:
    assert read([b"12345", b"67890"]) == b"1234567890"


def test_a_body_over_the_limit_is_read_to_its_end_and_refused() -> None:
    chunks = [b"12345", b"678901", b"more", b"last"]
    receive = body_of(chunks)

    async def main() -> None:
        with pytest.raises(BodyError) as caught:
            await read_body(receive, limit=10, seconds=5)
        assert (caught.value.response_error.status, caught.value.outcome) == (413, "BodyTooLarge")
        with pytest.raises(TimeoutError):  # nothing is left to read
            await asyncio.wait_for(receive(), 0.01)

    asyncio.run(main())


def test_a_body_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_DISCARDED", 20)
    with pytest.raises(BodyError) as caught:
        read([b"1234567890"] * 10 + [None])
    assert caught.value.response_error.status == 413  # not ClientGone: the end was never reached


@pytest.mark.parametrize(("chunks", "status", "outcome"), [([b"a", None], 400, "ClientGone"), ([], 408, "BodyTooSlow")])
def test_a_body_that_never_ends_is_refused(chunks: list[bytes | None], status: int, outcome: str) -> None:
    with pytest.raises(BodyError) as caught:
        read(chunks, seconds=0.02)
    assert (caught.value.response_error.status, caught.value.outcome) == (status, outcome)


def test_memory_is_lent_and_given_back() -> None:
    budget = MemoryBudget(10)
    with budget.reserve(6):
        with pytest.raises(Overloaded), budget.reserve(5):
            pass
        with budget.reserve(4):
            pass
    with budget.reserve(10):
        pass
