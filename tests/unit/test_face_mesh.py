from __future__ import annotations

import numpy as np

from tests.makers import posed_mesh
from visavis.face_mesh import (
    CHIN,
    INNER_BROWS,
    INNER_EYE_CORNERS,
    LEFT_EYE_CORNERS,
    LOWER_INNER_LIP,
    LOWER_LIDS,
    LOWER_LIP,
    MIDDLE_BROWS,
    MOUTH_CORNERS,
    NOSE_BASE,
    NOSE_TIP,
    NOSE_WINGS,
    OUTER_BROWS,
    OUTER_EYE_CORNERS,
    RIGHT_EYE_CORNERS,
    UPPER_INNER_LIP,
    UPPER_LIDS,
    UPPER_LIP,
    VERTICES,
    eye_centres,
)
from visavis.mean_face import mean_face


def test_the_mean_face_has_every_vertex() -> None:
    assert mean_face().shape == (VERTICES, 3)


def test_the_eye_centres_of_the_mean_face_are_its_pupils() -> None:
    eyes = eye_centres(posed_mesh(roll=30, interocular=80, centre=(10, 20)))
    across = 40 * np.array([np.cos(np.radians(30)), np.sin(np.radians(30))])
    np.testing.assert_allclose(eyes, np.add([-across, across], [10, 20]), atol=0.01)


def test_pairs_mirror_each_other_left_before_right() -> None:
    brows = (INNER_BROWS, MIDDLE_BROWS, OUTER_BROWS)
    for pair in (OUTER_EYE_CORNERS, INNER_EYE_CORNERS, *brows, NOSE_WINGS, MOUTH_CORNERS):
        left, right = mean_face()[list(pair), :2]
        assert left[0] < 0 < right[0]
        np.testing.assert_allclose(left * [-1, 1], right, atol=0.02)


def test_the_corners_of_an_eye_go_from_left_to_right_and_are_the_outer_and_the_inner_ones() -> None:
    x = mean_face()[:, 0]
    assert all(x[left] < x[right] for left, right in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS))
    assert (OUTER_EYE_CORNERS[0], INNER_EYE_CORNERS[0]) == LEFT_EYE_CORNERS
    assert (INNER_EYE_CORNERS[1], OUTER_EYE_CORNERS[1]) == RIGHT_EYE_CORNERS


def test_an_upper_lid_lies_above_its_lower_one() -> None:
    upper, lower = mean_face()[list(UPPER_LIDS), :2], mean_face()[list(LOWER_LIDS), :2]
    assert (upper[:, 1] < lower[:, 1]).all()
    np.testing.assert_allclose(upper[:, 0], lower[:, 0], atol=0.05)
    assert (np.sign(upper[:, 0]) == [-1, -1, 1, 1]).all()


def test_nose_lips_and_chin_follow_each_other_down_the_middle() -> None:
    middle = [NOSE_TIP, NOSE_BASE, UPPER_LIP, UPPER_INNER_LIP[1], LOWER_INNER_LIP[1], LOWER_LIP, CHIN]
    x, y = mean_face()[middle, :2].T
    np.testing.assert_allclose(x, 0, atol=0.02)
    assert (np.diff(y) > 0.02).all()


def test_brows_lie_above_the_eyes_and_rise_towards_their_middles() -> None:
    inner, middle, outer, lids = (
        mean_face()[list(pair), 1].mean() for pair in (INNER_BROWS, MIDDLE_BROWS, OUTER_BROWS, UPPER_LIDS)
    )
    assert middle < min(inner, outer) < max(inner, outer) < lids
