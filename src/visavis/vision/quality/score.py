"""The quality score of a face, from its pixels and the outputs of the networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from visavis.face import Pose, Quality, QualityFilter, QualityReason
from visavis.vision.quality.numbers import NUMBERS, QUALITY_THRESHOLDS, TERMS, QualityNumbers
from visavis.vision.quality.pixels import PixelQuality
from visavis.vision.quality.reported import reported_brightness, reported_sharpness

__all__ = ["QualityInputs", "expected_cosine", "quality_of", "quality_terms"]


@dataclass(frozen=True, slots=True)
class QualityInputs:
    """The inputs of the quality score besides the pixels.

    Attributes:
        confidence: 0..100, that the detection is a face.
        presence: the mesh's, a logit.
        embedding_norm: of the embedding before normalisation; with SFace about 12 for a good face and 8 for a poor one.
            None if the norms of the embedder are not calibrated.
        pose: in degrees.
        interocular: the distance between the eye centres, in pixels.
    """

    confidence: float
    presence: float
    embedding_norm: float | None
    pose: Pose
    interocular: float


def quality_of(pixels: PixelQuality, inputs: QualityInputs, numbers: QualityNumbers = NUMBERS) -> Quality:
    """The quality of a face, with the reasons if it is poor.

    Args:
        pixels: as `measure_pixels` returns them.
        inputs: the outputs of the networks for this face.
        numbers: the fitted numbers; default: those that ship.

    Example:
        >>> pixels = PixelQuality(brightness=50, sharpness=60, contrast=12, laplacian_rms=0.06, side=300)
        >>> front = Pose(roll=0, yaw=0, pitch=0)
        >>> inputs = QualityInputs(confidence=99.9, presence=18, embedding_norm=9.5, pose=front, interocular=100)
        >>> round(quality_of(pixels, inputs).score)
        60
    """
    score = _score(pixels, inputs, numbers)
    brightness, sharpness = (
        reported_brightness(pixels.brightness),
        reported_sharpness(pixels.laplacian_rms, pixels.side),
    )
    return Quality(brightness, sharpness, score, tuple(_reasons(pixels, inputs, score)))


def _score(pixels: PixelQuality, inputs: QualityInputs, numbers: QualityNumbers) -> float:
    """The quality score, 0..100: the expected cosine on the scale of `score_range`, minus pose and size penalties."""
    low, high = numbers.score_range
    score = 100 * (expected_cosine(pixels, inputs, numbers) - low) / (high - low)
    # The data of the fit has no profiles and no tiny faces, so the two penalties are chosen, not fitted: one point per
    # degree beyond the poses that Amazon's guidance names, three points per pixel of interocular distance below 20.
    score -= _beyond_guidance(inputs.pose) + 3 * max(20 - inputs.interocular, 0.0)
    return min(max(score, 0.0), 100.0)


def expected_cosine(pixels: PixelQuality, inputs: QualityInputs, numbers: QualityNumbers = NUMBERS) -> float:
    """The cosine to expect with another image of the same person, by a linear regression.

    On lfw-dev, dropping the tenth of the faces with the lowest scores lowers the false non-match rate at similarity 80
    from 1.9 to 0.6 % (`visavis evaluate`).

    Args:
        pixels: as `measure_pixels` returns them.
        inputs: the outputs of the networks for this face.
        numbers: default: those that ship.
    """
    expected = numbers.intercept
    for name, (value, scale) in quality_terms(pixels, inputs, numbers.typical_norm).items():
        expected += numbers.coefficients[name] * value / scale
    return expected


def quality_terms(
    pixels: PixelQuality, inputs: QualityInputs, typical_norm: float = NUMBERS.typical_norm
) -> dict[str, tuple[float, float]]:
    """The terms of the regression.

    Each value is clipped to the range in which it predicts the cosine.

    Args:
        pixels: as `measure_pixels` returns them.
        inputs: the outputs of the networks for this face.
        typical_norm: the norm assumed if `inputs` has none. Default: the one that ships.

    Returns:
        name -> (value, divisor), in the order in which the terms are added.
    """
    norm = typical_norm if inputs.embedding_norm is None else inputs.embedding_norm
    values = (
        (min(max(inputs.presence, -5.0), 17.0), 17.0),
        (min(pixels.sharpness, 50.0), 50.0),
        (min(pixels.brightness, 25.0), 25.0),
        (max(pixels.brightness - 70.0, 0.0), 30.0),
        (math.log2(min(max(pixels.contrast, 1.0), 12.0)), 1.0),
        (math.log(max(norm, 1e-3)), 1.0),
    )
    return dict(zip(TERMS, values, strict=True))


def _beyond_guidance(pose: Pose) -> float:
    """Degrees outside yaw -45..45 and pitch -30..45 (developer guide, "Recommendations for facial comparison")."""
    return max(abs(pose.yaw) - 45, 0.0) + max(pose.pitch - 45, -30 - pose.pitch, 0.0)


def _reasons(pixels: PixelQuality, inputs: QualityInputs, score: float) -> list[QualityReason]:
    poor = {
        QualityReason.EXTREME_POSE: _beyond_guidance(inputs.pose) > 0,
        QualityReason.SMALL_BOUNDING_BOX: inputs.interocular < 20,
        QualityReason.LOW_CONFIDENCE: inputs.confidence < 90,
        QualityReason.LOW_BRIGHTNESS: pixels.brightness < 15,
        QualityReason.LOW_SHARPNESS: pixels.sharpness < 15,
    }
    reasons = [reason for reason, holds in poor.items() if holds]
    if not reasons and score < QUALITY_THRESHOLDS[QualityFilter.AUTO]:
        reasons.append(QualityReason.LOW_FACE_QUALITY)
    return reasons
