from __future__ import annotations

import numpy as np
import pytest

from tests.makers import locate, map_image, posed_mesh
from visavis.geometry import apply
from visavis.image import Image
from visavis.vision.align import SIDE, align, five_points

# From insightface's face_align.py; SFace was trained with the same template.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


def test_points_that_lie_on_the_template_leave_the_pixels_as_they_are() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    assert (align(Image(noise), TEMPLATE) == noise).all()


@pytest.mark.parametrize(("scale", "shift"), [(0.5, (20, 30)), (1.4, (40, 5))])
def test_a_face_of_any_size_and_place_is_brought_onto_the_template(scale: float, shift: tuple[float, float]) -> None:
    points = (TEMPLATE * scale + shift).astype(np.float32)
    np.testing.assert_allclose(apply(locate(align(map_image(), points)), points), TEMPLATE, atol=0.3)


def test_a_rolled_face_is_levelled() -> None:
    points = five_points(posed_mesh(roll=70))
    left, right = apply(locate(align(map_image(), points)), points)[:2]
    assert left[1] == pytest.approx(right[1], abs=0.5)
    assert right[0] - left[0] == pytest.approx(35, abs=3)


def test_what_lies_outside_the_image_is_black() -> None:
    white = Image(np.full((SIDE, SIDE, 3), 255, np.uint8))
    crop = align(white, TEMPLATE - np.array([56, 0], np.float32))
    assert (crop[:, :55] == 0).all()
    assert (crop[:, 57:] == 255).all()


def test_the_five_points_of_the_mean_face_are_its_eyes_nose_and_mouth_corners() -> None:
    left, right, nose, left_mouth, right_mouth = five_points(posed_mesh(interocular=100, centre=(0, 0)))
    assert left == pytest.approx((-50, 0), abs=0.01)
    assert right == pytest.approx((50, 0), abs=0.01)
    # The tip of the nose is the point of the face closest to the viewer.
    mesh = posed_mesh(interocular=100, centre=(0, 0))
    nearest = mesh[mesh[:, 2].argmin(), :2]
    assert np.hypot(*(nose - nearest)) < 10
    # 2 pixels, because the mean face pairs the corners of the mouth with their neighbours.
    assert left_mouth == pytest.approx(right_mouth * [-1, 1], abs=2)
    # The corners are the outermost points of the lips, at the height where they meet.
    lips = mesh[[0, 17, 37, 267, 84, 314, 61, 291], :2]
    assert (left_mouth[0], right_mouth[0]) == (lips[:, 0].min(), lips[:, 0].max())


def test_an_eyes_point_is_the_mean_of_its_corners_and_lids() -> None:
    mesh = np.zeros((468, 3), np.float32)
    mesh[[33, 133, 159, 145], 0] = 0, 8, 4, 4
    mesh[[33, 133, 159, 145], 1] = 0, 0, -1, 3
    mesh[[362, 263, 386, 374], 0] = 20, 28, 24, 24
    assert five_points(mesh)[:2].tolist() == [[4, 0.5], [24, 0]]
