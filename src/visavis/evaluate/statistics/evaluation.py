"""Embeddings and labels in, an `Evaluation` out: all that a report says.

What is counted is the score that a comparison computes; see `pair_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR, Calibration
from visavis.errors import InvalidRequest
from visavis.evaluate.data.embeddings import Acquired, ProgressCallback
from visavis.evaluate.data.protocol import ComparisonProtocol, Pairs
from visavis.evaluate.statistics.bootstrap import SubjectBootstrap
from visavis.evaluate.statistics.error_discard import (
    ErrorDiscardCurve,
    error_discard_curve,
    remaining_of_all_pairs,
    remaining_of_listed,
)
from visavis.evaluate.statistics.error_rates import DetCurve, Interval, Rate, TarAt
from visavis.evaluate.statistics.k_fold import accuracy_of_folds
from visavis.evaluate.statistics.scores import Scores, TailPairs, score_all, score_pairs

__all__ = ["RATES", "Evaluation", "Group", "Point", "RateEstimate", "Tar", "evaluate"]

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""The false match rates at which TAR is given."""


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """A rate with its intervals.

    wilson:    takes comparisons for independent
    bootstrap: over people; None without replicates, and where none or all of the comparisons are errors
    """

    rate: Rate
    wilson: Interval
    bootstrap: Interval | None


def estimate(rate: Rate, bootstrap: Interval | None) -> RateEstimate:
    """The rate with Wilson's interval, and the bootstrap interval where it says something.

    Without an error in the set there is none in any replicate, so the bootstrap interval would be empty.
    """
    return RateEstimate(rate, rate.wilson(), bootstrap if 0 < rate.errors < rate.trials else None)


@dataclass(frozen=True, slots=True)
class Point:
    """Both errors at a similarity, exactly as a comparison decides them.

    similarity: the threshold
    score:      the lowest that a comparison answers with at least this similarity
    promised:   the FMR that the similarity stands for
    """

    similarity: int
    score: float
    promised: float
    fmr: RateEstimate
    fnmr: RateEstimate


@dataclass(frozen=True, slots=True)
class Tar:
    """TAR at an FMR, as 1 - `fnmr`; `fnmr` is None where the data cannot support it."""

    at: TarAt
    fnmr: RateEstimate | None


