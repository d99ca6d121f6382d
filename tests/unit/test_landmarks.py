from __future__ import annotations

import numpy as np
import pytest

from tests.makers import posed_mesh
from visavis.face import LandmarkType
from visavis.mean_face import mean_face
from visavis.vision.landmarks import box_around, named_points

PUPILS = np.array([[-50, 1], [50, 2]], np.float32)


def places(roll: float = 0) -> dict[str, tuple[float, float]]:
    """The landmarks of the mean face, with 100 pixels between the eyes and the origin midway between them."""
    points = named_points(posed_mesh(roll=roll, interocular=100, centre=(0, 0)), PUPILS)
    return {point.type.value: (point.x, point.y) for point in points}


def mirrored(name: str) -> str:
    for one, other in (("left", "right"), ("Left", "Right")):
        name = name.replace(one, "?").replace(other, one).replace("?", other)
    return name


def test_all_thirty_come_in_the_order_of_the_service_model() -> None:
    points = named_points(posed_mesh(), PUPILS)
    assert [point.type for point in points] == list(LandmarkType)
    assert len(points) == 30


def test_eye_and_pupil_are_the_given_point() -> None:
    at = places()
    assert at["eyeLeft"] == at["leftPupil"] == (-50, 1)
    assert at["eyeRight"] == at["rightPupil"] == (50, 2)


def test_on_a_symmetrical_face_left_and_right_mirror_each_other() -> None:
    at = places()
    for name, (x, y) in at.items():
        if not name.endswith("Pupil") and name not in ("eyeLeft", "eyeRight"):
            # Amazon's points of mouth, nose and jaw lie a little to one side.
            aside = name in ("mouthUp", "mouthDown", "chinBottom") or "nose" in name or "Jawline" in name
            tolerance = 14 if aside else 2
            assert at[mirrored(name)] == pytest.approx((-x, y), abs=tolerance), name


@pytest.mark.parametrize(
    "names",
    [
        "leftEyeBrowLeft leftEyeBrowUp leftEyeBrowRight rightEyeBrowLeft rightEyeBrowUp rightEyeBrowRight",
        "upperJawlineLeft leftEyeLeft leftEyeUp leftEyeRight rightEyeLeft rightEyeUp rightEyeRight upperJawlineRight",
        "leftEyeLeft leftEyeDown leftEyeRight rightEyeLeft rightEyeDown rightEyeRight",
        "midJawlineLeft mouthLeft noseLeft nose noseRight mouthRight midJawlineRight",
    ],
)
def test_from_left_to_right(names: str) -> None:
    xs = [places()[name][0] for name in names.split()]
    assert xs == sorted(xs)
    assert len(set(xs)) == len(xs)


def test_from_top_to_bottom() -> None:
    at = places()
    names = "leftEyeBrowUp leftEyeUp leftEyeDown nose noseLeft mouthUp mouthLeft mouthDown midJawlineLeft chinBottom"
    ys = [at[name][1] for name in names.split()]
    assert ys[:4] == sorted(ys[:4])
    assert ys[4:8] == sorted(ys[4:8])
    assert at["chinBottom"][1] == max(y for _, y in at.values())
    assert at["chinBottom"][1] > at["mouthDown"][1] + 30


def test_a_landmark_between_two_vertices_is_their_weighted_mean() -> None:
    mesh = np.zeros((468, 3), np.float32)
    mesh[221, :2], mesh[108, :2] = (10, 0), (0, 20)
    at = {point.type: (point.x, point.y) for point in named_points(mesh, PUPILS)}
    assert at[LandmarkType.LEFT_EYE_BROW_RIGHT] == pytest.approx((5.6, 8.8))
    assert at[LandmarkType.LEFT_EYE_BROW_UP] == pytest.approx((0, 0))


def extents() -> tuple[float, float, float]:
    """The extents of the mean face with 100 pixels between the eyes: to each side, above and below the eyes."""
    points = 100 * mean_face()
    return float(points[:, 0].max()), float(-points[:, 1].min()), float(points[:, 1].max())


def test_the_box_of_a_level_face_follows_from_the_meshs_extents() -> None:
    side, above, below = extents()
    box = box_around(posed_mesh(interocular=100, centre=(300, 200)))
    # The factors of recorded responses: see `vision/data/box.json`.
    assert box.left == pytest.approx(300 - 0.976 * side, abs=0.01)
    assert box.right == pytest.approx(300 + 0.976 * side, abs=0.01)
    assert box.top == pytest.approx(200 - 1.386 * above, abs=0.01)
    assert box.bottom == pytest.approx(200 + 1.005 * below, abs=0.01)


def test_the_box_of_a_face_on_its_side_has_width_and_height_exchanged() -> None:
    level = box_around(posed_mesh(interocular=100, centre=(0, 0)))
    side = box_around(posed_mesh(roll=90, interocular=100, centre=(0, 0)))
    # Rotated clockwise: the part below is now on the left.
    expected = (-level.bottom, level.left, -level.top, level.right)
    assert (side.left, side.top, side.right, side.bottom) == pytest.approx(expected, abs=0.01)


def test_the_box_of_a_turned_face_is_that_of_an_oval() -> None:
    level = box_around(posed_mesh(interocular=100, centre=(0, 0)))
    turned = box_around(posed_mesh(roll=45, interocular=100, centre=(0, 0)))
    side = ((level.width**2 + level.height**2) / 2) ** 0.5
    assert (turned.width, turned.height) == pytest.approx((side, side), abs=0.01)
    y = level.centre[1]
    assert turned.centre == pytest.approx((-y * 0.5**0.5, y * 0.5**0.5), abs=0.01)


def test_a_mesh_without_any_extent_gives_an_empty_box() -> None:
    box = box_around(np.full((468, 3), 7, np.float32))
    assert (box.left, box.top, box.right, box.bottom) == (7, 7, 7, 7)
