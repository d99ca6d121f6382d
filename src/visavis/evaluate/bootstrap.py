"""Intervals from drawing people anew: comparisons that share a person are not independent, people are.

A replicate draws as many identities as there are, with replacement; one drawn twice counts twice, with all its images.
A pair of images of identities a and b then weighs w[a] * w[b], a genuine pair w[a] (ISO/IEC 19795-1, annex on
confidence intervals by resampling at the level of test subjects).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.metrics import CONFIDENCE, Interval
from visavis.evaluate.protocol import Codes
from visavis.evaluate.scores import Extremes

__all__ = ["draw", "false_match_rates", "false_non_match_rates", "interval"]

_CHUNK = 4096  # pairs at a time; with 1,000 replicates a chunk has 16 MB

Replicates = NDArray[np.float64]
Weights = NDArray[np.float32]


def draw(identities: int, replicates: int, seed: int) -> Weights:
    """(replicates, identities) float32: how often each was drawn."""
    random = np.random.default_rng(seed)
    weights = np.empty((replicates, identities), np.float32)
    for row in weights:
        row[:] = np.bincount(random.integers(identities, size=identities), minlength=identities)
    return weights


def interval(replicates: Replicates, confidence: float = CONFIDENCE) -> Interval:
    """The middle of the replicates (the percentile method)."""
    finite = replicates[np.isfinite(replicates)]
    if not len(finite):
        return Interval(0.0, 1.0)
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def false_non_match_rates(
    weights: Weights, low: Extremes, identity: Codes, genuine_of: NDArray[np.int64], thresholds: NDArray[np.float64]
) -> Replicates:
    """FNMR of each replicate.

    Args:
        low: genuine pairs, all of those below the highest threshold among them
        identity: (n,) of each image
        genuine_of: (identities,) genuine comparisons of each

    Returns:
        (replicates, thresholds)
    """
    errors = np.zeros((len(genuine_of), len(thresholds)))
    who = identity[low.first]
    for t, threshold in enumerate(thresholds):
        errors[:, t] = np.bincount(who[low.score < threshold], minlength=len(genuine_of))
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ errors) / (weights @ genuine_of)[:, None])


def false_match_rates(
    weights: Weights, high: Extremes, identity: Codes, comparisons: Replicates, thresholds: NDArray[np.float64]
) -> Replicates:
    """FMR of each replicate.

    Args:
        high: impostor pairs, all of those at or above the lowest threshold among them
        comparisons: (replicates,) weight of all impostor comparisons

    Returns:
        (replicates, thresholds)
    """
    steps = np.sort(thresholds)[::-1]
    falling = np.argsort(thresholds, kind="stable")[::-1]
    order = np.argsort(-high.score, kind="stable")
    bounds = [0, *np.searchsorted(-high.score[order], -steps, side="right").tolist()]
    rates = np.empty((len(weights), len(steps)))
    so_far = np.zeros(len(weights))
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, (begin, end) in enumerate(pairwise(bounds)):
            pairs = order[begin:end]
            so_far = so_far + pair_weight(weights, identity[high.first[pairs]], identity[high.second[pairs]])
            rates[:, falling[k]] = so_far / comparisons
    return rates


def pair_weight(weights: Weights, a: Codes, b: Codes) -> Replicates:
    """(replicates,) the weight of all pairs of identities a[i], b[i]."""
    together, counts = _counted(a, b)
    total = np.zeros(len(weights))
    for start in range(0, len(counts), _CHUNK):
        of = slice(start, start + _CHUNK)
        both = weights[:, together[of, 0]] * weights[:, together[of, 1]]
        total += both @ counts[of]
    return total


def _counted(a: Codes, b: Codes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each pair of identities once, with how often it stands there: a match of faces often is one of many images."""
    high = int(max(a.max(initial=0), b.max(initial=0))) + 1
    key = np.minimum(a, b).astype(np.int64) * high + np.maximum(a, b)
    keys, counts = np.unique(key, return_counts=True)
    return np.stack([keys // high, keys % high], axis=1), counts.astype(np.float32)


def all_impostors(weights: Weights, images_of: NDArray[np.int64]) -> Replicates:
    """(replicates,) the weight of all pairs of images of different identities.

    Args:
        images_of: (identities,) images of each
    """
    images = images_of.astype(np.float32)
    return np.asarray(((weights @ images).astype(np.float64) ** 2 - (weights**2 @ images**2)) / 2)
