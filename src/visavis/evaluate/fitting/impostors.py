"""The impostor comparisons that a scale is fitted on, by group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.data.protocol import Codes, Groups
from visavis.evaluate.statistics.histogram import Counts
from visavis.evaluate.statistics.scores import Scores, Tally

__all__ = ["Impostors", "collect_impostors", "effective_pairs", "impostors_of", "named_groups", "possible_impostors"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Impostors:
    """The impostor comparisons to fit on, by group.

    Attributes:
        names: the names of the groups.
        histograms: (g, BINS) int64, the histogram of each group's scores.
        score: (k,) float64, the highest scores, falling.
        group: (k,) int32, the group of each of these pairs, as an index into `names`.
        first: (k,) int32, the identity of one image of each of these pairs.
        second: (k,) int32, the identity of the other image.
    """

    names: tuple[str, ...]
    histograms: Counts
    score: Floats
    group: Codes
    first: Codes
    second: Codes

    @property
    def pairs(self) -> NDArray[np.int64]:
        """(g,) int64: the number of comparisons of each group."""
        return np.asarray(self.histograms.sum(axis=1))


def effective_pairs(pairs: NDArray[np.int64]) -> int:
    """How many pairs a single group needs to give its rate the precision of the mean over several groups.

    Args:
        pairs: (g,) the number of comparisons of each group.
    """
    return int(len(pairs) ** 2 / (1 / pairs).sum()) if pairs.all() else 0


def named_groups(group: Groups) -> list[int]:
    """The codes of the groups with impostors: the groups with a name, or the only group."""
    return [v for v, value in enumerate(group.values) if value or len(group.values) == 1]


def possible_impostors(identity: Codes, group: Groups) -> NDArray[np.int64]:
    """(g,) int64: the number of impostor pairs of each named group if every image has an embedding.

    Args:
        identity: (n,) the identity of each image.
        group: the group of each image.
    """
    counts = []
    for v in named_groups(group):
        images = np.bincount(identity[group.codes == v]).astype(np.int64)
        counts.append((images.sum() ** 2 - (images**2).sum()) // 2)
    return np.array(counts, np.int64)


def impostors_of(scores: Scores, tally: Tally, identity: Codes, group: Groups) -> Impostors:
    """The impostors of each named group.

    Args:
        scores: the scores of every pair.
        tally: the histograms of `scores` by the codes of `group`.
        identity: (n,) the identity of each image.
        group: the group of each image.
    """
    histograms = np.stack([tally.impostor[v, v] for v in named_groups(group)])
    return collect_impostors(scores, histograms, identity, group, np.ones(len(identity), bool))


def collect_impostors(
    scores: Scores, histograms: Counts, identity: Codes, group: Groups, images: NDArray[np.bool_]
) -> Impostors:
    """The impostors with these histograms, and their highest scores.

    Args:
        scores: the scores of every pair.
        histograms: (g, BINS) the histogram of each named group.
        identity: (n,) the identity of each image.
        group: the group of each image.
        images: (n,) bool, the images to which both images of a pair must belong.
    """
    known = named_groups(group)
    high = scores.high_impostors
    a, b = group.codes[high.first], group.codes[high.second]
    chosen = np.flatnonzero((a == b) & np.isin(a, known) & images[high.first] & images[high.second])
    chosen = chosen[np.argsort(-high.score[chosen], kind="stable")]
    return Impostors(
        names=tuple(group.values[v] for v in known),
        histograms=histograms,
        score=high.score[chosen],
        group=np.searchsorted(known, a[chosen]).astype(np.int32),
        first=identity[high.first[chosen]],
        second=identity[high.second[chosen]],
    )
