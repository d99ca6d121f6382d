"""Error rates from counts. Pure: histograms and arrays in, numbers out.

A comparison matches when its score is at least the threshold. FMR: the part of impostor comparisons that match;
FNMR: the part of genuine ones that do not; TAR = 1 - FNMR (ISO/IEC 19795-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.scores import EDGES, Counts

__all__ = ["CONFIDENCE", "Carried", "Curve", "Interval", "Rate", "TarAt", "carried", "k_fold_accuracy", "wilson"]

CONFIDENCE = 0.95
RULE_OF_30 = 30
"""Errors from which a rate is within 30 % of the truth with 90 % confidence (Doddington et al., 2000)."""
RULE_OF_3 = 3
"""n comparisons without an error bound the rate by 3/n with 95 % confidence; below it nothing can be said at all."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float


def wilson(errors: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval for a proportion (1927); sound for few errors and for none.

    It takes comparisons for independent. Those that share a person are not, so on a set in which everyone is compared
    with everyone it is too narrow; `bootstrap` is the honest one there.
    """
    if not of:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, scale = errors / of, 1 + z * z / of
    centre = (p + z * z / (2 * of)) / scale
    half = z / scale * (p * (1 - p) / of + z * z / (4 * of * of)) ** 0.5
    # At no and at all errors the bounds are 0 and 1 exactly; rounding would leave them a hair off.
    return Interval(0.0 if not errors else max(0.0, centre - half), 1.0 if errors == of else min(1.0, centre + half))


@dataclass(frozen=True, slots=True)
class Rate:
    """`errors` of `of` comparisons."""

    errors: int
    of: int

    @property
    def value(self) -> float:
        return self.errors / self.of if self.of else float("nan")

    def wilson(self) -> Interval:
        return wilson(self.errors, self.of)


class Carried(StrEnum):
    """What a number of comparisons can say about a rate."""

    YES = "yes"
    THIN = "thin"
    NO = "no"


def carried(rate: float, comparisons: int) -> Carried:
    """Whether `comparisons` can carry a claim about `rate`: 30 errors expected, 3, or fewer."""
    expected = round(rate * comparisons, 6)
    return Carried.YES if expected >= RULE_OF_30 else Carried.THIN if expected >= RULE_OF_3 else Carried.NO


@dataclass(frozen=True, slots=True)
class TarAt:
    """TAR at an FMR; threshold and rate are None where the data cannot say."""

    fmr: float
    carried: Carried
    threshold: float | None
    fnmr: Rate | None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Both errors at every threshold of `edges`.

    edges:             (b,) float64, rising
    false_matches:     (b,) int64, impostors at or above the threshold
    false_non_matches: (b,) int64, genuine pairs below it
    """

    edges: NDArray[np.float64]
    false_matches: Counts
    false_non_matches: Counts
    impostors: int
    genuine: int

    @classmethod
    def of(cls, genuine: Counts, impostor: Counts, edges: NDArray[np.float64] = EDGES) -> Self:
        """From histograms, (b,) each, and the lower edges of their bins."""
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
        """The first edge at or above `threshold`: rounding up never adds a false match."""
        return min(int(np.searchsorted(self.edges, threshold)), len(self.edges) - 1)

    def threshold_at(self, fmr: float) -> float:
        """The lowest threshold whose FMR is at most `fmr`; 1 where even that has more."""
        low_enough = np.flatnonzero(self.false_matches <= fmr * self.impostors)
        return float(self.edges[low_enough[0]]) if len(low_enough) else 1.0

    def tar_at(self, fmr: float) -> TarAt:
        can = carried(fmr, self.impostors)
        if can is Carried.NO or not self.genuine:
            return TarAt(fmr, can, None, None)
        threshold = self.threshold_at(fmr)
        return TarAt(fmr, can, threshold, self.fnmr(threshold))

    def eer(self) -> tuple[float, float]:
        """Where FMR and FNMR are equal: (rate, threshold), straight between the two thresholds around it."""
        fmr, fnmr = self.false_matches / self.impostors, self.false_non_matches / self.genuine
        after = int(np.argmax(fnmr >= fmr)) if (fnmr >= fmr).any() else len(fmr) - 1
        before = max(after - 1, 0)
        gap, next_gap = fmr[before] - fnmr[before], fmr[after] - fnmr[after]
        part = gap / (gap - next_gap) if gap != next_gap else 0.0
        rate = fnmr[before] + part * (fnmr[after] - fnmr[before])
        return float(rate), float(self.edges[before] + part * (self.edges[after] - self.edges[before]))


def k_fold_accuracy(
    scores: NDArray[np.floating], same: NDArray[np.bool_], fold: NDArray[np.integer]
) -> NDArray[np.float64]:
    """One accuracy a fold, at the threshold that was best on the other folds.

    Args:
        scores, same, fold: (m,) one a pair

    Returns:
        (folds,) 0..1
    """
    accuracies = []
    for k in np.unique(fold):
        here = fold == k
        threshold = best_threshold(scores[~here], same[~here])
        accuracies.append(((scores[here] >= threshold) == same[here]).mean())
    return np.array(accuracies)


def best_threshold(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """The threshold of the most right answers; the middle of the widest of several."""
    order = np.argsort(scores, kind="stable")
    c, s = scores[order].astype(np.float64), same[order]
    right = np.concatenate([[s.sum()], s.sum() - np.cumsum(s) + np.cumsum(~s)])  # threshold above the first i
    bounds = np.concatenate([[-1.0], c, [1.0]])
    width = np.diff(bounds)
    best = np.flatnonzero((right == right[width > 0].max()) & (width > 0))
    i = best[np.argmax(width[best])]
    return float(bounds[i] + bounds[i + 1]) / 2


def spread(values: NDArray[np.float64]) -> float:
    """Standard deviation of a few values; 0 for one."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def total(rates: Sequence[Rate]) -> Rate:
    """Several rates' counts together."""
    return Rate(sum(r.errors for r in rates), sum(r.of for r in rates))
