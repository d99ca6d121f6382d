from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.face import Pose, QualityFilter, QualityReason
from visavis.image import Image
from visavis.vision.quality import BARS, Evidence, Light, light_of, quality_of

GOOD_LIGHT = Light(brightness=50, sharpness=60, contrast=12)
GOOD = Evidence(confidence=99.9, presence=20, strength=12, pose=Pose(0, 0, 0), eye_distance=100)
WHOLE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def noise(mean: float, spread: float) -> Image:
    values = np.random.default_rng(0).normal(mean, spread, (128, 128, 1)).repeat(3, axis=2)
    return Image(values.clip(0, 255).astype(np.uint8))


def test_the_bars_are_nested() -> None:
    assert sorted(BARS.values()) == [BARS[QualityFilter(f)] for f in ("NONE", "LOW", "AUTO", "MEDIUM", "HIGH")]


def test_a_good_face_clears_every_bar_and_has_no_reasons() -> None:
    quality = quality_of(GOOD_LIGHT, GOOD)
    assert quality.score > BARS[QualityFilter.HIGH]
    assert quality.reasons == ()


@pytest.mark.parametrize(
    ("light", "evidence", "reason"),
    [
        (GOOD_LIGHT, replace(GOOD, pose=Pose(0, 50, 0)), QualityReason.EXTREME_POSE),
        (GOOD_LIGHT, replace(GOOD, pose=Pose(0, 0, -40)), QualityReason.EXTREME_POSE),
        (GOOD_LIGHT, replace(GOOD, eye_distance=15), QualityReason.SMALL_BOUNDING_BOX),
        (GOOD_LIGHT, replace(GOOD, confidence=80), QualityReason.LOW_CONFIDENCE),
        (replace(GOOD_LIGHT, brightness=10), GOOD, QualityReason.LOW_BRIGHTNESS),
        (replace(GOOD_LIGHT, sharpness=5), GOOD, QualityReason.LOW_SHARPNESS),
        (GOOD_LIGHT, replace(GOOD, strength=7), QualityReason.LOW_FACE_QUALITY),
    ],
)
def test_what_is_poor_is_named_and_costs_points(light: Light, evidence: Evidence, reason: QualityReason) -> None:
    quality = quality_of(light, evidence)
    assert quality.reasons == (reason,)
    # A face may be too faint a detection and still a good picture; everything else costs.
    if reason is not QualityReason.LOW_CONFIDENCE:
        assert quality.score < quality_of(GOOD_LIGHT, GOOD).score


def test_a_roll_is_no_extreme_pose() -> None:
    assert quality_of(GOOD_LIGHT, replace(GOOD, pose=Pose(170, 0, 0))).reasons == ()


def test_an_embedding_whose_length_says_nothing_counts_neither_for_nor_against() -> None:
    unknown = quality_of(GOOD_LIGHT, replace(GOOD, strength=None)).score
    poor, good = (quality_of(GOOD_LIGHT, replace(GOOD, strength=s)).score for s in (9.0, 14.0))
    assert poor < unknown < good
    assert BARS[QualityFilter.HIGH] <= unknown


@pytest.mark.parametrize("strength", [0.0, 1e9])
def test_the_score_stays_within_its_scale(strength: float) -> None:
    assert quality_of(GOOD_LIGHT, replace(GOOD, strength=strength)).score in (0, 100)


def test_brightness_is_the_mean_luma_in_percent() -> None:
    assert light_of(noise(102, 0), WHOLE, 128).brightness == pytest.approx(40, abs=0.1)


def test_less_light_on_the_same_picture_changes_its_sharpness_little() -> None:
    bright, dim = light_of(noise(150, 25), WHOLE, 128), light_of(noise(75, 12.5), WHOLE, 128)
    assert dim.sharpness == pytest.approx(bright.sharpness, abs=3)


def test_a_face_without_any_contrast_is_wholly_unsharp() -> None:
    assert light_of(noise(120, 0), WHOLE, 128).sharpness < 1
