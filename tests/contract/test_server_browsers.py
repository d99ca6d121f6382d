"""Web pages: those that may ask (CORS), and those that must not reach a server without credentials (DNS rebinding)."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.contract.serving import (
    BODY,
    HEADERS,
    Reply,
    Running,
    ask,
    boto,
    compare_faces,
    make_gateway,
    running,
    signed,
    until,
)
from visavis.server.app import ServerConfig

PAGE = "https://app.example.com"
ASKED_HEADERS = (
    "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-content-sha256,x-amz-date,"
    "x-amz-security-token,x-amz-target,x-amz-user-agent"
)
"""What the AWS SDK for JavaScript sends from a page."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """With credentials, and pages of one origin and of another at a port."""
    with running(ServerConfig(cors_origins=(PAGE, "HTTP://localhost:3000"))) as it:
        yield it


@pytest.fixture(scope="module")
def opened() -> Iterator[Running]:
    """Without credentials."""
    with running(gateway=make_gateway(keys=False)) as it:
        yield it


def preflight(port: int, origin: str = PAGE, method: str = "POST", **more: str) -> Reply:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers |= {"Access-Control-Request-Headers": ASKED_HEADERS, "Host": "localhost"} | more
    return ask(port, "OPTIONS", headers=headers)


def raw(port: int, head: str, body: bytes = b"") -> bytes:
    """The answer to a request whose head is sent as it stands."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"Connection: close\r\n\r\n" + body)
        return wire.makefile("rb").read()


# Pages that may ask


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
def test_a_page_of_a_named_origin_may_ask(server: Running, origin: str) -> None:
    reply = preflight(server.port, origin)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == origin
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert reply.headers["access-control-allow-headers"] == ASKED_HEADERS
    assert "Origin" in reply.headers["vary"]
    assert "access-control-allow-credentials" not in reply.headers
    assert parsedate_to_datetime(reply.headers["date"]).tzinfo is not None
    assert reply.headers["x-amzn-requestid"]


def test_a_public_page_may_reach_a_private_network(server: Running) -> None:
    reply = preflight(server.port, **{"Access-Control-Request-Private-Network": "true"})
    assert (reply.status, reply.headers["access-control-allow-private-network"]) == (200, "true")


@pytest.mark.parametrize(
    ("origin", "method"),
    [
        ("https://evil.example", "POST"),
        ("http://app.example.com", "POST"),
        ("https://app.example.com:8443", "POST"),
        ("https://app.example.com.evil.example", "POST"),
        ("null", "POST"),
        (PAGE, "DELETE"),
    ],
)
def test_another_page_may_not_and_the_log_says_so(server: Running, origin: str, method: str) -> None:
    reply = preflight(server.port, origin, method)
    assert reply.status == 400
    if origin != PAGE:
        assert "access-control-allow-origin" not in reply.headers
    wanted = reply.headers["x-amzn-requestid"]
    until(lambda: any(line["request_id"] == wanted for line in server.lines("answered")))
    (line,) = [line for line in server.lines("answered") if line["request_id"] == wanted]
    assert (line["outcome"], line["reason"].partition(": ")[2]) == (
        "CrossOriginRefused",
        f"sent by a page of {origin}",
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/", BODY, 200),
        ("POST", "/", b"{", 400),
        ("POST", "/", bytes(14_500_001), 413),
        ("POST", "/other", BODY, 404),
        ("GET", "/healthz", None, 200),
    ],
)
def test_every_answer_to_a_page_can_be_read_by_it(
    server: Running, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = signed(server.url, body or b"") | {"Origin": PAGE}
    reply = ask(server.port, method, path, body, headers)
    assert reply.status == status
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert reply.headers["access-control-expose-headers"] == "x-amzn-requestid, x-amzn-errortype, date"
    assert reply.headers["vary"] == "Origin"


def test_the_page_of_another_origin_cannot_read_the_answer(server: Running) -> None:
    reply = ask(server.port, body=BODY, headers=signed(server.url) | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in reply.headers


def test_every_page_may_ask_where_signatures_are_verified_and_that_is_wanted() -> None:
    with running(ServerConfig(cors_origins=("*",))) as it:
        assert preflight(it.port, "https://any.example").headers["access-control-allow-origin"] == "*"
        reply = ask(it.port, body=BODY, headers=HEADERS | {"Origin": "https://any.example"})
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (400, "*")


def test_no_page_may_ask_unless_its_origin_is_named() -> None:
    with running() as it:
        reply = preflight(it.port)
        assert reply.status == 404
        asked = ask(it.port, body=BODY, headers=signed(it.url) | {"Origin": PAGE})
        for name in {*reply.headers, *asked.headers}:
            assert not name.startswith("access-control-")


# Hosts


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "127.0.0.2", "[::1]:{port}", "LOCALHOST"])
def test_without_credentials_loopback_is_answered(opened: Running, host: str) -> None:
    headers = HEADERS | {"Host": host.format(port=opened.port)}
    assert ask(opened.port, body=BODY, headers=headers).status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/nowhere", "/healthz/"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "10.1.2.3"])
