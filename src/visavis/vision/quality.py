"""Brightness, sharpness and quality score of a face, from its pixels and the outputs of the networks."""

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
    "expected_cosine",
    "laplacian_rms",
    "measure_pixels",
    "quality_of",
    "quality_terms",
    "sharpness_of",
]

QUALITY_FILE = "vision/data/quality.json"
_TERMS = ("presence", "sharpness", "brightness", "over_exposure", "contrast", "embedding_norm")


@dataclass(frozen=True, slots=True)
class QualityNumbers:
    """The numbers that `tools/fit_quality.py` fits.

    Attributes:
        intercept: the expected cosine if every term of `quality_terms` is 0.
        coefficients: the cosine per unit of each term, by the name of the term.
        score_range: the expected cosines at the quality scores 0 and 100.
        sharpness_logistic: a and b of `sharpness_of`.
        typical_norm: the embedding norm assumed for embedders whose norms are not calibrated.
        thresholds: the quality score from which a face passes each filter, by the name of the filter.
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
"""The quality score from which a face passes each filter. On a mixture of plain and degraded faces of lfw-dev the
filters drop 0, 1, 4, 14 and 43 %, and the false non-match rate of genuine pairs at a false match rate of 1e-3 falls
from 5.1 to 4.0, 2.8, 1.3 and 0.1 %."""

_OVAL = (0.26, 0.31)
"""The half axes of the oval in which pixels are measured, as fractions of the side of the crop, which is 1.5 times the
mesh's. The oval excludes hair, ears and background."""

_SIDE = (32, 88)
"""Pixels. Pixels are measured at the resolution of the image, but at no more than 88 pixels across the crop. That is
about what a comparison uses; beyond it the rounding of pixel values outweighs the Laplacian of a blurred face."""

_COARSE_WEIGHT = 0.5
"""The weight of the energy at half the resolution."""

_DARK = 10.0
"""Added to the mean luma, 0..255, because noise in a dark image is not sharpness."""


@dataclass(frozen=True, slots=True)
class PixelQuality:
    """The quality of a face's pixels.

    Attributes:
        brightness: 0 (black) to 100 (white), the mean luma of the face's oval (ITU-R BT.601, gamma-encoded as stored).
        sharpness: 0..100, of the edges at the scale of the face; see `sharpness_of`.
        contrast: 0..50, the standard deviation of that luma.
    """

    brightness: float
    sharpness: float
    contrast: float


def measure_pixels(image: Image, crop_matrix: Matrix, crop_side: int) -> PixelQuality:
    """Measure brightness, sharpness and contrast inside the oval of a face.

    Args:
        image: that shows the face.
        crop_matrix: (2, 3), from the image to a square crop with level eyes, 1.5 times the mesh's bounding square.
        crop_side: the side of that crop in pixels.
    """
    luma = _resized_luma(image, crop_matrix, crop_side)
    face = luma[_oval(len(luma))]
    return PixelQuality(float(face.mean()) / 2.55, sharpness_of(_laplacian_rms(luma)), float(face.std()) / 2.55)


def laplacian_rms(image: Image, crop_matrix: Matrix, crop_side: int) -> float:
    """The root mean square of the Laplacian of a face, over its mean luma. `sharpness_of` maps it to 0..100.

    Args:
        image: as for `measure_pixels`.
        crop_matrix: as for `measure_pixels`.
        crop_side: as for `measure_pixels`.

    Returns:
        At least 0. The mean square at half the resolution is added with half the weight before the root is taken, and
        10 is added to the mean luma, 0..255.
    """
    return _laplacian_rms(_resized_luma(image, crop_matrix, crop_side))


def sharpness_of(rms: float, logistic: tuple[float, float] = NUMBERS.sharpness_logistic) -> float:
    """Map a `laplacian_rms` to a sharpness, 0..100: 100 / (1 + exp(-(a + b * log2(rms)))).

    On lfw-dev the median is 60; with a blur of 4 pixels on its 350-pixel crops it is 20.

    Args:
        rms: at least 0, as `laplacian_rms` returns it.
        logistic: a and b. Default: those that ship.
    """
    a, b = logistic
    return 100 / (1 + math.exp(-(a + b * math.log2(max(rms, 1e-6)))))


def _resized_luma(image: Image, crop_matrix: Matrix, crop_side: int) -> NDArray[np.float32]:
    """The luma of the crop, at the resolution of the image within the limits of `_SIDE`."""
    native = crop_side / math.hypot(*crop_matrix[:, 0])
    side = round(min(max(native, _SIDE[0]), _SIDE[1]) / 4) * 4
    return _luma(image.warped(crop_matrix * (side / crop_side), Size(side, side)))


def _laplacian_rms(luma: NDArray[np.float32]) -> float:
    face = luma[_oval(len(luma))]
    energy = _energy(luma) + _COARSE_WEIGHT * _energy(_halved(luma))
    return math.sqrt(energy) / (float(face.mean()) + _DARK)


def _energy(luma: NDArray[np.float32]) -> float:
    """The mean square of the Laplacian inside the oval."""
    return float(np.mean(_laplacian(luma)[_oval(len(luma))] ** 2))


def _halved(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = luma[0::2] + luma[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) / 4)


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _laplacian(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each pixel minus the mean of its four neighbours; zero along the border."""
    out = np.zeros_like(luma)
    middle = luma[1:-1, 1:-1]
    neighbours = (luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]) / 4
    out[1:-1, 1:-1] = middle - neighbours
    return out


@cache
def _oval(side: int) -> NDArray[np.bool_]:
    middle = (np.arange(side) + 0.5) / side - 0.5
    return np.asarray((middle[None, :] / _OVAL[0]) ** 2 + (middle[:, None] / _OVAL[1]) ** 2 <= 1)


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
        >>> pixels = PixelQuality(brightness=50, sharpness=60, contrast=12)
        >>> front = Pose(roll=0, yaw=0, pitch=0)
        >>> inputs = QualityInputs(confidence=99.9, presence=18, embedding_norm=9.5, pose=front, interocular=100)
        >>> round(quality_of(pixels, inputs).score)
        60
    """
    score = _score(pixels, inputs, numbers)
    return Quality(pixels.brightness, pixels.sharpness, score, tuple(_reasons(pixels, inputs, score)))


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
    return dict(zip(_TERMS, values, strict=True))


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
