"""An evaluation as JSON, for programs."""

from __future__ import annotations

import math

from visavis.evaluate.statistics.differential import differentials
from visavis.evaluate.statistics.error_discard import ErrorDiscardCurve
from visavis.evaluate.statistics.error_rates import Interval, standard_deviation, wilson
from visavis.evaluate.statistics.evaluation import Evaluation, Point, RateEstimate, Tar
from visavis.evaluate.statistics.pair_scores import SCORE

__all__ = ["as_json"]


def as_json(e: Evaluation) -> dict[str, object]:
    """The evaluation as a value that `json.dump` can write. docs/evaluate.md describes the keys.

    Rates are fractions, not per cent. `wilson_95` and `bootstrap_95` are intervals as [low, high].

    Args:
        e: the evaluation.

    Example:
        >>> from visavis.evaluate import as_json, evaluate_folder
        >>> report = as_json(evaluate_folder("examples/photos", progress=False))
        >>> report["at_similarity"][0]["similarity"], report["at_similarity"][0]["fmr"]["trials"]
        (80, 13)
    """
    return {
        "provenance": dict(e.provenance),
        "score": SCORE,
        "set": {
            "name": e.name,
            "images": e.images,
            "identities": e.identities,
            "identities_inferred_from_pairs": e.inferred,
            "comparisons": "listed" if e.listed else "all pairs",
            "genuine": e.curve.genuine,
            "impostor": e.curve.impostors,
            "left_out_pairs": e.left_out,
        },
        "failure_to_acquire": _failures(e),
        "at_similarity": [_point(p) for p in e.points],
        "below_promised": [_point(p) for p in e.points_below],
        "tar_at_fmr": [_tar(t) for t in e.tars],
        "eer": {"rate": e.eer, "score": e.eer_score},
        "k_fold_accuracy": _k_fold(e),
        "groups": [
            {
                "column": g.column,
                "value": g.value,
                "images": g.images,
                "at_similarity": [_point(p) for p in g.points],
                "below_promised": [_point(p) for p in g.points_below],
            }
            for g in e.groups
        ],
        "differential": [
            {
                "column": d.column,
                "similarity": d.similarity,
                "fmr_highest_over_lowest": d.fmr,
                "fnmr_highest_over_lowest": d.fnmr,
            }
            for d in differentials(e.groups)
        ],
        "error_versus_discard": _error_discard(e.error_discard),
        "most_similar_impostors": [
            {"one": a, "other": b, "score": round(s, 4)} for a, b, s in e.most_similar_impostors
        ],
    }


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _estimate(found: RateEstimate) -> dict[str, object]:
    return {
        "rate": found.rate.value if found.rate.trials else None,
        "errors": found.rate.errors,
        "trials": found.rate.trials,
        "wilson_95": _pair(found.wilson),
        "bootstrap_95": _pair(found.bootstrap),
    }


def _failures(e: Evaluation) -> dict[str, object]:
    return {
        "failed": len(e.failures),
        "trials": e.images,
        "rate": len(e.failures) / e.images,
        "wilson_95": _pair(wilson(len(e.failures), e.images)),
        "genuine_comparisons_lost": e.lost,
        "images": [{"image": image, "why": why} for image, why in e.failures],
    }


def _error_discard(curve: ErrorDiscardCurve) -> dict[str, object]:
    columns = (curve.discarded, curve.quality, curve.fnmr, curve.fmr)
    return {
        "score": curve.threshold,
        "points": [
            {"discarded": d, "lowest_quality": q, "fnmr": fnmr, "fmr": None if math.isnan(fmr) else fmr}
            for d, q, fnmr, fmr in zip(*(column.tolist() for column in columns), strict=True)
        ],
    }


def _k_fold(e: Evaluation) -> dict[str, object] | None:
    if e.k_fold is None:
        return None
    return {
        "folds": e.k_fold.tolist(),
        "mean": float(e.k_fold.mean()),
        "standard_deviation": standard_deviation(e.k_fold),
    }


def _point(p: Point) -> dict[str, object]:
    return {
        "similarity": p.similarity,
        "score": p.score,
        "promised_fmr": p.promised,
        "fmr": _estimate(p.fmr),
        "fnmr": _estimate(p.fnmr),
    }


def _tar(t: Tar) -> dict[str, object]:
    return {
        "fmr": t.at.fmr,
        "support": str(t.at.support),
        "score": t.at.threshold,
        "tar": None if t.fnmr is None else 1 - t.fnmr.rate.value,
        "fnmr": None if t.fnmr is None else _estimate(t.fnmr),
    }
