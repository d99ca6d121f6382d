"""The probability that a detection is a face, from the outputs of the networks and its size."""

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
    "face_log_odds",
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
        size: log odds per unit of the fourth term.
        assumed_norm: the norm assumed for embedders whose norms are not calibrated; detector and mesh then decide.
    """

    intercept: float
    score: float
    presence: float
    norm: float
    size: float
    assumed_norm: float

    def __post_init__(self) -> None:
        if min(self.score, self.presence, self.norm, self.size, self.assumed_norm) <= 0:
            raise ValueError("score, presence, norm, size and assumed_norm must be positive")


NUMBERS = load_numbers(CONFIDENCE_FILE, ConfidenceNumbers)

MIN_CONFIDENCE = 60.0
"""Detections with a lower confidence are dropped, because they are not faces."""

ASSUMED_NORM = NUMBERS.assumed_norm
"""With this norm both errors are equally frequent: in the data of the fit 35 of 198 false detections pass, and 36 of
14,075 faces, plain, degraded and hard to see, are dropped. With the norms of the default embedder one false detection
passes, a drawing of a mouse's face, and 93 faces are dropped."""


def face_confidence(
    score: float, presence: float, norm: float | None, size: float, numbers: ConfidenceNumbers = NUMBERS
) -> float:
    """The probability that a detection is a face, in percent: a logistic regression.

    Args:
        score: the detector's, 0..1.
        presence: the mesh's, a logit.
        norm: of the embedding before normalisation, which is low for a non-face; None if the norms of the embedder
            are not calibrated.
        size: the square root of the area of the face's box, in pixels of the image. In texture, text and foliage the
            detector finds tiny faces.
        numbers: default: those that ship.

    Returns:
        0..100.

    Example:
        >>> round(face_confidence(score=0.9, presence=18.0, norm=12.0, size=100), 2)
        100.0
        >>> face_confidence(score=0.9, presence=-3.0, norm=5.0, size=100) < MIN_CONFIDENCE
        True
    """
    return 100 / (1 + math.exp(-face_log_odds(score, presence, norm, size, numbers)))


def face_log_odds(
    score: float, presence: float, norm: float | None, size: float, numbers: ConfidenceNumbers = NUMBERS
) -> float:
    """The logit of `face_confidence`, with the same arguments, which does not saturate.

    Example:
        >>> round(face_log_odds(score=0.9, presence=18.0, norm=12.0, size=100), 1)
        10.4
    """
    terms = confidence_terms(score, presence, numbers.assumed_norm if norm is None else norm, size)
    slopes = (numbers.score, numbers.presence, numbers.norm, numbers.size)
    return numbers.intercept + sum(slope * term for slope, term in zip(slopes, terms, strict=True))


def confidence_terms(score: float, presence: float, norm: float, size: float) -> tuple[float, float, float, float]:
    """The terms of the regression.

    Score, presence and size are clipped, because values beyond these ranges add no information.

    Args:
        score: the detector's, 0..1.
        presence: the mesh's, a logit.
        norm: of the embedding before normalisation.
        size: the square root of the area of the face's box, in pixels.

    Returns:
        The logit of the score, -4.6..4.6; the presence, -5..12; the natural logarithms of the norm and of the size
        between 8 and 50 pixels.

    Example:
        >>> confidence_terms(score=0.5, presence=18.0, norm=1.0, size=8.0)
        (0.0, 12.0, 0.0, 2.0794415416798357)
    """
    probability = min(max(score, 0.01), 0.99)
    return (
        math.log(probability / (1 - probability)),
        min(max(presence, -5.0), 12.0),
        math.log(max(norm, 1e-3)),
        math.log(min(max(size, 8.0), 50.0)),
    )
