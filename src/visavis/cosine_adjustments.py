"""Lowers a cosine where strangers look more alike: two poor faces, and a template of several images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.fitted import load_numbers

__all__ = [
    "QUALITY_PENALTY",
    "QUALITY_PENALTY_FILE",
    "QualityPenaltyNumbers",
    "quality_adjusted",
    "template_adjusted",
]

T = TypeVar("T", float, NDArray[np.float64])

QUALITY_PENALTY_FILE = "quality_penalty.json"

_WHERE_MATCHES_ARE_DECIDED = 0.35
"""The cosine near similarity 80."""


@dataclass(frozen=True, slots=True)
class QualityPenaltyNumbers:
    """The numbers that `tools/fit_quality_penalty.py` fits.

    Attributes:
        full_quality: the quality score, 0..100, from which a cosine is not lowered.
        penalty_per_point: the cosine that each point below `full_quality` costs if both faces lack it.
    """

    full_quality: float
    penalty_per_point: float

    def __post_init__(self) -> None:
        if not 0 <= self.full_quality <= 100 or self.penalty_per_point < 0:
            raise ValueError("full_quality must be from 0 to 100, and penalty_per_point at least 0")


QUALITY_PENALTY = load_numbers(QUALITY_PENALTY_FILE, QualityPenaltyNumbers)


def quality_adjusted(
    cosine: T, one: float | T, other: float | T, penalty: QualityPenaltyNumbers = QUALITY_PENALTY
) -> T:
    """The cosine, lowered if both faces are poor.

    Strangers who are dark, over-exposed or covered in the same way look alike: at the cosine at which good faces have a
    false match rate of 1e-3, such pairs have up to 2.4e-3. A single poor face has no such effect, so the penalty
    is proportional to the geometric mean of what both faces lack. It was fitted to 11,858 plain and degraded faces of
    lfw-dev so that no kind of degradation exceeds 2e-3.

    Args:
        cosine: -1..1, a number or an array.
        one: the quality score of one face, 0..100, a number or an array.
        other: the quality score of the other face, likewise.
        penalty: default: the numbers that ship.

    Example:
        >>> round(float(quality_adjusted(0.3, 64.0, 64.0)), 3), float(quality_adjusted(0.3, 64.0, 90.0))
        (0.29, 0.3)
    """
    full = penalty.full_quality
    lacking: T = np.sqrt(np.maximum(full - one, 0) * np.maximum(full - other, 0))
    return _penalise(cosine, penalty.penalty_per_point * lacking)


def template_adjusted(cosine: T, template_offset: float, sources: int) -> T:
    """The cosine with a template, lowered because a template of several images is closer to strangers too.

    Args:
        cosine: -1..1, a number or an array.
        template_offset: as in `Calibration.template_offset`; a template of n images has 1 - 1/n of it.
        sources: the number of images that the template was made from, at least 1.

    Example:
        >>> round(float(template_adjusted(0.3, 0.04, 2)), 3)
        0.28
    """
    return _penalise(cosine, template_offset * (1 - 1 / sources))


def _penalise(cosine: T, by: float | T) -> T:
    """Lower a cosine: by the whole of `by` where matches are decided and below, and not at all where it is 1."""
    room: T = np.minimum((1 - cosine) / (1 - _WHERE_MATCHES_ARE_DECIDED), 1.0)
    lowered: T = cosine - by * room
    return lowered
