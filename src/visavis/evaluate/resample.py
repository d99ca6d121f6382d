"""Intervals from draws of people, for a set or any part of its images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate import bootstrap
from visavis.evaluate.metrics import Interval
from visavis.evaluate.protocol import Pairs, Protocol
from visavis.evaluate.scores import Extremes, Scores

__all__ = ["Resampled"]

MOST_DRAWN_PAIRS = 5_000_000
"""Listed pairs up to which people are drawn anew; weighing more of them a thousand times would take hours."""


class Resampled:
    """Draws the people once, so that every interval is of the same draws.

    Args:
        usable: (n,) bool, images that gave an embedding
        pairs: of usable images; None: every pair was compared
    """

    def __init__(
        self,
        protocol: Protocol,
        usable: NDArray[np.bool_],
        pairs: Pairs | None,
        scores: Scores,
        replicates: int,
        seed: int,
    ) -> None:
        self._identity, self._pairs, self._scores = protocol.identity, pairs, scores
        self._people = len(protocol.identities)
        self._usable = usable
        too_many = pairs is not None and len(pairs) > MOST_DRAWN_PAIRS
        self._weights = None if too_many or not replicates else bootstrap.draw(self._people, replicates, seed)

    def fnmr(self, of: NDArray[np.bool_], thresholds: Sequence[float]) -> list[Interval | None]:
        """Of the genuine pairs both of whose images are in `of`, (n,) bool."""
        low = self._scores.low_genuine
        if self._weights is None or low.limit < max(thresholds):
            return [None] * len(thresholds)
        rates = bootstrap.false_non_match_rates(
            self._weights, _within(low, of), self._identity, self._genuine_of(of), np.array(thresholds)
        )
        return [bootstrap.interval(column) for column in rates.T]

    def fmr(self, of: NDArray[np.bool_], thresholds: Sequence[float]) -> list[Interval | None]:
        """Of the impostor pairs both of whose images are in `of`; None for a threshold below what was kept."""
        high = self._scores.high_impostors
        known = [t for t in thresholds if t > high.limit]
        if self._weights is None or not known:
            return [None] * len(thresholds)
        high = _within(high, of)
        rates = bootstrap.false_match_rates(self._weights, high, self._identity, self._impostors(of), np.array(known))
        found = dict(zip(known, (bootstrap.interval(column) for column in rates.T), strict=True))
        return [found.get(t) for t in thresholds]

    def _genuine_of(self, of: NDArray[np.bool_]) -> NDArray[np.int64]:
        if self._pairs is None:
            images = np.bincount(self._identity[of & self._usable], minlength=self._people).astype(np.int64)
            return np.asarray(images * (images - 1) // 2)
        p = self._pairs
        mine = p.same & of[p.source] & of[p.target]
        return np.bincount(self._identity[p.source[mine]], minlength=self._people).astype(np.int64)

    def _impostors(self, of: NDArray[np.bool_]) -> NDArray[np.float64]:
        assert self._weights is not None
        if self._pairs is None:
            images = np.bincount(self._identity[of & self._usable], minlength=self._people).astype(np.int64)
            return bootstrap.all_impostors(self._weights, images)
        p = self._pairs
        mine = ~p.same & of[p.source] & of[p.target]
        return bootstrap.pair_weight(self._weights, self._identity[p.source[mine]], self._identity[p.target[mine]])


def _within(extremes: Extremes, of: NDArray[np.bool_]) -> Extremes:
    mine = of[extremes.first] & of[extremes.second]
    return Extremes(extremes.first[mine], extremes.second[mine], extremes.score[mine], extremes.limit)
