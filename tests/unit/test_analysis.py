"""The analysis with scripted networks; see tests/makers.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pytest

from tests.makers import Scene, SceneFace, map_image
from visavis.analysis import MAX_FACES, Analysis
from visavis.face import Detail, Face, LandmarkType
from visavis.face_mesh import eye_centres
from visavis.geometry import Size
from visavis.mapping import serial_map
from visavis.vision.confidence import face_confidence
from visavis.vision.landmarks import box_around
from visavis.vision.openness import mouth_open

T = TypeVar("T")
R = TypeVar("R")


def analysed(*faces: SceneFace, largest_only: bool = False, detail: Detail = Detail.MINIMAL) -> Analysis:
    scene = Scene(list(faces))
    return scene.analyzer(scene.image, largest_only=largest_only, detail=detail)


def place(face: Face) -> float:
    """The x coordinate of the midpoint of the eyes, rounded to 5 pixels."""
    xs = {point.type: point.x for point in face.landmarks}
    return 5 * round((xs[LandmarkType.EYE_LEFT] + xs[LandmarkType.EYE_RIGHT]) / 10)


def places(*faces: SceneFace, largest_only: bool = False) -> list[float]:
    return [place(face) for face in analysed(*faces, largest_only=largest_only).faces]


def test_an_upright_face_is_described() -> None:
    known = SceneFace()
    (face,) = analysed(known).faces
    expected = box_around(known.mesh)
    assert (face.box.left, face.box.top, face.box.right, face.box.bottom) == pytest.approx(
        (expected.left, expected.top, expected.right, expected.bottom), abs=0.5
    )
    assert face.image_size == Size(256, 256)
    assert (face.pose.roll, face.pose.yaw, face.pose.pitch) == pytest.approx((0, 0, 3.3), abs=0.2)
    assert face.confidence == pytest.approx(face_confidence(0.9, 18, 12, size=math.sqrt(expected.area)))
    assert face.embedding.tolist() == [1.0] + [0.0] * 127
    assert len(face.landmarks) == 30


@pytest.mark.parametrize("roll", [0.0, 45.0, 90.0, 180.0, -90.0])
def test_a_face_is_found_at_every_roll_with_that_roll(roll: float) -> None:
    (face,) = analysed(SceneFace(roll=roll)).faces
    assert (face.pose.roll - roll + 180) % 360 - 180 == pytest.approx(0, abs=1)


def test_a_face_is_found_upside_down_though_the_detector_takes_it_for_upright() -> None:
    (face,) = analysed(SceneFace(roll=180, score=0.95, wrong_score=0.9, wrong_presence=12)).faces
    assert abs(face.pose.roll) == pytest.approx(180, abs=1)


def test_an_image_without_faces_gives_none() -> None:
    analysis = analysed()
    assert (analysis.size, analysis.faces, analysis.more) == (Size(256, 256), (), False)


def test_without_details_neither_pupils_nor_expression_are_read() -> None:
    scene = Scene([SceneFace()])
    (face,) = scene.analyzer(scene.image, detail=Detail.MINIMAL).faces
    assert "iris" not in scene.runs
    assert "expression" not in scene.runs
    assert (face.emotions, face.smile) == ((), None)
    assert (face.eyes_open, face.mouth_open, face.eye_direction) == (None, None, None)
    eyes = {point.type: (point.x, point.y) for point in face.landmarks}
    np.testing.assert_allclose(
        [eyes[LandmarkType.LEFT_PUPIL], eyes[LandmarkType.RIGHT_PUPIL]],
        eye_centres(scene.faces[0].mesh),
        atol=0.3,
    )


def test_with_all_details_pupils_and_expression_are_read() -> None:
    scene = Scene([SceneFace()])
    (face,) = scene.analyzer(scene.image).faces
    assert (scene.runs["iris"], scene.runs["expression"]) == (2, 1)
    assert face.smile is not None
    assert len(face.emotions) >= 7
    # The scripted iris lies an eighth of the crop to the right of the eye's middle.
    eyes = {point.type: (point.x, point.y) for point in face.landmarks}
    left, right = scene.faces[0].mesh[[33, 133], :2]
    expected = (left + right) / 2 + 2.3 / 8 * (right - left)
    assert eyes[LandmarkType.LEFT_PUPIL] == pytest.approx(expected, abs=0.3)


def test_with_all_details_eyes_mouth_and_gaze_are_read() -> None:
    scene = Scene([SceneFace()])
    (face,) = scene.analyzer(scene.image).faces
    expected = mouth_open(scene.faces[0].mesh, face.pose)
    assert face.mouth_open is not None
    assert face.mouth_open.value == expected.value
    assert face.mouth_open.confidence == pytest.approx(expected.confidence, abs=0.5)
    assert face.eyes_open is not None
    assert face.eyes_open.value
    # The scripted pupils lie an eighth of the crop towards the nose, and below the centres of the eyeballs.
    assert face.eye_direction is not None
    assert (face.eye_direction.yaw, face.eye_direction.pitch) == pytest.approx((0, -11), abs=2)
    assert face.eye_direction.confidence > 40


def test_of_eyes_too_small_for_the_iris_network_neither_lids_nor_gaze_are_read() -> None:
    scene = Scene([SceneFace(interocular=8)])
    (face,) = scene.analyzer(scene.image).faces
    assert (face.eyes_open, face.eye_direction) == (None, None)
    assert face.mouth_open is not None


def test_eyes_too_small_for_the_iris_network_have_their_middles_for_pupils() -> None:
    scene = Scene([SceneFace(interocular=8)])
    (face,) = scene.analyzer(scene.image).faces
    assert "iris" not in scene.runs
    eyes = {point.type: (point.x, point.y) for point in face.landmarks}
    middle = eye_centres(scene.faces[0].mesh)[0]
    assert eyes[LandmarkType.LEFT_PUPIL] == pytest.approx(middle, abs=0.3)


LARGE, MIDDLE, SMALL = (
    SceneFace(centre=(65, 100), interocular=30),
    SceneFace(centre=(150, 100), interocular=24),
    SceneFace(centre=(220, 100), interocular=18),
)


def test_faces_come_largest_first() -> None:
    assert places(SMALL, LARGE, MIDDLE) == [65, 150, 220]


def test_a_face_cut_by_the_border_counts_by_what_the_image_shows_of_it() -> None:
    cut = SceneFace(centre=(20, 180), interocular=40, detected_side=1.5)
    whole = SceneFace(centre=(150, 90), interocular=36, detected_side=1.5)
    boxes = [box_around(face.mesh) for face in (cut, whole)]
    assert boxes[0].area > boxes[1].area
    assert places(cut, whole) == [150, 20]
    assert places(cut, whole, largest_only=True) == [150]


def test_the_largest_only_is_the_first_of_all() -> None:
    assert places(SMALL, LARGE, MIDDLE, largest_only=True) == [65]


def test_with_the_largest_only_faces_too_small_to_become_it_are_not_read() -> None:
    scene = Scene([LARGE, MIDDLE, SMALL])
    scene.analyzer(scene.image, largest_only=True, detail=Detail.MINIMAL)
    # The detected area of the medium face is .64 of the largest, that of the small face .36.
    assert scene.runs["mesh"] == 4
    assert scene.runs["embedder"] == 1


def test_a_face_whose_detected_box_is_not_the_largest_can_become_the_largest() -> None:
    # By detected area the first face is larger; by the box of the mesh the second.
    seems, becomes = (
        SceneFace(centre=(65, 100), interocular=26, detected_side=2.6),
        SceneFace(centre=(180, 100), interocular=30, detected_side=1.6),
    )
    assert places(seems, becomes, largest_only=True) == [180]


def test_where_the_largest_turns_out_no_face_a_smaller_one_is_taken() -> None:
    # Its mesh is that of a face; only the embedding shows that it is not one. The small face was not read before.
    no_face = SceneFace(centre=(65, 100), interocular=36, presence=11, norm=4, wrong_norm=4)
    assert places(no_face, SMALL, largest_only=True) == [220]
    assert places(no_face, SMALL) == [220]
    assert places(no_face, SMALL, SceneFace(centre=(160, 100), interocular=16), largest_only=True) == [220]


@pytest.mark.parametrize(("norm", "faces"), [(5.1, 1), (4.7, 0)])
def test_a_face_is_kept_from_a_confidence_of_60(norm: float, faces: int) -> None:
    known = SceneFace(presence=12, norm=norm, wrong_norm=norm)
    assert (face_confidence(0.9, 12, norm, size=50) >= 60) is bool(faces)
    assert len(analysed(known).faces) == faces


def grid(count: int) -> list[SceneFace]:
    """Small faces in rows of eleven, in falling order of size."""
    return [
        SceneFace(centre=(14 + 22 * (i % 11), 12 + 24 * (i // 11)), interocular=6.5 - 0.01 * i, norm=20)
        for i in range(count)
    ]


def test_no_more_faces_are_described_than_tell_whether_there_are_more() -> None:
    scene = Scene(grid(103))
    assert scene.analyzer(scene.image, detail=Detail.MINIMAL).more
    assert scene.runs["embedder"] == 101


@pytest.mark.parametrize(("count", "kept", "more"), [(100, 100, False), (101, 100, True)])
def test_the_hundred_largest_faces_are_kept_and_more_are_told_of(count: int, kept: int, more: bool) -> None:
    analysis = analysed(*grid(count))
    assert (len(analysis.faces), analysis.more) == (kept, more)
    assert MAX_FACES == 100


def test_with_the_largest_only_more_is_not_looked_for() -> None:
    analysis = analysed(*grid(101), largest_only=True)
    assert (len(analysis.faces), analysis.more) == (1, False)


def test_of_102_faces_one_that_turns_out_none_is_replaced_by_the_next() -> None:
    faces = grid(102)
    faces[50] = SceneFace(centre=faces[50].centre, interocular=faces[50].interocular, norm=4, wrong_norm=4)
    scene = Scene(faces)
    analysis = scene.analyzer(scene.image, detail=Detail.MINIMAL)
    assert (len(analysis.faces), analysis.more) == (100, True)
    # 101 at once, then one that replaces the face that was dropped.
    assert scene.runs["embedder"] == 102


def test_the_work_on_several_faces_goes_through_the_given_map() -> None:
    given: list[int] = []

    def counting(function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        given.append(len(items))
        return serial_map(function, items)

    scene = Scene([LARGE, MIDDLE, SMALL])
    scene.analyzer(scene.image, map_function=counting)
    assert given == [3, 3]
    given.clear()
    scene.analyzer(scene.image, largest_only=True, map_function=counting)
    assert given == []


def test_a_small_image_is_analysed_like_a_large_one() -> None:
    scene = Scene([SceneFace(centre=(50, 45), interocular=20)], map_image(100, 100))
    (face,) = scene.analyzer(scene.image, detail=Detail.MINIMAL).faces
    assert face.image_size == Size(100, 100)
    assert place(face) == 50
