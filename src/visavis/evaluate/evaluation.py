"""Embeddings and labels in, every figure of the report out.

What is counted is the score that a comparison computes; see `pair_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR, Calibration
from visavis.errors import InvalidRequest
from visavis.evaluate.acquire import Acquired
from visavis.evaluate.discard import Discard, all_pairs_left, discard_curve, listed_pairs_left
from visavis.evaluate.metrics import Curve, Interval, Rate, TarAt, k_fold_accuracy
from visavis.evaluate.pair_scores import pair_scores
from visavis.evaluate.protocol import Codes, Pairs, Protocol
from visavis.evaluate.resample import Resampled
from visavis.evaluate.scores import Extremes, Scores, score_all, score_pairs

__all__ = ["Evaluation", "Figure", "Group", "Point", "evaluate"]

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate with both intervals; `people` is None where it was not to be had."""

    rate: Rate
    wilson: Interval
    people: Interval | None


def figure(rate: Rate, people: Interval | None) -> Figure:
    """With Wilson's interval; from a set without an error, people drawn anew make none either, which says nothing."""
    return Figure(rate, rate.wilson(), people if 0 < rate.errors < rate.of else None)


@dataclass(frozen=True, slots=True)
class Point:
    """Both errors at a similarity, exactly as a comparison decides them.

    score:    the lowest that a comparison answers with at least this similarity
    promised: the FMR that the similarity stands for
    """

    similarity: int
    score: float
    promised: float
    fmr: Figure
    fnmr: Figure


@dataclass(frozen=True, slots=True)
class Tar:
    """TAR at an FMR; `fnmr` is None where the data cannot carry it."""

    at: TarAt
    fnmr: Figure | None


