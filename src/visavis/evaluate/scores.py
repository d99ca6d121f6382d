"""Every comparison's score, counted rather than kept: fine histograms, and one by one only what lies in the tails.

A score is what `pair_scores` says. Counts at a threshold are exact if the histogram has an edge there.

Memory depends on the number of images and groups, not on that of pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.pair_scores import block_scores, pair_scores
from visavis.evaluate.progress import Progress
from visavis.evaluate.protocol import Codes, Groups

__all__ = ["BINS", "EDGES", "Extremes", "Scores", "Tally", "score_all", "score_pairs"]

_STEPS = 10_000  # a score of 1
BINS = 2 * _STEPS + 1
"""Histogram bins of 1e-4, from a score of -1; the last holds 1 itself."""
EDGES: NDArray[np.float64] = np.round(np.arange(BINS) / _STEPS - 1, 4)
"""(BINS,) the lower edge of each bin."""

TILE = 512
"""Images on a side of a block: its scores have 2 MB and stay in the processor's cache."""
KEPT = 1_000_000
"""Pairs of a tail that are kept one by one."""
_CHUNK = 1 << 16  # listed pairs at a time

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Extremes:
    """The pairs furthest into a tail, in no order.

    first, second: (k,) int32, indices of images
    score:         (k,) float64
    limit:         every pair beyond this score is here; infinite where all pairs are
    """

    first: Codes
    second: Codes
    score: NDArray[np.float64]
    limit: float


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts by the values of a group column, the smaller code first.

    genuine, impostor: (v, v, b) int64, upper triangle
    """

    genuine: Counts
    impostor: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """All comparisons of a set.

    edges:             (b,) float64, the lower edge of each bin: `EDGES`, and the thresholds that were asked for
    genuine, impostor: (b,) int64
    groups:            by column
    low_genuine:       the genuine pairs least alike
    high_impostors:    the impostor pairs most alike
    """

    edges: NDArray[np.float64]
    genuine: Counts
    impostor: Counts
    groups: Mapping[str, Tally]
    low_genuine: Extremes
    high_impostors: Extremes


class _Tail:
    """Keeps the pairs of the highest `sign` * score, and a bound below which nothing more is taken."""

    def __init__(self, sign: int, kept: int) -> None:
        self._sign, self._kept = sign, kept
        self._parts: list[tuple[Codes, Codes, NDArray[np.float64]]] = []
        self._held = 0
        self._bar = -np.inf

    def offer(self, wanted: NDArray[np.bool_], scores: NDArray[np.float64], first: Codes, second: Codes) -> None:
        """Take what qualifies. All (m,), or a block (r, c) with `first` (r,) and `second` (c,)."""
        at = np.nonzero(wanted & (self._sign * scores > self._bar))
        i, j = at if len(at) == 2 else (at[0], at[0])
        self._parts.append((first[i], second[j], scores[at]))
        self._held += len(i)
        if self._held > 2 * self._kept:
            self._shrink()

    def _shrink(self) -> None:
        first, second, score = self._joined()
        best = np.argpartition(-self._sign * score, self._kept)
        self._bar = float(self._sign * score[best[self._kept]])
        kept = np.flatnonzero(self._sign * score > self._bar)
        self._parts = [(first[kept], second[kept], score[kept])]
        self._held = len(kept)

    def _joined(self) -> tuple[Codes, Codes, NDArray[np.float64]]:
        empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float64))
        first, second, score = (np.concatenate(parts) for parts in zip(empty, *self._parts, strict=True))
        return first, second, score

    def extremes(self) -> Extremes:
        return Extremes(*self._joined(), limit=self._sign * self._bar)


class _Bins:
    """Finds the bin of a score, among steps of 1e-4 that some thresholds part further.

    edges: (b,) float64, the lower edge of each bin
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.edges = np.union1d(EDGES, np.asarray(thresholds, np.float64).clip(-1, 1))
        first = np.searchsorted(self.edges, EDGES)
        parted = np.diff(first, append=len(self.edges)) > 1
        self._first = first.astype(np.int32)
        # A threshold may lie so near to a step's end that rounding puts a score of its other side into the next step.
        self._close = parted | np.roll(parted, 1) | np.roll(parted, -1)

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.int32]:
        """An index into `edges` for each score; a score that equals an edge lies above it."""
        steps = ((scores + 1) * _STEPS).astype(np.int32)
        np.clip(steps, 0, BINS - 1, out=steps)
        if len(self.edges) == BINS:
            return steps
        bins = self._first[steps]
        close = self._close[steps]
        bins[close] = (np.searchsorted(self.edges, scores[close], side="right") - 1).clip(0)
        return bins


class _Counter:
    def __init__(self, groups: Mapping[str, Groups], thresholds: Sequence[float], kept: int) -> None:
        self._bins = _Bins(thresholds)
        bins = len(self._bins.edges)
        self._genuine, self._impostor = np.zeros(bins, np.int64), np.zeros(bins, np.int64)
        sizes = {column: len(group.values) for column, group in groups.items()}
        self._tallies = {
            c: Tally(np.zeros((v, v, bins), np.int64), np.zeros((v, v, bins), np.int64)) for c, v in sizes.items()
        }
        self._groups = groups
        self.low, self.high = _Tail(-1, kept), _Tail(1, kept)

    def add(
        self, scores: NDArray[np.float64], same: NDArray[np.bool_], counted: NDArray[np.bool_], a: int, b: int
    ) -> None:
        """Count pairs whose images have the groups of image `a` on one side and of image `b` on the other."""
        size = len(self._bins.edges)
        bins = self._bins(scores)
        bins += size * same
        bins[~counted] = 2 * size
        genuine_last = np.bincount(bins.ravel(), minlength=2 * size + 1)
        impostor, genuine = genuine_last[:size], genuine_last[size : 2 * size]
        self._genuine += genuine
        self._impostor += impostor
        for column, tally in self._tallies.items():
            codes = self._groups[column].codes
            v, w = sorted((int(codes[a]), int(codes[b])))
            tally.genuine[v, w] += genuine
            tally.impostor[v, w] += impostor

    def scores(self) -> Scores:
        low, high = self.low.extremes(), self.high.extremes()
        return Scores(self._bins.edges, self._genuine, self._impostor, self._tallies, low, high)