def test_without_credentials_another_host_is_refused_everywhere(
    opened: Running, method: str, path: str, host: str
) -> None:
    reply = raw(opened.port, f"{method} {path} HTTP/1.1\nHost: {host.format(port=opened.port)}\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert f"--allow-host {host.partition(':')[0]}, or with --credentials FILE".encode() in body


def test_probes_are_answered_under_every_host(opened: Running) -> None:
    for path in ("/healthz", "/readyz"):
        assert ask(opened.port, "GET", path, headers={"Host": "10.1.2.3:8080"}).status == 200


def test_a_request_without_a_host_is_no_browsers(opened: Running) -> None:
    assert raw(opened.port, "GET /metrics HTTP/1.0\n").startswith(b"HTTP/1.1 200 ")


def test_two_hosts_are_no_way_round(opened: Running) -> None:
    reply = raw(opened.port, "GET /metrics HTTP/1.1\nHost: localhost\nHost: evil.example\n")
    assert reply.startswith(b"HTTP/1.1 400 ")


def test_an_sdk_shows_which_option_allows_its_host_and_the_log_says_why() -> None:
    config = ServerConfig(allowed_hosts=("faces.internal",))
    with running(config, gateway=make_gateway(keys=False)) as it:
        with boto(f"http://visavis:{it.port}") as client:
            client.meta.events.register("before-send", to_loopback)
            with pytest.raises(ClientError) as caught:
                compare_faces(client, bytes(5_000_000), bytes(5_000_000))
        with boto(f"http://faces.internal:{it.port}") as client:
            client.meta.events.register("before-send", to_loopback)
            assert compare_faces(client)["FaceMatches"]
        response = caught.value.response
        wanted = response["ResponseMetadata"]["RequestId"]
        until(lambda: any(line["request_id"] == wanted for line in it.lines("answered")))
        (line,) = [line for line in it.lines("answered") if line["request_id"] == wanted]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Error"]["Code"] == line["outcome"] == "HostNotAllowedException"
    assert "start it with --allow-host visavis, or with --credentials FILE" in response["Error"]["Message"]
    assert line["reason"] == "Host visavis is neither loopback nor named by --allow-host"
    assert line["operation"] == "CompareFaces"


def to_loopback(request: Any, **_: object) -> None:
    """Send botocore's request to 127.0.0.1 with the Host of its URL, as if that name resolved to this machine."""
    url = urlsplit(request.url)
    request.headers["Host"] = url.netloc
    request.url = f"http://127.0.0.1:{url.port}/"


def test_with_credentials_every_host_is_answered_because_the_signature_covers_it() -> None:
    with running() as it:
        headers = signed("http://faces.example/")
        assert ask(it.port, body=BODY, headers=headers | {"Host": "faces.example"}).status == 200
        assert ask(it.port, "GET", "/metrics", headers={"Host": "faces.example"}).status == 200


def test_the_refusal_of_a_host_is_told_to_a_page_that_may_ask() -> None:
    with running(ServerConfig(cors_origins=(PAGE,)), gateway=make_gateway(keys=False)) as it:
        reply = ask(it.port, body=BODY, headers=HEADERS | {"Host": "visavis", "Origin": PAGE})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (403, PAGE)


def test_a_server_that_listens_beyond_loopback_is_reached_by_any_address() -> None:
    with running(ServerConfig(host="0.0.0.0"), gateway=make_gateway(keys=False)) as it:
        for host, status in (("10.1.2.3:8080", 200), ("[fd00::1]:8080", 200), ("evil.example", 403)):
            assert ask(it.port, body=BODY, headers=HEADERS | {"Host": host}).status == status


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--cors-origin", "app.example.com"], "--cors-origin must be SCHEME://HOST"),
        (["--cors-origin", "https://a.example", "--cors-origin", "*"], "--cors-origin * without credentials"),
        (["--allow-host", "visavis:8080"], "--allow-host must be a name such as visavis"),
    ],
)
def test_the_options_are_checked_before_anything_listens(options: list[str], text: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "visavis", "serve", "--port", "0", *options], capture_output=True, text=True, timeout=120
    )
    assert run.returncode != 0
    assert text in run.stderr
    assert "Traceback" not in run.stderr
    assert "listening" not in run.stdout