@dataclass(frozen=True, slots=True)
class Group:
    """Error rates of one value of a group column, over genuine pairs of the group and impostors both of the group."""

    column: str
    value: str
    images: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All that a report says about a data set.

    name:          of the data set
    images:        how many, usable or not
    identities:    how many
    inferred:      identities come from the pairs of one person
    listed:        listed pairs were compared; otherwise every pair
    failures:      (image, why) of those that gave no embedding
    lost:          genuine comparisons that were not made because an image has no embedding
    left_out:      pairs that the errata leave out
    points:        at each promised similarity, from the lowest
    tars:          at each FMR of `RATES`
    eer, eer_score: the equal error rate, and the score at which it is reached
    k_fold:        (folds,) accuracies; None without folds
    groups:        by column and value; empty without columns
    error_discard: at the lowest promised similarity
    curve, scores: the DET curve and the histograms, for plots
    suspicious:    the impostors with the highest scores, as (image, image, score); some may be label errors
    provenance:    what was evaluated
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
    error_discard: ErrorDiscardCurve
    curve: DetCurve = field(repr=False)
    scores: Scores = field(repr=False)
    suspicious: tuple[tuple[str, str, float], ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def evaluate(
    protocol: ComparisonProtocol,
    acquired: Acquired,
    calibration: Calibration,
    *,
    folds: ComparisonProtocol | None = None,
    replicates: int = 1000,
    seed: int = 1,
    progress: ProgressCallback | None = None,
    provenance: Mapping[str, object] | None = None,
) -> Evaluation:
    """Compare, count, and estimate the error rates.

    Args:
        protocol: which images are compared
        acquired: the images' embeddings
        calibration: the scale
        folds: a list of pairs with folds among the same images, for k-fold accuracy; default: the protocol's own
        replicates: bootstrap replicates; 0: no bootstrap intervals
        seed: of the bootstrap
        progress: called after each block of comparisons
        provenance: what is evaluated, for the report

    Raises:
        InvalidRequest: no genuine or no impostor comparison is left, or `folds` names other images.

    Example:
        >>> protocol = read_folder(Path("staff"))  # doctest: +SKIP
        >>> acquired = embed_images(protocol, Settings.from_env())  # doctest: +SKIP
        >>> evaluation = evaluate(protocol, acquired, load_calibration())  # doctest: +SKIP
    """
    usable = acquired.usable
    pairs = None if protocol.pairs is None else protocol.pairs.among(usable)
    thresholds = {s: calibration.lowest_score(s) for s in PROMISED_FMR}
    scores = _scores(protocol, acquired, pairs, list(thresholds.values()), progress)
    curve = _curve(scores)
    bootstrap = SubjectBootstrap(protocol, usable, pairs, scores, replicates, seed)
    eer, eer_score = curve.eer()
    return Evaluation(
        name=protocol.name,
        images=len(protocol.images),
        identities=len(protocol.identities),
        inferred=protocol.inferred,
        listed=protocol.pairs is not None,
        failures=tuple((i, why) for i, why in zip(protocol.images, acquired.failures, strict=True) if why),
        lost=_genuine_listed(protocol) - curve.genuine,
        left_out=len(protocol.left_out),
        points=_points(curve, thresholds, bootstrap, usable),
        tars=_tars(curve, bootstrap, usable),
        eer=eer,
        eer_score=eer_score,
        k_fold=accuracy_of_folds(folds or protocol, protocol, acquired),
        groups=_groups(protocol, scores, thresholds, bootstrap, usable),
        error_discard=_error_discard(protocol, acquired, pairs, scores, thresholds[LOWEST_PROMISED]),
        curve=curve,
        scores=scores,
        suspicious=_most_similar(protocol, scores.high_impostors),
        provenance=provenance or {},
    )


def _scores(
    protocol: ComparisonProtocol,
    acquired: Acquired,
    pairs: Pairs | None,
    thresholds: Sequence[float],
    progress: ProgressCallback | None,
) -> Scores:
    if pairs is not None:
        return score_pairs(
            acquired.embeddings, acquired.quality, pairs.source, pairs.target, pairs.same,
            thresholds=thresholds, groups=protocol.groups,
        )  # fmt: skip
    return score_all(
        acquired.embeddings, acquired.quality, protocol.identity, thresholds=thresholds, groups=protocol.groups,
        left_out=protocol.left_out, usable=acquired.usable, progress=progress,
    )  # fmt: skip


def _curve(scores: Scores) -> DetCurve:
    curve = DetCurve.of(scores.genuine, scores.impostor, scores.edges)
    if not curve.genuine or not curve.impostors:
        kind = "genuine" if not curve.genuine else "impostor"
        raise InvalidRequest(f"there is no {kind} comparison: nothing can be said of that kind of error")
    return curve


def _genuine_listed(protocol: ComparisonProtocol) -> int:
    """Genuine comparisons if every image gives an embedding."""
    if protocol.pairs is not None:
        return int(protocol.pairs.same.sum())
    genuine, _ = remaining_of_all_pairs(protocol.identity)(np.ones(len(protocol.images), bool))
    left_out = protocol.identity[protocol.left_out]
    return genuine - int((left_out[:, 0] == left_out[:, 1]).sum())


def _points(
    curve: DetCurve, thresholds: Mapping[int, float], bootstrap: SubjectBootstrap, images: NDArray[np.bool_]
) -> tuple[Point, ...]:
    scores = list(thresholds.values())
    fmr_intervals, fnmr_intervals = bootstrap.fmr(images, scores), bootstrap.fnmr(images, scores)
    return tuple(
        Point(
            similarity,
            score,
            PROMISED_FMR[similarity],
            estimate(curve.fmr(score), fmr_interval),
            estimate(curve.fnmr(score), fnmr_interval),
        )
        for (similarity, score), fmr_interval, fnmr_interval in zip(
            thresholds.items(), fmr_intervals, fnmr_intervals, strict=True
        )
    )


def _tars(curve: DetCurve, bootstrap: SubjectBootstrap, images: NDArray[np.bool_]) -> tuple[Tar, ...]:
    ats = [curve.tar_at(rate) for rate in RATES]
    # The threshold is held fixed: the bootstrap is of the FNMR alone.
    thresholds = [at.threshold for at in ats if at.threshold is not None]
    intervals = iter(bootstrap.fnmr(images, thresholds) if thresholds else [])
    return tuple(Tar(at, None if at.fnmr is None else estimate(at.fnmr, next(intervals))) for at in ats)


def _groups(
    protocol: ComparisonProtocol,
    scores: Scores,
    thresholds: Mapping[int, float],
    bootstrap: SubjectBootstrap,
    usable: NDArray[np.bool_],
) -> tuple[Group, ...]:
    found = []
    for column, groups in protocol.groups.items():
        for v, value in enumerate(groups.values):
            tally = scores.groups[column]
            images = usable & (groups.codes == v)
            curve = DetCurve.of(tally.genuine[v, v], tally.impostor[v, v], scores.edges)
            points = _points(curve, thresholds, bootstrap, images)
            found.append(Group(column, value, int(images.sum()), points))
    return tuple(found)


def _error_discard(
    protocol: ComparisonProtocol, acquired: Acquired, pairs: Pairs | None, scores: Scores, threshold: float
) -> ErrorDiscardCurve:
    remaining = (
        remaining_of_all_pairs(protocol.identity)
        if pairs is None
        else remaining_of_listed(pairs.source, pairs.target, pairs.same)
    )
    return error_discard_curve(
        acquired.quality, acquired.usable, scores.low_genuine, scores.high_impostors, remaining, threshold
    )


def _most_similar(protocol: ComparisonProtocol, high: TailPairs, most: int = 20) -> tuple[tuple[str, str, float], ...]:
    best = np.argsort(-high.score, kind="stable")[:most]
    return tuple((protocol.images[high.first[i]], protocol.images[high.second[i]], float(high.score[i])) for i in best)