def score_all(
    embeddings: NDArray[np.float32],
    quality: NDArray[np.float64],
    identity: Codes,
    *,
    thresholds: Sequence[float] = (),
    groups: Mapping[str, Groups] | None = None,
    left_out: Codes | None = None,
    usable: NDArray[np.bool_] | None = None,
    kept: int = KEPT,
    quiet: bool = True,
) -> Scores:
    """Compare every image with every other, once.

    Args:
        embeddings: (n, d) unit length
        quality: (n,) quality scores, 0..100
        identity: (n,) who
        thresholds: scores at which counts must be exact; they are edges of the histograms
        left_out: (k, 2) pairs that do not count
        usable: (n,) images that count; default: all
        kept: pairs of each tail to keep
    """
    groups = groups or {}
    counter = _Counter(groups, thresholds, kept)
    order, segments = _by_group(len(embeddings), groups, usable)
    sorted_embeddings, sorted_quality, sorted_identity = embeddings[order], quality[order], identity[order]
    apart = _positions(order, left_out, len(embeddings))
    blocks = list(_blocks(segments))
    progress = None if quiet else Progress("blocks of comparisons", len(blocks))
    for done, (rows, columns) in enumerate(blocks, start=1):
        scores = block_scores(
            sorted_embeddings[rows], sorted_quality[rows], sorted_embeddings[columns], sorted_quality[columns]
        )
        same = sorted_identity[rows, None] == sorted_identity[None, columns]
        counted = np.ones(scores.shape, bool)
        if rows == columns:
            counted = np.triu(counted, 1)
        inside = apart[(apart[:, 0] >= rows.start) & (apart[:, 0] < rows.stop)]
        inside = inside[(inside[:, 1] >= columns.start) & (inside[:, 1] < columns.stop)]
        counted[inside[:, 0] - rows.start, inside[:, 1] - columns.start] = False
        counter.add(scores, same, counted, order[rows.start], order[columns.start])
        counter.low.offer(counted & same, scores, order[rows], order[columns])
        counter.high.offer(counted & ~same, scores, order[rows], order[columns])
        if progress:
            progress.at(done)
    return counter.scores()


def score_pairs(
    embeddings: NDArray[np.float32],
    quality: NDArray[np.float64],
    source: Codes,
    target: Codes,
    same: NDArray[np.bool_],
    *,
    thresholds: Sequence[float] = (),
    groups: Mapping[str, Groups] | None = None,
    kept: int = KEPT,
) -> Scores:
    """Compare listed pairs: the last three arrays are (m,), the others as for `score_all`."""
    groups = groups or {}
    counter = _Counter(groups, thresholds, kept)
    joint = _joint(len(embeddings), groups)
    for start in range(0, len(source), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b, s = source[part], target[part], same[part]
        scores = pair_scores(embeddings, quality, a, b)
        kind = joint[a].astype(np.int64) * len(embeddings) + joint[b]
        for one in np.unique(kind):
            of = kind == one
            i, j = a[of], b[of]
            counter.add(scores[of], s[of], np.ones(len(i), bool), i[0], j[0])
            counter.low.offer(s[of], scores[of], i, j)
            counter.high.offer(~s[of], scores[of], i, j)
    return counter.scores()


def _joint(images: int, groups: Mapping[str, Groups]) -> Codes:
    """(n,) one code for all columns together."""
    if not groups:
        return np.zeros(images, np.int32)
    stacked = np.stack([group.codes for group in groups.values()], axis=1)
    _, joint = np.unique(stacked, axis=0, return_inverse=True)
    return joint.reshape(-1).astype(np.int32)


def _by_group(
    images: int, groups: Mapping[str, Groups], usable: NDArray[np.bool_] | None
) -> tuple[Codes, list[tuple[int, int]]]:
    """The images in an order in which those of one joint group stand together, and where each group begins and ends.

    A block then lies in one group on each side, and is counted with one histogram whatever the number of columns.
    """
    joint = _joint(images, groups)
    order = np.argsort(joint, kind="stable").astype(np.int32)
    if usable is not None:
        order = order[usable[order]]
    bounds = [0, *(np.flatnonzero(np.diff(joint[order])) + 1).tolist(), len(order)]
    return order, list(pairwise(bounds))


def _positions(order: Codes, pairs: Codes | None, images: int) -> NDArray[np.int64]:
    """(k, 2) where pairs of images stand in `order`, the earlier first; without those of images that do not."""
    if pairs is None or not len(pairs):
        return np.empty((0, 2), np.int64)
    place = np.full(images, -1, np.int64)
    place[order] = np.arange(len(order))
    found = np.sort(place[pairs], axis=1)
    return np.asarray(found[found[:, 0] >= 0], np.int64)


def _blocks(segments: list[tuple[int, int]]) -> Iterator[tuple[slice, slice]]:
    tiles = [slice(i, min(i + TILE, end)) for begin, end in segments for i in range(begin, end, TILE)]
    for i, rows in enumerate(tiles):
        for columns in tiles[i:]:
            yield rows, columns
