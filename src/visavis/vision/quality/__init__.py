"""Brightness, sharpness and quality score of a face, from its pixels and the outputs of the networks."""

from __future__ import annotations

from visavis.vision.quality.numbers import NUMBERS, QUALITY_FILE, QUALITY_THRESHOLDS, QualityNumbers
from visavis.vision.quality.pixels import PixelQuality, measure_pixels, sharpness_of
from visavis.vision.quality.score import QualityInputs, expected_cosine, quality_of, quality_terms

__all__ = [
    "NUMBERS",
    "QUALITY_FILE",
    "QUALITY_THRESHOLDS",
    "PixelQuality",
    "QualityInputs",
    "QualityNumbers",
    "expected_cosine",
    "measure_pixels",
    "quality_of",
    "quality_terms",
    "sharpness_of",
]
