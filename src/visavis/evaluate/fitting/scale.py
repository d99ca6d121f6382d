"""The similarity scale as a smooth rising curve over scores, from counted and extrapolated false match rates.

False match rates (FMR) are taken as -log10, because the scale is nearly straight in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

from visavis.evaluate.statistics.histogram import EDGES, Counts
from visavis.evaluate.statistics.pareto_tail import Floats, ParetoTail
from visavis.similarity_scale import LOWEST_PROMISED, SIMILARITY_SCALE, neg_log10_fmr

__all__ = ["curve_of_group", "mean_curve", "monotone_cubic", "scale_curve", "to_similarity"]

_FARTHEST = 8.0  # -log10 FMR at which the curve leaves the tail and becomes straight
_HIGHEST = 0.98  # the highest score of the tail that is used
_STEP = 0.005  # the distance of the curve's points, in score

_SLOPE_AT_LOWEST_PROMISED = 13.75
"""Similarity per unit of -log10 FMR at `LOWEST_PROMISED`. It is given, so that points below that similarity do not move
the curve above it."""


def curve_of_group(histogram: Counts, tail: ParetoTail) -> tuple[Floats, Floats]:
    """One group's scores and the -log10 of its FMR there.

    Args:
        histogram: (BINS,) int64, the histogram of the group's impostors.
        tail: the tail of their scores.

    Returns:
        Scores and -log10 FMR, (k,) float64 each, both rising. The last score is 1.
    """
    survival = np.cumsum(histogram[::-1])[::-1] / histogram.sum()
    body = np.arange(0.02, -np.log10(tail.rate) - 0.02, 0.05)
    far = np.arange(-np.log10(tail.rate), _FARTHEST, 0.05)
    counted = np.array([EDGES[int(np.argmax(survival <= 10.0**-d))] for d in body])
    extrapolated = np.array([tail.quantile(10.0**-d) for d in far])
    scores, first = np.unique(np.round(np.concatenate([counted, extrapolated]), 6), return_index=True)
    levels = np.concatenate([body, far])[first]
    within = scores < _HIGHEST
    scores, levels = scores[within], levels[within]
    # The tail may end below a score of 1, but scores above its end are rare and not impossible. So the curve continues
    # as a straight line.
    slope = (levels[-1] - levels[-21]) / (scores[-1] - scores[-21])
    start = max(-1.0, scores[0] - 0.2)
    ends = np.array([start, 1.0]), np.array([0.0, levels[-1] + slope * (1 - scores[-1])])
    return np.insert(ends[0], 1, scores), np.insert(ends[1], 1, levels)


def mean_curve(groups: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """A grid of scores, and the mean of the groups' -log10 FMR there, which is that of the rates' geometric mean."""
    start = max(scores[0] for scores, _ in groups)
    grid = np.round(np.arange(np.ceil(start / _STEP), round(1 / _STEP)) * _STEP, 4)
    return grid, np.mean([monotone_cubic(scores, levels, grid) for scores, levels in groups], axis=0)


def scale_curve(grid: Floats, levels: Floats) -> Floats:
    """The points of a calibration: (n, 2) score and similarity, from (-1, 0) to (1, 100).

    Args:
        grid: (k,) scores, rising.
        levels: (k,) -log10 FMR at these scores.
    """
    similarity = np.round(to_similarity(levels), 6)
    # Near 100 several points round to one similarity. Only the first is kept, so that the curve always rises.
    similarity, first = np.unique(similarity, return_index=True)
    inner = (similarity > 0) & (similarity < 100)
    points = np.stack([grid[first][inner], similarity[inner]], axis=1)
    return np.concatenate([[[-1.0, 0.0]], points, [[1.0, 100.0]]])


def to_similarity(levels: Floats) -> Floats:
    """Map -log10 FMR to similarity, by a smooth curve through the points of `SIMILARITY_SCALE`.

    Beyond the end of the scale it approaches 100 and does not reach it.

    Example:
        >>> to_similarity(np.array([3.0])).tolist()
        [80.0]
    """
    x, y = neg_log10_fmr(), np.array([similarity for similarity, _ in SIMILARITY_SCALE], np.float64)
    tangents = _tangents(x, y)
    tangents[y == LOWEST_PROMISED] = _SLOPE_AT_LOWEST_PROMISED
    inside = CubicHermiteSpline(x, y, tangents)(np.minimum(levels, x[-1]))
    # The gap to 100 shrinks as exp(-level), which continues the last slope of the scale without a visible kink.
    return np.asarray(np.where(levels > x[-1], 100 - (100 - y[-1]) * np.exp(-(levels - x[-1]).clip(0)), inside))


def monotone_cubic(x: Floats, y: Floats, at: Floats) -> Floats:
    """A smooth curve through rising points that is itself rising.

    Inner tangents are those of PCHIP (Fritsch and Butland, 1984). The tangents at the ends are the slopes of the first
    and last segment, because PCHIP extrapolates them from two segments, which bends the ends.

    Args:
        x: (n,) rising, with n of 2 or more.
        y: (n,) the values at `x`, rising.
        at: (k,) where to evaluate the curve.

    Returns:
        (k,) float64.

    Example:
        >>> monotone_cubic(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.5])).tolist()
        [0.5, 1.5]
    """
    return np.asarray(CubicHermiteSpline(x, y, _tangents(x, y))(at))


def _tangents(x: Floats, y: Floats) -> Floats:
    slopes = np.diff(y) / np.diff(x)
    tangents = np.asarray(PchipInterpolator(x, y).derivative()(x), np.float64)
    tangents[[0, -1]] = slopes[[0, -1]]
    return tangents
