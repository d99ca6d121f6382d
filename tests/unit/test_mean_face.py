"""The mean face laid through a detector's five points."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.makers import FIVE, rotation
from visavis.mean_face import mean_face, mean_face_through
from visavis.vision.pose import pose_of

USUAL = -3.6
"""The pitch that a fit prefers."""


def detected(*, roll: float = 0, yaw: float = 0, pitch: float = 0) -> NDArray[np.float32]:
    """The detector's points of the mean face in a pose, 50 pixels between the eyes, about (200, 150)."""
    points = 50 * FIVE @ rotation(roll=roll, yaw=yaw, pitch=pitch).T
    return (points[:, :2] + (200, 150)).astype(np.float32)


@pytest.mark.parametrize("yaw", [-84, -60, 0, 30, 75])
@pytest.mark.parametrize("roll", [0, 40, 180])
def test_a_pose_is_found_again(yaw: float, roll: float) -> None:
    mesh = mean_face_through(detected(roll=roll, yaw=yaw, pitch=USUAL))
    pose = pose_of(mesh)
    assert (pose.yaw, pose.pitch) == pytest.approx((yaw, USUAL + 3.3), abs=4)
    assert (pose.roll - roll + 180) % 360 - 180 == pytest.approx(0, abs=3)
    exact = 50 * mean_face() @ rotation(roll=roll, yaw=yaw, pitch=USUAL).T + (200, 150, 0)
    assert np.abs(mesh[:, :2] - exact[:, :2]).max() < 5
    assert mesh.dtype == np.float32


def test_a_profile_is_not_taken_for_a_head_that_nods() -> None:
    assert abs(pose_of(mean_face_through(detected(yaw=80))).pitch - pose_of(mean_face_through(detected())).pitch) < 8


def test_points_of_no_face_give_a_mesh_of_some_size() -> None:
    mesh = mean_face_through(np.array([[0, 0], [10, 0], [90, 3], [0, 1], [10, 1]], np.float32))
    assert np.isfinite(mesh).all()
    eyes = mesh[[33, 263], :2]
    assert np.hypot(*(eyes[1] - eyes[0])) > 0
