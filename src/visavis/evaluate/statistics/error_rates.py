"""Error rates from histograms and counts.

A comparison matches when its score is at least the threshold. The false match rate (FMR) is the part of impostor
comparisons that match. The false non-match rate (FNMR) is the part of genuine comparisons that do not. The true accept
rate (TAR) is 1 - FNMR (ISO/IEC 19795-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from visavis.evaluate.statistics.histogram import EDGES, Counts

__all__ = [
    "CONFIDENCE",
    "RULE_OF_3",
    "RULE_OF_30",
    "DetCurve",
    "Interval",
    "Rate",
    "Support",
    "TarAt",
    "standard_deviation",
    "support_for",
    "total",
    "wilson",
]

CONFIDENCE = 0.95
"""The confidence level of every interval."""
RULE_OF_30 = 30
"""Errors from which a rate is within 30 % of the truth with 90 % confidence (Doddington et al., 2000)."""
RULE_OF_3 = 3
"""n comparisons without an error bound the rate by 3/n with 95 % confidence (the rule of three)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval from `low` to `high`, both included."""

    low: float
    high: float


def wilson(errors: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (1927), which is sound with few errors and with none.

    It treats comparisons as independent. Comparisons that share a person are not, so the interval is too narrow on a
    set in which everyone is compared with everyone. The bootstrap interval is valid there.

    Args:
        errors: the number of errors, 0..trials.
        trials: the number of comparisons; 0 gives the interval from 0 to 1.
        confidence: the confidence level, between 0 and 1.

    Example:
        >>> round(wilson(0, 100).high, 4)
        0.037
    """
    if not trials:
        return Interval(0.0, 1.0)
    found = binomtest(errors, trials).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate as a pair of counts.

    Attributes:
        errors: the number of errors, 0..trials.
        trials: the number of comparisons.

    Example:
        >>> Rate(3, 1000).value
        0.003
    """

    errors: int
    trials: int

    @property
    def value(self) -> float:
        """The rate, 0..1; NaN without trials."""
        return self.errors / self.trials if self.trials else float("nan")

    def wilson(self) -> Interval:
        """Wilson's interval; see `wilson`."""
        return wilson(self.errors, self.trials)


class Support(StrEnum):
    """Whether a number of comparisons is enough to state an error rate; see `support_for`."""

    SUFFICIENT = "sufficient"
    THIN = "thin"
    INSUFFICIENT = "insufficient"


def support_for(rate: float, comparisons: int) -> Support:
    """Whether this number of comparisons is enough to state this error rate.

    It is sufficient with 30 or more expected errors (rule of 30), thin with 3 or more (rule of three), and insufficient
    with fewer.

    Example:
        >>> support_for(1e-4, 300_000)
        <Support.SUFFICIENT: 'sufficient'>
    """
    expected = round(rate * comparisons, 6)
    if expected >= RULE_OF_30:
        return Support.SUFFICIENT
    return Support.THIN if expected >= RULE_OF_3 else Support.INSUFFICIENT


@dataclass(frozen=True, slots=True)
class TarAt:
    """The operating point at an FMR.

    Attributes:
        fmr: the highest FMR that is allowed.
        support: whether there are enough impostor comparisons for this FMR.
        threshold: the lowest score with at most this FMR; None where the support is insufficient.
        fnmr: 1 - TAR; None where `threshold` is None.
    """

    fmr: float
    support: Support
    threshold: float | None
    fnmr: Rate | None


@dataclass(frozen=True, slots=True, eq=False)
class DetCurve:
    """The detection error trade-off: both errors at every threshold.

    Attributes:
        edges: (b,) float64, the thresholds, rising.
        false_matches: (b,) int64, the number of impostors at or above each threshold.
        false_non_matches: (b,) int64, the number of genuine pairs below each threshold.
        impostors: the number of impostor comparisons.
        genuine: the number of genuine comparisons.

    Example:
        >>> curve = DetCurve.of(np.array([0, 1, 9]), np.array([7, 3, 0]), np.array([0.0, 0.3, 0.6]))
        >>> curve.fmr(0.3), curve.fnmr(0.3)
        (Rate(errors=3, trials=10), Rate(errors=0, trials=10))
    """

    edges: NDArray[np.float64]
    false_matches: Counts
    false_non_matches: Counts
    impostors: int
    genuine: int

    @classmethod
    def of(cls, genuine: Counts, impostor: Counts, edges: NDArray[np.float64] = EDGES) -> Self:
        """The curve of two histograms.

        Args:
            genuine: (b,) int64, the histogram of genuine scores.
            impostor: (b,) int64, the histogram of impostor scores.
            edges: (b,) float64, the lower edges of the bins, rising.
        """
        above = np.cumsum(impostor[::-1])[::-1]
        below = np.concatenate([[0], np.cumsum(genuine)[:-1]])
        return cls(edges, above, below, int(impostor.sum()), int(genuine.sum()))

    def fmr(self, threshold: float) -> Rate:
        """The FMR at a threshold: exact where the threshold is an edge, otherwise that of the next edge."""
        return Rate(int(self.false_matches[self._edge(threshold)]), self.impostors)

    def fnmr(self, threshold: float) -> Rate:
        """The FNMR at a threshold: exact where the threshold is an edge, otherwise that of the next edge."""
        return Rate(int(self.false_non_matches[self._edge(threshold)]), self.genuine)

    def _edge(self, threshold: float) -> int:
        """The first edge at or above `threshold`, because rounding up never adds a false match."""
        return min(int(np.searchsorted(self.edges, threshold)), len(self.edges) - 1)

    def threshold_at(self, fmr: float) -> float:
        """The lowest threshold at which the FMR is at most `fmr`; 1 where no edge has so low an FMR."""
        low_enough = np.flatnonzero(self.false_matches <= fmr * self.impostors)
        return float(self.edges[low_enough[0]]) if len(low_enough) else 1.0

    def tar_at(self, fmr: float) -> TarAt:
        """The operating point at an FMR, without a threshold where the data do not support the FMR."""
        support = support_for(fmr, self.impostors)
        if support is Support.INSUFFICIENT or not self.genuine:
            return TarAt(fmr, support, None, None)
        threshold = self.threshold_at(fmr)
        return TarAt(fmr, support, threshold, self.fnmr(threshold))

    def eer(self) -> tuple[float, float]:
        """The equal error rate and its threshold, interpolated between the two nearest thresholds."""
        fmr, fnmr = self.false_matches / self.impostors, self.false_non_matches / self.genuine
        after = int(np.argmax(fnmr >= fmr)) if (fnmr >= fmr).any() else len(fmr) - 1
        before = max(after - 1, 0)
        gap, next_gap = fmr[before] - fnmr[before], fmr[after] - fnmr[after]
        part = gap / (gap - next_gap) if gap != next_gap else 0.0
        rate = fnmr[before] + part * (fnmr[after] - fnmr[before])
        return float(rate), float(self.edges[before] + part * (self.edges[after] - self.edges[before]))


def standard_deviation(values: NDArray[np.float64]) -> float:
    """The standard deviation of a sample, with n - 1 in the denominator; 0 for one value."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def total(rates: Sequence[Rate]) -> Rate:
    """The rate of several counts taken together."""
    return Rate(sum(r.errors for r in rates), sum(r.trials for r in rates))
