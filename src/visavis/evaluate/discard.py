"""Error versus discard: what the errors would be if the poorest pictures were turned away.

A quality score is worth something if the errors fall as pictures of low score go (ISO/IEC 29794-1; Grother and Tabassi,
2007). A comparison goes when either of its pictures does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.protocol import Codes
from visavis.evaluate.scores import Extremes

__all__ = ["Discard", "all_pairs_left", "discard_curve", "listed_pairs_left"]

_STEPS = 60
_MOST = 0.6  # of the pictures; beyond it few genuine pairs are left to say anything

Left = Callable[[NDArray[np.bool_]], tuple[int, int]]
"""From the images kept, (n,) bool, to how many genuine and impostor comparisons are left."""


@dataclass(frozen=True, slots=True, eq=False)
class Discard:
    """(k,) each; empty where every picture has the same score.

    discarded: part of the usable pictures, rising from 0
    quality:   the lowest score kept
    fnmr, fmr: among the comparisons left, at `threshold`; fmr is NaN where it is not known that low
    """

    threshold: float
    discarded: NDArray[np.float64]
    quality: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    fmr: NDArray[np.float64]


def discard_curve(
    quality: NDArray[np.float64], usable: NDArray[np.bool_], low: Extremes, high: Extremes, left: Left, threshold: float
) -> Discard:
    """Both errors at a fixed score, as the pictures of lowest score go. Pictures of one score go together."""
    scores = np.sort(quality[usable])
    marks = np.unique(scores[(np.linspace(0, _MOST, _STEPS + 1) * (len(scores) - 1)).astype(int)])
    if scores[0] == scores[-1]:
        marks = marks[:0]
    non_matches = np.minimum(quality[low.first], quality[low.second])[low.score < threshold]
    matches = np.minimum(quality[high.first], quality[high.second])[high.score >= threshold]
    rows = []
    for mark in marks:
        genuine, impostors = left(usable & (quality >= mark))
        if not genuine:
            break
        fmr = (matches >= mark).sum() / impostors if impostors and high.limit < threshold else np.nan
        rows.append(((scores < mark).mean(), mark, (non_matches >= mark).sum() / genuine, fmr))
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    return Discard(threshold, *columns)


def all_pairs_left(identity: Codes) -> Left:
    """For a set of which every pair is compared."""

    def left(kept: NDArray[np.bool_]) -> tuple[int, int]:
        per_person = np.bincount(identity[kept]).astype(np.int64)
        images = int(per_person.sum())
        genuine = int((per_person * (per_person - 1) // 2).sum())
        return genuine, images * (images - 1) // 2 - genuine

    return left


def listed_pairs_left(source: Codes, target: Codes, same: NDArray[np.bool_]) -> Left:
    """For a list of pairs."""

    def left(kept: NDArray[np.bool_]) -> tuple[int, int]:
        both = kept[source] & kept[target]
        return int((both & same).sum()), int((both & ~same).sum())

    return left
