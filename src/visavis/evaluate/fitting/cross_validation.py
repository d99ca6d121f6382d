"""Cross-validation of the scale: fit on all folds of people but one, and count the false matches of that fold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.data.csv_rows import read_rows
from visavis.evaluate.data.protocol import Codes, ComparisonProtocol, Groups
from visavis.evaluate.fitting.fit import fit_scale
from visavis.evaluate.fitting.impostors import Impostors, collect_impostors, named_groups
from visavis.evaluate.statistics.error_rates import Rate, total
from visavis.evaluate.statistics.histogram import Counts
from visavis.evaluate.statistics.scores import Scores, Tally
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR

Mask = NDArray[np.bool_]

__all__ = [
    "TOLERATED_FACTOR",
    "FoldCheck",
    "HeldOutRate",
    "check_folds",
    "folds_from_pairs",
    "folds_of",
    "grouped_folds",
    "impostors_without",
]

CHECKED = tuple(PROMISED_FMR)[:-1]
"""The similarities that are checked: all but the highest, because a fold has too few false matches there."""
TOLERATED_FACTOR = 2.0
"""A promise is kept if the rate is within this factor of it."""


@dataclass(frozen=True, slots=True)
class HeldOutRate:
    """The false match rate at a promised similarity among people that the scale was not fitted on.

    Attributes:
        similarity: the promised similarity, 0..100.
        group: the group of the impostors.
        within_fold: the rate of pairs with both people in the fold left out.
        unseen: the rate of pairs with at least one person in the fold left out. These are far more pairs, and the scale
            was not fitted on any of them. Over all folds a pair across two folds is counted twice, on two scales.
    """

    similarity: int
    group: str
    within_fold: Rate
    unseen: Rate

    def ratio(self) -> float:
        """The rate of unseen pairs over the promised rate."""
        return self.unseen.value / PROMISED_FMR[self.similarity]

    @property
    def kept(self) -> bool:
        """Whether the rate of unseen pairs is within `TOLERATED_FACTOR` of the promise."""
        return 1 / TOLERATED_FACTOR <= self.ratio() <= TOLERATED_FACTOR


@dataclass(frozen=True, slots=True)
class FoldCheck:
    """The result of a cross-validation.

    Attributes:
        folds: the number of folds.
        checked: the false match rates by similarity and group.
        scores: the lowest score of each similarity on the scale of each fold, by similarity.
        fnmr: the FNMR of all genuine pairs at `LOWEST_PROMISED`, each on the scale that was fitted without its person.
    """

    folds: int
    checked: tuple[HeldOutRate, ...]
    scores: dict[int, tuple[float, ...]]
    fnmr: Rate

    @property
    def kept(self) -> bool:
        """Whether every checked promise is kept."""
        return all(one.kept for one in self.checked)


def folds_of(identities: Sequence[str], folds: int) -> Codes:
    """(identities,) int32: the fold of each identity, from a hash of its name, so that every machine gives the same."""
    return np.array([int(hashlib.sha256(name.encode()).hexdigest(), 16) % folds for name in identities], np.int32)


def folds_from_pairs(protocol: ComparisonProtocol, file: Path) -> Codes:
    """(identities,) int32: the fold of each identity, which is the fold of its pairs in a list of pairs.

    Raises:
        InvalidRequest: the file has fewer than two folds, or no pair of an identity.
    """
    number = {image: i for i, image in enumerate(protocol.images)}
    names: dict[str, int] = {}
    folds = np.full(len(protocol.identities), -1, np.int32)
    for row in read_rows(file, ("source", "target", "fold")):
        fold = names.setdefault(row.required("fold"), len(names))
        for image in (row.required("source"), row.required("target")):
            # An identity that the errata merge can have pairs in two folds. It is in the first of them.
            if image in number and folds[protocol.identity[number[image]]] < 0:
                folds[protocol.identity[number[image]]] = fold
    if len(names) < 2:
        raise InvalidRequest(f"{file} has {len(names)} folds; cross-validation needs two or more")
    if len(lost := np.flatnonzero(folds < 0)):
        raise InvalidRequest(
            f"{file} has no pair of {protocol.identities[lost[0]]} and {len(lost) - 1} others; "
            "without the file, folds are made from the names of the people"
        )
    return folds


def grouped_folds(group: Groups, fold: Codes) -> Groups:
    """Groups and folds in one column: code = group * folds + fold.

    Args:
        group: the group of each image.
        fold: (n,) the fold of each image.
    """
    folds = int(fold.max()) + 1
    values = tuple(f"{value}/{k}" for value in group.values for k in range(folds))
    return Groups(values, (group.codes * folds + fold).astype(np.int32))


def impostors_without(scores: Scores, tally: Tally, identity: Codes, group: Groups, fold: Codes, k: int) -> Impostors:
    """The impostors of each named group without the people of one fold.

    Args:
        scores: the scores of every pair.
        tally: the histograms of `scores` by the codes of `grouped_folds`.
        identity: (n,) the identity of each image.
        group: the group of each image.
        fold: (n,) the fold of each image.
        k: the fold to leave out.
    """
    folds = int(fold.max()) + 1
    inside = [i for i in range(folds) if i != k]
    histograms = np.stack([_of_folds(tally, v * folds, inside) for v in named_groups(group)])
    return collect_impostors(scores, histograms, identity, group, fold != k)


def _of_folds(tally: Tally, offset: int, inside: Sequence[int]) -> Counts:
    cells = [tally.impostor[offset + i, offset + j] for i in inside for j in inside if i <= j]
    return np.asarray(np.sum(cells, axis=0))


def check_folds(
    scores: Scores, tally: Tally, identity: Codes, group: Groups, fold: Codes, *, identities: int
) -> FoldCheck:
    """Fit on all folds but one and count on that fold, for each fold in turn. Counts are summed over the folds.

    Args:
        scores: the scores of every pair.
        tally: the histograms of `scores` by the codes of `grouped_folds`.
        identity: (n,) the identity of each image.
        group: the group of each image.
        fold: (n,) the fold of each image; the images of one identity are in one fold.
        identities: the number of people.

    Raises:
        InvalidRequest: all folds but one have too few people to fit on.
    """
    folds = int(fold.max()) + 1
    high, low = scores.high_impostors, scores.low_genuine
    rates: dict[tuple[int, str], list[tuple[Rate, Rate]]] = {}
    lowest: dict[int, list[float]] = {similarity: [] for similarity in CHECKED}
    missed = 0
    for k in range(folds):
        fit = fit_scale(impostors_without(scores, tally, identity, group, fold, k), identities=identities, replicates=0)
        for similarity in CHECKED:
            threshold = fit.lowest_score(similarity)
            lowest[similarity].append(threshold)
            for v in named_groups(group):
                matches = (group.codes[high.first] == v) & (group.codes[high.second] == v) & (high.score >= threshold)
                trials = _trials(tally, v * folds, folds, k)
                found = _held_out(matches, fold[high.first] == k, fold[high.second] == k, trials)
                rates.setdefault((similarity, group.values[v]), []).append(found)
        missed += int(((fold[low.first] == k) & (low.score < fit.lowest_score(LOWEST_PROMISED))).sum())
    checked = tuple(
        HeldOutRate(similarity, name, total([within for within, _ in both]), total([unseen for _, unseen in both]))
        for (similarity, name), both in rates.items()
    )
    fnmr = Rate(missed, int(scores.genuine.sum()))
    return FoldCheck(folds, checked, {s: tuple(by_fold) for s, by_fold in lowest.items()}, fnmr)


def _held_out(matches: Mask, first: Mask, second: Mask, trials: tuple[int, int]) -> tuple[Rate, Rate]:
    """The rates of pairs within the fold, and of unseen pairs.

    Args:
        matches: (k,) bool, the pairs that match.
        first: (k,) bool, one person of the pair is in the fold.
        second: (k,) bool, the other person is in the fold.
        trials: the numbers of comparisons of both kinds.
    """
    within, unseen = int((matches & first & second).sum()), int((matches & (first | second)).sum())
    return Rate(within, trials[0]), Rate(unseen, trials[1])


def _trials(tally: Tally, offset: int, folds: int, k: int) -> tuple[int, int]:
    """The impostor comparisons of one group with both people in fold `k`, and with at least one."""
    unseen = sum(int(tally.impostor[offset + min(i, k), offset + max(i, k)].sum()) for i in range(folds))
    return int(tally.impostor[offset + k, offset + k].sum()), unseen
