"""Brightness, sharpness and quality score of a face, from its pixels and from what the networks found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.face import Pose, Quality, QualityFilter, QualityReason
from visavis.fitted import load_numbers
from visavis.geometry import Matrix, Size
from visavis.image import Image

__all__ = [
    "QUALITY_FILE",
    "QUALITY_THRESHOLDS",
    "PixelQuality",
    "QualityInputs",
    "QualityNumbers",
    "detail_of",
    "expected_cosine",
    "measure_pixels",
    "quality_of",
    "quality_terms",
    "sharpness_of",
]

QUALITY_FILE = "vision/data/quality.json"
_TERMS = ("presence", "sharpness", "brightness", "over_exposure", "contrast", "embedding_norm")


@dataclass(frozen=True, slots=True)
class QualityNumbers:
    """What `tools/fit_quality.py` fits.

    intercept:          cosine where every term of `quality_terms` is 0
    coefficients:       cosine for each term, by its name
    score_range:        the expected cosines that have the quality scores 0 and 100
    sharpness_logistic: a and b of `sharpness_of`
    typical_norm:       the embedding norm assumed for a face whose norm is not known
    thresholds:         the quality score from which a face passes each filter, by the filter's name
    """

    intercept: float
    coefficients: dict[str, float]
    score_range: tuple[float, float]
    sharpness_logistic: tuple[float, float]
    typical_norm: float
    thresholds: dict[str, float]

    def __post_init__(self) -> None:
        if set(self.coefficients) != set(_TERMS):
            raise ValueError(f"coefficients must be those of {', '.join(_TERMS)}")
        if not self.score_range[0] < self.score_range[1]:
            raise ValueError("score_range must rise")
        if list(self.thresholds) != [str(name) for name in QualityFilter]:
            raise ValueError(f"thresholds must be those of {', '.join(QualityFilter)}, in this order")
        if list(self.thresholds.values()) != sorted(self.thresholds.values()):
            raise ValueError("thresholds must rise from NONE to HIGH")


NUMBERS = load_numbers(QUALITY_FILE, QualityNumbers)

QUALITY_THRESHOLDS = {name: NUMBERS.thresholds[name] for name in QualityFilter}
"""The quality score from which a face passes each filter. Of a mixture of plain and degraded faces of lfw-dev they drop
0, 1, 4, 13 and 43 %, and the false non-match rate of genuine pairs at a false match rate of 1e-3 falls from 2.7 to 2.3,
1.5, 1.2 and 0.1 %."""

# Pixels are measured inside an oval that leaves out hair, ears and background. Its axes are fractions of the crop's
# side, which is 1.5 times the mesh's.
_OVAL = (0.26, 0.31)

_SIDE = (32, 88)
"""Pixels. Detail is measured at the image's own resolution, but never finer than 88 pixels across the crop: that is
about what a comparison uses, and beyond it the rounding of pixel values outweighs the detail of a blurred face."""

_COARSE_WEIGHT = 0.5
"""Weight of the energy at half the resolution."""

_DARK = 10.0
"""Added to the mean luma, 0..255, because without any light the noise is not detail."""


@dataclass(frozen=True, slots=True)
class PixelQuality:
    """The quality of a face's pixels.

    brightness: 0..100, the mean luma (ITU-R BT.601, as stored: 0 black, 100 white) of the face's oval
    sharpness:  0..100, detail at the face's own scale
    contrast:   0..50, the standard deviation of that luma
    """

    brightness: float
    sharpness: float
    contrast: float


def measure_pixels(image: Image, crop_matrix: Matrix, crop_side: int) -> PixelQuality:
    """Measure brightness, sharpness and contrast inside the oval of a face.

    Args:
        image: that shows the face.
        crop_matrix: (2, 3), from the image to a square crop with level eyes, 1.5 times the mesh's bounding square.
        crop_side: of that crop in pixels.
    """
    luma = _luma_at_detail(image, crop_matrix, crop_side)
    face = luma[_oval(len(luma))]
    return PixelQuality(float(face.mean()) / 2.55, sharpness_of(_detail(luma)), float(face.std()) / 2.55)


def detail_of(image: Image, crop_matrix: Matrix, crop_side: int) -> float:
    """The detail that `sharpness_of` puts on its scale. The arguments are those of `measure_pixels`."""
    return _detail(_luma_at_detail(image, crop_matrix, crop_side))


def sharpness_of(detail: float, logistic: tuple[float, float] = NUMBERS.sharpness_logistic) -> float:
    """Detail as a sharpness, 0..100: 100 / (1 + exp(-(a + b * log2(detail)))).

    On lfw-dev the median is 60, and a blur of 4 pixels on its 350-pixel crops makes it 20.

    Args:
        detail: the root of the mean squared Laplacian, at the measured scale and, at half weight, at half of it, over
            the mean luma; at least 0.
        logistic: a and b.
    """
    a, b = logistic
    return 100 / (1 + math.exp(-(a + b * math.log2(max(detail, 1e-6)))))


def _luma_at_detail(image: Image, crop_matrix: Matrix, crop_side: int) -> NDArray[np.float32]:
    native = crop_side / math.hypot(*crop_matrix[:, 0])
    side = round(min(max(native, _SIDE[0]), _SIDE[1]) / 4) * 4
    return _luma(image.warped(crop_matrix * (side / crop_side), Size(side, side)))


def _detail(luma: NDArray[np.float32]) -> float:
    face = luma[_oval(len(luma))]
    energy = _energy(luma) + _COARSE_WEIGHT * _energy(_halved(luma))
    return math.sqrt(energy) / (float(face.mean()) + _DARK)


def _energy(luma: NDArray[np.float32]) -> float:
    """Mean square of the Laplacian inside the oval."""
    return float(np.mean(_laplacian(luma)[_oval(len(luma))] ** 2))


def _halved(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = luma[0::2] + luma[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) / 4)


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _laplacian(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each pixel, against the mean of its four neighbours; zero along the border."""
    out = np.zeros_like(luma)
    middle = luma[1:-1, 1:-1]
    around = (luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]) / 4
    out[1:-1, 1:-1] = middle - around
    return out


