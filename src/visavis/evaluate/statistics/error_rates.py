"""Error rates from counts. Pure: histograms and arrays in, numbers out.

A comparison matches when its score is at least the threshold. FMR: the part of impostor comparisons that match;
FNMR: the part of genuine ones that do not; TAR = 1 - FNMR (ISO/IEC 19795-1).
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
"""Of every interval."""
RULE_OF_30 = 30
"""Errors from which a rate is within 30 % of the truth with 90 % confidence (Doddington et al., 2000)."""
RULE_OF_3 = 3
"""n comparisons without an error bound the rate by 3/n with 95 % confidence. Fewer comparisons give no bound."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float


def wilson(errors: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (1927), which is sound with few errors and with none.

    It takes comparisons for independent. Comparisons that share a person are not, so the interval is too narrow on a
    set in which everyone is compared with everyone; the bootstrap interval holds there.

    Args:
        errors: 0..trials
        trials: comparisons; 0 gives the interval from 0 to 1
        confidence: between 0 and 1

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
    """An error rate as it was counted.

    errors: 0..trials
    trials: comparisons

    Example:
        >>> Rate(3, 1000).value
        0.003
    """

    errors: int
    trials: int

    @property
    def value(self) -> float:
        """0..1, or NaN where there are no trials."""
        return self.errors / self.trials if self.trials else float("nan")

    def wilson(self) -> Interval:
        """The interval of `wilson`."""
        return wilson(self.errors, self.trials)


class Support(StrEnum):
    """What a number of comparisons can say about an error rate."""

    SUFFICIENT = "sufficient"
    THIN = "thin"
    INSUFFICIENT = "insufficient"


def support_for(rate: float, comparisons: int) -> Support:
    """Whether `comparisons` support a claim about `rate`.

    Sufficient from 30 expected errors on (rule of 30), thin from 3 on (rule of 3), and insufficient below.

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

    fmr:       the highest that is allowed
    support:   of this FMR by the impostor comparisons
    threshold: the lowest score with at most this FMR; None where the support is insufficient
    fnmr:      1 - TAR; None as `threshold`
    """

    fmr: float
    support: Support
    threshold: float | None
    fnmr: Rate | None


@dataclass(frozen=True, slots=True, eq=False)
class DetCurve:
    """Both errors at every threshold of `edges`.

    edges:             (b,) float64, rising
    false_matches:     (b,) int64, impostors at or above the threshold
    false_non_matches: (b,) int64, genuine pairs below it
    impostors:         comparisons
    genuine:           comparisons

    Example:
        >>> curve = DetCurve.of(genuine, impostor)  # doctest: +SKIP
        >>> curve.fmr(0.35), curve.fnmr(0.35), curve.eer()  # doctest: +SKIP
    """

    edges: NDArray[np.float64]
    false_matches: Counts
    false_non_matches: Counts
    impostors: int
    genuine: int

    @classmethod
    def of(cls, genuine: Counts, impostor: Counts, edges: NDArray[np.float64] = EDGES) -> Self:
        """The curve of two histograms, (b,) each, with the lower edges of their bins."""
        above = np.cumsum(impostor[::-1])[::-1]
        below = np.concatenate([[0], np.cumsum(genuine)[:-1]])
        return cls(edges, above, below, int(impostor.sum()), int(genuine.sum()))

    def fmr(self, threshold: float) -> Rate:
        """Exact where the threshold is an edge; otherwise that of the next edge."""
        return Rate(int(self.false_matches[self._edge(threshold)]), self.impostors)

    def fnmr(self, threshold: float) -> Rate:
        """Exact where the threshold is an edge; otherwise that of the next edge."""
        return Rate(int(self.false_non_matches[self._edge(threshold)]), self.genuine)

    def _edge(self, threshold: float) -> int:
        """The first edge at or above `threshold`, because rounding up never adds a false match."""
        return min(int(np.searchsorted(self.edges, threshold)), len(self.edges) - 1)

    def threshold_at(self, fmr: float) -> float:
        """The lowest threshold whose FMR is at most `fmr`; 1 where even that has a higher one."""
        low_enough = np.flatnonzero(self.false_matches <= fmr * self.impostors)
        return float(self.edges[low_enough[0]]) if len(low_enough) else 1.0

    def tar_at(self, fmr: float) -> TarAt:
        """The operating point at an FMR, where the data support it."""
        support = support_for(fmr, self.impostors)
        if support is Support.INSUFFICIENT or not self.genuine:
            return TarAt(fmr, support, None, None)
        threshold = self.threshold_at(fmr)
        return TarAt(fmr, support, threshold, self.fnmr(threshold))

    def eer(self) -> tuple[float, float]:
        """Where FMR and FNMR are equal, as (rate, threshold), interpolated between the two thresholds around it."""
        fmr, fnmr = self.false_matches / self.impostors, self.false_non_matches / self.genuine
        after = int(np.argmax(fnmr >= fmr)) if (fnmr >= fmr).any() else len(fmr) - 1
        before = max(after - 1, 0)
        gap, next_gap = fmr[before] - fnmr[before], fmr[after] - fnmr[after]
        part = gap / (gap - next_gap) if gap != next_gap else 0.0
        rate = fnmr[before] + part * (fnmr[after] - fnmr[before])
        return float(rate), float(self.edges[before] + part * (self.edges[after] - self.edges[before]))


def standard_deviation(values: NDArray[np.float64]) -> float:
    """Of a sample, with n - 1 in the denominator; 0 for one value."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def total(rates: Sequence[Rate]) -> Rate:
    """The rate of several counts taken together."""
    return Rate(sum(r.errors for r in rates), sum(r.trials for r in rates))
