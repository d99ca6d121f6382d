"""Requests that are no valid HTTP: they are counted, and the log has a line a second for them at most."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.contract.serving import BODY, HEADERS, Running, ask, make_gateway, running, until
from visavis.server import connections
from visavis.server.logs import OncePerSecond

EVENT = "a request that is not valid HTTP is refused"
HOST = b"Host: 127.0.0.1\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = {
    "TLS": ("malformed", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "another version": ("malformed", b"GET / HTTP/3\r\n" + HOST + b"\r\n"),
    "no host": ("malformed", b"GET / HTTP/1.1\r\n\r\n"),
    "lines without CR": ("ambiguous", b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
    "a size that is no number": ("ambiguous", CHUNKED + b"0x1\r\na\r\n"),
    "a head of 20 KiB": ("too_large", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 20_480),
    "small chunks": ("too_large", CHUNKED + b"1\r\na\r\n" * 300),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(connections.log, "filters", [OncePerSecond()])
    with running(gateway=make_gateway(keys=False)) as it:
        yield it


def send(port: int, data: bytes) -> bytes:
    """The beginning of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(data)
        return wire.recv(100)


def refused(it: Running) -> dict[str, float]:
    text = ask(it.port, "GET", "/metrics").body.decode()
    return {kind: float(n) for kind, n in re.findall(r'visavis_http_refused_total\{kind="(\w+)"\} (\S+)', text)}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_is_not_valid_http_is_counted_by_its_kind_and_logged(server: Running, name: str) -> None:
    kind, data = REFUSED[name]
    assert refused(server) == {"malformed": 0, "ambiguous": 0, "too_large": 0}
    assert send(server.port, data).startswith(b"HTTP/1.1 400 ")
    assert refused(server) == {"malformed": 0, "ambiguous": 0, "too_large": 0, kind: 1}
    (line,) = server.lines(EVENT)
    assert (line["level"], line["kind"], line["client"], line["not_logged"]) == ("warning", kind, "127.0.0.1", 0)
    assert (line["reason"] is None) is (name in {"TLS", "no host", "a head of 20 KiB"})  # found by h11


def test_malformed_requests_cannot_flood_the_log(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    started = time.monotonic()
    for _ in range(200):
        send(server.port, b"nonsense\r\n\r\n")
        send(server.port, b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    seconds = time.monotonic() - started
    time.sleep(1)
    send(server.port, b"nonsense\r\n\r\n")
    lines = server.lines(EVENT)
    assert 2 <= len(lines) <= seconds + 3
    assert len(lines) + sum(line["not_logged"] for line in lines) == 201
    assert refused(server)["malformed"] == 201
    assert [record for record in caplog.records if record.name.startswith("uvicorn.error")] == []
    assert ask(server.port, body=BODY, headers=HEADERS).status == 200


def test_an_error_in_the_app_is_logged_by_uvicorn_still(
    server: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.endpoint, "ready", lambda: 1 / 0)
    for _ in range(2):
        assert ask(server.port, "GET", "/readyz").status == 500
    until(lambda: len([one for one in caplog.records if one.getMessage().startswith("Exception in ASGI")]) == 2)
