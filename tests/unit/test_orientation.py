"""The orientation of faces, with scripted networks; see tests/makers.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.makers import Scene, SceneFace, locate, map_image, posed_mesh
from visavis.geometry import Size, apply
from visavis.orientation import Candidate, mean_face_through, rotated_square
from visavis.vision.align import five_points
from visavis.vision.landmarks import box_around
from visavis.vision.pose import pose_of


def resolved(scene: Scene) -> Candidate:
    """Resolve the only detection of a scene; `scene.runs` then counts the runs of `resolve`."""
    orientation = scene.orientation
    found = orientation.detect(scene.image)
    assert len(found) == 1
    scene.runs.clear()
    return orientation.resolve(scene.image, found.boxes[0], found.points[0], float(found.scores[0]))


def roll_error(scene: Scene, candidate: Candidate) -> float:
    return abs((pose_of(candidate.mesh.points).roll - scene.faces[0].roll + 180) % 360 - 180)


@pytest.mark.parametrize(("score", "detections"), [(0.86, 1), (0.84, 4)])
def test_an_image_without_a_sure_detection_is_also_detected_at_three_rotations(score: float, detections: int) -> None:
    scene = Scene([SceneFace(score=score)])
    assert len(scene.orientation.detect(scene.image)) == 1
    # With a score of .84 the detector also runs at a smaller size.
    assert scene.runs["detector"] - (score < 0.85) == detections


@pytest.mark.parametrize("roll", [90.0, 180.0, -90.0])
def test_a_face_on_its_side_is_found_with_its_points_in_pixels_of_the_image(roll: float) -> None:
    scene = Scene([SceneFace(roll=roll, centre=(120, 90))])
    found = scene.orientation.detect(scene.image)
    np.testing.assert_allclose(found.points, [five_points(scene.faces[0].mesh)], atol=1)
    middle = five_points(scene.faces[0].mesh).mean(axis=0)
    np.testing.assert_allclose(found.boxes[0], [*(middle - 33), *(middle + 33)], atol=1)


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


def test_a_face_that_is_probably_upright_is_read_once_more_upside_down() -> None:
    scene = Scene([SceneFace(presence=16.9, wrong_presence=7.4)])
    assert roll_error(scene, resolved(scene)) < 1
    assert scene.runs == {"mesh": 3}


def test_a_face_that_holds_as_well_upside_down_is_read_upside_down_in_full() -> None:
    scene = Scene([SceneFace(presence=16, wrong_presence=7.6)])
    assert roll_error(scene, resolved(scene)) < 1
    # The reading after the half turn converges slowly, because the scripted mesh turns back at once.
    assert scene.runs["mesh"] > 3
    assert "detector" not in scene.runs


@pytest.mark.parametrize(("presence", "detections"), [(9.0, 0), (8.9, 8)])
def test_a_face_with_little_presence_is_searched_for_at_eight_rotations(presence: float, detections: int) -> None:
    scene = Scene([SceneFace(presence=presence)])
    assert roll_error(scene, resolved(scene)) < 1
    assert scene.runs.get("detector", 0) == detections


@pytest.mark.parametrize(
    ("roll", "wrong_presence"), [(180, 3), (180, 8), (180, 12), (180, 16), (135, 3), (90, 8), (-90, 8)]
)
def test_a_face_that_the_detector_took_for_upright_is_turned_back(roll: float, wrong_presence: float) -> None:
    scene = Scene([SceneFace(roll=roll, score=0.95, wrong_score=0.9, wrong_presence=wrong_presence)])
    candidate = resolved(scene)
    assert roll_error(scene, candidate) < 1
    assert candidate.mesh.presence == 18
    assert candidate.score == pytest.approx(0.95)


def test_detector_and_mesh_decide_together() -> None:
    # The detector scores higher upside down, the mesh the right way up; the product decides.
    scene = Scene([SceneFace(roll=180, score=0.87, wrong_score=0.9, wrong_presence=8.5)])
    assert roll_error(scene, resolved(scene)) < 1
    scene = Scene([SceneFace(roll=180, score=0.61, wrong_score=0.95, wrong_from=170, presence=10, wrong_presence=8.5)])
    assert roll_error(scene, resolved(scene)) == pytest.approx(180, abs=1)


def test_presence_beyond_that_of_an_upright_face_does_not_outweigh_the_detector() -> None:
    scene = Scene([SceneFace(roll=180, score=0.7, wrong_score=0.95, presence=22, wrong_presence=8.9)])
    assert roll_error(scene, resolved(scene)) < 1
    scene = Scene([SceneFace(roll=180, score=0.61, wrong_score=0.95, wrong_from=170, presence=30, wrong_presence=16.9)])
    assert roll_error(scene, resolved(scene)) == pytest.approx(180, abs=1)


def test_only_detections_centred_in_the_box_are_of_the_same_face() -> None:
    # A better face is next to it, within the square that is searched.
    other = SceneFace(centre=(186, 110), interocular=20, score=0.99)
    scene = Scene([SceneFace(centre=(110, 110), score=0.9, presence=5), other])
    orientation = scene.orientation
    found = orientation.detect(scene.image)
    mine = int(found.areas.argmax())
    candidate = orientation.resolve(scene.image, found.boxes[mine], found.points[mine], float(found.scores[mine]))
    assert candidate.box.centre[0] == pytest.approx(110, abs=3)


def test_at_most_the_four_best_detections_of_a_search_are_read() -> None:
    scene = Scene([SceneFace(roll=180, score=0.95, wrong_score=0.9, wrong_presence=5)])
    resolved(scene)
    # Two readings of the first points, and two for each of the best three detections; the fourth is upside down.
    assert scene.runs["detector"] == 8
    assert 8 <= scene.runs["mesh"] <= 12


@pytest.mark.parametrize(("presence", "as_read"), [(0.1, True), (0.0, False), (-4.0, False)])
def test_where_the_mesh_found_no_face_the_mean_face_stands_in(presence: float, as_read: bool) -> None:
    # The scripted detector's points are the mean face's, so the two meshes differ in the yaw only.
    scene = Scene([SceneFace(presence=presence, wrong_presence=presence)])
    scene.faces[0].mesh[:, 2] *= 0.5
    depth = float(np.ptp(resolved(scene).mesh.points[:, 2]))
    full = float(np.ptp(posed_mesh(interocular=30)[:, 2]))
    assert depth == pytest.approx(full / 2 if as_read else full, rel=0.02)


@pytest.mark.parametrize("roll", [0.0, 50.0])
def test_the_mean_face_goes_through_the_five_points(roll: float) -> None:
    mesh = posed_mesh(roll=roll, interocular=50)
    laid = mean_face_through(five_points(mesh))
    assert laid.dtype == np.float32
    np.testing.assert_allclose(laid, mesh, atol=0.01)


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
