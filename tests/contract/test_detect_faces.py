"""DetectFaces through the server and through a client in this process, with boto3, the AWS CLI and raw requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import visavis
from tests.contract.serving import (
    HEADERS,
    REGION,
    MadeUpEngine,
    Reply,
    Running,
    ask,
    boto,
    make_gateway,
    running,
    signed,
    until,
)
from tests.contract.test_boto3 import known, make_face
from visavis import boto3_client
from visavis.analysis import Analysis
from visavis.api.detect_faces import FaceAttribute, render
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import FolderStore, NoStore, ObjectStore
from visavis.aws.policy import Caller, Policy
from visavis.errors import VisavisError
from visavis.face import Attribute, Detail, EyeDirection
from visavis.gateway import Gateway, Principal
from visavis.gateway_client import make_client
from visavis.geometry import Size

TARGET = {"X-Amz-Target": "RekognitionService.DetectFaces"}
IMAGE = {"Bytes": b"faces=2"}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as it:
        yield it


def post(server: Running, body: object) -> Reply:
    data = json.dumps(body).encode()
    headers = signed(server.url, data, HEADERS | TARGET)
    return ask(server.port, body=data, headers=headers)


def line_of(server: Running, request_id: str) -> dict[str, Any]:
    """The access log's line of a request."""
    until(lambda: any(line["request_id"] == request_id for line in server.lines("answered")))
    (line,) = [line for line in server.lines("answered") if line["request_id"] == request_id]
    return line


def refused(client: Any, **given: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        client.detect_faces(**given)
    assert caught.value.operation_name == "DetectFaces"
    response: dict[str, Any] = caught.value.response
    return response


def test_boto3_gets_every_face(server: Running) -> None:
    with boto(server.url) as client:
        answer = client.detect_faces(Image=IMAGE, Attributes=["DEFAULT"])
    assert len(answer["FaceDetails"]) == 2
    assert set(answer["FaceDetails"][0]) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"}
    assert answer.get("OrientationCorrection") is None


def test_no_face_is_an_empty_list(server: Running) -> None:
    with boto(server.url) as client:
        answer = client.detect_faces(Image={"Bytes": b"noface"}, Attributes=["ALL"])
    assert answer["FaceDetails"] == []
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


class KnowsAll(MadeUpEngine):
    """Every field of its one face is known; remembers the detail that it was asked for."""

    detail: Detail | None = None

    def analyze(self, image: bytes, *, detail: Detail, deadline: object = None) -> Analysis:
        self.detail = detail
        return ANALYSIS


ANALYSIS = Analysis(Size(400, 300), (make_face(
    eyes_open=Attribute(True, 98.1), mouth_open=Attribute(False, 77.7), eye_direction=EyeDirection(12.1, -3.3, 91.7)
),))  # fmt: skip


@pytest.mark.parametrize("attributes", [[], ["DEFAULT"], ["ALL"], ["SMILE", "EYES_OPEN"], ["DEFAULT", "EYE_DIRECTION"]])
def test_botocore_reads_all_that_we_say_and_nothing_else(attributes: list[str]) -> None:
    client = make_client(Gateway(Dispatcher(KnowsAll(), NoStore())))
    answer = client.detect_faces(Image=IMAGE, Attributes=attributes)
    said = render(ANALYSIS, [FaceAttribute(name) for name in attributes])
    del answer["ResponseMetadata"]
    assert answer == said
    known(said, client.meta.service_model.operation_model("DetectFaces").output_shape)


@pytest.mark.parametrize(("attributes", "detail"), [(["DEFAULT", "GENDER"], Detail.MINIMAL), (["SMILE"], Detail.ALL)])
def test_the_engine_finds_out_what_the_request_asks_for(attributes: list[str], detail: Detail) -> None:
    engine = KnowsAll()
    make_client(Gateway(Dispatcher(engine, NoStore()))).detect_faces(Image=IMAGE, Attributes=attributes)
    assert engine.detail is detail


def test_an_image_that_is_too_small_is_an_invalid_parameter_and_its_reason_names_no_role(server: Running) -> None:
    with boto(server.url) as client:
        response = refused(client, Image={"Bytes": b"small"})
    assert response["Error"] == {"Code": "InvalidParameterException", "Message": "Request has invalid parameters"}
    line = line_of(server, response["ResponseMetadata"]["RequestId"])
    assert (line["operation"], line["reason"]) == ("DetectFaces", "64 x 512 pixels, at least 80 are needed")


def test_an_unknown_attribute_is_a_validation_error_in_amazons_form(server: Running) -> None:
    with boto(server.url) as client:
        error = refused(client, Image=IMAGE, Attributes=["DEFAULT", "HAIR"])["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value '[DEFAULT, HAIR]' at 'attributes' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must satisfy enum value set: ["
    )


@pytest.mark.parametrize("attributes", ["ALL", {"ALL": True}, 5, [5], [None], [["ALL"]]])
def test_attributes_of_a_wrong_json_type_are_a_serialization_error(server: Running, attributes: object) -> None:
    reply = post(server, {"Image": {"Bytes": "ZmFjZXM9MQ=="}, "Attributes": attributes})
    assert (reply.status, reply.json["__type"]) == (400, "SerializationException")


def test_the_body_is_compact_and_has_no_orientation(server: Running) -> None:
    reply = post(server, {"Image": {"Bytes": "ZmFjZXM9MQ=="}})
    assert reply.status == 200
    assert list(reply.json) == ["FaceDetails"]
    assert list(reply.json["FaceDetails"][0]) == ["BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"]
    assert reply.body == json.dumps(reply.json, separators=(",", ":")).encode()


def gateway_for(statements: list[dict[str, Any]], store: ObjectStore) -> Gateway:
    """A server for the key AKIDONE, whose policy has these statements."""
    caller = Caller("AKIDONE", "arn:aws:iam::123456789012:user/test", Policy.parse(statements))
    principal = Principal(access_key_id="AKIDONE", secret_access_key="secret-one", caller=caller)
    return Gateway(Dispatcher(MadeUpEngine(), store), principal_for={"AKIDONE": principal}.get, region=REGION)


MAY_COMPARE = {"Effect": "Allow", "Action": "rekognition:CompareFaces", "Resource": "*"}
MAY_DETECT = {"Effect": "Allow", "Action": "rekognition:Detect*", "Resource": "*"}
MAY_READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}


