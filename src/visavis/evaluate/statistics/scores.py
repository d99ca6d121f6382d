"""The scores of all comparisons, counted in histograms. Only the pairs of the tails are kept one by one.

The scores are those of `pair_scores`. Counts are exact at thresholds that are edges of the histogram. The memory
depends on the number of images and groups, not on the number of pairs. Keeping every score would be less code but needs
8 bytes a pair: 0.8 GB with the 1e8 pairs of 14,000 images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.data.embeddings import ProgressCallback
from visavis.evaluate.data.protocol import Codes, Groups
from visavis.evaluate.statistics.histogram import Counts, ScoreBins
from visavis.evaluate.statistics.pair_scores import block_scores, pair_scores

__all__ = ["KEPT", "TILE", "Scores", "TailPairs", "Tally", "score_all", "score_pairs"]

TILE = 512
"""Images on a side of a block. The scores of a block have 2 MB, which fits the processor's cache."""
KEPT = 1_000_000
"""The number of pairs of each tail that are kept one by one."""
_CHUNK = 1 << 16  # listed pairs at a time


@dataclass(frozen=True, slots=True, eq=False)
class TailPairs:
    """The pairs with the highest or the lowest scores, unordered.

    Attributes:
        first: (k,) int32, the index of one image of each pair.
        second: (k,) int32, the index of the other image.
        score: (k,) float64.
        limit: every pair beyond this score is included; infinite where every pair is.
    """

    first: Codes
    second: Codes
    score: NDArray[np.float64]
    limit: float


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Histograms by the group values of a pair's two images, the smaller code first.

    Attributes:
        genuine: (v, v, b) int64; only the upper triangle is counted.
        impostor: (v, v, b) int64; only the upper triangle is counted.
    """

    genuine: Counts
    impostor: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The scores of all comparisons of a data set.

    Attributes:
        edges: (b,) float64, the lower edge of each bin: `histogram.EDGES` and the requested thresholds.
        genuine: (b,) int64, the histogram of genuine pairs.
        impostor: (b,) int64, the histogram of impostor pairs.
        groups: the histograms by group, by name of the column.
        low_genuine: the genuine pairs with the lowest scores.
        high_impostors: the impostor pairs with the highest scores.
    """

    edges: NDArray[np.float64]
    genuine: Counts
    impostor: Counts
    groups: Mapping[str, Tally]
    low_genuine: TailPairs
    high_impostors: TailPairs


class _TopPairs:
    """Keeps the pairs with the highest `sign` * score. No pair at or below its bound is added."""

    def __init__(self, sign: int, kept: int) -> None:
        self._sign, self._kept = sign, kept
        self._parts: list[tuple[Codes, Codes, NDArray[np.float64]]] = []
        self._held = 0
        self._bound = -np.inf

    def offer(self, wanted: NDArray[np.bool_], scores: NDArray[np.float64], first: Codes, second: Codes) -> None:
        """Add the wanted pairs above the bound: all (m,), or a block (r, c) with `first` (r,) and `second` (c,)."""
        at = np.nonzero(wanted & (self._sign * scores > self._bound))
        i, j = at if len(at) == 2 else (at[0], at[0])
        self._parts.append((first[i], second[j], scores[at]))
        self._held += len(i)
        if self._held > 2 * self._kept:
            self._shrink()

    def _shrink(self) -> None:
        first, second, score = self._joined()
        best = np.argpartition(-self._sign * score, self._kept)
        self._bound = float(self._sign * score[best[self._kept]])
        kept = np.flatnonzero(self._sign * score > self._bound)
        self._parts = [(first[kept], second[kept], score[kept])]
        self._held = len(kept)

    def _joined(self) -> tuple[Codes, Codes, NDArray[np.float64]]:
        empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float64))
        first, second, score = (np.concatenate(parts) for parts in zip(empty, *self._parts, strict=True))
        return first, second, score

    def pairs(self) -> TailPairs:
        return TailPairs(*self._joined(), limit=self._sign * self._bound)


