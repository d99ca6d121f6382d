from __future__ import annotations

import numpy as np
import pytest

from visavis.geometry import Box, RelativeBox, Size, apply, invert, level_axes, similarity_from_points, square_crop


def test_a_box_outside_the_image_keeps_its_negative_fractions() -> None:
    assert Box(-12, 40, 88, 160).relative_to(Size(400, 400)) == RelativeBox(-0.03, 0.1, 0.25, 0.3)


def test_a_similarity_is_found_again_from_the_points_it_moved() -> None:
    matrix = np.array([[1.5, -0.7, 3.0], [0.7, 1.5, -8.0]])
    points = np.array([[0, 0], [10, 3], [4, 9]], np.float32)
    np.testing.assert_allclose(similarity_from_points(points, apply(matrix, points)), matrix, atol=1e-5)


def test_a_mirrored_target_is_never_answered_with_a_mirror() -> None:
    points = np.array([[0, 0], [10, 0], [5, 8]], np.float32)
    matrix = similarity_from_points(points, points * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_undoing_a_transform_brings_points_back() -> None:
    matrix = np.array([[0.0, -2.0, 5.0], [2.0, 0.0, 1.0]])
    points = np.array([[3.0, 4.0]], np.float32)
    np.testing.assert_allclose(apply(invert(matrix), apply(matrix, points)), points, atol=1e-6)


def test_a_transform_that_squashes_the_plane_cannot_be_undone() -> None:
    with pytest.raises(ValueError, match="determinant is zero"):
        invert(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]))


def test_points_that_coincide_give_no_similarity() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity_from_points(np.ones((5, 2)), np.ones((5, 2)))


@pytest.mark.parametrize(
    ("box", "area"),
    [
        (Box(10, 20, 30, 50), 600),
        (Box(-10, 20, 30, 50), 900),
        (Box(90, -20, 130, 50), 500),
        (Box(-10, -10, 200, 200), 8000),
        (Box(100, 10, 120, 20), 0),
        (Box(-20, 10, -5, 20), 0),
        (Box(-20, -20, -5, -5), 0),
    ],
)
def test_only_the_part_of_a_box_within_the_image_counts(box: Box, area: float) -> None:
    assert box.area_within(Size(100, 80)) == area


@pytest.mark.parametrize(
    ("mirrored", "corners"),
    [
        (False, [(0, 0), (100, 0), (100, 100), (0, 100)]),
        (True, [(100, 0), (0, 0), (0, 100), (100, 100)]),
    ],
)
def test_the_corners_of_a_square_become_those_of_its_crop(mirrored: bool, corners: list[tuple[float, float]]) -> None:
    # Centre (60, 80), side 50, x axis along (0.6, 0.8); corners clockwise from the upper left.
    square = np.array([(65, 45), (95, 85), (55, 115), (25, 75)])
    matrix = square_crop(np.array([60, 80]), 50, np.array([0.6, 0.8]), 100, mirrored=mirrored)
    np.testing.assert_allclose(apply(matrix, square), corners, atol=1e-4)


def test_the_level_axes_are_unit_vectors_along_the_points_and_at_90_degrees_clockwise() -> None:
    axes = level_axes(np.array([10, 20], np.float32), np.array([40, 60], np.float32))
    assert axes.dtype == np.float64
    assert axes.tolist() == [[0.6, 0.8], [-0.8, 0.6]]


def test_points_that_coincide_have_axes_of_zero() -> None:
    assert (level_axes(np.ones(2), np.ones(2)) == 0).all()