def test_a_policy_for_one_operation_is_none_for_the_other() -> None:
    with running(gateway=gateway_for([MAY_COMPARE], NoStore())) as it, boto(it.url) as client:
        error = refused(client, Image=IMAGE)["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert "is not authorized to perform: rekognition:DetectFaces because no identity-based policy" in error["Message"]


def test_an_object_is_read_where_the_policy_allows_it(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"faces=3")
    image = {"S3Object": {"Bucket": "photos", "Name": "a.jpg"}}
    store = FolderStore({"photos": tmp_path})
    with running(gateway=gateway_for([MAY_DETECT, MAY_READ], store)) as it, boto(it.url) as client:
        assert len(client.detect_faces(Image=image)["FaceDetails"]) == 3
        missing = refused(client, Image={"S3Object": {"Bucket": "photos", "Name": "b.jpg"}})
    with running(gateway=gateway_for([MAY_DETECT], store)) as it, boto(it.url) as client:
        denied = refused(client, Image=image)
        line = line_of(it, denied["ResponseMetadata"]["RequestId"])
    assert denied["Error"]["Code"] == "InvalidS3ObjectException"
    assert denied["Error"] == missing["Error"]
    assert line["reason"] == (
        "the policy of arn:aws:iam::123456789012:user/test does not allow s3:GetObject on this key of bucket photos"
    )


def test_the_line_and_the_metrics_count_the_faces() -> None:
    with running() as it, boto(it.url) as client:
        request_id = client.detect_faces(Image={"Bytes": b"faces=3"})["ResponseMetadata"]["RequestId"]
        line = line_of(it, request_id)
        metrics = ask(it.port, "GET", "/metrics").body.decode().splitlines()
    assert (line["operation"], line["faces"], line["outcome"]) == ("DetectFaces", 3, "OK")
    assert "visavis_faces_per_image_sum 3.0" in metrics
    assert "visavis_faces_per_image_count 1.0" in metrics


def test_a_client_in_this_process_answers_as_the_server_does(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3_client, "_engine", lambda _: MadeUpEngine())
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    patched = visavis.patch(boto3.Session(region_name=REGION, **keys).client("rekognition"))
    with boto(server.url) as remote:
        answers = [
            client.detect_faces(Image=IMAGE, Attributes=["ALL"]) for client in (visavis.client(), patched, remote)
        ]
    first, *others = [answer["FaceDetails"] for answer in answers]
    assert len(first) == 2
    assert all(other == first for other in others)


def test_a_refusal_in_this_process_names_no_role(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "visavis")
    with pytest.raises(ClientError):
        make_client(make_gateway(keys=False)).detect_faces(Image={"Bytes": b"small"})
    (record,) = caplog.records
    assert record.getMessage().startswith("DetectFaces refused: 64 x 512 pixels, at least 80 are needed (request ")


@pytest.mark.parametrize("image", [{}, {"Bytes": b"a", "S3Object": {"Bucket": "photos", "Name": "k"}}])
def test_an_image_that_is_neither_or_both_is_the_models_exception(image: dict[str, object]) -> None:
    client = make_client(make_gateway(keys=False))
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.detect_faces(Image=image)


class Failing(MadeUpEngine):
    def __init__(self, error: VisavisError) -> None:
        self.error = error

    def analyze(self, image: bytes, *, detail: Detail, deadline: object = None) -> Analysis:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (visavis.BadImage("x"), "InvalidImageFormatException"),
        (visavis.ImageTooLarge("x"), "ImageTooLargeException"),
        (visavis.Overloaded("x"), "ThrottlingException"),
        (visavis.EngineClosed("x"), "InternalServerError"),
    ],
)
def test_every_failure_has_the_code_that_it_has_for_a_comparison(error: VisavisError, code: str) -> None:
    client = make_client(Gateway(Dispatcher(Failing(error), NoStore())))
    client.meta.events.register("needs-retry.rekognition.DetectFaces", lambda **_: None)
    with pytest.raises(getattr(client.exceptions, code)):
        client.detect_faces(Image=IMAGE)


def test_the_aws_cli_detects_faces(server: Running, tmp_path: Path) -> None:
    pytest.importorskip("awscli")
    image = tmp_path / "a"
    image.write_bytes(b"faces=2")

    def cli(*options: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_DEFAULT_REGION": REGION}
        environment |= {"AWS_ACCESS_KEY_ID": "AKIDONE", "AWS_SECRET_ACCESS_KEY": "secret-one"}
        words = ["rekognition", "detect-faces", "--image-bytes", f"fileb://{image}", "--endpoint-url", server.url]
        command = [sys.executable, "-m", "awscli", *words, *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    run, bad = cli("--attributes", "DEFAULT", "SMILE"), cli("--attributes", "HAIR")
    assert (run.returncode, run.stderr) == (0, "")
    assert len(json.loads(run.stdout)["FaceDetails"]) == 2
    assert bad.returncode in {254, 255}
    assert "(ValidationException) when calling the DetectFaces operation" in bad.stderr
