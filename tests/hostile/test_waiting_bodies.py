"""One address whose requests wait for a worker with all the memory for bodies, and others, who are answered."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

import pytest

from tests.conftest import linux
from tests.contract.serving import HEADERS, make_gateway, running, until
from visavis.errors import Overloaded
from visavis.server.bodies import Bodies, Body
from visavis.server.config import ServerConfig


@contextmanager
def arrived(bodies: Bodies, network: str, size: int) -> Iterator[tuple[Body, asyncio.Future[None]]]:
    """A body that was read whole, and the turn that its request waits for."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with bodies.open(network) as body:
        asyncio.get_running_loop().create_task(body.read(receive))
        yield body, turn
    turn.cancel()


def test_the_last_body_that_waits_for_a_worker_is_given_up_and_none_whose_turn_has_come() -> None:
    async def main() -> None:
        bodies = Bodies(ServerConfig(max_body=60, memory=100))
        with (
            arrived(bodies, "a", 40) as (begun, first),
            arrived(bodies, "a", 30) as (waiting, second),
            arrived(bodies, "a", 30) as (last, third),
            bodies.open("b") as other,
        ):
            await asyncio.sleep(0)
            for body, turn in ((begun, first), (waiting, second), (last, third)):
                body.wait_for(turn)
            first.set_result(None)
            bodies.charge(other, 30)
            assert isinstance(third.exception(), Overloaded)
            assert not second.done()
            assert (bodies.left, last.held, other.held) == (0, 0, 30)
            with pytest.raises(Overloaded):  # the other would then have more than is left to the first
                bodies.charge(other, 41)
            assert not second.done()
        assert bodies.left == 100

    asyncio.run(main())


def test_bodies_that_still_arrive_are_given_up_before_those_that_wait() -> None:
    async def main() -> None:
        bodies = Bodies(ServerConfig(max_body=60, memory=100))
        parts: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        with (
            arrived(bodies, "a", 50) as (waiting, turn),
            bodies.open("a") as slow,
            bodies.open("b") as other,
        ):
            reading = asyncio.create_task(slow.read(parts.get))
            parts.put_nowait({"type": "http.request", "body": b"x" * 50, "more_body": True})
            for _ in range(3):
                await asyncio.sleep(0)
            waiting.wait_for(turn)
            bodies.charge(other, 10)
            with pytest.raises(Overloaded):
                await reading
            assert not turn.done()

    asyncio.run(main())


# The server


LARGEST = 300_000


@linux  # has all of 127.0.0.0/8
def test_a_server_answers_others_while_requests_of_one_address_wait_with_all_the_memory() -> None:
    def comparing(words: bytes, size: int) -> bytes:
        target = base64.b64encode(words).decode()
        body = json.dumps({"SourceImage": {"Bytes": "ZmFjZXM9MQ=="}, "TargetImage": {"Bytes": target}}).encode()
        return body + b" " * (size - len(body))

    config = ServerConfig(max_body=LARGEST, memory=4 * LARGEST, workers=2, waiting=10)
    with running(config, gateway=make_gateway(keys=False)) as it, ExitStack() as stack:
        for seconds in (1, 8, 8, 8):
            wire = stack.enter_context(
                socket.create_connection(("127.0.0.1", it.port), timeout=20, source_address=("127.0.0.2", 0))
            )
            head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **HEADERS}.items())
            body = comparing(b"sleep=%d" % seconds, LARGEST)
            wire.sendall(f"POST / HTTP/1.1\r\n{head}Content-Length: {LARGEST}\r\n\r\n".encode() + body)
        until(lambda: it.endpoint.queue.depth == 2)
        assert it.endpoint._bodies.left == 0
        connection = HTTPConnection("127.0.0.1", it.port, timeout=20)
        connection.request("POST", "/", comparing(b"faces=1", 100_000), HEADERS)
        assert connection.getresponse().status == 200
        connection.close()
        refused = [line for line in it.lines("answered") if line["outcome"] == "ThrottlingException"]
        assert [line["client"] for line in refused] == ["127.0.0.2"]
        assert refused[0]["reason"].startswith("memory: ")
