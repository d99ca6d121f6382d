"""What the caller of something else is told, and what the log says of every request that was refused."""

import http.client
import io
import json
import logging
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.serving import (
    BODY,
    HEADERS,
    JSON,
    REGION,
    Reply,
    Running,
    ask,
    asking,
    boto,
    compare_faces,
    make_gateway,
    running,
    session,
    signed,
    until,
)
from visavis.api.operations import SERVICE
from visavis.gateway_client import make_client
from visavis.server.app import ServerConfig

ABOUT = f"This is visavis. It answers {SERVICE.answered} of Amazon Rekognition"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as it:
        yield it


def refused(server: Running, service: str, operation: str, **params: Any) -> dict[str, Any]:
    """What boto3's client of `service` shows when it is pointed here; it must not try again."""
    config = Config(retries={"mode": "standard"}, read_timeout=20, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": "AKIDONE", "aws_secret_access_key": "secret-one", "region_name": REGION}
    client = session().client(service, endpoint_url=server.url, config=config, **keys)
    try:
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**params)
    finally:
        client.close()
    response: dict[str, Any] = caught.value.response
    assert response["ResponseMetadata"]["RetryAttempts"] == 0
    return response


def line_of(server: Running, request_id: str) -> dict[str, Any]:
    """The access log's line of a request."""
    until(lambda: any(line["request_id"] == request_id for line in server.lines("answered")))
    (line,) = [line for line in server.lines("answered") if line["request_id"] == request_id]
    return line


def line_for(server: Running, reply: Reply) -> dict[str, Any]:
    return line_of(server, reply.headers["x-amzn-requestid"])


# What the caller is told


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "status"),
    [
        ("s3", "list_buckets", {}, "NotImplemented", 501),
        ("s3", "get_object", {"Bucket": "photos", "Key": "a.jpg"}, "NotImplemented", 501),
        ("s3", "put_object", {"Bucket": "photos", "Key": "a.jpg", "Body": bytes(3_000_000)}, "NotImplemented", 501),
        ("s3", "list_objects_v2", {"Bucket": "photos"}, "NotImplemented", 501),
        ("sts", "get_caller_identity", {}, "InvalidAction", 400),
        ("iam", "list_users", {}, "InvalidAction", 400),
        ("lambda", "list_functions", {}, "UnknownOperationException", 404),
    ],
)
def test_the_client_of_another_service_shows_what_stands_here(
    server: Running, service: str, operation: str, params: dict[str, Any], code: str, status: int
) -> None:
    response = refused(server, service, operation, **params)
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert ABOUT in response["Error"]["Message"]
    assert "AWS_ENDPOINT_URL_REKOGNITION" in response["Error"]["Message"]


def test_an_object_is_not_said_to_be_missing_to_whoever_takes_this_for_s3(server: Running) -> None:
    response = refused(server, "s3", "head_object", Bucket="photos", Key="a.jpg")
    assert response["Error"]["Code"] == "501"  # an answer to HEAD has no body


@pytest.mark.parametrize(
    ("service", "operation", "params", "named"),
    [
        ("rekognition", "detect_labels", {"Image": {"Bytes": b"image"}}, "DetectLabels"),
        ("dynamodb", "list_tables", {}, "DynamoDB_20120810.ListTables"),
    ],
)
def test_an_unknown_operation_is_named_beside_what_is_answered(
    server: Running, service: str, operation: str, params: dict[str, Any], named: str
) -> None:
    response = refused(server, service, operation, **params)
    message = f"{named} is not supported; visavis answers {SERVICE.answered}"
    assert response["Error"]["Message"] == message
    assert response["Error"]["Code"] == "UnknownOperationException"
    line = line_of(server, response["ResponseMetadata"]["RequestId"])
    assert (line["operation"], line["reason"]) == (named, message)


@pytest.mark.parametrize(
    ("target", "what"),
    [
        (None, "the request has no X-Amz-Target header"),
        ("RekognitionService.Nope", "Nope is not supported"),
        ("rekognitionservice.comparefaces", "rekognitionservice.comparefaces is not supported"),
    ],
)
def test_an_unknown_target_is_refused_even_unsigned(server: Running, target: str | None, what: str) -> None:  # case 70
    headers = {"Content-Type": JSON} | ({"X-Amz-Target": target} if target else {})
    reply = ask(server.port, body=BODY, headers=headers)
    assert reply.status == 400
    assert reply.json == {
        "__type": "UnknownOperationException",
        "message": f"{what}; visavis answers {SERVICE.answered}",
    }


