"""Fits the similarity scale: a curve from the score of two faces to a similarity with a stated false match rate.

Scores are those of `pair_scores`, from which a comparison computes the similarity. Rates down to 1e-3 are counted.
Lower rates are extrapolated by a generalised Pareto distribution that is fitted to the exceedances.

The impostors are those of one group (of one sex, where that is known). Each group has a curve of its own, and the scale
is their geometric mean. Pooled impostors would give the scale of the group with the most images. Two groups whose rates
differ by a factor of f are each sqrt(f) from the promise, one above and one below, and no other single curve is nearer
to both. The tails of the groups share a shape and differ in threshold and scale.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from visavis import __version__
from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR, Calibration, lowest_score
from visavis.errors import InvalidRequest
from visavis.evaluate.fitting.impostors import Impostors, effective_pairs
from visavis.evaluate.fitting.root import crossing
from visavis.evaluate.fitting.scale import curve_of_group, mean_curve, scale_curve
from visavis.evaluate.statistics.bootstrap import draw, interval
from visavis.evaluate.statistics.error_rates import RULE_OF_30, Interval, Rate
from visavis.evaluate.statistics.pair_scores import SCORE
from visavis.evaluate.statistics.pareto_tail import ParetoTail, fit_tail
from visavis.evaluate.statistics.scores import KEPT

__all__ = ["Fit", "Level", "fit_scale", "refuse_too_few"]

TAIL_RATE = 1e-3
"""The false match rate at which counting ends and the tail begins."""
MEASURED_RATE = 1e-4
"""The lowest rate that a set must have enough impostors to count; the tail extrapolates two decades beyond it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Level:
    """The score of a promised similarity.

    Attributes:
        similarity: that is promised.
        fmr: its false match rate.
        score: the lowest that reaches the similarity.
        interval: 95 % bootstrap interval of the score; NaN without replicates.
        counted: by group, the false matches of the set at this score.
        extrapolated: fewer than 30 false matches are expected among all impostors, so the tail determines the
            score.
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
        tails: by group.
        levels: of the promised similarities, from the lowest.
        shape: 95 % bootstrap interval of the tails' shape; NaN without replicates.
    """

    curve: Floats
    tails: Mapping[str, ParetoTail]
    levels: tuple[Level, ...]
    shape: Interval

    def lowest_score(self, similarity: float) -> float:
        """The lowest score that a comparison answers with at least `similarity`."""
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
            model_sha256: of the embedder's file.
            accuracy: at which the embeddings were made, "standard" or "high".
            provenance: data set and counts; the date, the version, the tails and the levels are added.
            template_offset: from `fit_template_offset`; None where it was not measured.
            genuine: (n,) sorted scores of genuine pairs, for the FNMR at each similarity; None where there are none.
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
        impostors: to fit on.
        identities: how many people the indices of `impostors` are of.
        replicates: bootstrap replicates for the intervals; 0: no intervals.
        seed: of the bootstrap.

    Raises:
        InvalidRequest: there are too few impostors; the text says how many would do.

    Example:
        >>> fit = fit_scale(impostors, identities=1000)  # doctest: +SKIP
        >>> fit.lowest_score(80)  # doctest: +SKIP
    """
    refuse_too_few(impostors.names, impostors.pairs)
    tails = fit_tails(impostors)
    mean = mean_curve([curve_of_group(h, tail) for h, tail in zip(impostors.histograms, tails, strict=True)])
    fit = Fit(scale_curve(*mean), dict(zip(impostors.names, tails, strict=True)), (), _middle(np.empty(0)))
    shapes, scores = _replicates(impostors, identities, replicates, seed)
    levels = []
    for (similarity, fmr), drawn in zip(PROMISED_FMR.items(), scores.T, strict=True):
        score = fit.lowest_score(similarity)
        above = np.bincount(impostors.group[impostors.score >= score], minlength=len(impostors.names))
        counts = zip(above.tolist(), impostors.pairs.tolist(), strict=True)
        counted = {name: Rate(*count) for name, count in zip(impostors.names, counts, strict=True)}
        extrapolated = fmr * effective_pairs(impostors.pairs) < RULE_OF_30
        levels.append(Level(similarity, fmr, score, _middle(drawn), counted, extrapolated))
    return replace(fit, levels=tuple(levels), shape=_middle(shapes))


def _middle(replicates: Floats) -> Interval:
    return interval(replicates) if len(replicates) else Interval(float("nan"), float("nan"))


def refuse_too_few(names: Sequence[str], pairs: NDArray[np.int64]) -> None:
    """Refuse a set on which too few false matches are expected at the lowest rate that must be counted.

    Args:
        names: of the groups.
        pairs: (g,) impostor comparisons of each.

    Raises:
        InvalidRequest: there are too few pairs; the message says how many would do.
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
    """The tail of each group above the score that `TAIL_RATE` of it exceeds. All tails have one shape.

    Args:
        impostors: to fit on.
        weights: (k,) of each of the highest impostors, 1 on average; default: 1.
    """
    weights = np.ones(len(impostors.score)) if weights is None else weights
    starts, exceedances, weighing = [], [], []
    for g, pairs in enumerate(impostors.pairs):
        mine = impostors.group == g
        score, weight = impostors.score[mine], weights[mine]
        above = np.cumsum(weight)
        at = int(np.searchsorted(above, TAIL_RATE * pairs))
        if at >= len(score):
            raise InvalidRequest(f"the {KEPT:,} highest scores hold too few of {impostors.names[g]!r} to fit a tail")
        y = score[:at] - score[at]
        mean = float(weight[:at] @ y / above[at - 1])
        starts.append((float(score[at]), float(above[at - 1] / pairs), mean))
        exceedances.append(y / mean)
        weighing.append(weight[:at])
    one = fit_tail(np.concatenate(exceedances), threshold=0.0, rate=1.0, weights=np.concatenate(weighing))
    return [ParetoTail(threshold, rate, one.shape, one.scale * mean) for threshold, rate, mean in starts]


def _replicates(impostors: Impostors, identities: int, replicates: int, seed: int) -> tuple[Floats, Floats]:
    """The tails' shape (r,) and the score of each promise (r, 4) in each bootstrap replicate."""
    shapes, scores = np.empty(replicates), np.empty((replicates, len(PROMISED_FMR)))
    # A replicate's tails begin near those of the set, so pairs far below need no weights.
    near = np.zeros(len(impostors.score), bool)
    for g, pairs in enumerate(impostors.pairs):
        near[np.flatnonzero(impostors.group == g)[: int(10 * TAIL_RATE * pairs)]] = True
    few = replace(
        impostors, score=impostors.score[near], group=impostors.group[near],
        first=impostors.first[near], second=impostors.second[near],
    )  # fmt: skip
    for k, drawn in enumerate(draw(identities, replicates, seed)):
        # The mean weight of all pairs of a group is taken as 1, because it varies far less than that of the tail.
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
    """(m, 2) similarity and FNMR over the scale."""
    if genuine is None or not len(genuine):
        return np.empty((0, 2))
    at = sorted({*range(30, LOWEST_PROMISED, 10), 85, 95, *PROMISED_FMR})
    below = np.searchsorted(genuine, [fit.lowest_score(similarity) for similarity in at]) / len(genuine)
    return np.array([[similarity, float(f"{rate:.4g}")] for similarity, rate in zip(at, below, strict=True)])


def _rounded(interval: Interval) -> list[float] | None:
    """None without replicates."""
    return None if np.isnan(interval.low) else [round(interval.low, 4), round(interval.high, 4)]
