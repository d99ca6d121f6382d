"""Fits the similarity scale: a curve from the score of two faces to a similarity with a stated false match rate.

Scores are those of `pair_scores`, from which a comparison computes the similarity. Rates down to 1e-3 are counted.
Lower rates are extrapolated with a generalised Pareto distribution that is fitted to the exceedances.

Both people of an impostor pair are of one group (of one sex, where that is known). Each group has its own curve, and
the scale is the geometric mean of the curves. Pooled impostors would give the scale of the group with the most images.
If the rates of two groups differ by a factor of f, one is sqrt(f) above the promise and the other sqrt(f) below, and no
other single curve is nearer to both. The tails of the groups share a shape and differ in threshold and scale.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from visavis import __version__
from visavis.calibration import Calibration, lowest_score
from visavis.errors import InvalidRequest
from visavis.evaluate.fitting.impostors import Impostors, effective_pairs
from visavis.evaluate.fitting.root import crossing
from visavis.evaluate.fitting.scale import curve_of_group, mean_curve, scale_curve
from visavis.evaluate.statistics.bootstrap import draw, interval
from visavis.evaluate.statistics.error_rates import RULE_OF_30, Interval, Rate
from visavis.evaluate.statistics.pair_scores import SCORE
from visavis.evaluate.statistics.pareto_tail import ParetoTail, fit_tail
from visavis.evaluate.statistics.scores import KEPT
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR

__all__ = ["Fit", "Level", "fit_scale", "refuse_too_few"]

TAIL_RATE = 1e-3
"""The false match rate at which counting ends and the tail begins."""
MEASURED_RATE = 1e-4
"""A set must have enough impostors to count this rate. The tail extrapolates two decades beyond it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Level:
    """The score of a promised similarity.

    Attributes:
        similarity: the promised similarity, 0..100.
        fmr: the false match rate that it promises.
        score: the lowest score that has this similarity.
        interval: the 95 % bootstrap interval of the score; NaN without replicates.
        counted: the false match rate of each group of the set at this score, by name of the group.
        extrapolated: whether fewer than 30 false matches are expected among all impostors, so that the tail determines
            the score.
    """

    similarity: int
    fmr: float
    score: float
    interval: Interval
    counted: Mapping[str, Rate]
    extrapolated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted scale.

    Attributes:
        curve: (n, 2) float64, score and similarity, rising from (-1, 0) to (1, 100).
        tails: the tail of each group, by name.
        levels: the scores of the promised similarities, from the lowest.
        shape: the 95 % bootstrap interval of the tails' shape; NaN without replicates.
    """

    curve: Floats
    tails: Mapping[str, ParetoTail]
    levels: tuple[Level, ...]
    shape: Interval

    def lowest_score(self, similarity: float) -> float:
        """The lowest score that has at least this similarity, 0..100."""
        return lowest_score(self.curve[:, 0], self.curve[:, 1], similarity)

    def calibration(
        self,
        *,
        model_sha256: str,
        accuracy: str = "standard",
        provenance: Mapping[str, object],
        template_offset: float | None = None,
        genuine: Floats | None = None,
    ) -> Calibration:
        """The calibration of this fit.

        Args:
            model_sha256: the SHA-256 of the embedder's file, in hexadecimal.
            accuracy: the accuracy of the embeddings, "standard" or "high".
            provenance: the data set and its counts. The date, the version, the tails and the levels are added.
            template_offset: the result of `fit_template_offset`; None where it was not measured.
            genuine: (n,) sorted scores of genuine pairs, from which the FNMR at each similarity is counted; None where
                there are none.
        """
        return Calibration(
            scores=self.curve[:, 0],
            similarities=self.curve[:, 1],
            model_sha256=model_sha256,
            accuracy=accuracy,
            provenance={**provenance, **_provenance(self)},
            template_offset=None if template_offset is None else round(template_offset, 4),
            fnmr=_fnmr(self, genuine),
        )


def fit_scale(impostors: Impostors, *, identities: int, replicates: int = 200, seed: int = 1) -> Fit:
    """Fit the scale.

    Args:
        impostors: the impostors to fit on.
        identities: the number of people. `impostors` names people by indices below it.
        replicates: the number of bootstrap replicates behind the intervals; 0: no intervals.
        seed: the seed of the bootstrap.

    Raises:
        InvalidRequest: there are too few impostors; the text says how many are needed.

    Example:
        With the impostors of a data set (`impostors_of`):

            fit = fit_scale(impostors, identities=1000)
            fit.lowest_score(80)
    """
    refuse_too_few(impostors.names, impostors.pairs)
    tails = fit_tails(impostors)
    mean = mean_curve([curve_of_group(h, tail) for h, tail in zip(impostors.histograms, tails, strict=True)])
    fit = Fit(scale_curve(*mean), dict(zip(impostors.names, tails, strict=True)), (), _interval_or_nan(np.empty(0)))
    shapes, scores = _replicates(impostors, identities, replicates, seed)
    levels = []
    for (similarity, fmr), drawn in zip(PROMISED_FMR.items(), scores.T, strict=True):
        score = fit.lowest_score(similarity)
        above = np.bincount(impostors.group[impostors.score >= score], minlength=len(impostors.names))
        counts = zip(above.tolist(), impostors.pairs.tolist(), strict=True)
        counted = {name: Rate(*count) for name, count in zip(impostors.names, counts, strict=True)}
        extrapolated = fmr * effective_pairs(impostors.pairs) < RULE_OF_30
        levels.append(Level(similarity, fmr, score, _interval_or_nan(drawn), counted, extrapolated))
    return replace(fit, levels=tuple(levels), shape=_interval_or_nan(shapes))


def _interval_or_nan(replicates: Floats) -> Interval:
    return interval(replicates) if len(replicates) else Interval(float("nan"), float("nan"))


def refuse_too_few(names: Sequence[str], pairs: NDArray[np.int64]) -> None:
    """Check that 30 false matches are expected at the lowest rate that must be counted.

    Args:
        names: the names of the groups.
        pairs: (g,) the number of impostor comparisons of each group.

    Raises:
        InvalidRequest: there are too few pairs; the text says how many are needed.
    """
    needed, groups = ceil(RULE_OF_30 / MEASURED_RATE), len(names)
    if effective_pairs(pairs) >= needed:
        return
    counts = ", ".join(f"{n:,} {name}".rstrip() for n, name in zip(pairs, names, strict=True))
    each = ceil(needed / groups)
    people = ceil((1 + sqrt(1 + 8 * each)) / 2)
    raise InvalidRequest(
        f"too few impostor pairs to fit a scale: {counts}. A false match rate of {MEASURED_RATE:.0e} needs "
        f"{needed:,} pairs, because {RULE_OF_30} false matches must be expected"
        + (f"; that is {each:,} in each of the {groups} groups" if groups > 1 else "")
        + f". With one image each, {people:,} people{' in each group' if groups > 1 else ''} give that many."
    )


def fit_tails(impostors: Impostors, weights: Floats | None = None) -> list[ParetoTail]:
    """The tail of each group above the score that the part `TAIL_RATE` of its impostors exceed. All share a shape.

    Args:
        impostors: the impostors to fit on.
        weights: (k,) the weight of each of the highest impostors, 1 on average; default: 1.

    Raises:
        InvalidRequest: the highest scores that were kept contain too few of a group.
    """
    weights = np.ones(len(impostors.score)) if weights is None else weights
    starts, exceedances, weighing = [], [], []
    for g, pairs in enumerate(impostors.pairs):
        mine = impostors.group == g
        score, weight = impostors.score[mine], weights[mine]
        above = np.cumsum(weight)
        at = int(np.searchsorted(above, TAIL_RATE * pairs))
        if at >= len(score):
            raise InvalidRequest(f"too few of the {KEPT:,} highest scores are of {impostors.names[g]!r} to fit a tail")
        y = score[:at] - score[at]
        mean = float(weight[:at] @ y / above[at - 1])
        starts.append((float(score[at]), float(above[at - 1] / pairs), mean))
        exceedances.append(y / mean)
        weighing.append(weight[:at])
    one = fit_tail(np.concatenate(exceedances), threshold=0.0, rate=1.0, weights=np.concatenate(weighing))
    return [ParetoTail(threshold, rate, one.shape, one.scale * mean) for threshold, rate, mean in starts]


def _replicates(impostors: Impostors, identities: int, replicates: int, seed: int) -> tuple[Floats, Floats]:
    """The tails' shape, (r,), and the score of each promise, (r, 4), in each bootstrap replicate."""
    shapes, scores = np.empty(replicates), np.empty((replicates, len(PROMISED_FMR)))
    # A replicate's tails begin near those of the set, so pairs far below are not needed.
    near = np.zeros(len(impostors.score), bool)
    for g, pairs in enumerate(impostors.pairs):
        near[np.flatnonzero(impostors.group == g)[: int(10 * TAIL_RATE * pairs)]] = True
    few = replace(
        impostors,
        score=impostors.score[near],
        group=impostors.group[near],
        first=impostors.first[near],
        second=impostors.second[near],
    )
    for k, drawn in enumerate(draw(identities, replicates, seed)):
        # The mean weight of all pairs of a group is taken as 1 because it varies far less than that of the tail.
        tails = fit_tails(few, (drawn[few.first] * drawn[few.second]).astype(np.float64))
        shapes[k] = tails[0].shape
        scores[k] = [mean_quantile(tails, rate) for rate in PROMISED_FMR.values()]
    return shapes, scores


