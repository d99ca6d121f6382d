"""The ratio of the highest error rate of a group to the lowest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from visavis.evaluate.statistics.error_rates import Rate
from visavis.evaluate.statistics.evaluation import Group

__all__ = ["Differential", "differentials"]

_FEW = 10  # with fewer errors the ratio of two groups says little


@dataclass(frozen=True, slots=True)
class Differential:
    """The highest rate of a group over the lowest, at a similarity.

    Attributes:
        column: the group column.
        similarity: the threshold, 0..100.
        fmr: the ratio of the FMRs, 1 or more; None where it is undefined because a rate is 0 or there is one group.
        fnmr: the ratio of the FNMRs, as `fmr`.
        few: whether one of the rates has fewer than 10 errors, so that the ratios say little.
    """

    column: str
    similarity: int
    fmr: float | None
    fnmr: float | None
    few: bool


def differentials(groups: Sequence[Group]) -> Iterator[Differential]:
    """The ratios for each column and similarity, without the groups of empty cells."""
    for column in dict.fromkeys(g.column for g in groups):
        named = [g for g in groups if g.column == column and g.value]
        for points in zip(*(g.points for g in named), strict=True):
            fmr, fnmr = [p.fmr.rate for p in points], [p.fnmr.rate for p in points]
            few = min(rate.errors for rate in (*fmr, *fnmr)) < _FEW
            yield Differential(column, points[0].similarity, _max_min_ratio(fmr), _max_min_ratio(fnmr), few)


def _max_min_ratio(rates: Sequence[Rate]) -> float | None:
    known = [rate.value for rate in rates if rate.trials]
    return max(known) / min(known) if len(known) > 1 and min(known) > 0 else None
