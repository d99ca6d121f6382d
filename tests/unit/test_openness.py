from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.makers import eye_contour, posed_mesh, rotation
from visavis.face import Attribute, Pose
from visavis.models.manifest import load_manifest
from visavis.vision import openness
from visavis.vision.openness import (
    NUMBERS,
    OpennessNumbers,
    attribute_of,
    eye_terms,
    eyes_log_odds,
    eyes_open,
    mouth_log_odds,
    mouth_open,
    mouth_terms,
)

AHEAD = Pose(roll=0, yaw=0, pitch=5)
UPPER, LOWER, CORNERS = [82, 13, 312], [87, 14, 317], [61, 291]


def contours(left: float, right: float, *, widths: tuple[float, float] = (40, 40)) -> NDArray[np.float32]:
    """Two eyes with these openings; the right eye is mirrored."""
    eyes = [eye_contour(left, widths[0]), eye_contour(right, widths[1]) * [-1, 1]]
    return np.asarray(np.add(eyes, [[[100, 100]], [[200, 100]]]), np.float32)


def mouth(gap: float, *, width: float = 50) -> NDArray[np.float32]:
    """A mesh with a gap of `gap` mouth widths between the inner lips."""
    mesh = np.zeros((468, 3), np.float32)
    mesh[CORNERS, 0] = [-width / 2, width / 2]
    for upper, lower, x in zip(UPPER, LOWER, (-5, 0, 5), strict=True):
        mesh[[upper, lower], 0] = x
        mesh[[upper, lower], 1] = [-gap * width / 2, gap * width / 2]
    return mesh


def turned(points: NDArray[np.float32], degrees: float, scale: float = 1) -> NDArray[np.float32]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.asarray(scale * points[..., :2] @ np.array([[c, s], [-s, c]]) + [70, -30], np.float32)


@pytest.mark.parametrize(("opening", "value"), [(0.35, True), (0.25, True), (0.08, False), (0.0, False)])
def test_wide_eyes_are_open_and_eyes_without_a_slit_closed(opening: float, value: bool) -> None:
    found = eyes_open(contours(opening, opening), AHEAD)
    assert found.value is value
    assert found.confidence > 75


@pytest.mark.parametrize(("gap", "value"), [(0.6, True), (0.2, True), (0.03, False), (0.0, False)])
def test_parted_lips_are_an_open_mouth_and_lips_that_touch_a_closed_one(gap: float, value: bool) -> None:
    found = mouth_open(mouth(gap), AHEAD)
    assert found.value is value
    assert found.confidence > 75


def test_the_wider_the_lids_and_the_lips_the_higher_the_odds() -> None:
    eyes = [eyes_log_odds(contours(o, o), AHEAD) for o in (0.0, 0.1, 0.2, 0.3)]
    lips = [mouth_log_odds(mouth(gap), AHEAD) for gap in (0.0, 0.1, 0.2, 0.3)]
    assert eyes == sorted(eyes)
    assert lips == sorted(lips)
    assert len({*eyes, *lips}) == 8


def test_the_opening_is_the_distance_of_the_lids_over_the_width() -> None:
    assert eye_terms(contours(0.3, 0.3), AHEAD) == pytest.approx((0.3, 0.5, 0.25))


@pytest.mark.parametrize("point", [*range(1, 8), *range(9, 16)])
def test_each_of_the_seven_pairs_of_lid_points_counts_for_a_seventh(point: int) -> None:
    eyes = contours(0.2, 0.2)
    # On both eyes, each 40 pixels wide, by 14 pixels away from the opposite lid.
    eyes[:, point, 1] += 14 if point < 8 else -14
    assert eye_terms(eyes, AHEAD)[0] == pytest.approx(0.2 + 14 / 40 / 7)


def test_the_gap_is_the_distance_of_the_lips_over_the_width() -> None:
    assert mouth_terms(mouth(0.2), Pose(0, -20, 0)) == pytest.approx((math.log(0.21), 2.0))


def test_the_wider_eye_counts_for_more() -> None:
    assert eye_terms(contours(0.4, 0.1, widths=(40, 10)), AHEAD)[0] == pytest.approx(0.34)


