"""Histograms of scores. The bins have a width of 1e-4 and are split where a count must be exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "EDGES", "Counts", "ScoreBins"]

_BINS_PER_UNIT = 10_000
BINS = 2 * _BINS_PER_UNIT + 1
"""Bins of 1e-4 from a score of -1. The last bin contains the score 1 alone."""
EDGES: NDArray[np.float64] = np.round(np.arange(BINS) / _BINS_PER_UNIT - 1, 4)
"""(BINS,) float64, the lower edge of each bin."""

Counts = NDArray[np.int64]


class ScoreBins:
    """Finds the bin of a score. The bins are those of `EDGES`, split at given thresholds.

    Args:
        thresholds: the scores at which bins are split.

    Attributes:
        edges: (b,) float64, the lower edge of each bin.

    Example:
        >>> bins = ScoreBins([0.12345])
        >>> bins.edges[bins(np.array([0.12344, 0.12345]))].tolist()
        [0.1234, 0.12345]
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.edges = np.union1d(EDGES, np.asarray(thresholds, np.float64).clip(-1, 1))
        first = np.searchsorted(self.edges, EDGES)
        split = np.diff(first, append=len(self.edges)) > 1
        self._first = first.astype(np.int32)
        # Rounding can put a score near a split bin into the next bin, so the neighbours are searched as well.
        self._searched = split | np.roll(split, 1) | np.roll(split, -1)

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.int32]:
        """The index of each score's bin. A score that equals an edge is in the bin above it."""
        steps = ((scores + 1) * _BINS_PER_UNIT).astype(np.int32)
        np.clip(steps, 0, BINS - 1, out=steps)
        if len(self.edges) == BINS:
            return steps
        bins = self._first[steps]
        searched = self._searched[steps]
        bins[searched] = (np.searchsorted(self.edges, scores[searched], side="right") - 1).clip(0)
        return bins
