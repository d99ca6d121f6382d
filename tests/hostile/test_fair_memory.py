"""One address whose bodies take all the memory for bodies, and others, whose bodies are read all the same."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.conftest import linux
from tests.contract.serving import HEADERS, Running, make_gateway, running, until
from visavis.errors import Overloaded
from visavis.server.bodies import Bodies, Body, BodyError
from visavis.server.config import ServerConfig


class Sender:
    """A caller who sends a body in parts.

    reading: the task that reads it
    """

    def __init__(self, bodies: Bodies, network: str) -> None:
        self._parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reading = asyncio.create_task(self._read(bodies, network))

    async def _read(self, bodies: Bodies, network: str) -> bytes:
        with bodies.open(network) as self.body:
            return await self.body.read(self._parts.get)

    async def send(self, data: bytes, *, last: bool = False) -> Body:
        self._parts.put_nowait({"type": "http.request", "body": data, "more_body": not last})
        for _ in range(5):
            await asyncio.sleep(0)
        return self.body


def bodies_of(**limits: Any) -> Bodies:
    return Bodies(ServerConfig(**{"max_body": 60, "memory": 100, **limits}))


def test_a_body_takes_the_memory_of_the_network_that_has_more_and_of_its_slowest_body() -> None:
    async def main() -> None:
        bodies = bodies_of()
        slow, fast, other = (Sender(bodies, network) for network in "aab")
        await slow.send(b"x" * 30)
        await asyncio.sleep(0.02)
        slow.body._started -= 5  # as if it had taken so long
        await fast.send(b"x" * 50)
        await other.send(b"x" * 20)  # all is taken
        assert bodies.left == 0
        await other.send(b"y" * 25, last=True)
        assert await other.reading == b"x" * 20 + b"y" * 25
        with pytest.raises(Overloaded, match=r"^memory: no more than .* and this one has 0.0 MB so far"):
            await slow.reading
        await fast.send(b"", last=True)
        assert len(await fast.reading) == 50
        assert bodies.left == 100

    asyncio.run(main())


def test_a_network_that_would_then_have_as_much_is_refused() -> None:
    async def main() -> None:
        bodies = bodies_of()
        first, own, other = (Sender(bodies, network) for network in "abb")
        await first.send(b"x" * 50)
        await own.send(b"x" * 30)
        await other.send(b"x" * 15)
        await other.send(b"x" * 10)
        with pytest.raises(Overloaded):
            await other.reading
        assert not first.reading.done()
        assert not own.reading.done()
        for sender in (first, own):
            sender.reading.cancel()

    asyncio.run(main())


def test_bodies_that_have_arrived_are_not_given_up() -> None:
    async def main() -> None:
        bodies = bodies_of(max_body=100)
        with bodies.open("a") as done:
            bodies.charge(done, 100)
            done.complete = True
            other = Sender(bodies, "b")
            await other.send(b"x")
            with pytest.raises(Overloaded):
                await other.reading
        assert bodies.left == 100

    asyncio.run(main())


def test_of_too_many_slow_bodies_one_of_the_network_with_most_is_given_up() -> None:
    async def main() -> None:
        bodies = bodies_of(slow_bodies=3)
        many = [Sender(bodies, "a") for _ in range(3)]
        one = Sender(bodies, "b")  # the slowest of all
        for sender in (*many, one):
            await sender.send(b"")
            sender.body._started -= 11  # as if it had taken so long
        for sender in many:
            await sender.send(b"xxx")
        await one.send(b"x")
        assert [sender.reading.done() for sender in (*many, one)].count(True) == 1
        assert not one.reading.done()
        (given_up,) = [sender for sender in many if sender.reading.done()]
        with pytest.raises(BodyError, match="BodyTooSlow"):
            await given_up.reading
        for sender in (*many, one):
            sender.reading.cancel()

    asyncio.run(main())


# The server


LARGEST = 300_000
HEAD = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **HEADERS}.items())


@contextmanager
def sending(port: int, address: str, size: int) -> Iterator[socket.socket]:
    """A body of `LARGEST` bytes from an address, of which `size` have been sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0)) as wire:
        wire.sendall(f"POST / HTTP/1.1\r\n{HEAD}Content-Length: {LARGEST}\r\n\r\n".encode() + b" " * size)
        yield wire


def body_left(it: Running) -> int:
    return it.endpoint._bodies.left


@linux  # has all of 127.0.0.0/8
def test_a_server_answers_others_while_one_address_holds_all_the_memory() -> None:
    image = base64.b64encode(b"faces=1" + b" " * 150_000).decode()
    body = json.dumps({"SourceImage": {"Bytes": image}, "TargetImage": {"Bytes": "ZmFjZXM9MQ=="}}).encode()
    config = ServerConfig(max_body=LARGEST, memory=4 * LARGEST)
    with running(config, gateway=make_gateway(keys=False)) as it, ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(sending(it.port, "127.0.0.2", LARGEST - 10))
        until(lambda: body_left(it) < 100)
        started = time.monotonic()
        connection = HTTPConnection("127.0.0.1", it.port, timeout=20)
        connection.request("POST", "/", body, HEADERS)
        assert connection.getresponse().status == 200
        connection.close()
        assert time.monotonic() - started < 8
        refused = [line["outcome"] for line in it.lines("answered") if line["client"] == "127.0.0.2"]
        assert refused == ["ThrottlingException"]
