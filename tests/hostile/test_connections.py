"""Callers who hold on to connections and read slowly, and one who is served all the while."""

import json
import logging
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import posix
from tests.contract import serving
from tests.contract.serving import BODY, HEADERS, ask, ask_on, asking, process, until
from tests.hostile.wires import (
    HEALTH,
    METRICS,
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
from visavis.server import accepting
from visavis.server.logs import OncePerSecond
from visavis.server.run import bind

MARK = b"HTTP/1.1 200 OK"


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


def test_connections_beyond_the_limit_take_the_place_of_those_that_idle_longest(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with server(connections=5) as it, wires(it.port, 1, request(asking(f"hold={held}"))) as [worker]:
        until(held.exists)
        with wires(it.port, 30) as idle:
            others_are_served(it.port)
            assert read(idle[0]) == b""
            held.unlink()
            reply = worker.recv(1000)  # it was never closed, because its request was processed
            assert reply.startswith(b"HTTP/1.1 200 ")


def test_without_anything_to_close_a_connection_waits(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with server(connections=1, workers=2) as it, wires(it.port, 1, request(asking(f"hold={held}"))) as [worker]:
        until(held.exists)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(ask, it.port, "GET", "/healthz")
            time.sleep(0.3)
            assert not second.done()
            held.unlink()
            assert worker.recv(1000).startswith(b"HTTP/1.1 200 ")
            assert second.result(10).status == 200


def test_idle_connections_go_before_slow_bodies_and_slow_bodies_before_work(tmp_path: Path) -> None:
    held = tmp_path / "held"
    begun = POST + b"Content-Length: 100\r\n\r\n1"
    with server(connections=3) as it, wires(it.port, 1, begun) as [slow]:
        until(lambda: arrived(it) == 1)
        with closing(HTTPConnection("127.0.0.1", it.port, timeout=20)) as idle:
            assert ask_on(idle, "GET", "/healthz").status == 200  # from then on the server knows that it idles
            others_are_served(it.port)
            assert idle.sock.recv(1) == b""
        until(lambda: arrived(it) == 1)  # the slow body has its place still
        with wires(it.port, 1, request(asking(f"hold={held}"))) as [work], ExitStack() as others:
            until(held.exists)
            slow.settimeout(0.2)
            for _ in range(10):  # each needs room
                others.enter_context(wires(it.port, 1, begun))
                with suppress(TimeoutError):
                    assert read(slow) == b""
                    break
            else:
                raise AssertionError("the slow body was not closed")
            held.unlink()
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
        started = time.monotonic()
        monkeypatch.setattr(accepting.Loop, "sock_accept", fails_at_first)
        others_are_served(it.port)
        assert read(idle) == b""
        lines = it.lines("no connection can be accepted")
        seconds = time.monotonic() - started
    assert lines[0]["reason"] == "Too many open files"
    assert len(lines) <= seconds + 1


def test_a_logger_passes_one_record_a_second() -> None:
    now = [0.0]
    once = OncePerSecond(lambda: now[0])
    record = logging.makeLogRecord({})
    passed = []
    for tenth in range(25):
        now[0] = tenth / 10
        passed.append(once.filter(record))
    assert [index for index, value in enumerate(passed) if value] == [0, 10, 20]


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
                child.communicate(timeout=20)
                assert child.returncode == 0
                assert time.monotonic() - started < 8  # a slow body has 10 seconds


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
