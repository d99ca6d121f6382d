from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from visavis.geometry import (
    Box,
    Matrix,
    RelativeBox,
    Size,
    apply,
    invert,
    level_axes,
    similarity_from_points,
    square_crop,
)


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


coordinates = st.floats(-1e4, 1e4)
sizes = st.builds(Size, st.integers(1, 20_000), st.integers(1, 20_000))
axes = st.floats(0, 2 * math.pi).map(lambda angle: np.array([math.cos(angle), math.sin(angle)]))
points = arrays(np.float64, (4, 2), elements=coordinates)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(coordinates), draw(coordinates)
    return Box(left, top, left + draw(st.floats(0, 1e4)), top + draw(st.floats(0, 1e4)))


@st.composite
def similarities(draw: st.DrawFn) -> Matrix:
    (cos, sin), factor = draw(axes), draw(st.floats(1e-2, 1e2))
    return np.array([[factor * cos, -factor * sin, draw(coordinates)], [factor * sin, factor * cos, draw(coordinates)]])


@given(boxes(), sizes)
def test_fractions_times_the_size_are_the_box_again(box: Box, size: Size) -> None:
    found = box.relative_to(size)
    left, top = found.left * size.width, found.top * size.height
    again = (left, top, left + found.width * size.width, top + found.height * size.height)
    assert again == pytest.approx((box.left, box.top, box.right, box.bottom), abs=1e-9)


@given(boxes(), sizes, st.integers(2, 8))
def test_fractions_do_not_change_when_box_and_image_are_enlarged(box: Box, size: Size, factor: int) -> None:
    larger = Box(*(factor * edge for edge in (box.left, box.top, box.right, box.bottom)))
    found = astuple(larger.relative_to(Size(factor * size.width, factor * size.height)))
    assert found == pytest.approx(astuple(box.relative_to(size)), abs=1e-9)


@given(boxes(), sizes)
def test_the_area_within_an_image_is_that_of_the_clipped_box(box: Box, size: Size) -> None:
    left, right = np.clip([box.left, box.right], 0, size.width)
    top, bottom = np.clip([box.top, box.bottom], 0, size.height)
    assert box.area_within(size) == pytest.approx(Box(left, top, right, bottom).area, abs=1e-6)
    assert 0 <= box.area_within(size) <= min(box.area, size.pixels) + 1e-6


@given(sizes, st.integers(1, 4000))
def test_a_resized_image_has_the_longer_side_and_the_aspect_ratio_to_half_a_pixel(size: Size, pixels: int) -> None:
    found = size.with_longer_side(pixels)
    assert found.longer == pixels
    shorter = min(size.width, size.height) * pixels / size.longer
    assert min(found.width, found.height) == pytest.approx(max(1, shorter), abs=0.5)
    assert (found.width >= found.height) or size.width < size.height


@given(similarities(), points)
def test_any_transform_is_undone_by_its_inverse(matrix: Matrix, points: NDArray[np.float64]) -> None:
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    # Points are float32, with 24 bits, and what is lost before the inverse is divided by the scale.
    reach = max(1.0, scale) * 1e4 + np.abs(matrix[:, 2]).max()
    tolerance = 4 * reach * 2**-24 / min(1, scale)
    np.testing.assert_allclose(apply(invert(matrix), apply(matrix, points)), points, atol=tolerance)
    np.testing.assert_allclose(invert(invert(matrix)), matrix, rtol=1e-9, atol=1e-6)


@given(similarities(), points)
def test_any_similarity_is_found_again_from_the_points_it_moved(matrix: Matrix, points: NDArray[np.float64]) -> None:
    assume(np.ptp(points, axis=0).max() > 1)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    found = similarity_from_points(points, moved)
    np.testing.assert_allclose(points @ found[:, :2].T + found[:, 2], moved, rtol=1e-6, atol=1e-3)


@given(points.map(lambda four: four[0]), st.floats(1, 5000), axes, st.integers(8, 512), st.booleans())
def test_a_crop_matrix_has_the_crops_scale_and_undone_it_gives_the_square(
    centre: NDArray[np.float64], side: float, axis: NDArray[np.float64], pixels: int, mirrored: bool
) -> None:
    matrix = square_crop(centre, side, axis, pixels, mirrored=mirrored)
    determinant = np.linalg.det(matrix[:, :2])
    assert determinant == pytest.approx((-1 if mirrored else 1) * (pixels / side) ** 2)
    ends = np.array([[pixels / 2, pixels / 2], [0, pixels / 2], [pixels, pixels / 2]])
    middle, start, end = apply(invert(matrix), ends).astype(np.float64)
    np.testing.assert_allclose(middle, centre, atol=1e-2)
    np.testing.assert_allclose(end - start, (-1 if mirrored else 1) * side * axis, atol=1e-2)


@given(points)
def test_level_axes_put_any_two_points_on_one_line(points: NDArray[np.float64]) -> None:
    left, right = points[:2]
    distance = float(np.hypot(*(right - left)))
    assume(distance > 1e-3)
    axes = level_axes(left, right)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(axes @ (right - left), [distance, 0], atol=1e-6)
