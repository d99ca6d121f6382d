"""Callers who hold on to connections and bodies, and one who is served all the while."""

import json
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.conftest import posix
from tests.contract import serving
from tests.contract.serving import BODY, HEADERS, Running, ask, ask_on, make_gateway, process, running, until
from visavis.server import accepting, connections
from visavis.server.app import ServerConfig
from visavis.server.logs import OncePerSecond
from visavis.server.run import bind

HEAD = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **HEADERS}.items()).encode()
POST = b"POST / HTTP/1.1\r\n" + HEAD
METRICS = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
MARK = b"HTTP/1.1 200 OK"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LONGEST = 2.0
"""Seconds in which others are answered during an attack."""


def request(body: bytes = BODY) -> bytes:
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


def asking(what: str) -> bytes:
    """The body of a request that asks the engine for `what`."""
    import base64

    return BODY.replace(b"c291cmNl", base64.b64encode(what.encode()))


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
        time.sleep(0.5)  # what is sent below would be heard
        until(lambda: gone(wire))


def gone(wire: socket.socket) -> bool:
    """Whether the server has closed the connection, so that what is sent is answered by a reset."""
    try:
        wire.sendall(b"x")
    except OSError:
        return True
    return False


def test_a_body_behind_a_response_does_not_hold_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_IDLE_SECONDS", 0.2)
    wanted = HEALTH.replace(b"\r\n\r\n", b"\r\nContent-Length: 1000\r\n\r\n")
    with server() as it, wires(it.port, 1, wanted) as [wire]:
        assert b'{"alive": true}' in read(wire)
        time.sleep(0.5)  # what is sent below would be heard
        until(lambda: gone(wire))


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


# Connections


@pytest.mark.parametrize("sent", [b"", b"POST / HT", POST, HEALTH + POST], ids=["nothing", "a line", "a head", "more"])
def test_a_connection_without_a_whole_head_is_closed(sent: bytes) -> None:
    with server(head_seconds=0.3) as it, wires(it.port, 3, sent) as silent:
        others_are_served(it.port)
        for wire in silent:
            assert read(wire).count(b"HTTP/1.1 ") == (sent.startswith(HEALTH))


def test_a_head_that_drips_is_closed() -> None:
    with server(head_seconds=0.3) as it, wires(it.port, 1, POST) as [wire]:

        def drip() -> None:
            wire.sendall(b"X: 1\r\n")
            time.sleep(0.02)

        with meanwhile(drip):
            assert read(wire) == b""


def test_a_connection_may_idle_between_requests_longer_than_a_head_may_take() -> None:
    with server(head_seconds=0.2) as it:
        connection = HTTPConnection("127.0.0.1", it.port, timeout=20)
        assert ask_on(connection, "GET", "/healthz").status == 200
        first = connection.sock
        time.sleep(0.5)
        assert ask_on(connection, "GET", "/healthz").status == 200
        assert connection.sock is first
        connection.close()


def test_connections_beyond_the_limit_take_the_place_of_those_that_idle_longest() -> None:
    with server(connections=5) as it, wires(it.port, 1, request(asking("sleep=2"))) as [worker]:
        until(lambda: it.endpoint.queue.running == 1)
        with wires(it.port, 30) as idle:
            others_are_served(it.port)
            assert read(idle[0]) == b""
            reply = worker.recv(1000)  # it was never closed, because its request was processed
            assert reply.startswith(b"HTTP/1.1 200 ")


def test_without_anything_to_close_a_connection_waits() -> None:
    with server(connections=1, workers=2) as it, wires(it.port, 1, request(asking("sleep=0.5"))) as [worker]:
        until(lambda: it.endpoint.queue.running == 1)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(ask, it.port, "GET", "/healthz")
            assert worker.recv(1000).startswith(b"HTTP/1.1 200 ")
            assert second.result(10).status == 200


def test_idle_connections_go_before_slow_bodies_and_slow_bodies_before_work() -> None:
    begun = POST + b"Content-Length: 100\r\n\r\n1"
    with server(connections=3) as it, wires(it.port, 1, begun) as [slow]:
        until(lambda: it.endpoint._bodies.left == ServerConfig().memory - 1)
        with wires(it.port, 1) as [idle]:
            others_are_served(it.port)
            assert read(idle) == b""
        with wires(it.port, 1, request(asking("sleep=3"))) as [work], ExitStack() as others:
            until(lambda: it.endpoint.queue.running == 1)
            slow.settimeout(0.2)
            for _ in range(10):  # each needs room
                others.enter_context(wires(it.port, 1, begun))
                with suppress(TimeoutError):
                    assert read(slow) == b""
                    break
            else:
                raise AssertionError("the slow body was not closed")
            assert work.recv(1000).startswith(b"HTTP/1.1 200 ")


@posix
def test_a_process_out_of_descriptors_serves_others_and_logs_a_line_a_second() -> None:
    with process("--no-auth", "--descriptors", "64") as (child, url):
        port = int(url.rpartition(":")[2])
        started = time.monotonic()
        with wires(port, 200):
            others_are_served(port)
        seconds = time.monotonic() - started
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        assert child.stderr is not None
        events = [json.loads(line)["event"] for line in child.stderr]
    full = [event for event in events if event.startswith("too many connections")]
    assert 1 <= len(full) <= seconds + 1
    assert not [event for event in events if "resource" in event]


