"""Degradations change what they are named after, and the mesh moves with the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tools.camera import FAMILIES, cut, degraded, dim, jpeg, noisy, over_exposed, smaller, tilted
from tools.camera_occlusion import masked, sunglasses
from tools.camera_photo import Photo
from tools.camera_yaw import turned_head

from visavis.face_mesh import MOUTH_CORNERS, NOSE_TIP, OUTER_EYE_CORNERS, eye_centres
from visavis.mean_face import mean_face
from visavis.vision.pose import pose_of

MEMBERS = list(dict.fromkeys(member for family in FAMILIES.values() for member in family.members))


def photo() -> Photo:
    """The mean face as a smooth random pattern, 60 pixels between the eyes."""
    points = (mean_face() * 60 + (128, 100, 0)).astype(np.float32)
    noise = np.random.default_rng(5).uniform(60, 190, (32, 32, 3)).astype(np.float32)
    return Photo(np.asarray(cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC), np.float32), points)


def test_the_interocular_distance_is_that_of_the_eye_centres() -> None:
    assert photo().interocular == pytest.approx(60, rel=0.05)
    assert photo().scaled(0.5, cv2.INTER_AREA).interocular == pytest.approx(photo().interocular / 2, rel=1e-3)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: str(member.__name__))
@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_each_degradation_gives_a_photo_that_a_draw_repeats(member, strength: float) -> None:  # type: ignore[no-untyped-def]
    one, again, other = (member(photo(), strength, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.pixels.dtype == np.float32
    assert one.pixels.ndim == 3
    assert one.points.shape == (468, 3)
    assert one.pixels.std() > 1
    np.testing.assert_array_equal(one.pixels, again.pixels)
    assert one.pixels.shape != other.pixels.shape or (one.pixels != other.pixels).any()


@pytest.mark.parametrize("move", [turned_head, tilted, cut, smaller])
@pytest.mark.parametrize("seed", range(4))
def test_the_mesh_moves_with_the_pixels(move, seed: int) -> None:  # type: ignore[no-untyped-def]
    """A white dot on a vertex is found again where the vertex is afterwards."""
    for vertex in (NOSE_TIP, *MOUTH_CORNERS):
        dark = Photo(np.full((256, 256, 3), 20, np.float32), photo().points)
        x, y = dark.points[vertex, :2].round().astype(int)
        dark.pixels[y - 2 : y + 3, x - 2 : x + 3] = 255
        moved = move(dark, 0.5, np.random.default_rng(seed))
        height, width = moved.pixels.shape[:2]
        place = moved.points[vertex, :2]
        if not (0 <= place[0] < width and 0 <= place[1] < height):  # cut off
            continue
        brightness = np.maximum(moved.pixels.mean(axis=2) - 40, 0)
        if brightness.max() < 20:  # hidden
            continue
        found = np.array([(brightness.sum(axis=k) * np.arange((width, height)[k])).sum() for k in (0, 1)])
        np.testing.assert_allclose(found / brightness.sum(), place, atol=3)


@pytest.mark.parametrize("seed", range(6))
def test_a_turned_head_has_the_yaw_of_its_turn_and_no_other(seed: int) -> None:
    pose = pose_of(turned_head(photo(), 1.0, np.random.default_rng(seed)).points)
    straight = pose_of(photo().points)
    assert 15 <= abs(pose.yaw) <= 60
    assert pose.roll == pytest.approx(straight.roll, abs=0.1)
    assert pose.pitch == pytest.approx(straight.pitch, abs=0.1)


def test_light_changes_in_its_direction() -> None:
    before = photo().pixels.mean()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert over_exposed(photo(), 1.0, rng).pixels.mean() > before + 20
        assert np.abs(noisy(photo(), 1.0, rng).pixels - photo().pixels).mean() > 5
    assert np.mean([dim(photo(), 1.0, np.random.default_rng(s)).pixels.mean() for s in range(20)]) < before - 40


def test_a_mask_covers_the_mouth_and_not_the_eyes() -> None:
    face = photo()
    masked_face = masked(face, 1.0, np.random.default_rng(3))
    changed = np.abs(masked_face.pixels - face.pixels).sum(axis=2) > 1
    mouth = face.points[list(MOUTH_CORNERS), :2].mean(axis=0).round().astype(int)
    assert changed[mouth[1], mouth[0]]
    for x, y in eye_centres(face.points).round().astype(int):
        assert not changed[y, x]


def test_sunglasses_cover_the_eyes_and_not_the_mouth() -> None:
    face = photo()
    changed = np.abs(sunglasses(face, 1.0, np.random.default_rng(3)).pixels - face.pixels).sum(axis=2) > 1
    for x, y in eye_centres(face.points).round().astype(int):
        assert changed[y, x]
    x, y = face.points[list(MOUTH_CORNERS), :2].mean(axis=0).round().astype(int)
    assert not changed[y, x]


def test_a_cut_leaves_most_of_the_face_in_the_frame() -> None:
    for seed in range(10):
        one = cut(photo(), 1.0, np.random.default_rng(seed))
        height, width = one.pixels.shape[:2]
        points = one.points[:, :2]
        inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
        assert inside.mean() > 0.3
        assert height * width < 256 * 256


def test_jpeg_keeps_the_face_where_it_is_when_the_size_changes() -> None:
    for seed in range(8):
        one = jpeg(photo(), 0.7, np.random.default_rng(seed))
        scale = one.pixels.shape[1] / 256
        np.testing.assert_allclose(
            one.points[list(OUTER_EYE_CORNERS)], photo().points[list(OUTER_EYE_CORNERS)] * scale, atol=0.6
        )


def test_a_stronger_degradation_changes_more() -> None:
    def change(strength: float) -> float:
        changes = []
        for seed in range(40):
            one = degraded(photo(), strength, np.random.default_rng(seed))
            back = cv2.resize(one.pixels, (256, 256), interpolation=cv2.INTER_LINEAR)
            changes.append(float(np.abs(back - photo().pixels).mean()))
        return float(np.mean(changes))

    assert change(0.15) < change(0.5) < change(1.0)


def test_degraded_photos_are_valid_images() -> None:
    for seed in range(30):
        one = degraded(photo(), 1.0, np.random.default_rng(seed))
        assert one.pixels.min() >= 0
        assert one.pixels.max() <= 255
        assert min(one.pixels.shape[:2]) >= 8
