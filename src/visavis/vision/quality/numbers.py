"""The fitted numbers of the quality score and of sharpness."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.face import QualityFilter
from visavis.fitted import load_numbers

__all__ = ["NUMBERS", "QUALITY_FILE", "QUALITY_THRESHOLDS", "TERMS", "QualityNumbers"]

QUALITY_FILE = "vision/data/quality.json"
TERMS = ("presence", "sharpness", "brightness", "over_exposure", "contrast", "embedding_norm")
"""The terms of the quality score, in the order in which they are added."""


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
        if set(self.coefficients) != set(TERMS):
            raise ValueError(f"coefficients must be those of {', '.join(TERMS)}")
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