@cache
def _oval(side: int) -> NDArray[np.bool_]:
    middle = (np.arange(side) + 0.5) / side - 0.5
    return np.asarray((middle[None, :] / _OVAL[0]) ** 2 + (middle[:, None] / _OVAL[1]) ** 2 <= 1)


@dataclass(frozen=True, slots=True)
class QualityInputs:
    """What the quality score takes into account besides the pixels.

    confidence:     0..100, that it is a face
    presence:       the mesh's, a logit
    embedding_norm: of the embedding before normalisation; with SFace about 12 on a good face, 8 on a poor one. None
                    where the embedder's norms are not calibrated
    pose:           in degrees
    eye_distance:   pixels between the pupils
    """

    confidence: float
    presence: float
    embedding_norm: float | None
    pose: Pose
    eye_distance: float


def quality_of(pixels: PixelQuality, inputs: QualityInputs, numbers: QualityNumbers = NUMBERS) -> Quality:
    """The quality of a face, with the reasons why it is poor, if it is.

    Example:
        >>> pixels = PixelQuality(brightness=50, sharpness=60, contrast=12)
        >>> front = Pose(roll=0, yaw=0, pitch=0)
        >>> inputs = QualityInputs(confidence=99.9, presence=18, embedding_norm=9.5, pose=front, eye_distance=100)
        >>> round(quality_of(pixels, inputs).score)
        64
    """
    score = _score(pixels, inputs, numbers)
    return Quality(pixels.brightness, pixels.sharpness, score, tuple(_reasons(pixels, inputs, score)))


def _score(pixels: PixelQuality, inputs: QualityInputs, numbers: QualityNumbers) -> float:
    """0..100: the expected cosine on the scale of `score_range`, less what pose and size cost."""
    low, high = numbers.score_range
    score = 100 * (expected_cosine(pixels, inputs, numbers) - low) / (high - low)
    # The data of the fit has no profiles and no tiny faces, so these two are set and not fitted: a point for each
    # degree beyond the poses that Amazon's guidance names, three for each pixel below 20 between the eyes.
    score -= _beyond_guidance(inputs.pose) + 3 * max(20 - inputs.eye_distance, 0.0)
    return min(max(score, 0.0), 100.0)


def expected_cosine(pixels: PixelQuality, inputs: QualityInputs, numbers: QualityNumbers = NUMBERS) -> float:
    """The cosine that another image of the same person may be expected to have: a linear regression.

    Cross-validated over identities, dropping the worst tenth by it removes 59 % of the false non-matches at a false
    match rate of 1e-3.
    """
    expected = numbers.intercept
    for name, (value, scale) in quality_terms(pixels, inputs, numbers.typical_norm).items():
        expected += numbers.coefficients[name] * value / scale
    return expected


def quality_terms(
    pixels: PixelQuality, inputs: QualityInputs, typical_norm: float = NUMBERS.typical_norm
) -> dict[str, tuple[float, float]]:
    """The terms of the regression as name -> (value, what it is divided by), in the order in which they are added.

    Each value is clipped to the range in which it says something about the cosine.
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
    return dict(zip(_TERMS, values, strict=True))


def _beyond_guidance(pose: Pose) -> float:
    """Degrees outside yaw -45..45 and pitch -30..45 (developer guide, "Recommendations for facial comparison")."""
    return max(abs(pose.yaw) - 45, 0.0) + max(pose.pitch - 45, -30 - pose.pitch, 0.0)


def _reasons(pixels: PixelQuality, inputs: QualityInputs, score: float) -> list[QualityReason]:
    poor = {
        QualityReason.EXTREME_POSE: _beyond_guidance(inputs.pose) > 0,
        QualityReason.SMALL_BOUNDING_BOX: inputs.eye_distance < 20,
        QualityReason.LOW_CONFIDENCE: inputs.confidence < 90,
        QualityReason.LOW_BRIGHTNESS: pixels.brightness < 15,
        QualityReason.LOW_SHARPNESS: pixels.sharpness < 15,
    }
    reasons = [reason for reason, holds in poor.items() if holds]
    if not reasons and score < QUALITY_THRESHOLDS[QualityFilter.AUTO]:
        reasons.append(QualityReason.LOW_FACE_QUALITY)
    return reasons
