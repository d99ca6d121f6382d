"""Error versus discard: the error rates that are left when the images of lowest quality are rejected.

A quality score is useful if the errors fall as images of low score are rejected (ISO/IEC 29794-1; Grother and Tabassi,
2007). A comparison is rejected with either of its images.
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
_MOST = 0.6  # of the images; the genuine pairs of the rest are too few

Remaining = Callable[[NDArray[np.bool_]], tuple[int, int]]
"""From the images kept, (n,) bool, to the numbers of genuine and of impostor comparisons among them."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorDiscardCurve:
    """(k,) float64 each; empty where every image has the same quality score.

    threshold: the score at which errors are counted
    discarded: part of the usable images, rising from 0
    quality:   the lowest quality score kept
    fnmr, fmr: among the remaining comparisons; fmr is NaN where the impostors at this threshold were not all kept
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
    """Both error rates at a fixed threshold as the images of lowest quality are rejected.

    Images of one quality score are rejected together.

    Args:
        quality: (n,) quality scores, 0..100
        usable: (n,) bool, images that gave an embedding
        low: genuine pairs, among them all of those below the threshold
        high: impostor pairs, among them all of those at or above the threshold
        remaining: counts the comparisons of the images that are kept
        threshold: a score

    Example:
        >>> curve = error_discard_curve(
        ...     acquired.quality, acquired.usable, scores.low_genuine, scores.high_impostors,
        ...     remaining_of_all_pairs(protocol.identity), threshold=0.35)  # doctest: +SKIP
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
    """For a set of which every pair is compared; `identity`: (n,) of each image."""

    def remaining(kept: NDArray[np.bool_]) -> tuple[int, int]:
        per_person = np.bincount(identity[kept]).astype(np.int64)
        images = int(per_person.sum())
        genuine = int((per_person * (per_person - 1) // 2).sum())
        return genuine, images * (images - 1) // 2 - genuine

    return remaining


def remaining_of_listed(source: Codes, target: Codes, same: NDArray[np.bool_]) -> Remaining:
    """For a list of pairs; arguments (m,) as in `Pairs`."""

    def remaining(kept: NDArray[np.bool_]) -> tuple[int, int]:
        both = kept[source] & kept[target]
        return int((both & same).sum()), int((both & ~same).sum())

    return remaining
