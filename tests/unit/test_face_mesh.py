from __future__ import annotations

import numpy as np

from tests.makers import posed_mesh
from visavis.face_mesh import (
    INNER_BROWS,
    INNER_EYE_CORNERS,
    LEFT_EYE_CORNERS,
    LOWER_LIDS,
    MOUTH_CORNERS,
    OUTER_EYE_CORNERS,
    RIGHT_EYE_CORNERS,
    UPPER_LIDS,
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
    for pair in (OUTER_EYE_CORNERS, INNER_EYE_CORNERS, INNER_BROWS, MOUTH_CORNERS):
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
