"""Callers without a key, and callers who ask for more than their share: what they cost, and what others notice."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.contract.serving import BODY, HEADERS, Running, ask, error_of, make_gateway, running, signed, until
from visavis.aws.wire import MAX_SEPARATORS
from visavis.gateway import Request, gateway
from visavis.server.app import ServerConfig

SLOW = BODY.replace(b"c291cmNl", b"c2xlZXA9MQ==")  # sleep=1
GREEDY = BODY.replace(b"c291cmNl", b"c2xlZXA9MC4x")  # sleep=0.1
BOMB = b'{"x":[' + b'{"":0},' * 2_000_000 + b"0]}"


def begin(server: Running, headers: dict[str, str], length: int) -> socket.socket:
    """A connection on which a request is sent up to the first byte of its body."""
    wire = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    wire.sendall(f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {length}\r\n{head}\r\n".encode())
    wire.sendall(b"{")
    return wire


def with_key(server: Running, key_id: str) -> dict[str, str]:
    headers = signed(server.url)
    return headers | {"Authorization": headers["Authorization"].replace("AKIDONE", key_id)}


def test_the_body_of_a_stranger_takes_no_memory_and_the_answer_is_the_usual_one() -> None:
    with running(ServerConfig(max_body=1000, memory=1000)) as it:
        for headers, code in (
            (HEADERS, "MissingAuthenticationTokenException"),
            (with_key(it, "AKIDNOBODY"), "UnrecognizedClientException"),
        ):
            with begin(it, headers, 990) as wire:
                time.sleep(0.1)
                assert it.endpoint._bodies.left == 1000
                assert ask(it.port, body=BODY, headers=signed(it.url)).status == 200
                wire.sendall(bytes(989))
                reply = http.client.HTTPResponse(wire)
                reply.begin()
                assert json.loads(reply.read())["__type"] == code
                # The connection goes on with the next request.
                wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                assert wire.makefile("rb").read().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_a_stranger_has_the_usual_limit(chunked: bool) -> None:
    with running(ServerConfig(max_body=1000, memory=1000)) as it:
        body = iter([bytes(600), bytes(600)]) if chunked else bytes(1001)
        reply = ask(it.port, body=body, headers=HEADERS, encode_chunked=chunked)
        assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_a_stranger_who_asks_before_sending_is_refused_without_being_told_to_go_on() -> None:
    with running() as it, begin(it, HEADERS | {"Expect": "100-continue"}, 990) as wire:
        reply = wire.makefile("rb").read()
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"MissingAuthenticationToken" in reply
    assert b"connection: close" in reply


def test_a_wrong_signature_is_refused_before_the_queue_and_before_json_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def parse(body: bytes) -> dict[str, object]:
        parsed.append(body)
        return dict(json.loads(body))

    monkeypatch.setattr(gateway, "parse_body", parse)
    with running(ServerConfig(workers=1, waiting=0)) as it, ThreadPoolExecutor(1) as pool:
        busy = pool.submit(ask, it.port, body=SLOW, headers=signed(it.url, SLOW))
        until(lambda: it.endpoint.queue.running == 1)
        assert error_of(ask(it.port, body=BODY, headers=signed(it.url))) == "ThrottlingException"
        for body in (BODY + b" ", b"{", BOMB):
            assert error_of(ask(it.port, body=body, headers=signed(it.url))) == "InvalidSignatureException"
        assert busy.result().status == 200
    assert parsed == [SLOW]


def test_json_of_millions_of_objects_is_refused_without_making_them() -> None:
    with running(gateway=make_gateway(keys=False)) as it:
        reply = ask(it.port, body=BOMB, headers=HEADERS)
        assert (reply.status, reply.body) == (400, b'{"__type":"SerializationException"}')
        until(lambda: len(it.lines("answered")) == 1)
        reason = f"the body has more than {MAX_SEPARATORS} commas, colons and brackets"
        assert it.lines("answered")[0]["reason"] == reason


def test_a_greedy_key_does_not_keep_a_modest_one_waiting() -> None:
    with running(ServerConfig(workers=1, waiting=8)) as it:
        greedy: list[str] = []
        end = threading.Event()

        def insist() -> None:
            while not end.is_set():
                reply = ask(it.port, body=GREEDY, headers=signed(it.url, GREEDY))
                greedy.append("OK" if reply.status == 200 else error_of(reply))

        with ThreadPoolExecutor(20) as pool:
            for _ in range(20):
                pool.submit(insist)
            until(lambda: it.endpoint.queue.full)
            modest = [ask(it.port, body=BODY, headers=signed(it.url, key_id="AKIDTWO")).status for _ in range(5)]
            end.set()
        assert modest == [200] * 5
        assert set(greedy) == {"OK", "ThrottlingException"}


def test_a_key_over_its_rate_is_refused_before_the_queue() -> None:
    config = ServerConfig(workers=1, waiting=0)
    with running(config, gateway=make_gateway(tps=0.001)) as it, ThreadPoolExecutor(1) as pool:
        busy = pool.submit(ask, it.port, body=SLOW, headers=signed(it.url, SLOW))
        until(lambda: it.endpoint.queue.running == 1)
        again = ask(it.port, body=BODY, headers=signed(it.url))
        assert error_of(again) == "ProvisionedThroughputExceededException"
        assert busy.result().status == 200


def test_without_credentials_a_made_up_key_is_no_way_round_the_rate() -> None:
    with running(gateway=make_gateway(keys=False, tps=0.001)) as it:
        replies = [ask(it.port, body=BODY, headers=with_key(it, f"AKID{number}")) for number in range(3)]
        assert [reply.status for reply in replies] == [200, 400, 400]


def test_without_credentials_callers_are_told_apart_by_their_address() -> None:
    made = make_gateway(keys=False, tps=0.001)
    request = Request("POST", "/", "", tuple(HEADERS.items()), BODY)
    now = datetime.now(UTC)
    outcomes = [getattr(made.admit(request, now, address), "outcome", "admitted") for address in ("a", "b", "a")]
    assert outcomes == ["admitted", "admitted", "ProvisionedThroughputExceededException"]
