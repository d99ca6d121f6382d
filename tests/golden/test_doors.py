"""One way in: every door ends in the same dispatch and gives the same answer, to the digit."""

from __future__ import annotations

import base64
import json
import struct
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from PIL import Image as Pil

import visavis
from tests.conftest import PHOTOS, encode
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import FolderStore
from visavis.api.response import FieldSet
from visavis.aws.policy import LOCAL_CALLER
from visavis.cli import main
from visavis.engine import Engine
from visavis.gateway import Gateway
from visavis.gateway_client import make_client
from visavis.server.app import ServerConfig, build_app
from visavis.server.run import bind, make_server

Photo = Callable[[str], bytes]
CASES = [("ardern_2018", "ardern_2022", 80.0), ("obama", "sunak", 80.0), ("obama", "sunak", 0.0)]


@pytest.fixture(scope="module")
def dispatcher(engine: Engine) -> Dispatcher:
    return Dispatcher(engine, FolderStore({"photos": PHOTOS}), FieldSet.ALL)


@pytest.fixture(scope="module")
def endpoint(dispatcher: Dispatcher) -> Iterator[str]:
    """A real server on a free port."""
    server = make_server(build_app(Gateway(dispatcher), ServerConfig(workers=2)))
    listener = bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def unsigned(endpoint: str) -> Any:
    return boto3.client(
        "rekognition", endpoint_url=endpoint, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )


def answer_of(client: Any, source: bytes, target: bytes, threshold: float) -> dict[str, Any]:
    result = client.compare_faces(
        SourceImage={"Bytes": source}, TargetImage={"Bytes": target}, SimilarityThreshold=threshold
    )
    del result["ResponseMetadata"]
    return dict(result)


@pytest.mark.parametrize(("source", "target", "threshold"), CASES)
def test_every_door_gives_the_same_answer_to_the_digit(
    dispatcher: Dispatcher,
    endpoint: str,
    photo: Photo,
    capsys: pytest.CaptureFixture[str],
    source: str,
    target: str,
    threshold: float,
) -> None:
    pictures = photo(source), photo(target)
    params = {
        "SourceImage": {"Bytes": base64.b64encode(pictures[0]).decode()},
        "TargetImage": {"Bytes": base64.b64encode(pictures[1]).decode()},
        "SimilarityThreshold": threshold,
    }
    direct = dispatcher.dispatch("CompareFaces", params, LOCAL_CALLER)
    in_process = answer_of(make_client(Gateway(dispatcher)), *pictures, threshold)
    over_http = answer_of(unsigned(endpoint), *pictures, threshold)
    words = ["compare", *(str(PHOTOS / f"{n}.jpg") for n in (source, target)), "--threshold", str(threshold), "--json"]
    assert main(words) == (0 if in_process["FaceMatches"] else 1)
    by_command = json.loads(capsys.readouterr().out)
    assert direct == in_process == over_http == by_command


@pytest.mark.parametrize("attributes", [["ALL"], ["DEFAULT"], ["SMILE", "EYES_OPEN"]], ids=",".join)
def test_every_door_detects_the_same_faces_to_the_digit(
    dispatcher: Dispatcher,
    endpoint: str,
    photo: Photo,
    capsys: pytest.CaptureFixture[str],
    attributes: list[str],
) -> None:
    image = photo("sunak")
    params = {"Image": {"Bytes": base64.b64encode(image).decode()}, "Attributes": attributes}
    direct = dispatcher.dispatch("DetectFaces", params, LOCAL_CALLER)
    clients = (make_client(Gateway(dispatcher)), unsigned(endpoint), visavis.client(attributes="DEFAULT"))
    answers = [client.detect_faces(Image={"Bytes": image}, Attributes=attributes) for client in clients]
    assert main(["faces", str(PHOTOS / "sunak.jpg"), "--json", "--attributes", ",".join(attributes)]) == 0
    by_command = json.loads(capsys.readouterr().out)
    assert len(by_command["FaceDetails"]) == 1
    for answer in answers:
        del answer["ResponseMetadata"]
        assert answer == direct == by_command


def test_a_face_is_detected_as_a_comparison_describes_it(dispatcher: Dispatcher, photo: Photo) -> None:
    client = make_client(Gateway(dispatcher))
    compared = answer_of(client, photo("obama"), photo("sunak"), 0)["FaceMatches"][0]["Face"]
    detected = client.detect_faces(Image={"Bytes": photo("sunak")}, Attributes=["ALL"])["FaceDetails"][0]
    assert {name: detected[name] for name in compared} == compared


def test_all_has_every_member_that_is_known(endpoint: str, photo: Photo) -> None:
    answer = unsigned(endpoint).detect_faces(Image={"Bytes": photo("sunak")}, Attributes=["ALL"])
    (face,) = answer["FaceDetails"]
    known = {"Smile", "EyesOpen", "MouthOpen", "Emotions", "EyeDirection"}
    assert set(face) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"} | known
    assert face["EyesOpen"]["Value"] is True


def test_detect_faces_answers_without_a_face_with_an_empty_list(endpoint: str) -> None:
    blank = encode(Pil.new("RGB", (300, 300), "white"))
    assert unsigned(endpoint).detect_faces(Image={"Bytes": blank}, Attributes=["ALL"])["FaceDetails"] == []


