"""Connections that a test holds on to, and a caller who is served all the while."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.contract.serving import BODY, HEADERS, Running, ask, make_gateway, running
from visavis.server.app import ServerConfig

HEAD = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **HEADERS}.items()).encode()
POST = b"POST / HTTP/1.1\r\n" + HEAD
METRICS = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LONGEST = 2.0
"""Seconds in which others are answered during an attack."""


def request(body: bytes = BODY) -> bytes:
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def server(**limits: Any) -> Iterator[Running]:
    with running(ServerConfig(**limits), gateway=make_gateway(keys=False)) as it:
        yield it


@contextmanager
def wires(port: int, number: int, data: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections, on each of which `data` was sent."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)))
            opened[-1].sendall(data)
        yield opened


def read(wire: socket.socket) -> bytes:
    """What is sent until the server closes."""
    parts = []
    try:
        while part := wire.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def others_are_served(port: int) -> None:
    for _ in range(3):
        started = time.monotonic()
        assert ask(port, body=BODY, headers=HEADERS).status == 200
        assert ask(port, "GET", "/healthz").status == 200
        assert time.monotonic() - started < LONGEST


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Repeat `act` during a block."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            try:
                act()
            except OSError:
                return

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def arrived(it: Running) -> int:
    """The bytes of bodies that the server holds."""
    return it.endpoint._bodies.config.memory - it.endpoint._bodies.left


def gone(wire: socket.socket) -> bool:
    """Whether the server has closed the connection, so that what is sent is answered by a reset."""
    try:
        wire.sendall(b"x")
    except OSError:
        return True
    return False
