import json
from collections.abc import Iterator

import numpy as np
import pytest

from visavis.api.compare_faces import render
from visavis.api.response import FieldSet
from visavis.aws import wire
from visavis.comparison import Comparison, Match
from visavis.face import Attribute, Emotion, EmotionType, Face, Landmark, LandmarkType, Pose, Quality
from visavis.geometry import Box, Size

RECORDED = ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]
BOX, SIZE = Box(40, 30, 120, 150), Size(400, 300)
EMOTIONS = (Emotion(EmotionType.CALM, 20.0), Emotion(EmotionType.HAPPY, 70.1))
SMILE = Attribute(True, 97.3)


def make_face(
    box: Box = BOX,
    size: Size = SIZE,
    emotions: tuple[Emotion, ...] = EMOTIONS,
    smile: Attribute | None = SMILE,
) -> Face:
    return Face(
        box=box,
        image_size=size,
        confidence=99.9,
        landmarks=tuple(Landmark(kind, 10.0 + i, 20.0 + i) for i, kind in enumerate(LandmarkType)),
        pose=Pose(roll=1.1, yaw=-2.2, pitch=3.3),
        quality=Quality(brightness=70.7, sharpness=53.33, score=88.0),
        embedding=np.ones(1, np.float32),
        emotions=emotions,
        smile=smile,
    )


def make_comparison(face: Face | None = None, *, unmatched: int = 1) -> Comparison:
    face = face or make_face()
    lower = tuple(Match(0.1, 0.0, face) for _ in range(unmatched))
    return Comparison((make_face(),), (Match(100.0, 1.0, face),), lower, threshold=80.0)


def body(comparison: Comparison, attributes: FieldSet) -> str:
    return wire.encode(render(comparison, attributes)).decode()


def told_face(face: Face, attributes: FieldSet = FieldSet.ALL) -> dict[str, object]:
    told = json.loads(body(make_comparison(face), attributes))["FaceMatches"][0]["Face"]
    assert isinstance(told, dict)
    return told


def numbers_in(value: object) -> Iterator[float]:
    match value:
        case dict():
            for member in value.values():
                yield from numbers_in(member)
        case list():
            for member in value:
                yield from numbers_in(member)
        case bool() | str():
            pass
        case float():
            yield value
        case _:
            raise AssertionError(f"{value!r} is no JSON value that an answer may hold")


def test_the_answer_has_three_members_in_the_models_order() -> None:
    answer = render(make_comparison(), FieldSet.ALL)
    assert list(answer) == ["SourceImageFace", "FaceMatches", "UnmatchedFaces"]


def test_the_source_face_is_told_by_box_and_confidence_alone() -> None:
    answer = json.loads(body(make_comparison(), FieldSet.ALL))
    assert list(answer["SourceImageFace"]) == ["BoundingBox", "Confidence"]


def test_a_match_has_a_similarity_and_an_unmatched_face_has_none() -> None:
    answer = json.loads(body(make_comparison(), FieldSet.ALL))
    assert list(answer["FaceMatches"][0]) == ["Similarity", "Face"]
    assert answer["UnmatchedFaces"][0] == answer["FaceMatches"][0]["Face"]


def test_a_list_without_faces_is_empty_and_not_left_out() -> None:
    assert body(make_comparison(unmatched=0), FieldSet.DEFAULT).endswith('"UnmatchedFaces":[]}')


def test_default_tells_a_face_as_it_was_recorded() -> None:
    told = told_face(make_face(), FieldSet.DEFAULT)
    assert list(told) == ["BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"]
    assert isinstance(told["Landmarks"], list)
    assert [landmark["Type"] for landmark in told["Landmarks"]] == RECORDED


def test_all_tells_thirty_landmarks_the_recorded_five_first() -> None:
    told = told_face(make_face())
    assert isinstance(told["Landmarks"], list)
    kinds = [landmark["Type"] for landmark in told["Landmarks"]]
    assert kinds == RECORDED + [kind for kind in LandmarkType if kind not in RECORDED]
    assert len(kinds) == 30


def test_all_tells_emotions_strongest_first_and_the_smile() -> None:
    told = told_face(make_face())
    assert list(told)[5:] == ["Emotions", "Smile"]
    assert told["Emotions"] == [
        {"Type": "HAPPY", "Confidence": 70.0999984741211},
        {"Type": "CALM", "Confidence": 20.0},
    ]
    assert told["Smile"] == {"Value": True, "Confidence": 97.30000305175781}


def test_expression_that_was_not_looked_for_is_left_out() -> None:
    assert list(told_face(make_face(emotions=(), smile=None)))[5:] == []


def test_a_box_is_told_in_fractions_and_not_cut_at_the_edge() -> None:
    told = told_face(make_face(box=Box(-100, 150, 100, 330), size=Size(400, 300)))
    box = {"Width": 0.5, "Height": 0.6000000238418579, "Left": -0.25, "Top": 0.5}
    assert told["BoundingBox"] == box
    assert list(told["BoundingBox"]) == list(box)


def test_landmarks_are_fractions_of_the_picture_and_not_of_the_box() -> None:
    told = told_face(make_face(size=Size(400, 200)))
    assert isinstance(told["Landmarks"], list)
    assert told["Landmarks"][0] == {"Type": "eyeLeft", "X": 0.02500000037252903, "Y": 0.10000000149011612}


@pytest.mark.parametrize("attributes", FieldSet)
def test_every_number_is_a_widened_float32(attributes: FieldSet) -> None:
    answer = json.loads(body(make_comparison(), attributes), parse_int=lambda token: pytest.fail(f"{token} is an int"))
    numbers = list(numbers_in(answer))
    assert len(numbers) > 40
    assert all(number == float(np.float32(number)) for number in numbers)


@pytest.mark.parametrize("attributes", FieldSet)
def test_the_body_has_no_space_no_null_and_no_orientation(attributes: FieldSet) -> None:
    text = body(make_comparison(), attributes)
    assert not set(" \n\t") & set(text)
    assert "null" not in text
    assert "Orientation" not in text


def test_a_face_with_a_number_that_is_none_is_never_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        body(make_comparison(make_face(box=Box(0, 0, float("nan"), 5))), FieldSet.ALL)