def test_a_failure_to_accept_is_logged_once_a_second_and_closes_an_idle_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting.log, "filters", [OncePerSecond()])
    failures = iter(range(50))
    accept = accepting.Loop.sock_accept

    async def fails_at_first(self: Any, listener: socket.socket) -> Any:
        for _ in failures:
            raise OSError(24, "Too many open files")
        return await accept(self, listener)

    monkeypatch.setattr(accepting, "PAUSE", 0.005)
    with server() as it, wires(it.port, 1) as [idle]:
        others_are_served(it.port)
        monkeypatch.setattr(accepting.Loop, "sock_accept", fails_at_first)
        others_are_served(it.port)
        assert read(idle) == b""
        lines = it.lines("no connection can be accepted")
    assert lines[0]["reason"] == "Too many open files"
    assert len(lines) <= 2


def test_a_logger_passes_one_record_a_second() -> None:
    now = [0.0]
    once = OncePerSecond(lambda: now[0])
    record = logging.makeLogRecord({})
    passed = []
    for tenth in range(25):
        now[0] = tenth / 10
        passed.append(once.filter(record))
    assert [index for index, value in enumerate(passed) if value] == [0, 10, 20]


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
        time.sleep(0.1)
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


def test_whoever_hangs_up_leaves_the_line_at_once() -> None:
    with server(workers=1, waiting=5) as it, wires(it.port, 1, request(asking("sleep=1"))) as [worker]:
        until(lambda: it.endpoint.queue.running == 1)
        with wires(it.port, 5, request(asking("sleep=5"))):
            until(lambda: it.endpoint.queue.depth == 5)
        until(lambda: it.endpoint.queue.depth == 0)
        assert it.endpoint.queue.running == 1
        others_are_served(it.port)
        assert worker.recv(1000).startswith(b"HTTP/1.1 200 ")
        outcomes = [line["outcome"] for line in it.lines("answered")]
    assert outcomes.count("ClientGone") == 5


def test_whoever_hangs_up_during_the_work_is_not_answered_and_keeps_the_turn_until_it_ends() -> None:
    with server(workers=1) as it:
        with wires(it.port, 1, request(asking("sleep=0.5"))):
            until(lambda: it.endpoint.queue.running == 1)
        until(lambda: len(it.lines("answered")) == 1)
        assert it.lines("answered")[0]["outcome"] == "ClientGone"
        assert it.endpoint.queue.running == 1
        others_are_served(it.port)


# Responses


def test_a_caller_who_does_not_read_responses_is_cut_off() -> None:
    with server(rate_seconds=0.3) as it, socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", it.port))
        with meanwhile(lambda: wire.sendall(METRICS * 100)):
            time.sleep(1)
            others_are_served(it.port)
            until(lambda: gone(wire))


def test_a_caller_who_reads_slowly_gets_all_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind_with_a_small_buffer(*where: Any) -> socket.socket:
        listener = bind(*where)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # connections inherit it
        return listener

    monkeypatch.setattr(serving, "bind", bind_with_a_small_buffer)
    with server(rate_seconds=0.5, least_rate=1000) as it, socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", it.port))
        wire.sendall(METRICS * 100)
        found, rest = 0, b""
        while found < 100:
            part = wire.recv(4096)
            assert part
            found += (rest + part).count(MARK)
            rest = (rest + part)[-len(MARK) + 1 :]
            time.sleep(0.005)


# Who calls


@pytest.mark.parametrize(
    ("believed", "logged"),
    [((), "127.0.0.1"), (("10.0.0.0/8",), "127.0.0.1"), (("127.0.0.0/8",), "203.0.113.9"), (("*",), "203.0.113.9")],
)
def test_a_forwarded_address_is_believed_from_named_proxies_only(
    monkeypatch: pytest.MonkeyPatch, believed: tuple[str, ...], logged: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with server(forwarded_allow_ips=believed) as it:
        ask(it.port, body=BODY, headers=HEADERS | {"X-Forwarded-For": "203.0.113.9"})
        until(lambda: len(it.lines("answered")) == 1)
        assert [line["client"] for line in it.lines("answered")] == [logged]


# The end


@posix
def test_the_time_of_grace_is_not_stretched_by_those_who_drip_or_do_not_read() -> None:
    with process("--no-auth", "--grace", "0.5") as (child, url):
        port = int(url.rpartition(":")[2])
        with (
            wires(port, 2, POST + b"Content-Length: 1000\r\n\r\n1") as slow,
            wires(port, 1, METRICS * 5000),
            wires(port, 2, POST),
        ):

            def drip() -> None:
                for wire in slow:
                    wire.sendall(b"x")
                time.sleep(0.02)

            with meanwhile(drip):
                time.sleep(0.5)
                started = time.monotonic()
                child.send_signal(signal.SIGTERM)
                child.communicate(timeout=10)
                assert child.returncode == 0
                assert time.monotonic() - started < 3


@posix
def test_a_hang_up_is_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with process("--no-auth") as (child, url):
            child.send_signal(signal.SIGHUP)
            others_are_served(int(url.rpartition(":")[2]))
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait(10) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
