from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visavis.face import Pose, QualityFilter, QualityReason
from visavis.image import Image
from visavis.vision.quality import QUALITY_THRESHOLDS, PixelQuality, QualityInputs, measure_pixels, quality_of

GOOD_PIXELS = PixelQuality(brightness=50, sharpness=60, contrast=12, laplacian_rms=0.06, side=150)
GOOD = QualityInputs(confidence=99.9, presence=20, embedding_norm=12, pose=Pose(0, 0, 0), interocular=100)
WHOLE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def noise(mean: float, deviation: float) -> Image:
    values = np.random.default_rng(0).normal(mean, deviation, (128, 128, 1)).repeat(3, axis=2)
    return Image(values.clip(0, 255).astype(np.uint8))


def test_the_thresholds_are_nested() -> None:
    assert sorted(QUALITY_THRESHOLDS.values()) == [
        QUALITY_THRESHOLDS[QualityFilter(f)] for f in ("NONE", "LOW", "AUTO", "MEDIUM", "HIGH")
    ]


def test_a_good_face_passes_every_filter_and_has_no_reasons() -> None:
    quality = quality_of(GOOD_PIXELS, GOOD)
    assert quality.score > QUALITY_THRESHOLDS[QualityFilter.HIGH]
    assert quality.reasons == ()


@pytest.mark.parametrize(
    ("pixels", "inputs", "reason"),
    [
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 50, 0)), QualityReason.EXTREME_POSE),
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 0, -40)), QualityReason.EXTREME_POSE),
        (GOOD_PIXELS, replace(GOOD, interocular=15), QualityReason.SMALL_BOUNDING_BOX),
        (GOOD_PIXELS, replace(GOOD, confidence=80), QualityReason.LOW_CONFIDENCE),
        (replace(GOOD_PIXELS, brightness=10), GOOD, QualityReason.LOW_BRIGHTNESS),
        (replace(GOOD_PIXELS, sharpness=5), GOOD, QualityReason.LOW_SHARPNESS),
        (GOOD_PIXELS, replace(GOOD, embedding_norm=7), QualityReason.LOW_FACE_QUALITY),
    ],
)
def test_what_is_poor_is_named_and_costs_points(
    pixels: PixelQuality, inputs: QualityInputs, reason: QualityReason
) -> None:
    quality = quality_of(pixels, inputs)
    assert quality.reasons == (reason,)
    # Only a low confidence leaves the score unchanged.
    if reason is not QualityReason.LOW_CONFIDENCE:
        assert quality.score < quality_of(GOOD_PIXELS, GOOD).score


def test_a_roll_is_no_extreme_pose() -> None:
    assert quality_of(GOOD_PIXELS, replace(GOOD, pose=Pose(170, 0, 0))).reasons == ()


def test_an_embedding_norm_that_is_not_calibrated_counts_neither_for_nor_against() -> None:
    unknown = quality_of(GOOD_PIXELS, replace(GOOD, embedding_norm=None)).score
    poor, good = (quality_of(GOOD_PIXELS, replace(GOOD, embedding_norm=s)).score for s in (9.0, 14.0))
    assert poor < unknown < good
    assert QUALITY_THRESHOLDS[QualityFilter.HIGH] <= unknown


@pytest.mark.parametrize("embedding_norm", [0.0, 1e9])
def test_the_score_stays_within_its_scale(embedding_norm: float) -> None:
    assert quality_of(GOOD_PIXELS, replace(GOOD, embedding_norm=embedding_norm)).score in (0, 100)


def test_brightness_is_the_mean_luma_in_percent() -> None:
    assert measure_pixels(noise(102, 0), WHOLE, 128).brightness == pytest.approx(40, abs=0.1)


def test_less_light_on_the_same_picture_changes_its_sharpness_little() -> None:
    bright, dim = measure_pixels(noise(150, 25), WHOLE, 128), measure_pixels(noise(75, 12.5), WHOLE, 128)
    assert dim.sharpness == pytest.approx(bright.sharpness, abs=3)


def test_a_face_without_any_contrast_is_wholly_unsharp() -> None:
    assert measure_pixels(noise(120, 0), WHOLE, 128).sharpness < 1


@pytest.mark.parametrize(
    ("pixels", "inputs", "reason", "poor"),
    [
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 45.5, 0)), QualityReason.EXTREME_POSE, True),
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, -44.5, 0)), QualityReason.EXTREME_POSE, False),
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 0, -30.5)), QualityReason.EXTREME_POSE, True),
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 0, -29.5)), QualityReason.EXTREME_POSE, False),
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 0, 45.5)), QualityReason.EXTREME_POSE, True),
        (GOOD_PIXELS, replace(GOOD, pose=Pose(0, 0, 44.5)), QualityReason.EXTREME_POSE, False),
        (GOOD_PIXELS, replace(GOOD, interocular=19.9), QualityReason.SMALL_BOUNDING_BOX, True),
        (GOOD_PIXELS, replace(GOOD, interocular=20), QualityReason.SMALL_BOUNDING_BOX, False),
        (GOOD_PIXELS, replace(GOOD, confidence=89.9), QualityReason.LOW_CONFIDENCE, True),
        (GOOD_PIXELS, replace(GOOD, confidence=90), QualityReason.LOW_CONFIDENCE, False),
        (replace(GOOD_PIXELS, brightness=14.9), GOOD, QualityReason.LOW_BRIGHTNESS, True),
        (replace(GOOD_PIXELS, brightness=15), GOOD, QualityReason.LOW_BRIGHTNESS, False),
        (replace(GOOD_PIXELS, sharpness=14.9), GOOD, QualityReason.LOW_SHARPNESS, True),
        (replace(GOOD_PIXELS, sharpness=15), GOOD, QualityReason.LOW_SHARPNESS, False),
    ],
)
def test_each_reason_has_its_bound(
    pixels: PixelQuality, inputs: QualityInputs, reason: QualityReason, poor: bool
) -> None:
    assert (reason in quality_of(pixels, inputs).reasons) is poor


