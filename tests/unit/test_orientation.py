"""The orientation of faces, with scripted networks; see tests/makers.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.makers import FIVE, Scene, SceneFace, locate, map_image, posed_mesh, rotation
from visavis.face_search import rotated_square
from visavis.geometry import Size, apply
from visavis.orientation import Candidate
from visavis.vision.align import five_points
from visavis.vision.detect import Detections
from visavis.vision.landmarks import box_around
from visavis.vision.pose import pose_of


def resolved(scene: Scene) -> Candidate:
    """Resolve the only detection of a scene; `scene.runs` then counts the runs of `resolve`."""
    orientation = scene.orientation
    found = orientation.detect(scene.image)
    assert len(found) == 1
    scene.runs.clear()
    return orientation.resolve(scene.image, found)[0]


def roll_error(scene: Scene, candidate: Candidate) -> float:
    return abs((pose_of(candidate.mesh.points).roll - scene.faces[0].roll + 180) % 360 - 180)


@pytest.mark.parametrize(("score", "interocular", "searched"), [(0.86, 30, False), (0.84, 30, True), (0.86, 16, True)])
def test_an_image_is_searched_unless_it_is_a_portrait_with_a_sure_face(
    score: float, interocular: float, searched: bool
) -> None:
    # With a side of 2.2 interocular distances the boxes have 26 and 14 % of the image's side.
    scene = Scene([SceneFace(score=score, interocular=interocular)])
    assert len(scene.orientation.detect(scene.image)) == 1
    assert (scene.runs["detector"] >= 5) is searched


def test_a_tilted_face_beside_a_sure_one_is_found() -> None:
    sure, tilted = SceneFace(centre=(64, 110), interocular=14), SceneFace(centre=(190, 110), interocular=14, roll=100)
    assert len(Scene([sure, tilted]).orientation.detect(map_image())) == 2


def test_a_doubtful_detection_is_looked_at_closer() -> None:
    scene = Scene([SceneFace(score=0.3, closer_score=0.9, interocular=8)])
    (score,) = scene.orientation.detect(scene.image).scores
    assert score == pytest.approx(0.9)


def test_a_small_face_within_a_large_doubtful_detection_is_looked_at_too() -> None:
    large = SceneFace(centre=(128, 128), interocular=9, score=0.35, closer_score=0.0, detected_side=12)
    small = SceneFace(centre=(150, 140), interocular=8, score=0.3, closer_score=0.9)
    (score,) = Scene([large, small]).orientation.detect(map_image()).scores
    assert score == pytest.approx(0.9)


@pytest.mark.parametrize("roll", [90.0, 180.0, -90.0])
def test_a_face_on_its_side_is_found_with_its_points_in_pixels_of_the_image(roll: float) -> None:
    scene = Scene([SceneFace(roll=roll, centre=(120, 90))])
    found = scene.orientation.detect(scene.image)
    np.testing.assert_allclose(found.points, [five_points(scene.faces[0].mesh)], atol=1)
    middle = five_points(scene.faces[0].mesh).mean(axis=0)
    np.testing.assert_allclose(found.boxes[0], [*(middle - 33), *(middle + 33)], atol=1)


def test_a_face_on_its_side_is_found_where_it_is_too_large_for_the_detector() -> None:
    scene = Scene([SceneFace(roll=90, interocular=60)])  # Enlarged to 640 pixels, its box has 330.
    assert len(scene.orientation.detect(scene.image)) == 1


def test_an_image_that_is_not_square_is_seen_whole_at_every_rotation() -> None:
    for centre in ((30.0, 50.0), (220.0, 50.0)):
        scene = Scene([SceneFace(roll=90, centre=centre, interocular=16)], map_image(250, 100))
        assert len(scene.orientation.detect(scene.image)) == 1


def test_a_face_with_much_presence_is_read_without_a_search() -> None:
    scene = Scene([SceneFace(presence=17)])
    candidate = resolved(scene)
    assert scene.runs == {"mesh": 2}
    assert candidate.score == pytest.approx(0.9)
    np.testing.assert_allclose(candidate.mesh.points, scene.faces[0].mesh, atol=0.3)
    assert candidate.box == box_around(candidate.mesh.points)


@pytest.mark.parametrize(("roll", "embedded"), [(0, 0), (50, 1)])
def test_presence_alone_does_not_decide_if_the_mesh_disagrees_with_the_points(roll: float, embedded: int) -> None:
    scene = Scene([SceneFace(roll=roll, wrong_score=0.9, presence=18)])
    candidate = resolved(scene)
    assert roll_error(scene, candidate) < 1
    assert scene.runs.get("embedder", 0) == embedded


def test_a_face_with_less_presence_is_the_right_way_up_if_its_embedding_is_long() -> None:
    scene = Scene([SceneFace(presence=16.9)])
    assert roll_error(scene, resolved(scene)) < 1
    assert scene.runs == {"mesh": 2, "embedder": 1}


def test_a_face_with_a_short_embedding_is_also_read_at_other_rolls() -> None:
    scene = Scene([SceneFace(presence=12, norm=7, wrong_norm=5)])
    assert roll_error(scene, resolved(scene)) < 1
    assert scene.runs["detector"] == 8


@pytest.mark.parametrize(
    ("roll", "wrong_presence"), [(180, 3), (180, 8), (180, 12), (180, 16), (135, 3), (90, 8), (-90, 8)]
)
def test_a_face_that_the_detector_took_for_upright_is_turned_back(roll: float, wrong_presence: float) -> None:
    scene = Scene([SceneFace(roll=roll, score=0.95, wrong_score=0.9, wrong_presence=wrong_presence)])
    candidate = resolved(scene)
    assert roll_error(scene, candidate) < 1
    assert candidate.mesh.presence == 18
    assert candidate.score == pytest.approx(0.95)


def test_a_face_that_the_detector_knows_only_upside_down_is_turned_by_half() -> None:
    scene = Scene([SceneFace(roll=180, score=0.3, wrong_score=0.9, wrong_from=170, wrong_presence=8)])
    assert roll_error(scene, resolved(scene)) < 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ((0.95, 10, 8.0), (0.9, 10, 8.0)),
        ((0.9, 11, 8.0), (0.9, 8, 8.0)),
        ((0.9, 10, 8.5), (0.9, 10, 8.0)),
    ],
)
def test_of_two_readings_that_differ_in_one_thing_the_better_one_is_taken(
    right: tuple[float, float, float], wrong: tuple[float, float, float]
) -> None:
    """Score, presence and norm of the face the right way up and upside down."""
    for one, other, error in ((right, wrong, 0), (wrong, right, 180)):
        face = SceneFace(
            roll=180, score=one[0], presence=one[1], norm=one[2],
            wrong_score=other[0], wrong_presence=other[1], wrong_norm=other[2],
        )  # fmt: skip
        scene = Scene([face])
        assert roll_error(scene, resolved(scene)) == pytest.approx(error, abs=1)


def test_only_detections_centred_in_the_box_are_of_the_same_face() -> None:
    # A better face is next to it, within the square that is searched.
    other = SceneFace(centre=(186, 110), interocular=20, score=0.99)
    scene = Scene([SceneFace(centre=(110, 110), score=0.9, presence=5), other])
    orientation = scene.orientation
    found = orientation.detect(scene.image)
    mine = int(found.areas.argmax())
    candidate = orientation.resolve(scene.image, found)[mine]
    assert candidate.box.centre[0] == pytest.approx(110, abs=3)


def test_of_many_doubtful_faces_the_first_are_read_at_other_rolls() -> None:
    faces = [
        SceneFace(centre=(14 + 22 * (i % 11), 14 + 60 * (i // 11)), interocular=8, presence=12, norm=7)
        for i in range(12)
    ]
    scene = Scene(faces)
    found = scene.orientation.detect(scene.image)
    assert len(found) == 12
    scene.runs.clear()
    assert len(scene.orientation.resolve(scene.image, found, most_doubtful=8)) == 12
    assert scene.runs["detector"] == 8 * 8


def test_at_most_four_detections_of_other_rolls_are_read() -> None:
    scene = Scene([SceneFace(roll=180, score=0.95, wrong_score=0.9, wrong_presence=5)])
    resolved(scene)
    assert scene.runs["detector"] == 8
    # The first reading, the half turn, and at most four more.
    assert 3 <= scene.runs["embedder"] <= 6


@pytest.mark.parametrize(
    ("yaw", "presence", "fitted"), [(75, 12, True), (-75, 12, True), (50, 12, False), (75, 17, False)]
)
def test_on_a_profile_the_mean_face_replaces_a_doubtful_mesh(yaw: float, presence: float, fitted: bool) -> None:
    scene = Scene([SceneFace(presence=presence)])
    points = (30 * FIVE @ rotation(yaw=yaw).T)[:, :2] + scene.faces[0].centre
    box = np.array([90, 80, 166, 156], np.float32)
    found = Detections(box[None], points[None].astype(np.float32), np.array([0.9], np.float32))
    (candidate,) = scene.orientation.resolve(scene.image, found)
    assert pose_of(candidate.mesh.points).yaw == pytest.approx(yaw if fitted else 0, abs=4)


@pytest.mark.parametrize(("presence", "as_read"), [(0.1, True), (0.0, False), (-4.0, False)])
def test_where_the_mesh_found_no_face_the_mean_face_stands_in(presence: float, as_read: bool) -> None:
    # The scripted mesh is half as deep as the mean face.
    scene = Scene([SceneFace(presence=presence, wrong_presence=presence)])
    scene.faces[0].mesh[:, 2] *= 0.5
    depth = float(np.ptp(resolved(scene).mesh.points[:, 2]))
    full = float(np.ptp(posed_mesh(interocular=30)[:, 2]))
    assert depth == pytest.approx(full / 2 if as_read else full, rel=0.06)


@pytest.mark.parametrize(
    ("turn", "corners"),
    [
        (0, [(0, 0), (100, 0), (100, 100), (0, 100)]),
        # Counterclockwise: the upper right corner becomes the upper left.
        (90, [(0, 100), (0, 0), (100, 0), (100, 100)]),
        (180, [(100, 100), (0, 100), (0, 0), (100, 0)]),
        (270, [(100, 0), (100, 100), (0, 100), (0, 0)]),
    ],
)
def test_a_square_is_rotated_counterclockwise(turn: float, corners: list[tuple[float, float]]) -> None:
    matrix = rotated_square(np.array([60, 80]), 40, 100, turn)
    square = np.array([(40, 60), (80, 60), (80, 100), (40, 100)])
    np.testing.assert_allclose(apply(matrix, square), corners, atol=1e-4)


def test_the_makers_find_the_part_of_a_map_that_is_shown() -> None:
    matrix = rotated_square(np.array([128, 100]), 80, 192, 37)
    np.testing.assert_allclose(locate(map_image().warped(matrix, Size(192, 192))), matrix, atol=0.3)
