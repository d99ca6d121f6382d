"""A genuine boto3 client, with its own serializer, validation and parser, against the dispatcher."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import Shape

from visavis import errors
from visavis.analysis import Analysis
from visavis.api.compare_faces import COMPARE_FACES, CompareFacesRequest, render
from visavis.api.dispatcher import Dispatcher
from visavis.api.errors import TABLE, to_wire
from visavis.api.images import S3ObjectRef
from visavis.api.objects import NoStore
from visavis.api.operations import SERVICE
from visavis.api.response import FieldSet
from visavis.aws import wire
from visavis.aws.policy import LOCAL_CALLER
from visavis.aws.wire import WireError
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison, Match
from visavis.face import (
    Attribute,
    Detail,
    Emotion,
    EmotionType,
    Face,
    Landmark,
    LandmarkType,
    Pose,
    Quality,
    QualityFilter,
)
from visavis.geometry import Box, Size

IMAGE = {"Bytes": b"\xff\xd8\xff"}


def make_face(**known: Any) -> Face:
    return Face(
        box=Box(-4, 30, 120, 310),
        image_size=Size(400, 300),
        confidence=99.9,
        landmarks=tuple(Landmark(kind, 10.1 + i, 20.2 + i) for i, kind in enumerate(LandmarkType)),
        pose=Pose(roll=1.1, yaw=-2.2, pitch=3.3),
        quality=Quality(brightness=70.7, sharpness=53.33, score=88.0),
        embedding=np.ones(1, np.float32),
        emotions=(Emotion(EmotionType.HAPPY, 70.1), Emotion(EmotionType.CALM, 20.0)),
        smile=Attribute(True, 97.3),
        **known,
    )


COMPARISON = Comparison(
    (make_face(),), (Match(97.7, 0.9, make_face()),), (Match(0.1, 0.0, make_face()),), threshold=80.0
)


@cache
def session() -> Any:
    """One for all tests, since it reads the service model once."""
    return boto3.session.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret")


@dataclass
class InProcess:
    """A boto3 client whose requests never leave: `answer` takes the body's parameters."""

    answer: Callable[[dict[str, object]], dict[str, object]]
    asked: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = Config(retries={"total_max_attempts": 1})
        self.client = session().client("rekognition", region_name="us-east-1", config=config)
        self.client.meta.events.register("before-send.rekognition", self._send)

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        try:
            headers = {name: value.decode() for name, value in request.headers.items() if isinstance(value, bytes)}
            assert SERVICE.operation_of(headers) == "CompareFaces"
            self.asked.append(wire.parse_body(request.body))
            status, body = 200, wire.encode(self.answer(self.asked[-1]))
        except (WireError, errors.VisavisError, MemoryError) as error:
            refused = to_wire(error)
            status, body = refused.status, wire.error_body(refused)
        headers = {"content-type": wire.CONTENT_TYPE, "x-amzn-requestid": wire.new_request_id()}
        return AWSResponse(request.url, status, headers, Raw(body))

    def compare(self, source: object = IMAGE, target: object = IMAGE, **more: object) -> dict[str, Any]:
        answer = self.client.compare_faces(SourceImage=source, TargetImage=target, **more)
        assert isinstance(answer, dict)
        return answer

    def refusal_of(self, *images: object, **more: object) -> ClientError:
        with pytest.raises(ClientError) as caught:
            self.compare(*images, **more)
        return caught.value


class Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.getvalue()


@dataclass
class MadeUpEngine:
    """Answers `COMPARISON`, or raises `failure`."""

    failure: Exception | None = None

    def compare(self, source: bytes, target: bytes, options: CompareOptions, *, deadline: object = None) -> Comparison:
        if self.failure is not None:
            raise self.failure
        return COMPARISON

    def analyze(self, image: bytes, *, detail: Detail, deadline: object = None) -> Analysis:
        raise NotImplementedError


def dispatching(failure: Exception | None = None, attributes: FieldSet = FieldSet.ALL) -> InProcess:
    dispatcher = Dispatcher(MadeUpEngine(failure), NoStore(), attributes)
    return InProcess(lambda params: dispatcher.dispatch("CompareFaces", params, LOCAL_CALLER))


def parsed(*images: object, **more: object) -> CompareFacesRequest:
    """What our side makes of a request that botocore wrote."""
    client = InProcess(lambda params: render(COMPARISON, FieldSet.DEFAULT))
    client.compare(*images, **more)
    return COMPARE_FACES.accept(COMPARE_FACES.decode(client.asked[0]))


def every_byte() -> bytes:
    return bytes(range(256)) + b"\0"


def test_bytes_arrive_as_they_were_given() -> None:
    assert parsed({"Bytes": every_byte()}, IMAGE) == CompareFacesRequest(every_byte(), IMAGE["Bytes"])


@pytest.mark.parametrize("name", ["a.jpg", "é/фото 😀.jpg", "a+b%20c\n"])
def test_references_arrive_as_they_were_given(name: str) -> None:
    arrived = parsed({"S3Object": {"Bucket": "photos", "Name": name, "Version": "v1"}}, IMAGE)
    assert arrived.source == S3ObjectRef("photos", name, "v1")


