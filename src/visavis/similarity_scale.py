"""What a similarity means: the published scale of similarities and false match rates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LOWEST_PROMISED",
    "PROMISED_FMR",
    "SIMILARITY_SCALE",
    "STATED_FMR",
    "false_match_rate",
    "neg_log10_fmr",
    "shown",
]

SIMILARITY_SCALE = (
    (0, 1.0), (1, 0.5), (10, 1e-1), (50, 1e-2), (80, 1e-3), (90, 1e-4), (97, 1e-5), (99, 1e-6), (99.6, 1e-7)
)  # fmt: skip
"""The scale: a similarity and its false match rate (FMR) among impostors of the same sex. See `PROMISED_FMR`."""
PROMISED_FMR = {int(similarity): fmr for similarity, fmr in SIMILARITY_SCALE if 1e-6 <= fmr <= 1e-3}
"""The part of the scale that is promised, and checked on unseen people: similarity -> FMR. The last point of the scale
only shapes the curve."""
LOWEST_PROMISED = min(PROMISED_FMR)
"""The lowest similarity with a promised rate: 80, because that is CompareFaces' default for SimilarityThreshold."""
STATED_FMR = {int(similarity): fmr for similarity, fmr in SIMILARITY_SCALE if 1e-3 < fmr < 1}
"""The part below, so that strangers have the low similarities that people expect of them: similarity -> FMR."""


def neg_log10_fmr() -> NDArray[np.float64]:
    """-log10 of the false match rate at each point of `SIMILARITY_SCALE`: (n,) float64, rising from 0."""
    return -np.log10([fmr for _, fmr in SIMILARITY_SCALE])


def false_match_rate(similarity: float) -> float:
    """How often two different people of the same sex reach `similarity`, 0..1.

    The rate is promised from `LOWEST_PROMISED` on. Above the highest promised similarity it stays constant.

    Args:
        similarity: 0..100.

    Example:
        >>> false_match_rate(80)
        0.001
    """
    similarities = [s for s, _ in SIMILARITY_SCALE]
    return float(10 ** -np.interp(min(similarity, max(PROMISED_FMR)), similarities, neg_log10_fmr()))


def shown(similarity: float) -> str:
    """A similarity as text with two decimals, rounded down, so that only a similarity of 100 is shown as 100.00.

    Example:
        >>> shown(99.999)
        '99.99'
    """
    return f"{math.floor(similarity * 100) / 100:.2f}"
