from __future__ import annotations

import numpy as np
import pytest

from tests.makers import posed_mesh, rotation
from visavis.face_mesh import eye_centres
from visavis.mean_face import mean_face
from visavis.vision.pose import pose_of, rotation_between


@pytest.mark.parametrize(
    ("roll", "yaw", "pitch"),
    [(0, 0, 0), (30, 0, 0), (0, 40, 0), (0, 0, 25), (-120, 0, 0), (20, -35, 10), (75, 50, -20), (180, 10, 5)],
)
def test_the_pose_of_the_mean_face_is_the_rotation_it_was_given(roll: float, yaw: float, pitch: float) -> None:
    pose = pose_of(posed_mesh(roll=roll, yaw=yaw, pitch=pitch))
    assert (pose.roll - roll + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    assert pose.yaw == pytest.approx(yaw, abs=0.01)
    # The mesh's pitch is 3.3 degrees lower than Rekognition's.
    assert pose.pitch == pytest.approx(pitch + 3.3, abs=0.01)


@pytest.mark.parametrize(("interocular", "centre"), [(5, (0, 0)), (400, (-1000, 3000))])
def test_pose_does_not_depend_on_size_and_place(interocular: float, centre: tuple[float, float]) -> None:
    pose = pose_of(posed_mesh(roll=10, yaw=20, pitch=5, interocular=interocular, centre=centre))
    assert (pose.roll, pose.yaw, pose.pitch) == pytest.approx((10, 20, 8.3), abs=0.05)


def test_the_signs_are_those_of_the_face() -> None:
    """A positive roll lowers the right eye, a positive yaw moves the nose right, a positive pitch moves it up."""
    straight, nose = posed_mesh(), 1
    assert posed_mesh(roll=10)[263, 1] > straight[263, 1]
    assert posed_mesh(yaw=10)[nose, 0] > straight[nose, 0]
    assert posed_mesh(pitch=10)[nose, 1] < straight[nose, 1]


def test_the_rotation_between_two_meshes_is_found_again() -> None:
    turn = rotation(roll=40, yaw=-30, pitch=15)
    np.testing.assert_allclose(rotation_between(mean_face(), 3 * mean_face() @ turn.T + [7, 8, 9]), turn, atol=1e-9)


def test_a_mirrored_mesh_is_answered_with_a_rotation_and_no_mirror() -> None:
    assert np.linalg.det(rotation_between(mean_face(), mean_face() * [1, 1, -1])) == pytest.approx(1)


def test_the_mean_face_is_symmetrical_with_its_eyes_one_unit_apart() -> None:
    face = mean_face()
    assert face.shape == (468, 3)
    np.testing.assert_allclose(eye_centres(face.astype(np.float32)), [[-0.5, 0], [0.5, 0]], atol=1e-4)
    nearest = np.abs((face * [-1, 1, 1])[:, None] - face[None]).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-6
