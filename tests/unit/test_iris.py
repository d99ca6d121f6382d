from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.makers import iris_outputs, locate, map_image, posed_mesh
from visavis.face_mesh import MIN_EYE_WIDTH
from visavis.geometry import Points, apply
from visavis.vision.iris import Eyes, PupilFinder


class IrisSession:
    """Finds the pupil at a fixed place of the (64, 64) crop; records the crops."""

    def __init__(self, x: float, y: float) -> None:
        self.answer = iris_outputs((x, y))
        self.crops: list[NDArray[np.uint8]] = []

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        self.crops.extend(images)
        return {name: np.concatenate([output] * len(images)) for name, output in self.answer.items()}


def eye_mesh(width: float = 40, turn: float = 0) -> NDArray[np.float32]:
    """Eyes of this width, centred at (60, 100) and (180, 100), then rotated around (120, 100), in degrees."""
    mesh = np.zeros((468, 3), np.float32)
    mesh[[33, 133, 362, 263], 0] = np.array([-60 - width / 2, -60 + width / 2, 60 - width / 2, 60 + width / 2])
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    mesh[:, :2] = mesh[:, :2] @ np.array([[c, s], [-s, c]]) + [120, 100]
    return mesh


def pupils(session: IrisSession, mesh: NDArray[np.float32]) -> Points:
    return eyes(session, mesh).pupils


def eyes(session: IrisSession, mesh: NDArray[np.float32]) -> Eyes:
    found = PupilFinder(session)(map_image(), mesh)
    assert found is not None
    return found


def test_a_pupil_in_the_middle_of_the_crop_lies_midway_between_the_corners_of_its_eye() -> None:
    assert pupils(IrisSession(32, 32), eye_mesh()).tolist() == [[60, 100], [180, 100]]


def test_the_crop_is_2_3_times_as_wide_as_the_eye() -> None:
    left, right = pupils(IrisSession(64, 0), eye_mesh(width=40))
    # The upper right corner; the upper left of the other eye, whose crop is mirrored.
    assert left.tolist() == pytest.approx([60 + 46, 100 - 46])
    assert right.tolist() == pytest.approx([180 - 46, 100 - 46])


def test_the_crop_turns_with_the_eye() -> None:
    left, right = pupils(IrisSession(64, 0), eye_mesh(width=40, turn=90))
    assert left.tolist() == pytest.approx([120 + 46, 40 + 46], abs=1e-4)
    assert right.tolist() == pytest.approx([120 + 46, 160 - 46], abs=1e-4)


def test_the_network_is_shown_the_left_eye_as_it_is_and_the_right_one_mirrored() -> None:
    session = IrisSession(32, 32)
    pupils(session, eye_mesh(width=40))
    assert [crop.shape for crop in session.crops] == [(64, 64, 3)] * 2
    corners = np.array([[40, 100], [80, 100]]), np.array([[200, 100], [160, 100]])
    half = 32 / 2.3
    for crop, eye in zip(session.crops, corners, strict=True):
        np.testing.assert_allclose(apply(locate(crop), eye), [[32 - half, 32], [32 + half, 32]], atol=0.5)


def test_an_eye_too_small_to_look_into_gives_no_pupils() -> None:
    session = IrisSession(32, 32)
    assert PupilFinder(session)(map_image(), eye_mesh(width=MIN_EYE_WIDTH - 0.1)) is None
    assert session.crops == []
    assert PupilFinder(session)(map_image(), eye_mesh(width=MIN_EYE_WIDTH + 0.1)) is not None
    assert MIN_EYE_WIDTH == 6


def test_one_small_eye_is_enough_to_give_none() -> None:
    mesh = posed_mesh(interocular=100)
    mesh[263] = mesh[362] + [3, 0, 0]
    assert PupilFinder(IrisSession(32, 32))(map_image(), mesh) is None


def test_both_contours_begin_at_the_outer_corner_and_pass_the_inner_one() -> None:
    left, right = eyes(IrisSession(32, 32), eye_mesh(width=40)).contours
    assert left[[0, 8]].tolist() == [pytest.approx([40, 100], abs=1e-4), pytest.approx([80, 100], abs=1e-4)]
    assert right[[0, 8]].tolist() == [pytest.approx([200, 100], abs=1e-4), pytest.approx([160, 100], abs=1e-4)]


def test_each_point_of_the_upper_lid_lies_over_one_of_the_lower_lid() -> None:
    for contour in eyes(IrisSession(32, 32), eye_mesh(width=40)).contours:
        lower, upper = contour[1:8], contour[9:16]
        np.testing.assert_allclose(upper[:, 0], lower[:, 0], atol=1e-4)
        np.testing.assert_allclose(lower[:, 1] - upper[:, 1], 0.3 * 40, atol=1e-4)
