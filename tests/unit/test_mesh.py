from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.makers import locate, map_image, posed_mesh
from visavis.face_mesh import CROP_MARGIN, CROP_SIDE
from visavis.geometry import Matrix, apply
from visavis.vision.align import five_points
from visavis.vision.mesh import FaceMeshModel, crop_matrix_from_mesh, crop_matrix_from_points

IMAGE = map_image()


class MeshSession:
    """Finds the same mesh of the image in every crop, rolled by the result of `roll_of` for each run."""

    def __init__(self, mesh: NDArray[np.float32], roll_of: Callable[[int], float] = lambda run: 0.0) -> None:
        self.mesh, self.roll_of = mesh, roll_of
        self.crops: list[NDArray[np.uint8]] = []

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        self.crops.append(pictures[0])
        matrix = locate(pictures[0])
        angle = np.radians(self.roll_of(len(self.crops)))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = self.mesh[:, :2].mean(axis=0)
        points = apply(matrix, (self.mesh[:, :2] - centre) @ turn + centre)
        depth = self.mesh[:, 2] * np.hypot(*matrix[:, 0])
        answer = np.column_stack([points, depth]).astype(np.float32)
        return {"conv2d_21": answer.reshape(1, 1, 1, 1404), "conv2d_31": np.full((1, 1, 1, 1), 13.5, np.float32)}


def in_crop(matrix: Matrix, mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    return apply(matrix, mesh[:, :2])


@pytest.mark.parametrize("roll", [0.0, 25.0, -130.0])
def test_the_mesh_of_a_face_comes_back_in_pixels_of_the_image(roll: float) -> None:
    truth = posed_mesh(roll=roll, yaw=20, interocular=40)
    mesh = FaceMeshModel(MeshSession(truth))(IMAGE, five_points(truth))
    np.testing.assert_allclose(mesh.points, truth, atol=0.15)
    assert mesh.presence == 13.5


def test_the_second_crop_is_placed_by_the_first_mesh() -> None:
    truth = posed_mesh(roll=10, interocular=40)
    session = MeshSession(truth)
    mesh = FaceMeshModel(session)(IMAGE, five_points(truth))
    assert [crop.shape for crop in session.crops] == [(192, 192, 3)] * 2
    np.testing.assert_allclose(mesh.crop_matrix, crop_matrix_from_mesh(truth[:, :2]), atol=0.5)
    assert (mesh.crop_pixels == session.crops[-1]).all()


@pytest.mark.parametrize(("off", "runs"), [(3.0, 2), (5.0, 3)])
def test_a_face_is_read_once_more_where_the_crop_turned_by_4_degrees_or_more(off: float, runs: int) -> None:
    truth = posed_mesh(interocular=40)
    # The detector's points are off by some degrees; the first mesh is right.
    session = MeshSession(truth)
    FaceMeshModel(session)(IMAGE, five_points(posed_mesh(roll=off, interocular=40)))
    assert len(session.crops) == runs


def test_a_mesh_that_never_converges_is_read_six_times() -> None:
    session = MeshSession(posed_mesh(interocular=40), roll_of=lambda run: 30.0 * run)
    FaceMeshModel(session)(IMAGE, five_points(posed_mesh(interocular=40)))
    assert len(session.crops) == 6


def test_a_half_turn_counts_as_a_turn() -> None:
    session = MeshSession(posed_mesh(interocular=40))
    FaceMeshModel(session)(IMAGE, five_points(posed_mesh(roll=180, interocular=40)))
    assert len(session.crops) == 3


@pytest.mark.parametrize("roll", [0.0, 40.0, 180.0])
def test_the_crop_around_a_mesh_is_level_centred_and_one_and_a_half_times_its_size(roll: float) -> None:
    mesh = posed_mesh(roll=roll, interocular=40)
    points = in_crop(crop_matrix_from_mesh(mesh[:, :2]), mesh)
    low, high = points.min(axis=0), points.max(axis=0)
    assert (high - low).max() == pytest.approx(192 / 1.5, abs=0.01)
    assert (low + high) / 2 == pytest.approx((96, 96), abs=0.01)
    assert points[33, 1] == pytest.approx(points[263, 1], abs=0.01)
    assert points[33, 0] < points[263, 0]
    assert (CROP_SIDE, CROP_MARGIN) == (192, 1.5)


def test_the_crop_from_five_points_agrees_with_the_one_the_mesh_asks_for() -> None:
    mesh = posed_mesh(interocular=40)
    first, second = crop_matrix_from_points(five_points(mesh)), crop_matrix_from_mesh(mesh[:, :2])
    assert first[0, 0] == pytest.approx(second[0, 0], rel=0.03)
    np.testing.assert_allclose(in_crop(first, mesh).mean(axis=0), in_crop(second, mesh).mean(axis=0), atol=4)


def five(interocular: float, drop: float, shift: float = 0) -> NDArray[np.float32]:
    """Eyes around (100, 100), and a mouth `drop` below, offset to the right by `shift`."""
    half, middle, below = interocular / 2, 100 + shift, 100 + drop
    eyes, mouth = [(100 - half, 100), (100 + half, 100)], [(middle - 9, below), (middle + 9, below)]
    return np.array([*eyes, (0, 0), *mouth], np.float32)


@pytest.mark.parametrize(
    ("points", "side", "centre"),
    [
        (five(40, 30), 3.80 * 40, (100, 100 + 0.47 * 30)),
        (five(30, 50), 3.66 * 50, (100, 100 + 0.47 * 50)),
        (five(40, 30, shift=8), 3.80 * 40, (104, 100 + 0.47 * 30)),
    ],
)
def test_the_first_crop_follows_from_the_eyes_and_the_mouth(
    points: NDArray[np.float32], side: float, centre: tuple[float, float]
) -> None:
    expected = 192 / side * np.array([[1, 0, side / 2 - centre[0]], [0, 1, side / 2 - centre[1]]])
    np.testing.assert_allclose(crop_matrix_from_points(points), expected, atol=1e-4)


def test_the_first_crop_levels_the_eyes() -> None:
    points = five_points(posed_mesh(roll=60, interocular=40))
    left, right = apply(crop_matrix_from_points(points), points)[:2]
    assert left[1] == pytest.approx(right[1], abs=0.01)
    assert left[0] < right[0]


def test_points_that_coincide_still_give_a_crop() -> None:
    assert np.isfinite(crop_matrix_from_points(np.full((5, 2), 50, np.float32))).all()
    assert np.isfinite(crop_matrix_from_mesh(np.full((468, 2), 50, np.float32))).all()