def test_neither_size_nor_place_nor_rotation_matters() -> None:
    eyes, lips = contours(0.2, 0.25), mouth(0.15)
    for degrees, scale in ((0, 3), (0, 0.2), (40, 1), (170, 2)):
        assert eye_terms(turned(eyes, degrees, scale), AHEAD) == pytest.approx(eye_terms(eyes, AHEAD), rel=1e-4)
        assert mouth_terms(turned(lips, degrees, scale), AHEAD) == pytest.approx(mouth_terms(lips, AHEAD), rel=1e-4)


def test_a_mirrored_face_is_as_open() -> None:
    eyes = contours(0.2, 0.3, widths=(40, 20))
    mirrored = (eyes * [-1, 1])[::-1].astype(np.float32)
    pose, other = Pose(0, 20, 0), Pose(0, -20, 0)
    assert eye_terms(mirrored, other) == pytest.approx(eye_terms(eyes, pose))
    lips = posed_mesh(yaw=20, interocular=100)
    assert mouth_terms((lips * [-1, 1, 1]).astype(np.float32), other)[1] == mouth_terms(lips, pose)[1]


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-30, 0), (0, 20), (0, -20), (20, 15)])
def test_lips_are_told_apart_on_a_turned_mean_face(yaw: float, pitch: float) -> None:
    pose, across = Pose(0, yaw, pitch), 100 * rotation(yaw=yaw, pitch=pitch)
    shut = posed_mesh(yaw=yaw, pitch=pitch, interocular=100)
    shut[LOWER] = shut[UPPER]
    wide = shut.copy()
    wide[LOWER] += across @ [0, 0.25, 0]
    assert not mouth_open(shut, pose).value
    assert mouth_open(wide, pose).value


def test_angles_beyond_those_of_the_marked_faces_are_clipped() -> None:
    eyes, lips = contours(0.2, 0.2), mouth(0.1)
    assert eye_terms(eyes, Pose(0, 0, 90)) == eye_terms(eyes, Pose(0, 0, 30))
    assert eye_terms(eyes, Pose(0, 0, -90)) == eye_terms(eyes, Pose(0, 0, -20))
    assert eye_terms(eyes, Pose(0, 0, 29)) != eye_terms(eyes, Pose(0, 0, 30))
    assert mouth_terms(lips, Pose(0, 90, 0)) == mouth_terms(lips, Pose(0, -45, 0))
    assert mouth_terms(lips, Pose(0, 44, 0)) != mouth_terms(lips, Pose(0, 45, 0))


def test_points_that_all_coincide_give_finite_odds() -> None:
    assert math.isfinite(eyes_log_odds(np.zeros((2, 16, 2), np.float32), AHEAD))
    assert math.isfinite(mouth_log_odds(np.zeros((468, 3), np.float32), AHEAD))


def test_even_odds_are_true_with_a_confidence_of_50() -> None:
    assert attribute_of(0.0) == Attribute(value=True, confidence=50.0)
    likely, unlikely = attribute_of(math.log(9)), attribute_of(-math.log(9))
    assert (likely.value, unlikely.value) == (True, False)
    assert (likely.confidence, unlikely.confidence) == pytest.approx((90, 90))
    assert attribute_of(-1e9) == Attribute(value=False, confidence=100.0)


def test_each_number_is_used_in_its_place() -> None:
    numbers = OpennessNumbers(1, 10, 100, 1000, 2, 20, 200)
    assert eyes_log_odds(contours(0.3, 0.3), Pose(0, 0, 20), numbers) == pytest.approx(1 + 3 + 200 + 4000)
    assert mouth_log_odds(mouth(0.2), Pose(0, 10, 0), numbers) == pytest.approx(2 + 20 * math.log(0.21) + 200)


@pytest.mark.parametrize("name", ["openness", "gaze"])
def test_the_numbers_were_fitted_on_the_networks_that_are_used(name: str) -> None:
    stored = json.loads((Path(openness.__file__).parent / f"data/{name}.json").read_text("utf-8"))
    models = load_manifest().models
    assert stored["networks"] == {network: models[network].sha256 for network in ("detector", "mesh", "iris")}


def test_eyes_and_lips_further_apart_speak_for_open_ones() -> None:
    assert NUMBERS.eyes_opening > 0
    assert NUMBERS.mouth_gap > 0
