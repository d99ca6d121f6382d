"""Error versus discard: the error rates that remain when the images of lowest quality are discarded.

A quality score is useful if the error rates fall as images of low score are discarded (ISO/IEC 29794-1; Grother and
Tabassi, 2007). A comparison is discarded if either of its images is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.data.protocol import Codes
from visavis.evaluate.statistics.scores import TailPairs

__all__ = ["ErrorDiscardCurve", "Remaining", "error_discard_curve", "remaining_of_all_pairs", "remaining_of_listed"]

_STEPS = 60
_MOST = 0.6  # of the images, because beyond it too few genuine pairs remain

Remaining = Callable[[NDArray[np.bool_]], tuple[int, int]]
"""Maps the images that are kept, (n,) bool, to the numbers of genuine and of impostor comparisons among them."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorDiscardCurve:
    """Both error rates over the part of images discarded. The arrays are empty where all quality scores are equal.

    Attributes:
        threshold: the score at which errors are counted.
        discarded: (k,) float64, the part of the usable images that is discarded, rising from 0.
        quality: (k,) float64, the lowest quality score that is kept.
        fnmr: (k,) float64, the FNMR of the remaining comparisons.
        fmr: (k,) float64, the FMR of the remaining comparisons; NaN where not all impostors at the threshold are known.
    """

    threshold: float
    discarded: NDArray[np.float64]
    quality: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    fmr: NDArray[np.float64]


def error_discard_curve(
    quality: NDArray[np.float64],
    usable: NDArray[np.bool_],
    low: TailPairs,
    high: TailPairs,
    remaining: Remaining,
    threshold: float,
) -> ErrorDiscardCurve:
    """Both error rates at a fixed threshold as the images of lowest quality are discarded.

    Images with the same quality score are discarded together.

    Args:
        quality: (n,) quality scores, 0..100.
        usable: (n,) bool, the images that have an embedding.
        low: genuine pairs, which include all those below the threshold.
        high: impostor pairs, which include all those at or above the threshold.
        remaining: counts the comparisons of the images that are kept.
        threshold: a score.

    Example:
        >>> none = TailPairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0), -1.0)
        >>> poor = TailPairs(np.array([0], np.int32), np.array([1], np.int32), np.array([0.2]), np.inf)
        >>> remaining = remaining_of_all_pairs(np.array([0, 0, 1, 1], np.int32))
        >>> quality = np.array([10.0, 80.0, 80.0, 80.0])
        >>> error_discard_curve(quality, np.ones(4, bool), poor, none, remaining, 0.35).fnmr.tolist()
        [0.5, 0.0]
    """
    scores = np.sort(quality[usable])
    marks = np.unique(scores[(np.linspace(0, _MOST, _STEPS + 1) * (len(scores) - 1)).astype(int)])
    if scores[0] == scores[-1]:
        marks = marks[:0]
    non_matches = np.minimum(quality[low.first], quality[low.second])[low.score < threshold]
    matches = np.minimum(quality[high.first], quality[high.second])[high.score >= threshold]
    rows = []
    for mark in marks:
        genuine, impostors = remaining(usable & (quality >= mark))
        if not genuine:
            break
        fmr = (matches >= mark).sum() / impostors if impostors and high.limit < threshold else np.nan
        rows.append(((scores < mark).mean(), mark, (non_matches >= mark).sum() / genuine, fmr))
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    return ErrorDiscardCurve(threshold, *columns)


def remaining_of_all_pairs(identity: Codes) -> Remaining:
    """Counts comparisons where every pair is compared; `identity` is (n,), the identity of each image."""

    def remaining(kept: NDArray[np.bool_]) -> tuple[int, int]:
        per_person = np.bincount(identity[kept]).astype(np.int64)
        images = int(per_person.sum())
        genuine = int((per_person * (per_person - 1) // 2).sum())
        return genuine, images * (images - 1) // 2 - genuine

    return remaining


def remaining_of_listed(source: Codes, target: Codes, same: NDArray[np.bool_]) -> Remaining:
    """Counts comparisons of listed pairs; the arguments are (m,) as in `Pairs`."""

    def remaining(kept: NDArray[np.bool_]) -> tuple[int, int]:
        both = kept[source] & kept[target]
        return int((both & same).sum()), int((both & ~same).sum())

    return remaining
