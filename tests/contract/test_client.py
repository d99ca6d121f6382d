"""A genuine boto3 client answered in this process: everything of botocore's stays, only the socket is gone."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError, PartialCredentialsError

from visavis.aws.policy import Caller
from visavis.aws.wire import WireError
from visavis.errors import InvalidRequest
from visavis.gateway import Gateway, Request
from visavis.gateway_client import attach, make_client

FACE = {"BoundingBox": {"Width": 0.5, "Height": 0.5, "Left": -0.25, "Top": 0.0}, "Confidence": 99.5}
ANSWER: dict[str, object] = {"SourceImageFace": FACE, "FaceMatches": [], "UnmatchedFaces": []}
IMAGES = {"SourceImage": {"Bytes": b"source"}, "TargetImage": {"Bytes": b"target"}}
NOWHERE = "http://127.0.0.1:1"


class Operations:
    """Answers `ANSWER`, or raises what it was given, and remembers what it was asked."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    def dispatch(self, operation: str, params: Mapping[str, object], caller: Caller, *_: object) -> dict[str, object]:
        self.asked.append((operation, params))
        if self.failures:
            raise self.failures.pop(0)
        return ANSWER


class Recorder(Gateway):
    """A gateway that remembers the requests."""

    def __init__(self, operations: Operations) -> None:
        super().__init__(operations)
        self.requests: list[Request] = []

    def handle(self, request: Request, *rest: Any) -> Any:
        self.requests.append(request)
        return super().handle(request, *rest)


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No configuration, no keys, and no network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    empty = tmp_path_factory.mktemp("home") / "none"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was begun")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)  # asked before any socket is made
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def test_a_client_needs_no_region_no_keys_and_no_network() -> None:
    operations = Operations()
    answer = make_client(Gateway(operations)).compare_faces(**IMAGES, SimilarityThreshold=0)
    metadata = answer.pop("ResponseMetadata")
    assert answer == ANSWER
    ((operation, params),) = operations.asked
    assert operation == "CompareFaces"
    assert params == {
        "SourceImage": {"Bytes": "c291cmNl"},
        "TargetImage": {"Bytes": "dGFyZ2V0"},
        "SimilarityThreshold": 0,
    }
    assert metadata["HTTPStatusCode"] == 200
    assert metadata["RetryAttempts"] == 0
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]
    assert metadata["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.1"


def test_what_botocore_refuses_is_never_asked() -> None:
    operations = Operations()
    with pytest.raises(ParamValidationError, match='Missing required parameter in input: "TargetImage"'):
        make_client(Gateway(operations)).compare_faces(SourceImage={"Bytes": b"a"})
    assert operations.asked == []


def test_errors_are_the_clients_own_exceptions() -> None:  # case 76
    client = make_client(
        Gateway(Operations(WireError(400, "InvalidParameterException", "Request has invalid parameters")))
    )
    with pytest.raises(client.exceptions.InvalidParameterException) as caught:
        client.compare_faces(**IMAGES)
    assert str(caught.value) == (
        "An error occurred (InvalidParameterException) when calling the CompareFaces operation: "
        "Request has invalid parameters"
    )


def test_an_error_that_the_model_lacks_is_a_plain_client_error() -> None:
    text = "1 validation error detected: Value null at 'targetImage'"
    client = make_client(Gateway(Operations(WireError(400, "ValidationException", text, "framework"))))
    with pytest.raises(ClientError) as caught:
        client.compare_faces(**IMAGES)
    assert type(caught.value) is ClientError
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": text}


@pytest.mark.parametrize(("mode", "attempts"), [("legacy", 5), ("standard", 3)])
def test_botocore_tries_again_as_it_would_over_the_network(
    mode: Any, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # case 77
    monkeypatch.setattr("time.sleep", lambda _: None)
    slow_down = WireError(400, "ThrottlingException", "Slow down; sudden increase in rate of requests.")
    operations = Operations(*[slow_down] * attempts)
    client = make_client(Gateway(operations), config=Config(retries={"mode": mode}))
    with pytest.raises(client.exceptions.ThrottlingException):
        client.compare_faces(**IMAGES)
    assert len(operations.asked) == attempts
    assert client.compare_faces(**IMAGES)["FaceMatches"] == []


def test_a_crash_is_an_internal_server_error(caplog: pytest.LogCaptureFixture) -> None:  # case 78
    client = make_client(Gateway(Operations(RuntimeError("inside"))), config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(client.exceptions.InternalServerError) as caught:
        client.compare_faces(**IMAGES)
    assert caught.value.response["Error"]["Message"] == "Internal server error"
    assert "inside" in caplog.text


def test_other_operations_of_such_a_client_do_not_reach_amazon() -> None:  # case 73
    with pytest.raises(ClientError) as caught:
        make_client(Gateway(Operations())).detect_labels(Image={"Bytes": b"a"})
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_what_is_given_stays_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(Operations())
    assert make_client(gateway).meta.region_name == "us-east-1"
    assert make_client(gateway, region_name="").meta.region_name == "us-east-1"
    assert make_client(gateway, region_name="eu-west-1").meta.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert make_client(gateway).meta.region_name == "ap-south-1"
    client = make_client(gateway, endpoint_url="http://faces.example", aws_access_key_id="A", aws_secret_access_key="B")
    assert client.meta.endpoint_url == "http://faces.example"
    assert client._get_credentials().access_key == "A"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_DEFAULT_REGION", ""),
        ("AWS_DEFAULT_REGION", "not a region"),
        ("AWS_PROFILE", "stale"),
        ("AWS_CONFIG_FILE", "/"),
        ("AWS_CONFIG_FILE", __file__),
        ("AWS_SHARED_CREDENTIALS_FILE", __file__),
        ("AWS_RETRY_MODE", "never"),
        ("AWS_MAX_ATTEMPTS", "often"),
        ("AWS_ENDPOINT_URL", "nowhere"),
        ("AWS_ENDPOINT_URL_REKOGNITION", "::"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_DEFAULTS_MODE", "odd"),
        ("AWS_DATA_PATH", "/nowhere"),
        ("AWS_CA_BUNDLE", "/nowhere"),
        ("AWS_CSM_ENABLED", "true"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "maybe"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"),
        ("AWS_AUTH_SCHEME_PREFERENCE", "odd"),
    ],
)
def test_nothing_that_is_configured_for_aws_keeps_a_client_from_answering(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    client = make_client(Gateway(Operations()))
    assert client.compare_faces(**IMAGES)["FaceMatches"] == []
    assert client.meta.region_name == "us-east-1"
    assert client.meta.endpoint_url == "https://rekognition.us-east-1.amazonaws.com"


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_aws_files_in_the_home_are_not_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).write_text("no section")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(variable)
    assert make_client(Gateway(Operations())).compare_faces(**IMAGES)["FaceMatches"] == []


def test_half_a_pair_of_keys_is_not_replaced() -> None:
    with pytest.raises(PartialCredentialsError):
        make_client(Gateway(Operations()), aws_access_key_id="A")


def test_a_client_of_ones_own_is_answered_too() -> None:
    client = boto3.client("rekognition", region_name="us-east-1", endpoint_url=NOWHERE, config=no_retries())
    operations = Operations()
    assert attach(client, Gateway(operations)) is client
    assert client.compare_faces(**IMAGES)["FaceMatches"] == []
    assert len(operations.asked) == 1


def test_no_operation_of_an_attached_client_leaves_the_process() -> None:
    unchecked = no_retries().merge(Config(parameter_validation=False))
    client = attach(boto3.client("rekognition", region_name="us-east-1", config=unchecked), Gateway(Operations()))
    others = set(client.meta.method_to_api_mapping) - {"compare_faces", "detect_faces"}
    assert "detect_labels" in others
    for name in others:
        with pytest.raises(ClientError) as caught:  # a connection would be an AssertionError
            getattr(client, name)()
        assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
        assert client.meta.method_to_api_mapping[name] in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("service", ["s3", "textract"])
def test_a_client_of_another_service_is_refused(service: str) -> None:
    other = boto3.client(service, region_name="us-east-1")
    with pytest.raises(InvalidRequest, match=f"client must be a boto3 client of rekognition, .*, not one of {service}"):
        attach(other, Gateway(Operations()))


@pytest.mark.parametrize("thing", [None, "rekognition", boto3])
def test_what_is_no_client_is_refused(thing: object) -> None:
    with pytest.raises(InvalidRequest, match="client must be a boto3 client of rekognition"):
        attach(thing, Gateway(Operations()))


def test_attaching_again_replaces_the_gateway() -> None:
    client = make_client(Gateway(Operations()))
    first, second = Operations(), Operations()
    for operations in (first, second):
        attach(client, Gateway(operations))
    client.compare_faces(**IMAGES)
    assert (len(first.asked), len(second.asked)) == (0, 1)


def test_another_client_is_left_alone() -> None:
    session = boto3.session.Session(region_name="us-east-1", aws_access_key_id="A", aws_secret_access_key="B")
    attach(session.client("rekognition"), Gateway(Operations()))
    other = session.client("rekognition", endpoint_url=NOWHERE, config=no_retries())
    with pytest.raises(HTTPClientError, match="a connection was begun"):
        other.compare_faces(**IMAGES)


def test_nothing_is_signed_and_the_request_is_the_one_for_the_wire() -> None:
    gateway = Recorder(Operations())
    make_client(gateway, endpoint_url="http://faces.example/some/where?a=b").compare_faces(**IMAGES)
    (request,) = gateway.requests
    assert (request.method, request.path) == ("POST", "/some/where")
    headers = {name.lower(): value for name, value in request.headers}
    assert headers["x-amz-target"] == "RekognitionService.CompareFaces"
    assert int(headers["content-length"]) == len(request.body)
    assert "authorization" not in headers


def no_retries() -> Config:
    return Config(retries={"total_max_attempts": 1}, connect_timeout=1)