@pytest.mark.parametrize("threshold", [0, 0.1, 80, 99.99, 100])
def test_a_threshold_arrives_as_it_was_given(threshold: float) -> None:
    assert parsed(SimilarityThreshold=threshold).similarity_threshold == threshold


@pytest.mark.parametrize("name", QualityFilter)
def test_a_quality_filter_arrives_as_it_was_given(name: QualityFilter) -> None:
    assert parsed(QualityFilter=name.value).quality_filter is name


def known(value: object, shape: Shape) -> None:
    """Fail on a member that the model lacks, stands out of its order, or has another type."""
    match value:
        case dict():
            assert list(value) == [name for name in shape.members if name in value]
            for name, member in value.items():
                known(member, shape.members[name])
        case list():
            for member in value:
                known(member, shape.member)
        case _:
            expected = {"float": float, "string": str, "boolean": bool}[shape.type_name]
            assert type(value) is expected
            assert value in shape.metadata.get("enum", [value])


@pytest.mark.parametrize("attributes", FieldSet)
def test_botocore_reads_all_that_we_say_and_nothing_else(attributes: FieldSet) -> None:
    client = dispatching(attributes=attributes)
    answer = client.compare()
    said = render(COMPARISON, attributes)
    metadata = answer.pop("ResponseMetadata")
    assert answer == said
    assert metadata["HTTPStatusCode"] == 200
    assert re.fullmatch("[0-9a-f-]{36}", metadata["RequestId"])
    known(said, client.client.meta.service_model.operation_model("CompareFaces").output_shape)


@pytest.mark.parametrize(
    ("images", "more", "told"),
    [
        (
            ({"Bytes": b""},),
            {},
            r"Value 'java\.nio\.HeapByteBuffer\[pos=0 lim=0 cap=0\]' at 'sourceImage\.bytes' .*to 1",
        ),
        (
            ({"Bytes": bytes(5_242_881)},),
            {},
            r"Value '.*lim=5242881 cap=5242881\]' at 'sourceImage\.bytes' .*to 5242880",
        ),
        ((), {"SimilarityThreshold": 100.5}, r"Value '100\.5' at 'similarityThreshold' .*less than or equal to 100"),
        ((), {"SimilarityThreshold": float("nan")}, r"Value 'NaN' at 'similarityThreshold' .*"),
        ((), {"QualityFilter": "BAD"}, r"Value 'BAD' at 'qualityFilter' .*enum value set: \[.*\]"),
        (({"S3Object": {"Bucket": "a/b", "Name": "k"}},), {}, r"Value 'a/b' at 'sourceImage\.s3Object\.bucket' .*"),
    ],
)
def test_what_boto3_lets_pass_is_caught_as_a_validation_error(
    images: tuple[object, ...], more: dict[str, object], told: str
) -> None:
    error = dispatching().refusal_of(*images, **more)
    assert type(error) is ClientError
    assert error.response["Error"]["Code"] == "ValidationException"
    assert re.fullmatch(f"1 validation error detected: {told}", error.response["Error"]["Message"])


def test_two_oversize_pictures_are_two_violations() -> None:
    error = dispatching().refusal_of({"Bytes": bytes(5_242_881)}, {"Bytes": bytes(5_242_881)})
    assert error.response["Error"]["Message"].startswith("2 validation errors detected: ")


@pytest.mark.parametrize("image", [{}, IMAGE | {"S3Object": {"Bucket": "photos", "Name": "k"}}, {"S3Object": {}}])
def test_a_picture_that_is_neither_or_both_is_the_models_exception(image: dict[str, object]) -> None:
    client = dispatching()
    error = client.refusal_of(image)
    assert isinstance(error, client.client.exceptions.InvalidParameterException)
    assert error.response["Error"]["Message"] == "Request has invalid parameters"


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_table_is_an_exception_of_the_model(kind: type[Exception]) -> None:
    client = dispatching(kind("ours"))
    error = client.refusal_of()
    _, code, message = TABLE[kind]
    assert isinstance(error, getattr(client.client.exceptions, code))
    assert error.response["Error"] == {"Code": code, "Message": message}
    assert code in [
        shape.name for shape in client.client.meta.service_model.operation_model("CompareFaces").error_shapes
    ]


@pytest.mark.parametrize("kind", ["service", "framework", "serialization"])
def test_botocore_reads_every_form_of_an_error(kind: wire.Kind) -> None:
    def refuse(params: dict[str, object]) -> dict[str, object]:
        raise WireError(400, "SomeException", "why", kind)

    assert InProcess(refuse).refusal_of().response["Error"] == {"Code": "SomeException", "Message": "why"}


def test_botocore_reads_an_error_without_a_text() -> None:
    def refuse(params: dict[str, object]) -> dict[str, object]:
        raise SERVICE.unknown_operation()

    assert InProcess(refuse).refusal_of().response["Error"]["Code"] == "UnknownOperationException"
