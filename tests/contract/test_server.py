"""The server over real sockets, with boto3, with the AWS CLI, and with bytes written by hand."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import posix
from tests.contract.serving import (
    BODY,
    HEADERS,
    JSON,
    REGION,
    Running,
    ask,
    ask_on,
    asking,
    boto,
    compare_faces,
    error_of,
    failure,
    make_gateway,
    process,
    running,
    session,
    signed,
    until,
)
from visavis.errors import SettingsError
from visavis.server.app import ServerConfig, build_app
from visavis.server.run import bind, serve


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as it:
        yield it


# What boto3 sees


def test_boto3_gets_an_answer(server: Running) -> None:
    with boto(server.url) as client:
        answer = compare_faces(client)
    assert len(answer["FaceMatches"]) == 2
    assert answer["UnmatchedFaces"] == []
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] == answer["ResponseMetadata"]["RequestId"]


def test_boto3_gets_the_operations_own_exceptions_at_once(server: Running) -> None:  # case 76
    with boto(server.url, retries={"mode": "standard"}) as client, pytest.raises(ClientError) as caught:
        compare_faces(client, b"noface")
    assert isinstance(caught.value, client.exceptions.InvalidParameterException)
    assert caught.value.response["Error"]["Message"] == "Request has invalid parameters"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_wrong_secret_and_an_unknown_key_are_told_apart(server: Running) -> None:  # cases 62 and 63
    with boto(server.url, aws_secret_access_key="wrong") as client:
        code, message, status = failure(client)
    assert (code, message.split(".")[0], status) == (
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided",
        400,
    )
    with boto(server.url, "AKIDUNKNOWN") as client:
        assert failure(client) == (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            400,
        )


def test_temporary_keys_work_with_their_token_only(server: Running) -> None:  # case 67
    with boto(server.url, "ASIATEMP", aws_session_token="token-temp") as client:
        assert compare_faces(client)["FaceMatches"]
    for token in (None, "other"):
        with boto(server.url, "ASIATEMP", aws_session_token=token) as client:
            assert failure(client)[0] == "UnrecognizedClientException"


def test_another_region_is_refused(server: Running) -> None:  # case 65
    with boto(server.url, region_name="eu-west-1") as client:
        assert failure(client)[:2] == (
            "InvalidSignatureException",
            "Credential should be scoped to a valid region. ",
        )


def test_a_key_that_its_policy_does_not_allow_is_denied(server: Running) -> None:  # case 83
    with boto(server.url, "AKIDDENIED") as client, pytest.raises(client.exceptions.AccessDeniedException) as caught:
        compare_faces(client)
    assert caught.value.response["Error"]["Message"] == (
        "User: arn:aws:iam::123456789012:user/mallory is not authorized to perform: rekognition:CompareFaces "
        "because no identity-based policy allows the rekognition:CompareFaces action"
    )


def test_another_operation_is_refused_and_not_tried_again(server: Running) -> None:  # case 73
    with boto(server.url, retries={"mode": "standard"}) as client, pytest.raises(ClientError) as caught:
        client.detect_labels(Image={"Bytes": b"image"})
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_two_images_of_the_largest_size_get_through(server: Running) -> None:  # case 38
    image = b"faces=1".ljust(5_242_880)
    with boto(server.url) as client:
        assert compare_faces(client, image, image)["FaceMatches"]


def test_a_crash_is_a_500_whose_reason_is_in_the_log_alone(server: Running) -> None:  # case 78
    body = BODY.replace(b"c291cmNl", b"Y3Jhc2g=")
    reply = ask(server.port, body=body, headers=signed(server.url, body))
    assert reply.status == 500
    assert reply.body == (
        b'{"__type":"InternalServerError","Code":"InternalServerError","Message":"Internal server error"}'
    )
    (line,) = [
        line for line in server.lines("the request failed") if line["request_id"] == reply.headers["x-amzn-requestid"]
    ]
    assert "a bug in here, with its details" in line["traceback"]


@pytest.mark.parametrize(("retries", "attempts"), [({"mode": "legacy"}, 5), ({"mode": "standard"}, 3)])
def test_boto3_tries_again_over_the_rate(
    monkeypatch: pytest.MonkeyPatch, retries: dict[str, Any], attempts: int
) -> None:  # cases 77 and 79
    monkeypatch.setattr(time, "sleep", lambda _: None)  # botocore's pauses between attempts
    with running(gateway=make_gateway(tps=0.001)) as it, boto(it.url, retries=retries) as client:
        assert compare_faces(client)
        with pytest.raises(client.exceptions.ProvisionedThroughputExceededException) as caught:
            compare_faces(client)
        with boto(it.url, "AKIDTWO") as other:
            assert compare_faces(other)
    assert caught.value.response["Error"]["Message"] == "Provisioned rate exceeded"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == attempts - 1


def test_a_key_cannot_pass_for_another_to_get_round_its_rate() -> None:
    with running(gateway=make_gateway(tps=0.001)) as it:
        codes = []
        for number in range(2):
            headers = signed(it.url)
            disguise = f"AWS4-HMAC-SHA256 X=-Credential=AKID{number}/, "
            headers["Authorization"] = headers["Authorization"].replace("AWS4-HMAC-SHA256 ", disguise)
            codes.append(ask(it.port, body=BODY, headers=headers).status)
        assert codes == [200, 400]
        until(lambda: len(it.lines("answered")) == 2)
        assert [line["key_id"] for line in it.lines("answered")] == ["AKIDONE", "AKIDONE"]


def test_a_full_line_is_refused_at_once(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with running(ServerConfig(workers=1, waiting=0)) as it, boto(it.url) as slow, boto(it.url) as quick:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(compare_faces, slow, f"hold={held}".encode())
            until(held.exists)
            with pytest.raises(quick.exceptions.ThrottlingException) as caught:
                compare_faces(quick)
            assert ask(it.port, "GET", "/readyz").status == 503
            held.unlink()
            assert first.result()["FaceMatches"]
        assert compare_faces(quick)
    assert caught.value.response["Error"]["Message"] == "Slow down; sudden increase in rate of requests."


# What is on the wire


def test_every_answer_has_its_headers_and_no_others(server: Running) -> None:  # case 16
    replies = [ask(server.port, body=BODY, headers=signed(server.url)) for _ in range(2)]
    for reply in replies:
        assert set(reply.headers) == {"content-type", "content-length", "date", "x-amzn-requestid"}
        assert reply.headers["content-type"] == JSON
        assert int(reply.headers["content-length"]) == len(reply.body)
        assert abs(parsedate_to_datetime(reply.headers["date"]) - datetime.now(UTC)) < timedelta(seconds=5)
        assert str(uuid.UUID(reply.headers["x-amzn-requestid"])) == reply.headers["x-amzn-requestid"]
    assert replies[0].headers["x-amzn-requestid"] != replies[1].headers["x-amzn-requestid"]
    assert replies[0].body == replies[1].body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("PUT", "/", 404),
        ("POST", "/other", 404),
        ("POST", "//", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_other_paths_have_the_two_headers_of_every_answer_too(
    server: Running, method: str, path: str, status: int
) -> None:
    reply = ask(server.port, method, path)
    assert reply.status == status
    assert {"date", "x-amzn-requestid"} <= set(reply.headers)
    assert "server" not in reply.headers


def test_the_two_forms_of_an_error(server: Running) -> None:  # cases 74 and 75
    body = BODY.replace(b"c291cmNl", b"bm9mYWNl")
    service = ask(server.port, body=body, headers=signed(server.url, body))
    assert set(service.json) == {"__type", "Code", "Message"}
    body = BODY.replace(b"c291cmNl", b"")
    framework = ask(server.port, body=body, headers=signed(server.url, body))
    assert set(framework.json) == {"__type", "message"}


def test_an_unsigned_request_is_refused(server: Running) -> None:  # case 60
    reply = ask(server.port, body=BODY, headers=HEADERS)
    assert reply.status == 400
    assert reply.json == {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"}


@pytest.mark.parametrize("body", [b"{", b"", b"null", b"5", b"[]", b'{"SourceImage":"\xff"}'])
def test_a_body_that_is_not_an_object_is_refused(server: Running, body: bytes) -> None:  # case 72
    reply = ask(server.port, body=body, headers=signed(server.url, body))
    assert (reply.status, error_of(reply)) == (400, "SerializationException")


def test_a_content_type_may_name_its_charset(server: Running) -> None:  # case 71
    headers = HEADERS | {"Content-Type": f"{JSON}; charset=utf-8"}
    assert ask(server.port, body=BODY, headers=signed(server.url, headers=headers)).status == 200


def test_headers_that_others_sign_are_welcome(server: Running) -> None:  # case 68
    extra = {"Amz-Sdk-Invocation-Id": "1", "Content-Length": str(len(BODY))}
    extra["X-Amz-Content-Sha256"] = hashlib.sha256(BODY).hexdigest()
    headers = signed(server.url, headers=HEADERS | extra)
    assert "amz-sdk-invocation-id;content-length;" in headers["Authorization"]
    assert ask(server.port, body=BODY, headers=headers).status == 200
    headers = signed(server.url, headers=HEADERS | extra | {"X-Amz-Content-Sha256": "0" * 64})  # case 69
    assert error_of(ask(server.port, body=BODY, headers=headers)) == "InvalidSignatureException"


def test_a_connection_outlives_refusals(server: Running) -> None:  # case 81
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        assert ask_on(connection, body=BODY, headers=HEADERS).status == 400
        first = connection.sock
        assert ask_on(connection, "GET", "/nowhere").status == 404
        assert ask_on(connection, body=BODY, headers=signed(server.url)).status == 200
        assert connection.sock is first
    finally:
        connection.close()


def test_a_body_in_chunks_is_read(server: Running) -> None:  # case 90
    chunks = (BODY[start : start + 10] for start in range(0, len(BODY), 10))
    headers = signed(server.url) | {"Transfer-Encoding": "chunked"}
    assert ask(server.port, body=chunks, headers=headers, encode_chunked=True).status == 200


def test_whoever_asks_before_sending_is_told_to_go_on(server: Running) -> None:  # case 82
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(server.url).items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        wire.sendall(
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {len(BODY)}\r\n"
            f"Expect: 100-continue\r\n{head}\r\n".encode()
        )
        assert wire.recv(1000).startswith(b"HTTP/1.1 100 ")
        wire.sendall(BODY)
        assert wire.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_whoever_asks_before_sending_too_much_is_told_not_to(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\nExpect: 100-continue\r\n\r\n")
        reply = wire.makefile("rb").read()  # to its end: the server closes
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in reply


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_gets_a_413_and_a_clean_close(server: Running, chunked: bool) -> None:  # case 80
    piece = bytes(1_000_000)
    headers = HEADERS | ({"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "20000000"})
    body = (piece for _ in range(20))
    reply = ask(server.port, body=body, headers=headers, encode_chunked=chunked)
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert reply.json == {
        "__type": "RequestEntityTooLargeException",
        "message": f"the request is {'over 14.5' if chunked else '20.0'} MB, at most 14.5 MB are allowed; "
        "send large images by S3Object",
    }
    assert {"date", "x-amzn-requestid"} <= set(reply.headers)


def test_boto3_shows_what_is_wrong_with_a_request_that_is_too_large(server: Running) -> None:  # case 80
    with boto(server.url, retries={"mode": "standard"}) as client, pytest.raises(ClientError) as caught:
        compare_faces(client, bytes(6_300_000), bytes(6_300_000))
    response = caught.value.response
    assert response["Error"] == {
        "Code": "RequestEntityTooLargeException",
        "Message": "the request is 16.8 MB, at most 14.5 MB are allowed; send large images by S3Object",
    }
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with running(ServerConfig(body_seconds=0.2)) as it:
        with socket.create_connection(("127.0.0.1", it.port), timeout=20) as wire:
            wire.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
            reply = wire.makefile("rb").read()
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert json.loads(reply.partition(b"\r\n\r\n")[2]) == {
            "__type": "RequestTimeoutException",
            "message": "the body did not arrive within 0.2 seconds: 1 bytes arrived",
        }
        assert ask(it.port, body=BODY, headers=signed(it.url)).status == 200


def test_bodies_share_a_budget_of_memory() -> None:
    config = ServerConfig(max_body=1000, memory=1000)
    with running(config) as it, socket.create_connection(("127.0.0.1", it.port), timeout=20) as wire:
        head = "".join(f"{name}: {value}\r\n" for name, value in signed(it.url).items())
        wire.sendall(f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\nContent-Length: 991\r\n{head}\r\n".encode())
        wire.sendall(bytes(990))
        until(lambda: it.endpoint._bodies.left == 10)
        assert error_of(ask(it.port, body=BODY, headers=signed(it.url))) == "ThrottlingException"
        wire.close()
        until(lambda: it.endpoint._bodies.left == 1000)
        assert ask(it.port, body=BODY, headers=signed(it.url)).status == 200


@pytest.mark.parametrize("path", ["/faces/api", "/faces/api/"])
def test_a_prefix_moves_the_operation_and_nothing_else(path: str) -> None:
    with running(ServerConfig(prefix="/faces/api")) as it:
        with boto(it.url + path) as client:
            assert compare_faces(client)
        with boto(it.url) as client, pytest.raises(ClientError):
            compare_faces(client)
        assert ask(it.port, "GET", "/healthz").status == 200


# What an operator sees


def test_health_readiness_and_their_difference() -> None:
    ready = threading.Event()
    with running(ready=ready.is_set) as it:
        assert ask(it.port, "GET", "/healthz").json == {"alive": True}
        assert (ask(it.port, "GET", "/readyz").status, ask(it.port, "GET", "/readyz").json) == (503, {"ready": False})
        ready.set()
        assert (ask(it.port, "GET", "/readyz").status, ask(it.port, "GET", "/readyz").json) == (200, {"ready": True})


def test_metrics_count_outcomes_stages_and_faces() -> None:
    with running() as it:
        for headers in (signed(it.url), signed(it.url), HEADERS):
            ask(it.port, body=BODY, headers=headers)
        reply = ask(it.port, "GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    text = reply.body.decode()
    for line in (
        'visavis_requests_total{outcome="OK"} 2.0',
        'visavis_requests_total{outcome="MissingAuthenticationTokenException"} 1.0',
        "visavis_queue_depth 0.0",
        "visavis_faces_per_image_sum 4.0",
        "visavis_faces_per_image_count 2.0",
        'visavis_stage_seconds_count{stage="total"} 3.0',
        *(f'visavis_stage_seconds_count{{stage="{stage}"}} 2.0' for stage in ("body", "queue", "verify", "operation")),
    ):
        assert line in text


def test_two_servers_in_a_process_count_apart() -> None:
    with running() as one, running() as other:
        ask(one.port, body=BODY, headers=signed(one.url))
        assert b'outcome="OK"' in ask(one.port, "GET", "/metrics").body
        assert b'outcome="OK"' not in ask(other.port, "GET", "/metrics").body


def test_the_log_has_a_line_for_each_request_and_no_image(server: Running) -> None:
    reply = ask(server.port, body=BODY, headers=signed(server.url))
    wanted = reply.headers["x-amzn-requestid"]
    until(lambda: any(line["request_id"] == wanted for line in server.lines("answered")))
    (line,) = [line for line in server.lines("answered") if line["request_id"] == wanted]
    assert line["milliseconds"] >= 0
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert {name: line[name] for name in line if name not in {"request_id", "milliseconds", "time"}} == {
        "level": "info",
        "logger": "visavis.access",
        "event": "answered",
        "key_id": "AKIDONE",
        "client": "127.0.0.1",
        "operation": "CompareFaces",
        "reason": None,
        "status": 200,
        "outcome": "OK",
        "request_bytes": len(BODY),
        "response_bytes": len(reply.body),
        "faces": 2,
    }
    for secret in ("secret-one", "c291cmNl", "faces=2"):
        assert secret not in server.log.getvalue()


def test_thirty_two_clients_at_once_get_each_their_own(server: Running) -> None:  # case 81
    def good(number: int) -> None:
        with boto(server.url, "AKIDONE" if number % 2 else "AKIDTWO") as client:
            for faces in (1, 3):
                answer = compare_faces(client, f"id={number}".encode(), f"faces={faces}".encode())
                assert answer["SourceImageFace"]["Confidence"] == number
                assert len(answer["FaceMatches"]) == faces

    def bad(number: int) -> None:
        with boto(server.url, aws_secret_access_key="wrong") as client:
            assert failure(client)[0] == "InvalidSignatureException"
        with boto(server.url) as client:
            assert failure(client, source=f"id={number} noface".encode())[0] == "InvalidParameterException"

    session()
    with ThreadPoolExecutor(32) as pool:
        for done in [pool.submit(bad if number % 4 == 3 else good, number) for number in range(32)]:
            done.result()


# Without credentials


def test_without_keys_any_signature_or_none_is_accepted() -> None:
    with running(gateway=make_gateway(keys=False)) as it:
        assert ask(it.port, body=BODY, headers=HEADERS).status == 200
        with boto(it.url, "AKIDUNKNOWN") as client:
            assert compare_faces(client)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_keys_only_loopback_is_served_unless_insisted(host: str) -> None:
    app = build_app(make_gateway(keys=False))
    with pytest.raises(SettingsError, match=r"--credentials FILE.*--insecure-no-auth"):
        serve(app, host=host, port=0)
    bind("127.0.0.1", 0, loopback_only=True).close()


def test_an_address_in_use_is_said_so() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match=r"cannot listen on 127\.0\.0\.1:"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_answers_are_not_held_back_by_the_system() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # or asyncio leaves Nagle's algorithm on


@pytest.mark.parametrize(
    "fault",
    [{"prefix": "faces"}, {"prefix": "/faces/"}, {"prefix": "/a b"}, {"workers": 0}, {"memory": 1}, {"waiting": -1}],
)
def test_limits_out_of_range_are_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        ServerConfig(**fault)


# A process of its own


@posix
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if os.name == "posix" else [])])
def test_a_stop_finishes_what_is_in_flight_takes_no_more_and_exits_with_0(stop: signal.Signals, tmp_path: Path) -> None:
    held = tmp_path / "held"
    with process() as (child, url), boto(url) as slow, ThreadPoolExecutor(1) as pool:
        in_flight = pool.submit(compare_faces, slow, f"hold={held}".encode())
        until(held.exists)
        child.send_signal(stop)
        port = int(url.rpartition(":")[2])
        until(lambda: refuses_connections(port))
        assert not in_flight.done()
        held.unlink()
        assert in_flight.result()["FaceMatches"]
        assert child.wait(10) == 0
        assert child.stderr is not None
        lines = [json.loads(line) for line in child.stderr]
        assert child.stdout is not None
        assert child.stdout.read() == ""
    assert [line["status"] for line in lines if line["event"] == "answered"] == [200]


def refuses_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionError:
        return True
    return False


@posix
@pytest.mark.parametrize(("options", "said"), [(["--no-auth"], "unfinished\n"), (["--cli"], "")], ids=["serve", "cli"])
def test_a_stop_does_not_wait_longer_than_its_deadline(options: list[str], said: str, tmp_path: Path) -> None:
    held = tmp_path / "held"
    with process("--grace", "0.5", *options) as (child, url), ThreadPoolExecutor(1) as pool:
        body = asking(f"hold={held}")
        in_flight = pool.submit(ask, int(url.rpartition(":")[2]), body=body, headers=HEADERS)
        until(held.exists)
        child.send_signal(signal.SIGTERM)
        assert child.wait(15) == 0  # the request is held for 20 seconds
        in_flight.exception()
        assert child.stdout is not None
        assert child.stdout.read() == said


def test_the_aws_cli_works_with_its_endpoint_given_in_each_way(tmp_path: Path) -> None:  # cases 84, 85 and 87
    pytest.importorskip("awscli")
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"source")
    target.write_bytes(b"faces=2")
    images = ("--source-image-bytes", f"fileb://{source}", "--target-image-bytes", f"fileb://{target}")
    nowhere = "http://127.0.0.1:1"

    def cli(*options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_DEFAULT_REGION": REGION}
        environment |= {"AWS_ACCESS_KEY_ID": "AKIDONE", "AWS_SECRET_ACCESS_KEY": "secret-one", **variables}
        command = [sys.executable, "-m", "awscli", "rekognition", "compare-faces", *images, *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    with running() as it:
        runs = [
            cli("--endpoint-url", it.url),
            cli(AWS_ENDPOINT_URL=it.url),
            cli(AWS_ENDPOINT_URL_REKOGNITION=it.url, AWS_ENDPOINT_URL=nowhere),
        ]
        bad = cli("--endpoint-url", it.url, "--quality-filter", "BAD")
    for run in runs:
        assert (run.returncode, run.stderr) == (0, "")
        assert set(json.loads(run.stdout)) == {"SourceImageFace", "FaceMatches", "UnmatchedFaces"}
    assert bad.returncode in {254, 255}
    assert "(ValidationException) when calling the CompareFaces operation" in bad.stderr
