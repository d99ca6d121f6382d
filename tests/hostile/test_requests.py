"""Callers who send bodies and requests slowly, wrongly or without end, and one who is served all the while."""

import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.contract.serving import asking, until
from tests.hostile.wires import (
    HEALTH,
    POST,
    arrived,
    gone,
    meanwhile,
    others_are_served,
    read,
    request,
    server,
    wires,
)
from visavis.server import connections

# Bodies


def test_announced_bodies_take_no_memory() -> None:
    with server(max_body=1000, memory=1000) as it, wires(it.port, 40, POST + b"Content-Length: 1000\r\n\r\n"):
        others_are_served(it.port)


def test_bodies_that_drip_keep_nobody_out_and_are_given_up() -> None:
    limits: dict[str, Any] = {"rate_seconds": 0.3, "least_rate": 10_000, "max_body": 1000, "memory": 4000}
    with server(**limits) as it, wires(it.port, 20, POST + b"Content-Length: 1000\r\n\r\n" + bytes(90)) as slow:

        def drip() -> None:
            for wire in slow:
                wire.sendall(b"x")
            time.sleep(0.02)

        with meanwhile(drip):
            others_are_served(it.port)
            for wire in slow:
                reply = read(wire)
                assert reply.startswith(b"HTTP/1.1 408 ")
                assert b"RequestTimeoutException" in reply
                assert b"connection: close" in reply


@pytest.mark.parametrize("length", [b"Content-Length: 20000000", b"Content-Length: 99999999999999999999"])
def test_a_body_that_is_announced_too_large_is_refused_at_once_though_nothing_comes(length: bytes) -> None:
    with server() as it, wires(it.port, 1, POST + length + b"\r\n\r\n") as [wire]:
        reply = read(wire)
        others_are_served(it.port)
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in reply


def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large_and_its_sender_sees_why() -> None:
    with server(max_body=100_000, memory=200_000) as it:
        with wires(it.port, 1, POST + b"Transfer-Encoding: chunked\r\n\r\n") as [wire]:
            for _ in range(200):  # it does not look for the answer before it has sent all
                wire.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
            assert read(wire).startswith(b"HTTP/1.1 413 ")
        others_are_served(it.port)


@pytest.mark.parametrize("bound", ["LINGER_BYTES", "LINGER_SECONDS", "LINGER_IDLE_SECONDS"])
def test_a_refused_body_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(connections, "LINGER_IDLE_SECONDS", 0.2)
    if bound != "LINGER_IDLE_SECONDS":
        monkeypatch.setattr(connections, bound, 0.3 if bound.endswith("SECONDS") else 5_000_000)

    def keep_sending(wire: socket.socket) -> None:
        while bound != "LINGER_IDLE_SECONDS":
            wire.sendall(bytes(100_000))
            time.sleep(0.01)

    with (
        server() as it,
        wires(it.port, 1, POST + b"Content-Length: 999999999\r\n\r\n") as [wire],
        meanwhile(lambda: keep_sending(wire)),
    ):
        assert wire.recv(100).startswith(b"HTTP/1.1 413 ")
        others_are_served(it.port)
        is_given_up(wire)


def is_given_up(wire: socket.socket) -> None:
    """Fail unless the server closes the connection. The pauses are longer than it waits for a byte that it discards."""
    for _ in range(20):
        time.sleep(2 * connections.LINGER_IDLE_SECONDS)
        if gone(wire) or gone(wire):  # the first byte is answered by a reset
            return
    raise AssertionError("the server reads on")


def test_a_body_behind_a_response_does_not_hold_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_IDLE_SECONDS", 0.2)
    wanted = HEALTH.replace(b"\r\n\r\n", b"\r\nContent-Length: 1000\r\n\r\n")
    with server() as it, wires(it.port, 1, wanted) as [wire]:
        assert b'{"alive": true}' in read(wire)
        is_given_up(wire)


def test_tiny_chunks_do_not_keep_others_waiting() -> None:
    with (
        server() as it,
        wires(it.port, 1, POST + b"Transfer-Encoding: chunked\r\n\r\n") as [wire],
        meanwhile(lambda: wire.sendall(b"1\r\n \r\n" * 20_000)),
    ):
        reply = read(wire)
        others_are_served(it.port)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"chunks for" in reply
    assert reply.endswith(b"send larger chunks")


# Requests


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: 4\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\nX: 1\r\n y\r\n",
        b"Transfer-Encoding: chunked\nX: 1\r\n",
    ],
)
def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_a_request(framing: bytes) -> None:
    with server() as it, wires(it.port, 1, POST + framing + b"\r\n0\r\n\r\n" + HEALTH) as [wire]:
        reply = read(wire)
        others_are_served(it.port)
    assert re.findall(rb"HTTP/1\.1 (\d+)", reply) == [b"400"]
    assert b"connection: close" in reply.lower()


@pytest.mark.parametrize("size", [b"5 ", b"0x5", b"-1", b"", b"5\n"])
def test_a_chunk_whose_size_is_malformed_ends_the_request_that_waits_for_it(size: bytes) -> None:
    with server() as it, wires(it.port, 1, POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n") as [wire]:
        until(lambda: arrived(it) == 3)
        wire.sendall(size + b"\r\nhello\r\n0\r\n\r\n" + HEALTH)
        reply = read(wire)
        others_are_served(it.port)
        until(lambda: any(line["outcome"] == "ClientGone" for line in it.lines("answered")), 3)
    assert re.findall(rb"HTTP/1\.1 (\d+)", reply) == [b"400"]


def test_a_malformed_chunk_behind_a_response_closes_the_connection() -> None:
    wanted = HEALTH.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    with server() as it, wires(it.port, 1, wanted) as [wire]:
        assert wire.recv(1000).startswith(b"HTTP/1.1 200 ")
        wire.sendall(b"nonsense\r\n" * 10)
        assert b"HTTP/1.1" not in read(wire)
        others_are_served(it.port)


def test_a_flood_of_requests_on_a_connection_is_answered_in_turn_beside_others() -> None:
    with server() as it, wires(it.port, 1) as [wire]:
        replies: list[bytes] = []
        reader = threading.Thread(target=lambda: replies.append(read(wire)))
        reader.start()
        wire.sendall(HEALTH * 2000)
        others_are_served(it.port)
        wire.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        reader.join(20)
    assert replies[0].count(b"HTTP/1.1 200 ") == 2001


def test_whoever_hangs_up_leaves_the_line_at_once(tmp_path: Path) -> None:
    held = tmp_path / "held"
    hold = request(asking(f"hold={held}"))
    with server(workers=1, waiting=5) as it, wires(it.port, 1, hold) as [worker]:
        until(held.exists)
        with wires(it.port, 5, hold):
            until(lambda: it.endpoint.queue.depth == 5)
        until(lambda: it.endpoint.queue.depth == 0)
        assert it.endpoint.queue.running == 1
        held.unlink()
        others_are_served(it.port)
        assert worker.recv(1000).startswith(b"HTTP/1.1 200 ")
        outcomes = [line["outcome"] for line in it.lines("answered")]
    assert outcomes.count("ClientGone") == 5


def test_whoever_hangs_up_during_the_work_is_not_answered_and_keeps_the_turn_until_it_ends(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with server(workers=1) as it:
        with wires(it.port, 1, request(asking(f"hold={held}"))):
            until(held.exists)
        until(lambda: len(it.lines("answered")) == 1)
        assert it.lines("answered")[0]["outcome"] == "ClientGone"
        assert it.endpoint.queue.running == 1
        held.unlink()
        others_are_served(it.port)