def mean_quantile(tails: Sequence[ParetoTail], rate: float) -> float:
    """The score at which the geometric mean of the tails' rates is `rate`."""
    wanted = -np.log10(rate)
    return crossing(lambda score: float(np.mean([t.neg_log10_survival(score) for t in tails]) - wanted), -1.0, 1.0)


def _provenance(fit: Fit) -> dict[str, object]:
    return {
        "score": SCORE,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "visavis": __version__,
        "tails": {
            name: {
                "threshold": round(tail.threshold, 4),
                "rate": float(f"{tail.rate:.4g}"),
                "shape": round(tail.shape, 4),
                "scale": round(tail.scale, 5),
            }
            for name, tail in fit.tails.items()
        },
        "shape_95": _rounded(fit.shape),
        "levels": [
            {
                "similarity": level.similarity,
                "fmr": level.fmr,
                "score": round(level.score, 4),
                "score_95": _rounded(level.interval),
                "extrapolated": level.extrapolated,
            }
            for level in fit.levels
        ],
    }


def _fnmr(fit: Fit, genuine: Floats | None) -> Floats:
    """(m, 2) float64: similarity and FNMR over the scale."""
    if genuine is None or not len(genuine):
        return np.empty((0, 2))
    at = sorted({*range(30, LOWEST_PROMISED, 10), 85, 95, *PROMISED_FMR})
    below = np.searchsorted(genuine, [fit.lowest_score(similarity) for similarity in at]) / len(genuine)
    return np.array([[similarity, float(f"{rate:.4g}")] for similarity, rate in zip(at, below, strict=True)])


def _rounded(interval: Interval) -> list[float] | None:
    """The interval with 4 decimals; None without replicates."""
    return None if np.isnan(interval.low) else [round(interval.low, 4), round(interval.high, 4)]