class _Counter:
    def __init__(self, groups: Mapping[str, Groups], thresholds: Sequence[float], kept: int) -> None:
        self._bins = ScoreBins(thresholds)
        bins = len(self._bins.edges)
        self._genuine, self._impostor = np.zeros(bins, np.int64), np.zeros(bins, np.int64)
        sizes = {column: len(group.values) for column, group in groups.items()}
        self._tallies = {
            c: Tally(np.zeros((v, v, bins), np.int64), np.zeros((v, v, bins), np.int64)) for c, v in sizes.items()
        }
        self._groups = groups
        self.low, self.high = _TopPairs(-1, kept), _TopPairs(1, kept)

    def add(
        self, scores: NDArray[np.float64], same: NDArray[np.bool_], counted: NDArray[np.bool_], a: int, b: int
    ) -> None:
        """Count pairs between the groups of image `a` and the groups of image `b`."""
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
        low, high = self.low.pairs(), self.high.pairs()
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
    progress: ProgressCallback | None = None,
) -> Scores:
    """Compare every image with every other, once.

    Args:
        embeddings: (n, d) float32, unit length.
        quality: (n,) quality scores, 0..100.
        identity: (n,) int32, the identity of each image.
        thresholds: scores at which counts must be exact. They become edges of the histograms.
        groups: group columns. The pairs of each two of their values are also counted separately.
        left_out: (k, 2) pairs of images that are not counted.
        usable: (n,) bool, the images that are compared; default: all.
        kept: the number of pairs of each tail to keep.
        progress: called after each block of comparisons.

    Example:
        >>> scores = score_all(np.eye(3, dtype=np.float32), np.full(3, 90.0), np.array([0, 0, 1], np.int32))
        >>> int(scores.genuine.sum()), int(scores.impostor.sum())
        (1, 2)
    """
    groups = groups or {}
    counter = _Counter(groups, thresholds, kept)
    order, segments = _by_group(len(embeddings), groups, usable)
    sorted_embeddings, sorted_quality, sorted_identity = embeddings[order], quality[order], identity[order]
    excluded = _positions(order, left_out, len(embeddings))
    blocks = list(_blocks(segments))
    if progress:
        progress(0, len(blocks))
    for done, (rows, columns) in enumerate(blocks, start=1):
        scores = block_scores(
            sorted_embeddings[rows], sorted_quality[rows], sorted_embeddings[columns], sorted_quality[columns]
        )
        same = sorted_identity[rows, None] == sorted_identity[None, columns]
        counted = np.ones(scores.shape, bool)
        if rows == columns:
            counted = np.triu(counted, 1)
        inside = excluded[(excluded[:, 0] >= rows.start) & (excluded[:, 0] < rows.stop)]
        inside = inside[(inside[:, 1] >= columns.start) & (inside[:, 1] < columns.stop)]
        counted[inside[:, 0] - rows.start, inside[:, 1] - columns.start] = False
        counter.add(scores, same, counted, order[rows.start], order[columns.start])
        counter.low.offer(counted & same, scores, order[rows], order[columns])
        counter.high.offer(counted & ~same, scores, order[rows], order[columns])
        if progress:
            progress(done, len(blocks))
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
    """Compare the listed pairs.

    Args:
        embeddings: (n, d) float32, unit length.
        quality: (n,) quality scores, 0..100.
        source: (m,) int32, the index of one image of each pair.
        target: (m,) int32, the index of the other image.
        same: (m,) bool, the pair shows one person.
        thresholds: scores at which counts must be exact. They become edges of the histograms.
        groups: group columns. The pairs of each two of their values are also counted separately.
        kept: the number of pairs of each tail to keep.
    """
    groups = groups or {}
    counter = _Counter(groups, thresholds, kept)
    joint = _joint(len(embeddings), groups)
    for start in range(0, len(source), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b, s = source[part], target[part], same[part]
        scores = pair_scores(embeddings, quality, a, b)
        kind = joint[a].astype(np.int64) * len(embeddings) + joint[b]
        for one in np.unique(kind):
            mine = kind == one
            i, j = a[mine], b[mine]
            counter.add(scores[mine], s[mine], np.ones(len(i), bool), i[0], j[0])
            counter.low.offer(s[mine], scores[mine], i, j)
            counter.high.offer(~s[mine], scores[mine], i, j)
    return counter.scores()


def _joint(images: int, groups: Mapping[str, Groups]) -> Codes:
    """(n,) int32: one code for each combination of the columns' values."""
    if not groups:
        return np.zeros(images, np.int32)
    stacked = np.stack([group.codes for group in groups.values()], axis=1)
    _, joint = np.unique(stacked, axis=0, return_inverse=True)
    return joint.reshape(-1).astype(np.int32)


def _by_group(
    images: int, groups: Mapping[str, Groups], usable: NDArray[np.bool_] | None
) -> tuple[Codes, list[tuple[int, int]]]:
    """The images sorted by joint group, and the start and end of each group.

    Each side of a block then has one group, so one histogram counts the block for any number of columns.
    """
    joint = _joint(images, groups)
    order = np.argsort(joint, kind="stable").astype(np.int32)
    if usable is not None:
        order = order[usable[order]]
    bounds = [0, *(np.flatnonzero(np.diff(joint[order])) + 1).tolist(), len(order)]
    return order, list(pairwise(bounds))


def _positions(order: Codes, pairs: Codes | None, images: int) -> NDArray[np.int64]:
    """(k, 2) int64: the positions of pairs in `order`, the earlier image first. Pairs not in it are dropped."""
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
