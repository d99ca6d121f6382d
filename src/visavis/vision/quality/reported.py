"""Brightness and sharpness on Amazon's scales, from the luma and the edges of a face.

Amazon does not say how it computes them. Of its recorded answers, brightness follows the mean luma of the face closely,
and sharpness follows the size of the face in pixels more than its edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from visavis.fitted import load_numbers

__all__ = ["REPORTED_QUALITY_FILE", "ReportedQualityNumbers", "reported_brightness", "reported_sharpness"]

REPORTED_QUALITY_FILE = "vision/data/reported_quality.json"


@dataclass(frozen=True, slots=True)
class ReportedQualityNumbers:
    """The numbers that `tools/fit_reported_quality.py` fits to Amazon's recorded answers.

    Attributes:
        brightness: a and b of `reported_brightness`.
        sharpness: a, b and c of `reported_sharpness`.
    """

    brightness: tuple[float, float]
    sharpness: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self.brightness[1] <= 0 or min(self.sharpness[1:]) <= 0:
            raise ValueError("brightness must rise with the luma, and sharpness with edges and size")


NUMBERS = load_numbers(REPORTED_QUALITY_FILE, ReportedQualityNumbers)


def reported_brightness(luma: float, numbers: ReportedQualityNumbers = NUMBERS) -> float:
    """Map a mean luma to a brightness, 0..100: 100 / (1 + exp(-(a + b * ln(luma)))).

    Args:
        luma: 0..100, the mean of the face's oval.
        numbers: default: those that ship.

    Example:
        >>> reported_brightness(0.0), 40 < reported_brightness(30.0) < reported_brightness(60.0) < 100
        (0.0, True)
    """
    a, b = numbers.brightness
    return _logistic(a + b * math.log(luma)) if luma > 0 else 0.0


def reported_sharpness(laplacian_rms: float, side: float, numbers: ReportedQualityNumbers = NUMBERS) -> float:
    """Map edges and size to a sharpness, 0..100: 100 / (1 + exp(-(a + b * log2(laplacian_rms) + c * log2(side)))).

    Args:
        laplacian_rms: at least 0, `PixelQuality.laplacian_rms`.
        side: above 0, of the face's crop (1.5 times the bounding square of its mesh) in pixels of the image.
        numbers: default: those that ship.

    Example:
        >>> reported_sharpness(0.06, 100.0) < reported_sharpness(0.06, 400.0)
        True
    """
    a, b, c = numbers.sharpness
    return _logistic(a + b * math.log2(max(laplacian_rms, 1e-6)) + c * math.log2(side))


def _logistic(value: float) -> float:
    return 100 / (1 + math.exp(-max(value, -500.0)))
