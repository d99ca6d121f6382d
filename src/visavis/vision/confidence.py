"""The probability that a detection is a face, from the detector's score, the mesh's presence and the embedding norm."""

from __future__ import annotations

import math
from dataclasses import dataclass

from visavis.fitted import load_numbers

__all__ = [
    "ASSUMED_NORM",
    "CONFIDENCE_FILE",
    "MIN_CONFIDENCE",
    "ConfidenceNumbers",
    "confidence_terms",
    "face_confidence",
]

CONFIDENCE_FILE = "vision/data/confidence.json"


@dataclass(frozen=True, slots=True)
class ConfidenceNumbers:
    """A logistic regression on the terms of `confidence_terms`; fitted by `tools/fit_confidence.py`.

    Attributes:
        intercept: log odds of a face if every term is 0.
        score: log odds per unit of the first term.
        presence: log odds per unit of the second term.
        norm: log odds per unit of the third term.
        assumed_norm: the norm assumed for embedders whose norms are not calibrated; detector and mesh then decide.
    """

    intercept: float
    score: float
    presence: float
    norm: float
    assumed_norm: float

    def __post_init__(self) -> None:
        if min(self.score, self.presence, self.norm, self.assumed_norm) <= 0:
            raise ValueError("score, presence, norm and assumed_norm must be positive")


NUMBERS = load_numbers(CONFIDENCE_FILE, ConfidenceNumbers)

MIN_CONFIDENCE = 60.0
"""Detections with a lower confidence are dropped, because they are not faces."""

ASSUMED_NORM = NUMBERS.assumed_norm
"""With this norm both errors are equally frequent: in the data of the fit 9 of 96 false detections pass, and 9 of 2,042
faces are dropped. With SFace's own norms no false detection passes, and 6 faces are dropped."""


def face_confidence(score: float, presence: float, norm: float | None, numbers: ConfidenceNumbers = NUMBERS) -> float:
    """The probability that a detection is a face, in percent: a logistic regression.

    Args:
        score: the detector's, 0..1.
        presence: the mesh's, a logit.
        norm: of the embedding before normalisation, which is low for a non-face; None if the norms of the embedder
            are not calibrated.
        numbers: default: those that ship.

    Returns:
        0..100.

    Example:
        >>> round(face_confidence(score=0.9, presence=18.0, norm=12.0), 2)
        99.99
        >>> face_confidence(score=0.9, presence=-3.0, norm=5.0) < MIN_CONFIDENCE
        True
    """
    logit, clipped_presence, log_norm = confidence_terms(
        score, presence, numbers.assumed_norm if norm is None else norm
    )
    doubt = -numbers.intercept - numbers.score * logit - numbers.presence * clipped_presence
    return 100 / (1 + math.exp(doubt - numbers.norm * log_norm))


def confidence_terms(score: float, presence: float, norm: float) -> tuple[float, float, float]:
    """The terms of the regression.

    Score and presence are clipped, because values beyond these ranges add no information.

    Args:
        score: the detector's, 0..1.
        presence: the mesh's, a logit.
        norm: of the embedding before normalisation.

    Returns:
        The logit of the score, -4.6..4.6; the presence, -5..12; the natural logarithm of the norm.

    Example:
        >>> confidence_terms(score=0.5, presence=18.0, norm=1.0)
        (0.0, 12.0, 0.0)
    """
    probability = min(max(score, 0.01), 0.99)
    return math.log(probability / (1 - probability)), min(max(presence, -5.0), 12.0), math.log(max(norm, 1e-3))