MIDDLING_PIXELS = PixelQuality(brightness=25, sharpness=50, contrast=8, laplacian_rms=0.05, side=150)
MIDDLING = replace(GOOD, presence=0, embedding_norm=10)


def middling(pixels: PixelQuality = MIDDLING_PIXELS, **changes: Any) -> float:
    """The score of a face in the middle of every range, in the unit of the regression, with changes."""
    return 0.004362 * quality_of(pixels, replace(MIDDLING, **changes)).score


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        (middling(presence=17) - middling(presence=0), 0.0447),
        (middling(presence=30) - middling(presence=17), 0),
        (middling(presence=-5) - middling(presence=0), -0.0447 * 5 / 17),
        (middling(replace(MIDDLING_PIXELS, sharpness=25)) - middling(), -0.0185 / 2),
        (middling(replace(MIDDLING_PIXELS, sharpness=90)) - middling(), 0),
        (middling(replace(MIDDLING_PIXELS, brightness=15)) - middling(), -0.0926 * 10 / 25),
        (middling(replace(MIDDLING_PIXELS, brightness=70)) - middling(), 0),
        (middling(replace(MIDDLING_PIXELS, brightness=85)) - middling(), -0.0292 / 2),
        (middling(replace(MIDDLING_PIXELS, contrast=4)) - middling(), 0.042),
        (middling(replace(MIDDLING_PIXELS, contrast=12)) - middling(replace(MIDDLING_PIXELS, contrast=24)), 0),
        (middling(embedding_norm=11) - middling(embedding_norm=10), 0.501 * np.log(1.1)),
        (middling(interocular=18) - middling(), -0.004362 * 6),
    ],
)
def test_the_score_is_the_regression_of_its_docstring(change: float, effect: float) -> None:
    assert change == pytest.approx(effect, abs=1e-9)


def test_a_score_is_the_expected_cosine_on_the_range_of_the_score() -> None:
    # -.6149 + .0185 + .0926 - 3 * .042 + .501 * ln 10 is a cosine of .5238.
    assert quality_of(MIDDLING_PIXELS, MIDDLING).score == pytest.approx(100 * (0.52380 - 0.2571) / 0.4362, abs=0.01)


def test_a_face_without_a_calibrated_norm_is_scored_with_the_typical_one() -> None:
    assert (
        middling(embedding_norm=11.575)
        == quality_of(MIDDLING_PIXELS, replace(MIDDLING, embedding_norm=None)).score * 0.004362
    )


def test_each_degree_beyond_the_guidance_costs_a_point() -> None:
    turned = quality_of(MIDDLING_PIXELS, replace(MIDDLING, pose=Pose(0, -50, 52)))
    assert quality_of(MIDDLING_PIXELS, MIDDLING).score - turned.score == pytest.approx(5 + 7)


def test_the_thresholds_are_those_that_were_measured() -> None:
    assert list(QUALITY_THRESHOLDS.values()) == [0, 35, 50, 65, 80]


def test_background_outside_the_faces_oval_does_not_count() -> None:
    pixels = np.full((128, 128, 3), 100, np.uint8)
    y, x = np.mgrid[:128, :128] / 128 - 0.5
    pixels[(x / 0.30) ** 2 + (y / 0.35) ** 2 > 1] = 255
    light = measure_pixels(Image(pixels), WHOLE, 128)
    assert light.brightness == pytest.approx(100 / 2.55, abs=0.01)
    assert light.contrast == pytest.approx(0, abs=0.01)
    pixels[(x / 0.22) ** 2 + (y / 0.27) ** 2 > 1] = 255
    assert measure_pixels(Image(pixels), WHOLE, 128).brightness > 50


def test_contrast_is_the_deviation_of_luma_in_percent() -> None:
    # Detail is measured at 88 pixels across, so stripes of 32 pixels keep their contrast.
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, 64:] = 200
    assert measure_pixels(Image(stripes), WHOLE, 128).contrast == pytest.approx(100 / 2.55, rel=0.03)


@pytest.mark.parametrize(("mean", "deviation", "sharpness"), [(120, 6, 4.91), (120, 10, 45.69), (60, 10, 96.27)])
def test_sharpness_of_noise_is_what_it_was(mean: float, deviation: float, sharpness: float) -> None:
    # Recorded from this code, whose scale gives lfw-dev a median of 60.
    assert measure_pixels(noise(mean, deviation), WHOLE, 128).sharpness == pytest.approx(sharpness, abs=0.1)
