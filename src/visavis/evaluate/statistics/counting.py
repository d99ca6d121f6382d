"""Compares the embeddings of a labelled data set and counts the errors; the result is an `Evaluation`.

The score of a pair is the score that a comparison computes; see `pair_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import Calibration
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
from visavis.evaluate.statistics.error_rates import DetCurve
from visavis.evaluate.statistics.evaluation import Evaluation, Group, Point, Tar, estimate
from visavis.evaluate.statistics.k_fold import accuracy_of_folds
from visavis.evaluate.statistics.scores import Scores, TailPairs, score_all, score_pairs
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR, STATED_FMR

__all__ = ["RATES", "evaluate"]

RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""The false match rates at which TAR is given."""


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
    """Compare the images, count the errors, and estimate the error rates. `evaluate_folder` shows its use.

    Args:
        protocol: which images are compared.
        acquired: the embeddings of the images.
        calibration: the scale.
        folds: a list of pairs with folds among the same images, for k-fold accuracy; default: `protocol`.
        replicates: the number of bootstrap replicates; 0: no bootstrap intervals.
        seed: the seed of the bootstrap.
        progress: called after each block of comparisons.
        provenance: what is evaluated, for the report.

    Raises:
        InvalidRequest: no genuine or no impostor comparison is left, or `folds` names other images.
    """
    usable = acquired.usable
    pairs = None if protocol.pairs is None else protocol.pairs.among(usable)
    promised, below = ({s: calibration.lowest_score(s) for s in scale} for scale in (PROMISED_FMR, STATED_FMR))
    scores = _scores(protocol, acquired, pairs, [*promised.values(), *below.values()], progress)
    curve = _curve(scores)
    bootstrap = SubjectBootstrap(protocol, usable, pairs, scores, replicates, seed)
    eer, eer_score = curve.eer()
    return Evaluation(
        name=protocol.name,
        images=len(protocol.images),
        identities=len(protocol.identities),
        inferred=protocol.inferred,
        listed=protocol.pairs is not None,
        failures=_failures(protocol, acquired),
        lost=_genuine_listed(protocol) - curve.genuine,
        left_out=len(protocol.left_out),
        points=_points(curve, promised, bootstrap, usable),
        points_below=_points(curve, below, bootstrap, usable),
        tars=_tars(curve, bootstrap, usable),
        eer=eer,
        eer_score=eer_score,
        k_fold=accuracy_of_folds(folds or protocol, protocol, acquired),
        groups=_groups(protocol, scores, (promised, below), bootstrap, usable),
        error_discard=_error_discard(protocol, acquired, pairs, scores, promised[LOWEST_PROMISED]),
        curve=curve,
        scores=scores,
        most_similar_impostors=_most_similar_impostors(protocol, scores.high_impostors),
        provenance=provenance or {},
    )


def _failures(protocol: ComparisonProtocol, acquired: Acquired) -> tuple[tuple[str, str], ...]:
    return tuple((image, why) for image, why in zip(protocol.images, acquired.failures, strict=True) if why)


def _scores(
    protocol: ComparisonProtocol,
    acquired: Acquired,
    pairs: Pairs | None,
    thresholds: Sequence[float],
    progress: ProgressCallback | None,
) -> Scores:
    if pairs is not None:
        return score_pairs(
            acquired.embeddings,
            acquired.quality,
            pairs.source,
            pairs.target,
            pairs.same,
            thresholds=thresholds,
            groups=protocol.groups,
        )
    return score_all(
        acquired.embeddings,
        acquired.quality,
        protocol.identity,
        thresholds=thresholds,
        groups=protocol.groups,
        left_out=protocol.left_out,
        usable=acquired.usable,
        progress=progress,
    )


def _curve(scores: Scores) -> DetCurve:
    curve = DetCurve.of(scores.genuine, scores.impostor, scores.edges)
    if not curve.genuine or not curve.impostors:
        kind = "genuine" if not curve.genuine else "impostor"
        raise InvalidRequest(f"there is no {kind} comparison; error rates need genuine and impostor comparisons")
    return curve


def _genuine_listed(protocol: ComparisonProtocol) -> int:
    """The number of genuine comparisons if every image has an embedding."""
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
            (PROMISED_FMR | STATED_FMR)[similarity],
            estimate(curve.fmr(score), fmr_interval),
            estimate(curve.fnmr(score), fnmr_interval),
        )
        for (similarity, score), fmr_interval, fnmr_interval in zip(
            thresholds.items(), fmr_intervals, fnmr_intervals, strict=True
        )
    )


def _tars(curve: DetCurve, bootstrap: SubjectBootstrap, images: NDArray[np.bool_]) -> tuple[Tar, ...]:
    ats = [curve.tar_at(rate) for rate in RATES]
    # The bootstrap resamples the FNMR alone. The threshold stays that of the data set.
    thresholds = [at.threshold for at in ats if at.threshold is not None]
    intervals = iter(bootstrap.fnmr(images, thresholds) if thresholds else [])
    return tuple(Tar(at, None if at.fnmr is None else estimate(at.fnmr, next(intervals))) for at in ats)


def _groups(
    protocol: ComparisonProtocol,
    scores: Scores,
    thresholds: tuple[Mapping[int, float], Mapping[int, float]],
    bootstrap: SubjectBootstrap,
    usable: NDArray[np.bool_],
) -> tuple[Group, ...]:
    found = []
    for column, groups in protocol.groups.items():
        for v, value in enumerate(groups.values):
            tally = scores.groups[column]
            images = usable & (groups.codes == v)
            curve = DetCurve.of(tally.genuine[v, v], tally.impostor[v, v], scores.edges)
            points, below = (_points(curve, part, bootstrap, images) for part in thresholds)
            found.append(Group(column, value, int(images.sum()), points, below))
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


def _most_similar_impostors(
    protocol: ComparisonProtocol, high: TailPairs, most: int = 20
) -> tuple[tuple[str, str, float], ...]:
    best = np.argsort(-high.score, kind="stable")[:most]
    return tuple((protocol.images[high.first[i]], protocol.images[high.second[i]], float(high.score[i])) for i in best)
