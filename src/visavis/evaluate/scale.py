"""From false match rates to the published scale, as a smooth rising curve over scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visavis.calibration import SIMILARITY_SCALE, neg_log10_fmr
from visavis.evaluate.scores import EDGES, Counts
from visavis.evaluate.tail import Floats, Tail

__all__ = ["decades_of", "mean_decades", "monotone_cubic", "scale_curve", "to_similarity"]

_FAR = 8.0  # decades to which the tail is followed; from there on the curve goes on straight
_HIGHEST = 0.98  # score to which the tail is followed at most
_STEP = 0.005  # of the curve, in score


def decades_of(histogram: Counts, tail: Tail) -> tuple[Floats, Floats]:
    """One group's scores and the -log10 of its false match rate there; both rising, the scores up to 1."""
    survival = np.cumsum(histogram[::-1])[::-1] / histogram.sum()
    body = np.arange(0.02, -np.log10(tail.rate) - 0.02, 0.05)
    far = np.arange(-np.log10(tail.rate), _FAR, 0.05)
    counted = np.array([EDGES[int(np.argmax(survival <= 10.0**-d))] for d in body])
    carried = np.array([tail.quantile(10.0**-d) for d in far])
    scores, first = np.unique(np.round(np.concatenate([counted, carried]), 6), return_index=True)
    decades = np.concatenate([body, far])[first]
    within = scores < _HIGHEST
    scores, decades = scores[within], decades[within]
    # Straight on beyond what the tail is followed to: it may end short of 1, and what lies above its end is rare, not
    # impossible.
    slope = (decades[-1] - decades[-21]) / (scores[-1] - scores[-21])
    start = max(-1.0, scores[0] - 0.2)
    ends = np.array([start, 1.0]), np.array([0.0, decades[-1] + slope * (1 - scores[-1])])
    return np.insert(ends[0], 1, scores), np.insert(ends[1], 1, decades)


def mean_decades(groups: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Grid of scores and the mean of the groups' decades there: the geometric mean of their rates."""
    start = max(scores[0] for scores, _ in groups)
    grid = np.round(np.arange(np.ceil(start / _STEP), round(1 / _STEP)) * _STEP, 4)
    return grid, np.mean([monotone_cubic(scores, decades, grid) for scores, decades in groups], axis=0)


def scale_curve(grid: Floats, decades: Floats) -> Floats:
    """(n, 2) score and similarity."""
    similarity = np.round(to_similarity(decades), 6)
    # Near the top several points round to one; the first of them stays, so that what is more alike always scores more.
    similarity, first = np.unique(similarity, return_index=True)
    inner = (similarity > 0) & (similarity < 100)
    points = np.stack([grid[first][inner], similarity[inner]], axis=1)
    return np.concatenate([[[-1.0, 0.0]], points, [[1.0, 100.0]]])


def to_similarity(decades: Floats) -> Floats:
    """-log10 of a false match rate -> similarity, a smooth curve through the points of `SIMILARITY_SCALE`.

    Beyond the scale's end it nears 100 and does not reach it.
    """
    x, y = neg_log10_fmr(), np.array([similarity for similarity, _ in SIMILARITY_SCALE])
    inside = monotone_cubic(x, y, np.minimum(decades, x[-1]))
    # The gap to 100 shrinks as e ** -decades, which goes on from the scale's last slope without a kink to the eye.
    return np.asarray(np.where(decades > x[-1], 100 - (100 - y[-1]) * np.exp(-(decades - x[-1]).clip(0)), inside))


def monotone_cubic(x: Floats, y: Floats, at: Floats) -> Floats:
    """A smooth curve through rising (x, y) that rises wherever they do.

    The tangent at an inner point is the weighted harmonic mean of the slopes beside it (Fritsch and Butland, 1984),
    which SciPy calls PCHIP; at the ends it is the slope of the last segment, where SciPy extrapolates from two.
    """
    steps, slopes = np.diff(x), np.diff(y) / np.diff(x)
    weigh, other = 2 * steps[1:] + steps[:-1], steps[1:] + 2 * steps[:-1]
    with np.errstate(divide="ignore"):
        inner = np.where(slopes[:-1] * slopes[1:] > 0, (weigh + other) / (weigh / slopes[:-1] + other / slopes[1:]), 0)
    tangents = np.concatenate([slopes[:1], inner, slopes[-1:]])
    i = np.clip(np.searchsorted(x, at, "right") - 1, 0, len(steps) - 1)
    t = (at - x[i]) / steps[i]
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * y[i] + (t**3 - 2 * t**2 + t) * steps[i] * tangents[i]
        + (3 * t**2 - 2 * t**3) * y[i + 1] + (t**3 - t**2) * steps[i] * tangents[i + 1]
    )  # fmt: skip
