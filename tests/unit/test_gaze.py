from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.makers import eye_contour, posed_mesh
from visavis.face import Attribute, EyeDirection, Pose
from visavis.vision.gaze import NUMBERS, eye_direction, gaze_vectors, pupil_offsets

OPEN = Attribute(value=True, confidence=100.0)
INTEROCULAR = 100.0
AHEAD = Pose(roll=0, yaw=0, pitch=0)

Floats = NDArray[np.float32]


def looking(
    yaw: float = 0, pitch: float = 0, *, head: Pose = AHEAD, interocular: float = INTEROCULAR
) -> tuple[Floats, Floats, Floats]:
    """Pupils, contours and mesh of a head that looks in this direction, computed independently of the code.

    Eyeballs rotate around centres that lie 0.08 interocular distances behind the corners, and pupils lie 0.16 in front
    of those centres. The unit of the code, the distance between the midpoints of the corners, is 0.986 of these.
    """
    mesh = posed_mesh(yaw=head.yaw, pitch=head.pitch, roll=head.roll, interocular=interocular)
    level = posed_mesh(yaw=head.yaw, pitch=head.pitch, interocular=interocular).astype(np.float64)
    h, p = math.radians(head.yaw), math.radians(head.pitch)
    pupils, contours = [], []
    for corners, side in (((33, 133), -1), ((362, 263), 1)):
        left, right = level[list(corners), :2]
        contour = eye_contour(0.3, float(right[0] - left[0])) * [-side, 1] + (left + right) / 2
        behind = 0.08 * np.array([-math.sin(h) * math.cos(p), math.sin(p)])
        shift = [side * NUMBERS.outward * math.cos(h), -NUMBERS.upward * math.cos(p)]
        gaze = [math.sin(math.radians(yaw)) * math.cos(math.radians(pitch)), -math.sin(math.radians(pitch))]
        middle = (contour[0] + contour[8]) / 2
        pupils.append(middle + interocular * (behind + shift + 0.16 * np.array(gaze)))
        contours.append(contour)
    c, s = math.cos(math.radians(head.roll)), math.sin(math.radians(head.roll))
    turn = np.array([[c, s], [-s, c]])
    return (
        np.asarray((np.array(pupils) - 128) @ turn + 128, np.float32),
        np.asarray((np.array(contours) - 128) @ turn + 128, np.float32),
        mesh,
    )


def moved(pupils: Floats, x: float, y: float) -> Floats:
    return np.asarray(pupils + np.array([x, y]), np.float32)


def direction(
    yaw: float = 0,
    pitch: float = 0,
    *,
    head: Pose = AHEAD,
    eyes_open: Attribute = OPEN,
    interocular: float = INTEROCULAR,
) -> EyeDirection:
    return eye_direction(*looking(yaw, pitch, head=head, interocular=interocular), head, eyes_open)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 0), (-25, 0), (0, 20), (0, -20), (15, -10)])
@pytest.mark.parametrize("head", [AHEAD, Pose(0, 20, 0), Pose(0, 0, 15), Pose(30, 0, 0), Pose(-120, -15, 10)])
def test_the_direction_is_found_however_the_head_is_turned(yaw: float, pitch: float, head: Pose) -> None:
    found = direction(yaw, pitch, head=head)
    # The model overestimates the distance between the middles of the eyes of a turned mean face.
    assert (found.yaw, found.pitch) == pytest.approx((yaw, pitch), abs=1.0)


def test_pupils_to_the_right_of_the_image_give_a_positive_yaw_and_pupils_further_up_a_positive_pitch() -> None:
    pupils, contours, mesh = looking()
    right = eye_direction(moved(pupils, 6, 0), contours, mesh, AHEAD, OPEN)
    up = eye_direction(moved(pupils, 0, -6), contours, mesh, AHEAD, OPEN)
    assert (right.yaw, right.pitch) == pytest.approx((math.degrees(math.asin(6 / 16)), 0), abs=1.0)
    assert (up.yaw, up.pitch) == pytest.approx((0, math.degrees(math.asin(6 / 16))), abs=1.0)