def test_an_object_gives_what_its_bytes_give(endpoint: str, photo: Photo) -> None:
    by_name = unsigned(endpoint).compare_faces(
        SourceImage={"S3Object": {"Bucket": "photos", "Name": "obama.jpg"}}, TargetImage={"Bytes": photo("sunak")}
    )
    del by_name["ResponseMetadata"]
    assert by_name == answer_of(unsigned(endpoint), photo("obama"), photo("sunak"), 80)


def raw(endpoint: str, body: object) -> bytes:
    request = urllib.request.Request(
        endpoint,
        json.dumps(body).encode(),
        {"X-Amz-Target": "RekognitionService.CompareFaces", "Content-Type": "application/x-amz-json-1.1"},
    )
    with urllib.request.urlopen(request) as reply:
        return bytes(reply.read())


def numbers_in(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers_in(inner)
    elif not isinstance(value, (str, bool)):
        yield value  # type: ignore[misc]


def test_the_body_is_compact_with_float32_numbers_and_nothing_null(endpoint: str, photo: Photo) -> None:
    # Cases 11 to 14 of the specification under ALL.
    images = {
        name: {"Bytes": base64.b64encode(photo(which)).decode()}
        for name, which in (("SourceImage", "ardern_2018"), ("TargetImage", "ardern_2022"))
    }
    body = raw(endpoint, images)
    answer = json.loads(body)
    assert list(answer) == ["SourceImageFace", "FaceMatches", "UnmatchedFaces"]
    assert body == json.dumps(answer, separators=(",", ":")).encode()
    assert b"null" not in body
    assert b"Orientation" not in body
    values = list(numbers_in(answer))
    assert len(values) > 70
    for value in values:
        assert isinstance(value, float)
        assert value == struct.unpack("f", struct.pack("f", value))[0]
    face = answer["FaceMatches"][0]["Face"]
    assert [p["Type"] for p in face["Landmarks"]][:5] == ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]
    assert len(face["Landmarks"]) == 30
    assert face["Emotions"][0]["Type"] == "HAPPY"
    assert face["Smile"]["Value"] is True


def test_under_default_the_shape_is_the_recorded_one(engine: Engine, photo: Photo) -> None:
    client = make_client(Gateway(Dispatcher(engine, FolderStore({}), FieldSet.DEFAULT)))
    answer = answer_of(client, photo("ardern_2018"), photo("ardern_2022"), 80)
    face = answer["FaceMatches"][0]["Face"]
    assert list(face) == ["BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"]
    assert [p["Type"] for p in face["Landmarks"]] == ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]
    assert list(answer["SourceImageFace"]) == ["BoundingBox", "Confidence"]


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (b"GIF89a" + b"0" * 100, "InvalidImageFormatException"),
        (base64.b64encode(b"\xff\xd8\xff\xe0" + b"0" * 100), "InvalidImageFormatException"),
        (encode(Pil.new("RGB", (79, 200))), "InvalidParameterException"),
        (encode(Pil.new("RGB", (300, 300), "white")), "InvalidParameterException"),
        (encode(Pil.new("1", (20_001, 80))), "ImageTooLargeException"),
    ],
    ids=["gif", "double-base64", "79-pixels", "no-face", "20001-pixels"],
)
def test_a_bad_picture_gets_amazons_error(endpoint: str, photo: Photo, picture: bytes, code: str) -> None:
    client = unsigned(endpoint)
    with pytest.raises(getattr(client.exceptions, code)) as error:
        answer_of(client, picture, photo("obama"), 80)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (b"GIF89a" + b"0" * 100, "InvalidImageFormatException"),
        (encode(Pil.new("RGB", (79, 200))), "InvalidParameterException"),
        (encode(Pil.new("1", (20_001, 80))), "ImageTooLargeException"),
    ],
    ids=["gif", "79-pixels", "20001-pixels"],
)
def test_a_bad_picture_gets_the_same_error_from_detect_faces(endpoint: str, picture: bytes, code: str) -> None:
    client = unsigned(endpoint)
    with pytest.raises(getattr(client.exceptions, code)):
        client.detect_faces(Image={"Bytes": picture})


def test_detect_faces_says_nothing_of_roles_in_its_log(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "visavis")
    client = make_client(Gateway(dispatcher))
    images = [
        {"Bytes": b"GIF89a" + b"0" * 100},
        {"Bytes": encode(Pil.new("RGB", (79, 200)))},
        {"Bytes": encode(Pil.new("1", (20_001, 80)))},
        {"S3Object": {"Bucket": "photos", "Name": "nobody.jpg"}},
        {"S3Object": {"Bucket": "photos"}},
    ]
    for image in images:
        with pytest.raises(ClientError):
            client.detect_faces(Image=image)
    assert len(caplog.messages) == len(images)
    assert not [text for text in caplog.messages if "source" in text or "target" in text]


def test_the_default_client_compares_with_one_line_changed(photo: Photo) -> None:
    client = visavis.client()
    result = client.compare_faces(SourceImage={"Bytes": photo("obama")}, TargetImage={"Bytes": photo("obama")})
    assert result["FaceMatches"][0]["Similarity"] == 100.0
    with pytest.raises(ParamValidationError):
        client.compare_faces(SourceImage={"Bytes": photo("obama")})


def test_an_existing_client_is_patched(photo: Photo) -> None:
    client = visavis.patch(
        boto3.client("rekognition", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    )
    result = client.compare_faces(SourceImage={"Bytes": photo("obama")}, TargetImage={"Bytes": photo("sunak")})
    assert len(result["UnmatchedFaces"]) == 1