@dataclass(frozen=True, slots=True)
class Group:
    """Figures of one value of a group column: genuine pairs of it, impostors both of it."""

    column: str
    value: str
    images: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything the report says.

    failures: (image, why) of those that gave no embedding
    lost:     genuine comparisons that were not made for want of an embedding
    k_fold:   accuracies of the folds; None without folds
    groups:   by column and value; empty without columns
    scores, curve: what the plots are drawn from
    provenance: what was evaluated, for the report
    """

    name: str
    images: int
    identities: int
    inferred: bool
    listed: bool
    failures: tuple[tuple[str, str], ...]
    lost: int
    left_out: int
    points: tuple[Point, ...]
    tars: tuple[Tar, ...]
    eer: float
    eer_score: float
    k_fold: NDArray[np.float64] | None
    groups: tuple[Group, ...]
    discard: Discard
    curve: Curve = field(repr=False)
    scores: Scores = field(repr=False)
    suspicious: tuple[tuple[str, str, float], ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def evaluate(
    protocol: Protocol,
    acquired: Acquired,
    calibration: Calibration,
    *,
    folds: Protocol | None = None,
    replicates: int = 1000,
    seed: int = 1,
    quiet: bool = True,
    provenance: Mapping[str, object] | None = None,
) -> Evaluation:
    """Compare, count, and put figures and intervals together.

    Args:
        folds: a list of pairs with folds, for k-fold accuracy, among the same images; default: the protocol's own
        replicates: draws of people for the intervals; 0: none
        provenance: what is evaluated, for the report

    Raises:
        InvalidRequest: nothing is left to compare of one kind, or `folds` names other images.
    """
    usable = acquired.usable
    pairs = None if protocol.pairs is None else _usable_pairs(protocol.pairs, usable)
    bars = {s: calibration.lowest_score(s) for s in PROMISED_FMR}
    scores = _scores(protocol, acquired, pairs, list(bars.values()), quiet=quiet)
    curve = Curve.of(scores.genuine, scores.impostor, scores.edges)
    if not curve.genuine or not curve.impostors:
        kind = "genuine" if not curve.genuine else "impostor"
        raise InvalidRequest(f"there is no {kind} comparison: nothing can be said of that kind of error")
    resampled = Resampled(protocol, usable, pairs, scores, replicates, seed)
    failures = [(i, w) for i, w in zip(protocol.images, acquired.failures, strict=True) if w]
    left = (
        all_pairs_left(protocol.identity)
        if pairs is None
        else listed_pairs_left(pairs.source, pairs.target, pairs.same)
    )
    fold_accuracies = _k_fold(folds or protocol, protocol, acquired)
    eer, eer_score = curve.eer()
    return Evaluation(
        name=protocol.name,
        images=len(protocol.images),
        identities=len(protocol.identities),
        inferred=protocol.inferred,
        listed=protocol.pairs is not None,
        failures=tuple(failures),
        lost=_genuine_made(protocol) - curve.genuine,
        left_out=len(protocol.left_out),
        points=_points(curve, bars, resampled, usable),
        tars=_tars(curve, resampled, usable),
        eer=eer,
        eer_score=eer_score,
        k_fold=fold_accuracies,
        groups=_groups(protocol, scores, bars, resampled, usable),
        discard=discard_curve(
            acquired.quality, usable, scores.low_genuine, scores.high_impostors, left, bars[LOWEST_PROMISED]
        ),
        curve=curve,
        scores=scores,
        suspicious=_most_alike(protocol, scores.high_impostors),
        provenance=provenance or {},
    )


def _usable_pairs(pairs: Pairs, usable: NDArray[np.bool_]) -> Pairs:
    both = usable[pairs.source] & usable[pairs.target]
    fold = None if pairs.fold is None else pairs.fold[both]
    return Pairs(pairs.source[both], pairs.target[both], pairs.same[both], fold)


def _scores(
    protocol: Protocol, acquired: Acquired, pairs: Pairs | None, thresholds: Sequence[float], *, quiet: bool
) -> Scores:
    if pairs is not None:
        return score_pairs(
            acquired.embeddings, acquired.quality, pairs.source, pairs.target, pairs.same,
            thresholds=thresholds, groups=protocol.groups,
        )  # fmt: skip
    return score_all(
        acquired.embeddings, acquired.quality, protocol.identity, thresholds=thresholds, groups=protocol.groups,
        left_out=protocol.left_out, usable=acquired.usable, quiet=quiet,
    )  # fmt: skip


def _genuine_made(protocol: Protocol) -> int:
    """Genuine comparisons, had every picture given an embedding."""
    if protocol.pairs is not None:
        return int(protocol.pairs.same.sum())
    genuine, _ = all_pairs_left(protocol.identity)(np.ones(len(protocol.images), bool))
    apart = protocol.identity[protocol.left_out]
    return genuine - int((apart[:, 0] == apart[:, 1]).sum())


def _points(curve: Curve, bars: Mapping[int, float], resampled: Resampled, of: NDArray[np.bool_]) -> tuple[Point, ...]:
    thresholds = list(bars.values())
    people = zip(resampled.fmr(of, thresholds), resampled.fnmr(of, thresholds), strict=True)
    points = []
    for (similarity, score), (fmr_people, fnmr_people) in zip(bars.items(), people, strict=True):
        fmr, fnmr = curve.fmr(score), curve.fnmr(score)
        points.append(
            Point(
                similarity, score, PROMISED_FMR[similarity],
                figure(fmr, fmr_people), figure(fnmr, fnmr_people),
            )
        )  # fmt: skip
    return tuple(points)


def _tars(curve: Curve, resampled: Resampled, of: NDArray[np.bool_]) -> tuple[Tar, ...]:
    ats = [curve.tar_at(rate) for rate in RATES]
    # The threshold is held as it is: people are drawn for FNMR alone.
    thresholds = [at.threshold for at in ats if at.threshold is not None]
    people = iter(resampled.fnmr(of, thresholds) if thresholds else [])
    return tuple(Tar(at, None if at.fnmr is None else figure(at.fnmr, next(people))) for at in ats)


def _groups(
    protocol: Protocol, scores: Scores, bars: Mapping[int, float], resampled: Resampled, usable: NDArray[np.bool_]
) -> tuple[Group, ...]:
    found = []
    for column, groups in protocol.groups.items():
        for v, value in enumerate(groups.values):
            tally = scores.groups[column]
            of = usable & (groups.codes == v)
            curve = Curve.of(tally.genuine[v, v], tally.impostor[v, v], scores.edges)
            points = _points(curve, bars, resampled, of)
            found.append(Group(column, value, int(of.sum()), points))
    return tuple(found)


def _k_fold(listed: Protocol, protocol: Protocol, acquired: Acquired) -> NDArray[np.float64] | None:
    if listed.pairs is None or listed.pairs.fold is None:
        return None
    place = {image: i for i, image in enumerate(protocol.images)}
    if lost := next((image for image in listed.images if image not in place), None):
        raise InvalidRequest(f"the pairs {listed.name} name {lost}, which {protocol.name} does not hold")
    to: Codes = np.array([place[image] for image in listed.images], np.int32)
    pairs = Pairs(to[listed.pairs.source], to[listed.pairs.target], listed.pairs.same, listed.pairs.fold)
    pairs = _usable_pairs(pairs, acquired.usable)
    assert pairs.fold is not None
    scores = pair_scores(acquired.embeddings, acquired.quality, pairs.source, pairs.target)
    return k_fold_accuracy(scores, pairs.same, pairs.fold)


def _most_alike(protocol: Protocol, high: Extremes, most: int = 20) -> tuple[tuple[str, str, float], ...]:
    best = np.argsort(-high.score, kind="stable")[:most]
    return tuple((protocol.images[high.first[i]], protocol.images[high.second[i]], float(high.score[i])) for i in best)