def test_a_browser_gets_a_short_text(server: Running) -> None:
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(server.url)
    with caught.value as reply:
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert reply.read().decode().startswith(f"{ABOUT}, sent by POST in AWS JSON 1.1.")
    assert reply.status == 404


def test_a_wrong_path_says_where_the_operation_is() -> None:
    with running(ServerConfig(prefix="/faces")) as it, boto(it.url) as client, pytest.raises(ClientError) as caught:
        compare_faces(client, bytes(5_000_000), bytes(5_000_000))
    error = caught.value.response["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert error["Message"].startswith("CompareFaces must be sent by POST to /faces/, not to this path")


def test_the_body_of_a_refused_request_is_read_before_the_answer_so_that_nothing_is_reset(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        for _ in range(2):
            wire.sendall(b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
            wire.setblocking(False)
            time.sleep(0.2)
            with pytest.raises(BlockingIOError):
                wire.recv(1)
            wire.settimeout(20)
            wire.sendall(bytes(1_000_000))
            reply = http.client.HTTPResponse(wire)
            reply.begin()
            assert (reply.status, reply.will_close) == (404, False)
            reply.read()


def test_whoever_asks_before_sending_is_refused_without_being_told_to_go_on(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        wire.sendall(b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        reply = wire.makefile("rb").read()  # to its end: the server closes
    assert reply.startswith(b"HTTP/1.1 404 ")
    assert b"connection: close" in reply


# What the log says


@pytest.mark.parametrize(
    ("source", "outcome", "reason"),
    [
        (b"noface", "InvalidParameterException", "no face"),
        (b"small", "InvalidParameterException", "target: 64 x 512 pixels, at least 80 are needed"),
        (b"crash", "InternalServerError", "RuntimeError"),
    ],
)
def test_the_line_of_a_refused_comparison_says_why(server: Running, source: bytes, outcome: str, reason: str) -> None:
    with boto(server.url) as client, pytest.raises(ClientError) as caught:
        compare_faces(client, source)
    line = line_of(server, caught.value.response["ResponseMetadata"]["RequestId"])
    assert (line["operation"], line["outcome"], line["reason"]) == ("CompareFaces", outcome, reason)


def test_the_line_of_a_refused_signature_says_why_and_repeats_no_header(server: Running) -> None:
    wrong = signed(server.url) | {"X-Amz-Date": "20260131T000000"}
    wrong["X-Amz-Target"] = HEADERS["X-Amz-Target"]
    replies = [
        ask(server.port, body=BODY, headers=HEADERS),
        ask(server.port, body=BODY, headers=HEADERS | {"Authorization": "Basic c2VjcmV0"}),
        ask(server.port, body=BODY, headers=wrong),
        ask(server.port, body=BODY + b" ", headers=signed(server.url)),
    ]
    lines = [line_for(server, reply) for reply in replies]
    assert [line["outcome"] for line in lines] == [
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
    ]
    assert [line["reason"].partition(",")[0] for line in lines] == [
        "Missing Authentication Token",
        (
            "Authorization header requires 'Credential' parameter. "
            "Authorization header requires 'Signature' parameter. "
            "Authorization header requires 'SignedHeaders' parameter. "
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ),
        "the X-Amz-Date header is not of the form 20260131T235959Z",
        "the signature does not match the key's secret: the client has another secret",
    ]
    assert {line["operation"] for line in lines} == {"CompareFaces"}
    assert "c2VjcmV0" not in server.log.getvalue()


def test_the_line_of_a_request_for_another_region_names_both(server: Running) -> None:
    with boto(server.url, region_name="eu-west-1") as client, pytest.raises(ClientError) as caught:
        compare_faces(client)
    line = line_of(server, caught.value.response["ResponseMetadata"]["RequestId"])
    assert line["reason"].endswith("Signed for eu-west-1; this server requires us-east-1.")


def test_the_line_of_a_withheld_object_says_why_and_not_which_key() -> None:
    with running() as it, boto(it.url) as client, pytest.raises(ClientError) as caught:
        client.compare_faces(
            SourceImage={"S3Object": {"Bucket": "photos", "Name": "jane-doe.jpg"}}, TargetImage={"Bytes": b"a"}
        )
    line = line_of(it, caught.value.response["ResponseMetadata"]["RequestId"])
    assert line["reason"] == (
        "source: the object in bucket photos is missing, forbidden or unreachable: "
        "no store is configured for this bucket"
    )
    assert "jane" not in it.log.getvalue()


def test_no_line_holds_a_path_because_it_may_be_a_key(server: Running) -> None:
    reply = ask(server.port, "GET", "/photos/jane-doe.jpg")
    line = line_for(server, reply)
    assert (line["status"], line["outcome"], line["operation"]) == (404, "NotFound", None)
    assert "jane" not in server.log.getvalue()


def test_the_lines_of_requests_that_came_to_no_operation_have_their_numbers(tmp_path: Path) -> None:
    held = tmp_path / "held"
    config = ServerConfig(workers=1, waiting=0, max_body=1000, memory=2000, body_seconds=0.3)
    with running(config) as it:
        large = line_for(it, ask(it.port, body=bytes(1001), headers=HEADERS))
        with ThreadPoolExecutor(1) as pool:
            slow = asking(f"hold={held}")
            first = pool.submit(ask, it.port, body=slow, headers=signed(it.url, slow))
            until(held.exists)
            full = line_for(it, ask(it.port, body=BODY, headers=signed(it.url)))
            held.unlink()
            assert first.result().status == 200
        for end in (True, False):
            with socket.create_connection(("127.0.0.1", it.port), timeout=20) as wire:
                wire.sendall(f"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: {HEADERS['X-Amz-Target']}\r\n".encode())
                wire.sendall(b"Content-Length: 999\r\n\r\n{}")
                if end:
                    wire.makefile("rb").read()
        until(lambda: len(it.lines("answered")) == 5)
        late, gone = it.lines("answered")[-2:]
    assert [(line["outcome"], line["reason"]) for line in (large, full, late, gone)] == [
        (
            "BodyTooLarge",
            "the request is 1001 bytes, at most 1000 bytes are allowed; send large images by S3Object",
        ),
        ("ThrottlingException", "queue: 0 requests wait, at most 0 may; all 1 workers are busy"),
        ("BodyTooSlow", "the body did not arrive within 0.3 seconds: 2 bytes arrived"),
        ("ClientGone", "the client disconnected before the end of the body: 2 bytes arrived"),
    ]
    assert {line["operation"] for line in (large, full, late, gone)} == {"CompareFaces"}
    assert all(line["request_id"] for line in (large, full, late, gone))


def test_the_line_of_a_request_over_the_rate_has_the_rate() -> None:
    with running(gateway=make_gateway(tps=0.001)) as it:
        replies = [ask(it.port, body=BODY, headers=signed(it.url)) for _ in range(2)]
        assert line_for(it, replies[1])["reason"] == "rate: the key may make 0.001 requests per second"


def test_what_a_caller_writes_cannot_break_or_fill_the_log(server: Running) -> None:
    reply = ask(server.port, body=BODY, headers=HEADERS | {"X-Amz-Target": "Nope\x1b[2J\x85" + "x" * 5000})
    line = line_for(server, reply)
    assert line["operation"] == "Nope?[2J?" + "x" * 54 + "…"
    assert len(json.dumps(line)) < 1000


# In this process


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """What the logger `visavis` says, as a program that formats messages only would show it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    log = logging.getLogger("visavis")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield text
    log.removeHandler(handler)
    log.setLevel(before)


def test_the_logger_says_why_a_client_in_this_process_was_refused(
    heard: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(make_gateway(keys=False))
    with pytest.raises(ClientError) as caught:
        compare_faces(client, b"small")
    with pytest.raises(ClientError):
        client.detect_labels(Image={"Bytes": b"a"})
    with pytest.raises(ClientError):
        client.compare_faces(
            SourceImage={"S3Object": {"Bucket": "photos", "Name": "jane-doe.jpg"}}, TargetImage={"Bytes": b"a"}
        )
    first, second, third = (record.__dict__ for record in caplog.records)
    unknown = f"DetectLabels is not supported; visavis answers {SERVICE.answered}"
    missing = "the object in bucket photos is missing, forbidden or unreachable: no store is configured for this bucket"
    assert heard.getvalue().splitlines() == [
        f"CompareFaces refused: target: 64 x 512 pixels, at least 80 are needed (request {first['request_id']})",
        f"DetectLabels refused: {unknown} (request {second['request_id']})",
        f"CompareFaces refused: source: {missing} (request {third['request_id']})",
    ]
    assert first["name"] == "visavis"
    assert first["request_id"] == caught.value.response["ResponseMetadata"]["RequestId"]
    assert (first["operation"], first["outcome"]) == ("CompareFaces", "InvalidParameterException")
    assert "jane" not in caplog.text


def test_an_answer_in_this_process_is_no_line(heard: io.StringIO) -> None:
    compare_faces(make_client(make_gateway(keys=False)))
    assert heard.getvalue() == ""
