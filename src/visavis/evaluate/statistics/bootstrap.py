"""Bootstrap intervals over people, because comparisons that share a person are not independent.

A replicate draws as many people as the set has, with replacement. A person who is drawn twice counts twice, with all of
their images. The weight of a pair of images of people a and b is then w[a] * w[b], and that of a genuine pair of a is
w[a] (ISO/IEC 19795-1, annex on confidence intervals by resampling test subjects).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.data.protocol import Codes, ComparisonProtocol, Pairs
from visavis.evaluate.statistics.error_rates import CONFIDENCE, Interval
from visavis.evaluate.statistics.scores import Scores, TailPairs

__all__ = [
    "SubjectBootstrap",
    "all_impostors",
    "draw",
    "false_match_rates",
    "false_non_match_rates",
    "interval",
    "pair_weight",
]

MOST_LISTED_PAIRS = 5_000_000
"""The most listed pairs for which there are bootstrap intervals. A thousand replicates of more pairs take hours."""
_CHUNK = 4096  # pairs at a time; with 1,000 replicates a chunk has 16 MB

Replicates = NDArray[np.float64]
Weights = NDArray[np.float32]
Mask = NDArray[np.bool_]


class SubjectBootstrap:
    """Bootstrap intervals for all images of a set or for some of them. All intervals use the same replicates.

    Args:
        protocol: its people are drawn.
        usable: (n,) bool, the images that have an embedding.
        pairs: the pairs of usable images that were compared; None: every pair was.
        scores: the scores of these comparisons.
        replicates: the number of replicates; 0: every interval is None.
        seed: the seed of the random draws.

    Example:
        With the embeddings and labels of a data set:

            bootstrap = SubjectBootstrap(protocol, usable, None, scores, 1000, seed=1)
            bootstrap.fmr(usable, [0.35, 0.41])
    """

    def __init__(
        self,
        protocol: ComparisonProtocol,
        usable: Mask,
        pairs: Pairs | None,
        scores: Scores,
        replicates: int,
        seed: int,
    ) -> None:
        self._identity, self._pairs, self._scores = protocol.identity, pairs, scores
        self._people = len(protocol.identities)
        self._usable = usable
        too_many = pairs is not None and len(pairs) > MOST_LISTED_PAIRS
        self._weights = None if too_many or not replicates else draw(self._people, replicates, seed)

    def fnmr(self, images: Mask, thresholds: Sequence[float]) -> list[Interval | None]:
        """Intervals of the FNMR over the genuine pairs among the selected images.

        Args:
            images: (n,) bool, the selected images.
            thresholds: scores.

        Returns:
            One interval for each threshold; None without replicates, or where not all pairs below it are known.
        """
        low = self._scores.low_genuine
        if self._weights is None or low.limit < max(thresholds):
            return [None] * len(thresholds)
        rates = false_non_match_rates(
            self._weights, _within(low, images), self._identity, self._genuine_of(images), np.array(thresholds)
        )
        return [interval(column) for column in rates.T]

    def fmr(self, images: Mask, thresholds: Sequence[float]) -> list[Interval | None]:
        """Intervals of the FMR over the impostor pairs among the selected images; the arguments are those of `fnmr`."""
        high = self._scores.high_impostors
        known = [t for t in thresholds if t > high.limit]
        if self._weights is None or not known:
            return [None] * len(thresholds)
        rates = false_match_rates(
            self._weights, _within(high, images), self._identity, self._impostors(images), np.array(known)
        )
        found = dict(zip(known, (interval(column) for column in rates.T), strict=True))
        return [found.get(t) for t in thresholds]

    def _genuine_of(self, images: Mask) -> NDArray[np.int64]:
        if self._pairs is None:
            count = self._images_of(images)
            return np.asarray(count * (count - 1) // 2)
        p = self._pairs
        selected = p.same & images[p.source] & images[p.target]
        return np.bincount(self._identity[p.source[selected]], minlength=self._people).astype(np.int64)

    def _impostors(self, images: Mask) -> Replicates:
        assert self._weights is not None
        if self._pairs is None:
            return all_impostors(self._weights, self._images_of(images))
        p = self._pairs
        selected = ~p.same & images[p.source] & images[p.target]
        return pair_weight(self._weights, self._identity[p.source[selected]], self._identity[p.target[selected]])

    def _images_of(self, images: Mask) -> NDArray[np.int64]:
        return np.bincount(self._identity[images & self._usable], minlength=self._people).astype(np.int64)


def _within(tail: TailPairs, images: Mask) -> TailPairs:
    selected = images[tail.first] & images[tail.second]
    return TailPairs(tail.first[selected], tail.second[selected], tail.score[selected], tail.limit)


def draw(identities: int, replicates: int, seed: int) -> Weights:
    """(replicates, identities) float32: how often each replicate draws each identity."""
    random = np.random.default_rng(seed)
    weights = np.empty((replicates, identities), np.float32)
    for row in weights:
        row[:] = np.bincount(random.integers(identities, size=identities), minlength=identities)
    return weights


def interval(replicates: Replicates, confidence: float = CONFIDENCE) -> Interval:
    """The interval that contains the middle part of the replicates (the percentile method)."""
    finite = replicates[np.isfinite(replicates)]
    if not len(finite):
        return Interval(0.0, 1.0)
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def false_non_match_rates(
    weights: Weights, low: TailPairs, identity: Codes, genuine_of: NDArray[np.int64], thresholds: NDArray[np.float64]
) -> Replicates:
    """The FNMR of each replicate.

    Args:
        weights: the result of `draw`.
        low: genuine pairs, which include all those below the highest threshold.
        identity: (n,) the identity of each image.
        genuine_of: (identities,) the number of genuine comparisons of each identity.
        thresholds: (t,) scores.

    Returns:
        (replicates, t) float64; NaN where a replicate has no genuine pair.
    """
    errors = np.zeros((len(genuine_of), len(thresholds)))
    who = identity[low.first]
    for t, threshold in enumerate(thresholds):
        errors[:, t] = np.bincount(who[low.score < threshold], minlength=len(genuine_of))
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ errors) / (weights @ genuine_of)[:, None])


def false_match_rates(
    weights: Weights, high: TailPairs, identity: Codes, comparisons: Replicates, thresholds: NDArray[np.float64]
) -> Replicates:
    """The FMR of each replicate.

    Args:
        weights: the result of `draw`.
        high: impostor pairs, which include all those at or above the lowest threshold.
        identity: (n,) the identity of each image.
        comparisons: (replicates,) the weight of all impostor comparisons.
        thresholds: (t,) scores.

    Returns:
        (replicates, t) float64; NaN where a replicate has no impostor pair.
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
    """(replicates,) float64: the weight of all pairs of identities a[i], b[i]."""
    pairs, counts = _distinct(a, b)
    total = np.zeros(len(weights))
    for start in range(0, len(counts), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        both = weights[:, pairs[chunk, 0]] * weights[:, pairs[chunk, 1]]
        total += both @ counts[chunk]
    return total


def _distinct(a: Codes, b: Codes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each pair of identities once, and how often it occurs. Two people who match often do so in many images."""
    high = int(max(a.max(initial=0), b.max(initial=0))) + 1
    key = np.minimum(a, b).astype(np.int64) * high + np.maximum(a, b)
    keys, counts = np.unique(key, return_counts=True)
    return np.stack([keys // high, keys % high], axis=1), counts.astype(np.float32)


def all_impostors(weights: Weights, images_of: NDArray[np.int64]) -> Replicates:
    """(replicates,) float64: the weight of all pairs of images of different identities.

    Args:
        weights: the result of `draw`.
        images_of: (identities,) the number of images of each identity.
    """
    images = images_of.astype(np.float32)
    return np.asarray(((weights @ images).astype(np.float64) ** 2 - (weights**2 @ images**2)) / 2)
