"""`Evaluation`: the error rates of a data set with their intervals, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from visavis.evaluate.statistics.error_discard import ErrorDiscardCurve
from visavis.evaluate.statistics.error_rates import DetCurve, Interval, Rate, TarAt
from visavis.evaluate.statistics.scores import Scores

__all__ = ["Evaluation", "Group", "Point", "RateEstimate", "Tar", "estimate"]


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """A rate with its intervals.

    Attributes:
        rate: the errors and the comparisons.
        wilson: Wilson's interval, which treats comparisons as independent.
        bootstrap: the bootstrap interval over people; None without replicates, and where none or all of the comparisons
            are errors.
    """

    rate: Rate
    wilson: Interval
    bootstrap: Interval | None


def estimate(rate: Rate, bootstrap: Interval | None) -> RateEstimate:
    """The rate with its intervals, without a bootstrap interval where it would be empty.

    A set without errors has none in any replicate, so its bootstrap interval has no width.
    """
    return RateEstimate(rate, rate.wilson(), bootstrap if 0 < rate.errors < rate.trials else None)


@dataclass(frozen=True, slots=True)
class Point:
    """Both error rates at a similarity. They are exactly those of comparisons with this similarity as threshold.

    Attributes:
        similarity: the threshold, 0..100.
        score: the lowest score that has at least this similarity.
        promised: the false match rate that the scale states at this similarity.
        fmr: the false match rate.
        fnmr: the false non-match rate.
    """

    similarity: int
    score: float
    promised: float
    fmr: RateEstimate
    fnmr: RateEstimate


@dataclass(frozen=True, slots=True)
class Tar:
    """The true accept rate at a false match rate.

    Attributes:
        at: the operating point.
        fnmr: 1 - TAR; None where the data do not support the FMR.
    """

    at: TarAt
    fnmr: RateEstimate | None


@dataclass(frozen=True, slots=True)
class Group:
    """The error rates of one value of a group column. Both images of each pair have this value.

    Attributes:
        column: the name of the column.
        value: the value; "" for empty cells.
        images: the number of usable images.
        points: the error rates at each promised similarity, from the lowest.
        points_below: the same at the stated similarities below.
    """

    column: str
    value: str
    images: int
    points: tuple[Point, ...]
    points_below: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The error rates of a data set, and everything else that a report contains.

    Attributes:
        name: the name of the data set.
        images: the number of images, usable or not.
        identities: the number of people.
        inferred: whether the identities are inferred from pairs of one person.
        listed: whether only listed pairs were compared; otherwise every pair was.
        failures: the images without an embedding, as (image, reason).
        lost: the number of genuine comparisons that were not made because an image has no embedding.
        left_out: the number of pairs that the errata leave out.
        points: the error rates at each promised similarity, from the lowest.
        points_below: the same at the stated similarities below.
        tars: the true accept rate at FMRs of 1e-1 to 1e-6.
        eer: the equal error rate, 0..1.
        eer_score: the score at which both error rates equal `eer`.
        k_fold: (folds,) float64, the accuracy of each fold, 0..1; None without folds.
        groups: the error rates of each value of each group column; empty without columns.
        error_discard: the error-versus-discard curve at the lowest promised similarity.
        curve: the DET curve.
        scores: the histograms of scores and the pairs of the tails.
        most_similar_impostors: the impostors with the highest scores, as (image, image, score); some may be label
            errors.
        provenance: what was evaluated, by name: version, embedder and scale.

    Example:
        >>> from visavis.evaluate import evaluate_folder
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> evaluation.images, evaluation.identities, evaluation.eer
        (6, 4, 0.0)
        >>> for point in evaluation.points:
        ...     print(point.similarity, point.fmr.rate.errors, "of", point.fmr.rate.trials)
        80 0 of 13
        90 0 of 13
        97 0 of 13
        99 0 of 13
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
    points_below: tuple[Point, ...]
    tars: tuple[Tar, ...]
    eer: float
    eer_score: float
    k_fold: NDArray[np.float64] | None
    groups: tuple[Group, ...]
    error_discard: ErrorDiscardCurve
    curve: DetCurve = field(repr=False)
    scores: Scores = field(repr=False)
    most_similar_impostors: tuple[tuple[str, str, float], ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
