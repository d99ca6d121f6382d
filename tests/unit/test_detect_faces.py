"""DetectFaces without an engine: its requests and the members of its responses."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.conftest import with_later_enum
from tests.unit.test_response import make_face, numbers_in
from visavis.analysis import Analysis
from visavis.api.detect_faces import DETECT_FACES, DetectFacesRequest, FaceAttribute, detail_for, render
from visavis.api.errors import reason_of
from visavis.api.images import S3ObjectRef
from visavis.aws import wire
from visavis.aws.wire import WireError
from visavis.errors import InvalidRequest
from visavis.face import Attribute, Detail, EyeDirection
from visavis.geometry import Size

DEFAULT_MEMBERS = ["BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"]
KNOWN = {
    "SMILE": "Smile",
    "EYES_OPEN": "EyesOpen",
    "MOUTH_OPEN": "MouthOpen",
    "EMOTIONS": "Emotions",
    "EYE_DIRECTION": "EyeDirection",
}
UNKNOWN = ["AGE_RANGE", "BEARD", "EYEGLASSES", "FACE_OCCLUDED", "GENDER", "MUSTACHE", "SUNGLASSES"]
RECORDED = ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]

FACE = replace(
    make_face(),
    eyes_open=Attribute(True, 98.1),
    mouth_open=Attribute(False, 77.7),
    eye_direction=EyeDirection(yaw=12.1, pitch=-3.3, confidence=91.7),
)


def params(*attributes: object, **more: object) -> dict[str, object]:
    image = {"Bytes": base64.b64encode(b"image").decode()}
    return {"Image": image} | ({"Attributes": list(attributes)} if attributes else {}) | more


def parse(given: dict[str, Any]) -> DetectFacesRequest:
    return DETECT_FACES.accept(DETECT_FACES.decode(given))


def refusal_of(given: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as caught:
        parse(given)
    return caught.value


def details(*attributes: str, face: Any = FACE) -> dict[str, Any]:
    """The members of a response about one face."""
    answer = render(Analysis(Size(400, 300), (face,)), [FaceAttribute(name) for name in attributes])
    (found,) = json.loads(wire.encode(answer))["FaceDetails"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("given", [params(), params(Attributes=[]), params(Attributes=None)])
def test_attributes_may_be_left_out(given: dict[str, object]) -> None:
    assert parse(given) == DetectFacesRequest(b"image", frozenset())


def test_an_image_may_come_from_s3() -> None:
    found = parse({"Image": {"S3Object": {"Bucket": "photos", "Name": "a.jpg", "Version": "7"}}})
    assert found.image == S3ObjectRef("photos", "a.jpg", "7")


@pytest.mark.parametrize("name", FaceAttribute)
def test_every_attribute_of_the_model_may_be_asked_for(name: str) -> None:
    assert parse(params(name)).attributes == {FaceAttribute(name)}


def test_an_attribute_that_only_a_later_model_has_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with_later_enum(monkeypatch, "DetectFaces", "Attributes", "HAIR")
    assert parse(params("HAIR", "SMILE")).attributes == {FaceAttribute.SMILE}
    assert parse(params("HAIR")).attributes == frozenset()
    assert refusal_of(params("HAT")).code == "ValidationException"


@pytest.mark.parametrize("image", [{}, {"S3Object": {"Bucket": "photos"}}, {"Bytes": "YQ==", "S3Object": {}}])
def test_an_image_that_is_neither_or_both_is_named_without_a_role(image: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=r"^the image needs either Bytes, or an S3Object with Bucket and Name$"):
        parse({"Image": image})


def test_an_attribute_that_the_model_lacks_is_refused_with_the_whole_set() -> None:
    error = refusal_of(params("DEFAULT", "HAIR"))
    assert (error.status, error.code, error.kind) == (400, "ValidationException", "framework")
    assert error.message == (
        "1 validation error detected: Value '[DEFAULT, HAIR]' at 'attributes' failed to satisfy constraint: "
        f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(FaceAttribute)}]]"
    )
    assert reason_of(error).startswith("attributes has 2 items and must satisfy constraint: [Member must satisfy enum")
    assert "HAIR" not in reason_of(error)


def test_a_missing_image_is_a_null_at_its_path() -> None:
    assert refusal_of({"Attributes": ["HAIR"]}).message == (
        "2 validation errors detected: Value null at 'image' failed to satisfy constraint: Member must not be null; "
        "Value '[HAIR]' at 'attributes' failed to satisfy constraint: Member must satisfy constraint: "
        f"[Member must satisfy enum value set: [{', '.join(FaceAttribute)}]]"
    )


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ("ALL", "Expected list or null"),
        (5, "Expected list or null"),
        ({"0": "ALL"}, "Start of structure or map found where not expected."),
        ([5], "NUMBER_VALUE can not be converted to a String"),
        ([True], "TRUE_VALUE can not be converted to a String"),
        ([["ALL"]], "Start of list found where not expected"),
        ([None], None),
    ],
)
def test_attributes_of_the_wrong_type_cannot_be_read(attributes: object, text: str | None) -> None:
    error = refusal_of(params(Attributes=attributes))
    assert (error.code, error.kind, error.message) == ("SerializationException", "serialization", text)


@pytest.mark.parametrize("attributes", [(), ("DEFAULT",), tuple(UNKNOWN), ("DEFAULT", "AGE_RANGE")])
def test_default_says_exactly_the_documented_subset(attributes: tuple[str, ...]) -> None:
    found = details(*attributes)
    assert list(found) == DEFAULT_MEMBERS
    assert [landmark["Type"] for landmark in found["Landmarks"]] == RECORDED
    assert found["BoundingBox"] == {
        "Width": 0.20000000298023224,
        "Height": 0.4000000059604645,
        "Left": 0.10000000149011612,
        "Top": 0.10000000149011612,
    }
    assert found["Pose"] == {"Roll": 1.100000023841858, "Yaw": -2.200000047683716, "Pitch": 3.299999952316284}
    assert found["Quality"] == {"Brightness": 70.69999694824219, "Sharpness": 53.33000183105469}
    assert found["Confidence"] == 99.9000015258789


@pytest.mark.parametrize("attributes", [("ALL",), ("ALL", "DEFAULT"), ("SMILE", "ALL", "AGE_RANGE")])
def test_all_says_everything_that_is_known(attributes: tuple[str, ...]) -> None:
    found = details(*attributes)
    assert set(found) == {*DEFAULT_MEMBERS, *KNOWN.values()}
    kinds = [landmark["Type"] for landmark in found["Landmarks"]]
    assert (kinds[:5], len(set(kinds))) == (RECORDED, 30)
    assert found["Smile"] == {"Value": True, "Confidence": 97.30000305175781}
    assert found["EyesOpen"] == {"Value": True, "Confidence": 98.0999984741211}
    assert found["MouthOpen"] == {"Value": False, "Confidence": 77.69999694824219}
    assert found["EyeDirection"] == {
        "Yaw": 12.100000381469727,
        "Pitch": -3.299999952316284,
        "Confidence": 91.69999694824219,
    }
    assert [emotion["Type"] for emotion in found["Emotions"]] == ["HAPPY", "CALM"]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("beside", [(), ("DEFAULT",), ("GENDER",)])
def test_a_name_adds_its_member_to_the_default_ones(name: str, beside: tuple[str, ...]) -> None:
    found = details(*beside, name)
    assert set(found) == {*DEFAULT_MEMBERS, KNOWN[name]}
    assert len(found["Landmarks"]) == 5


def test_names_add_up() -> None:
    assert set(details("EYES_OPEN", "SMILE")) == {*DEFAULT_MEMBERS, "EyesOpen", "Smile"}


def test_what_was_not_found_out_is_left_out() -> None:
    bare = replace(make_face(emotions=(), smile=None), eyes_open=None, mouth_open=None, eye_direction=None)
    assert list(details("ALL", face=bare)) == DEFAULT_MEMBERS


def test_a_number_of_zero_is_no_reason_to_leave_a_member_out() -> None:
    assert details(face=replace(make_face(), confidence=0.0))["Confidence"] == 0.0


def test_an_image_without_a_face_is_an_empty_list() -> None:
    assert wire.encode(render(Analysis(Size(400, 300), ()), [FaceAttribute.ALL])) == b'{"FaceDetails":[]}'


def test_faces_come_in_the_order_of_the_analysis() -> None:
    faces = tuple(replace(FACE, confidence=confidence) for confidence in (70.0, 90.0, 80.0))
    answer: Any = render(Analysis(Size(400, 300), faces), [])
    assert [face["Confidence"] for face in answer["FaceDetails"]] == [70.0, 90.0, 80.0]
    assert DETECT_FACES.count_faces(answer) == 3


def test_every_number_is_a_widened_float32() -> None:
    numbers = list(numbers_in(details("ALL")))
    assert len(numbers) > 70
    assert all(number == float(np.float32(number)) for number in numbers)


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ([], Detail.MINIMAL),
        (["DEFAULT"], Detail.MINIMAL),
        (UNKNOWN, Detail.MINIMAL),
        (["ALL"], Detail.ALL),
        *([["DEFAULT", name], Detail.ALL] for name in KNOWN),
    ],
)
def test_only_what_is_asked_for_is_found_out(attributes: list[str], detail: Detail) -> None:
    assert detail_for([FaceAttribute(name) for name in attributes]) is detail
