"""Does the scale keep its promise for people it has never seen? Fit on all folds but one, count on that one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR
from visavis.errors import InvalidRequest
from visavis.evaluate.calibrate import fit_scale
from visavis.evaluate.impostors import Impostors, collect_impostors, named_groups
from visavis.evaluate.metrics import Rate, total
from visavis.evaluate.protocol import Codes, Groups, Protocol
from visavis.evaluate.scores import Counts, Scores, Tally
from visavis.evaluate.table import read_rows

__all__ = [
    "FACTOR",
    "Checked",
    "FoldCheck",
    "check_folds",
    "folds_from_pairs",
    "folds_of",
    "grouped_folds",
    "impostors_without",
]

CHECKED = tuple(PROMISED_FMR)[:-1]
"""The promises that are checked: all but the highest, at which a fold has too few false matches to count."""
FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Checked:
    """A promise held against people that the scale was not fitted on.

    apart:  pairs both of whose people are in the fold left out
    unseen: pairs one of whose people, at least, is: many more, and no such pair was fitted on either. Over all folds
            a pair across two of them is counted twice, each time against another scale
    """

    similarity: int
    group: str
    apart: Rate
    unseen: Rate

    def ratio(self) -> float:
        """Counted over promised."""
        return self.unseen.value / PROMISED_FMR[self.similarity]

    @property
    def kept(self) -> bool:
        return 1 / FACTOR <= self.ratio() <= FACTOR


@dataclass(frozen=True, slots=True)
class FoldCheck:
    """scores: the lowest that reaches each promise, by fold; fnmr: of all genuine pairs at `LOWEST_PROMISED`."""

    folds: int
    checked: tuple[Checked, ...]
    scores: dict[int, tuple[float, ...]]
    fnmr: Rate

    @property
    def kept(self) -> bool:
        return all(one.kept for one in self.checked)


def folds_of(identities: Sequence[str], folds: int) -> Codes:
    """(identities,) a fold for each, from its name alone, so that it is the same on every machine."""
    return np.array([int(hashlib.sha256(name.encode()).hexdigest(), 16) % folds for name in identities], np.int32)


def folds_from_pairs(protocol: Protocol, file: Path) -> Codes:
    """(identities,) the folds of a pairs file; an identity is in the fold that its pairs are in.

    Raises:
        InvalidRequest: the file has fewer than two folds, or knows nothing of an identity.
    """
    number = {image: i for i, image in enumerate(protocol.images)}
    names: dict[str, int] = {}
    folds = np.full(len(protocol.identities), -1, np.int32)
    for row in read_rows(file, ("source", "target", "fold")):
        fold = names.setdefault(row.required("fold"), len(names))
        for image in (row.required("source"), row.required("target")):
            # An identity that pairs of two folds show, which merging two names may bring about, stays in the first.
            if image in number and folds[protocol.identity[number[image]]] < 0:
                folds[protocol.identity[number[image]]] = fold
    if len(names) < 2:
        raise InvalidRequest(f"{file} has {len(names)} folds; leaving one out needs two or more")
    if len(lost := np.flatnonzero(folds < 0)):
        raise InvalidRequest(
            f"{file} has no pair of {protocol.identities[lost[0]]} and {len(lost) - 1} others; "
            "leave out the file, and folds are made from the identities"
        )
    return folds


def grouped_folds(group: Groups, fold: Codes) -> Groups:
    """A column that tells groups and folds apart at once: code = group * folds + fold.

    Args:
        fold: (n,) of each image
    """
    folds = int(fold.max()) + 1
    values = tuple(f"{value}/{k}" for value in group.values for k in range(folds))
    return Groups(values, (group.codes * folds + fold).astype(np.int32))


def impostors_without(scores: Scores, tally: Tally, identity: Codes, group: Groups, fold: Codes, k: int) -> Impostors:
    """The impostors of each named group neither of whose people is in fold `k`.

    Args:
        tally: of `scores`, by the codes of `grouped_folds`
        fold: (n,) of each image
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
    """Fit on all folds but one and count on that one, for each fold in turn; counts are summed over the folds.

    Args:
        tally: of `scores`, by the codes of `grouped_folds`
        fold: (n,) of each image; images of one identity share it

    Raises:
        InvalidRequest: all folds but one are too few to fit on.
    """
    folds = int(fold.max()) + 1
    high, low = scores.high_impostors, scores.low_genuine
    rates: dict[tuple[int, str], list[tuple[Rate, Rate]]] = {}
    lowest: dict[int, list[float]] = {similarity: [] for similarity in CHECKED}
    missed = []
    for k in range(folds):
        fit = fit_scale(impostors_without(scores, tally, identity, group, fold, k), identities=identities, replicates=0)
        in_first, in_second = fold[high.first] == k, fold[high.second] == k
        for similarity in CHECKED:
            threshold = fit.lowest_score(similarity)
            lowest[similarity].append(threshold)
            for v in named_groups(group):
                of = (group.codes[high.first] == v) & (group.codes[high.second] == v) & (high.score >= threshold)
                apart_of, unseen_of = _comparisons(tally, v * folds, folds, k)
                apart = Rate(int((of & in_first & in_second).sum()), apart_of)
                unseen = Rate(int((of & (in_first | in_second)).sum()), unseen_of)
                rates.setdefault((similarity, group.values[v]), []).append((apart, unseen))
        below = low.score < fit.lowest_score(LOWEST_PROMISED)
        missed.append(Rate(int(((fold[low.first] == k) & below).sum()), 0))
    checked = tuple(
        Checked(similarity, name, total([a for a, _ in found]), total([u for _, u in found]))
        for (similarity, name), found in rates.items()
    )
    genuine = Rate(total(missed).errors, int(scores.genuine.sum()))
    return FoldCheck(folds, checked, {s: tuple(found) for s, found in lowest.items()}, replace(genuine))


def _comparisons(tally: Tally, offset: int, folds: int, k: int) -> tuple[int, int]:
    """Impostor comparisons of one group: both people in fold k, and at least one."""
    unseen = sum(int(tally.impostor[offset + min(i, k), offset + max(i, k)].sum()) for i in range(folds))
    return int(tally.impostor[offset + k, offset + k].sum()), unseen