def test_eyes_that_stay_in_the_middle_of_a_turned_head_look_where_it_points() -> None:
    # The model's pupils for a gaze along the nose.
    for head in (Pose(0, 25, 0), Pose(0, -25, 0), Pose(0, 0, 15)):
        offsets = pupil_offsets(*looking(head.yaw, head.pitch, head=head), head)
        assert direction(head.yaw, head.pitch, head=head).yaw == pytest.approx(head.yaw, abs=1.0)
        assert offsets.mean(axis=0)[0] == pytest.approx(0.08 * math.sin(math.radians(head.yaw)), abs=0.005)


def test_size_does_not_change_the_direction() -> None:
    small, large = direction(20, 10, interocular=30), direction(20, 10, interocular=300)
    assert (small.yaw, small.pitch) == pytest.approx((large.yaw, large.pitch), abs=0.1)


def test_a_mirrored_face_looks_to_the_other_side() -> None:
    pupils, contours, mesh = looking(20, 10)
    pupils[0, 0] += 2
    found = eye_direction(pupils, contours, mesh, AHEAD, OPEN)
    flip = np.array([-1, 1], np.float32)
    swapped = mesh.copy()
    swapped[:, 0] *= -1
    for one, other in ((33, 263), (133, 362)):
        swapped[[one, other]] = swapped[[other, one]]
    mirrored = eye_direction(pupils[::-1] * flip, contours[::-1] * flip, swapped, AHEAD, OPEN)
    assert (mirrored.yaw, mirrored.pitch) == pytest.approx((-found.yaw, found.pitch), abs=1e-3)


def test_the_wider_eye_counts_for_more() -> None:
    pupils, contours, mesh = looking()
    middle = (contours[1, 0] + contours[1, 8]) / 2
    contours[1] = middle + (contours[1] - middle) / 4
    pupils[0, 0] += 4
    found = eye_direction(pupils, contours, mesh, AHEAD, OPEN)
    assert math.sin(math.radians(found.yaw)) == pytest.approx(0.8 * 4 / 16, abs=0.01)


def test_pupils_outside_the_eye_are_clamped_to_60_degrees() -> None:
    pupils, contours, mesh = looking()
    assert eye_direction(moved(pupils, 50, 0), contours, mesh, AHEAD, OPEN).yaw == pytest.approx(60, abs=0.1)
    assert eye_direction(moved(pupils, 0, 50), contours, mesh, AHEAD, OPEN).pitch == pytest.approx(-60, abs=0.1)
    both = eye_direction(moved(pupils, 50, 50), contours, mesh, AHEAD, OPEN)
    vectors = gaze_vectors(moved(pupils, 50, 50), contours, mesh, AHEAD)
    assert np.linalg.norm(vectors, axis=1).min() > 1
    assert math.cos(math.radians(both.yaw)) * math.cos(math.radians(both.pitch)) == pytest.approx(0.5)


def test_the_confidence_falls_with_closed_small_and_turned_eyes() -> None:
    good = direction().confidence
    assert 85 < good < 100
    assert direction(eyes_open=Attribute(True, 60.0)).confidence == pytest.approx(0.6 * good)
    assert direction(eyes_open=Attribute(False, 90.0)).confidence == pytest.approx(0.1 * good)
    assert direction(interocular=20).confidence < 0.7 * good
    assert direction(head=Pose(0, 40, 0)).confidence < 0.8 * good


def test_an_eye_6_pixels_wide_halves_the_confidence() -> None:
    pupils, contours, mesh = looking()
    middles = (contours[:, :1] + contours[:, 8:9]) / 2
    width = float(contours[0, 8, 0] - contours[0, 0, 0])
    narrow = np.asarray(middles + (contours - middles) * (6 / width), np.float32)
    assert eye_direction(pupils, narrow, mesh, AHEAD, OPEN).confidence == pytest.approx(50, abs=0.1)


def test_points_that_all_coincide_give_a_direction_without_confidence() -> None:
    found = eye_direction(
        np.zeros((2, 2), np.float32), np.zeros((2, 16, 2), np.float32), np.zeros((468, 3), np.float32), AHEAD, OPEN
    )
    assert math.isfinite(found.yaw)
    assert math.isfinite(found.pitch)
    assert found.confidence == 0
