"""Lowers a cosine that says more than the faces support: of poor faces, and of a template of several images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.fitted import load_numbers

__all__ = [
    "QUALITY_CEILING",
    "QUALITY_CEILING_FILE",
    "QUALITY_PENALTY",
    "QUALITY_PENALTY_FILE",
    "QualityCeilingNumbers",
    "QualityPenaltyNumbers",
    "quality_adjusted",
    "template_adjusted",
]

T = TypeVar("T", float, NDArray[np.float64])

QUALITY_PENALTY_FILE = "quality_penalty.json"
QUALITY_CEILING_FILE = "quality_ceiling.json"

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


@dataclass(frozen=True, slots=True)
class QualityCeilingNumbers:
    """The numbers that `tools/fit_quality_ceiling.py` fits.

    Attributes:
        lowest: the ceiling of a cosine if the quality of the poorer face is 0.
        per_point: by how much the ceiling rises with each point of the poorer face's quality.
    """

    lowest: float
    per_point: float

    def __post_init__(self) -> None:
        if not 0 < self.lowest <= self.lowest + 100 * self.per_point < 1:
            raise ValueError("the ceiling must be above 0 at a quality of 0, below 1 at 100, and must not fall")


QUALITY_CEILING = load_numbers(QUALITY_CEILING_FILE, QualityCeilingNumbers)
QUALITY_PENALTY = load_numbers(QUALITY_PENALTY_FILE, QualityPenaltyNumbers)


def quality_adjusted(
    cosine: T,
    one: float | T,
    other: float | T,
    penalty: QualityPenaltyNumbers = QUALITY_PENALTY,
    ceiling: QualityCeilingNumbers | None = QUALITY_CEILING,
) -> T:
    """The cosine, lowered if both faces are poor, or if it is higher than the poorer face supports.

    Strangers who are dark, over-exposed or covered in the same way look alike: at the cosine at which good faces have a
    false match rate of 1e-3, such pairs have up to 2.4e-3. A single poor face has no such effect, so the penalty
    is proportional to the geometric mean of what both faces lack. It was fitted to 11,858 plain and degraded faces of
    lfw-dev so that no kind of degradation exceeds 2e-3.

    An image that shows little of a person rarely has a high cosine with another image of that person. The ceiling is
    the 75th percentile of such pairs at the quality of the poorer face, and at least 0.36. A cosine above it is
    lowered, as that of a portrait with its own blurred copy: its distance from the ceiling, in units of the distance
    from the ceiling to 1, is taken to the third power. A cosine of 1 stays 1. The ceiling is above the score of
    similarity 80 at any quality, so no match at 80 is lost.

    Args:
        cosine: -1..1, a number or an array.
        one: the quality score of one face, 0..100, a number or an array.
        other: the quality score of the other face, likewise.
        penalty: default: the numbers that ship.
        ceiling: default: the numbers that ship; None: no ceiling.

    Example:
        >>> round(float(quality_adjusted(0.3, 64.0, 64.0)), 3), float(quality_adjusted(0.3, 64.0, 90.0))
        (0.29, 0.3)
    """
    full = penalty.full_quality
    lacking: T = np.sqrt(np.maximum(full - one, 0) * np.maximum(full - other, 0))
    lowered = _penalise(cosine, penalty.penalty_per_point * lacking)
    if ceiling is None:
        return lowered
    poorer: T = np.minimum(one, other)
    return _drawn_to(ceiling.lowest + ceiling.per_point * poorer, lowered)


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


def _drawn_to(ceiling: T, cosine: T) -> T:
    above: T = np.maximum(cosine - ceiling, 0.0)
    drawn: T = np.minimum(cosine, ceiling) + above * (above / (1 - ceiling)) ** 2
    return drawn


def _penalise(cosine: T, by: float | T) -> T:
    """Lower a cosine: by the whole of `by` where matches are decided and below, and not at all where it is 1."""
    room: T = np.minimum((1 - cosine) / (1 - _WHERE_MATCHES_ARE_DECIDED), 1.0)
    lowered: T = cosine - by * room
    return lowered
