from __future__ import annotations

import math

import numpy as np
import pytest
from tools.fit_gaze import Gaze, fitted

from visavis.face import EyeDirection, Pose
from visavis.vision.gaze import NUMBERS, PUPIL_RADIUS


def face(offsets: list[list[float]], pitch: float) -> Gaze:
    direction = EyeDirection(yaw=0, pitch=pitch, confidence=90)
    return Gaze(Pose(roll=0, yaw=0, pitch=0), direction, np.array(offsets), np.zeros(2))


def test_the_centres_of_the_eyeballs_are_where_frontal_faces_look_into_the_camera_on_average() -> None:
    # The left pupil is on average 0.03 to the left of the middle of its eye, and the right pupil 0.01 to the right.
    numbers = fitted([face([[-0.02, 0], [0.02, 0]], 5), face([[-0.04, 0], [0.0, 0]], 5)])
    assert numbers.outward == pytest.approx(0.02)
    assert numbers.upward == pytest.approx(NUMBERS.upward + PUPIL_RADIUS * math.sin(math.radians(5)))
