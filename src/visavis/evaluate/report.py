"""An evaluation as JSON, for programs, and as Markdown, for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from visavis.calibration import LOWEST_PROMISED
from visavis.evaluate.evaluation import Evaluation, Figure, Group, Point, Tar
from visavis.evaluate.metrics import CONFIDENCE, Carried, Interval, spread, wilson
from visavis.evaluate.pair_scores import SCORE

__all__ = ["SUSPICIOUS", "as_json", "as_markdown"]

SUSPICIOUS = 0.5
"""Impostors above this score are named: on public data they are mostly mislabelled or one picture under two names."""
_FEW = 10  # errors below which a ratio of two groups says little


def as_json(e: Evaluation) -> dict[str, object]:
    """Numbers are fractions, not per cent; `people_95` is the interval from drawing people anew."""
    return {
        "provenance": dict(e.provenance),
        "score": SCORE,
        "set": {
            "name": e.name, "images": e.images, "identities": e.identities,
            "identities_inferred_from_pairs": e.inferred, "comparisons": "listed" if e.listed else "all pairs",
            "genuine": e.curve.genuine, "impostor": e.curve.impostors, "left_out_pairs": e.left_out,
        },
        "failure_to_acquire": {
            "failed": len(e.failures), "of": e.images, "rate": len(e.failures) / e.images,
            "wilson_95": _pair(wilson(len(e.failures), e.images)), "genuine_comparisons_lost": e.lost,
            "images": [{"image": image, "why": why} for image, why in e.failures],
        },
        "at_similarity": [_point(p) for p in e.points],
        "tar_at_fmr": [_tar(t) for t in e.tars],
        "eer": {"rate": e.eer, "score": e.eer_score},
        "k_fold_accuracy": None if e.k_fold is None else {
            "folds": e.k_fold.tolist(), "mean": float(e.k_fold.mean()), "standard_deviation": spread(e.k_fold),
        },
        "groups": [
            {"column": g.column, "value": g.value, "images": g.images, "at_similarity": [_point(p) for p in g.points]}
            for g in e.groups
        ],
        "differential": [
            {"column": column, "similarity": s, "fmr_highest_over_lowest": fmr, "fnmr_highest_over_lowest": fnmr}
            for column, s, fmr, fnmr, _ in _differentials(e.groups)
        ],
        "error_versus_discard": {
            "score": e.discard.threshold,
            "points": [
                {"discarded": d, "lowest_quality": q, "fnmr": fnmr, "fmr": None if math.isnan(fmr) else fmr}
                for d, q, fnmr, fmr in zip(
                    e.discard.discarded.tolist(), e.discard.quality.tolist(), e.discard.fnmr.tolist(),
                    e.discard.fmr.tolist(), strict=True,
                )
            ],
        },
        "most_alike_impostors": [{"one": a, "other": b, "score": round(s, 4)} for a, b, s in e.suspicious],
    }  # fmt: skip


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _figure(f: Figure) -> dict[str, object]:
    value = None if not f.rate.of else f.rate.value
    return {
        "rate": value, "errors": f.rate.errors, "of": f.rate.of,
        "wilson_95": _pair(f.wilson), "people_95": _pair(f.people),
    }  # fmt: skip


def _point(p: Point) -> dict[str, object]:
    return {
        "similarity": p.similarity, "score": p.score, "promised_fmr": p.promised,
        "fmr": _figure(p.fmr), "fnmr": _figure(p.fnmr),
    }  # fmt: skip


def _tar(t: Tar) -> dict[str, object]:
    known = t.fnmr is not None
    return {
        "fmr": t.at.fmr, "carried": str(t.at.carried), "score": t.at.threshold,
        "tar": 1 - t.fnmr.rate.value if t.fnmr else None, "fnmr": _figure(t.fnmr) if known and t.fnmr else None,
    }  # fmt: skip


def as_markdown(e: Evaluation, plots: Sequence[str] = ()) -> str:
    """The report to read. `plots`: names of picture files beside it."""
    parts = [
        f"# Evaluation of {e.name}",
        _about(e),
        "## Errors at the similarities of the scale",
        _points_table(e.points),
        _notes(),
        "## True accept rate at a false match rate",
        _tars_table(e.tars, e.curve.impostors),
        f"EER {_percent(e.eer)} at a score of {e.eer_score:.3f}." + _k_fold(e),
        *_groups(e),
        "## Quality score",
        _quality(e),
        "## Impostors most alike",
        _alike(e),
        *(f"![{name}]({name})" for name in plots if name.endswith(".png")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(e: Evaluation) -> str:
    failed = len(e.failures)
    pairs = "the pairs listed" if e.listed else "every image with every other"
    why = Counter(reason.split(":")[0] for _, reason in e.failures)
    reasons = "".join(f"; {n} x {reason}" for reason, n in why.most_common())
    bounds = _bounds(wilson(failed, e.images))
    lines = [
        f"- {e.images:,} images of {e.identities:,} people"
        + (" (told from the pairs of one person)" if e.inferred else "")
        + f"; compared: {pairs}",
        f"- {e.curve.genuine:,} genuine and {e.curve.impostors:,} impostor comparisons"
        + (f"; pairs left out by the errata: {e.left_out}" if e.left_out else ""),
        f"- failure to acquire: {failed} of {e.images:,} images, {_percent(failed / e.images)} ({bounds}){reasons}",
        f"- genuine comparisons lost by it: {e.lost:,}",
        f"- score: {SCORE}",
        *(f"- {key}: {value}" for key, value in e.provenance.items()),
    ]
    return "\n".join(lines)


def _points_table(points: Sequence[Point]) -> str:
    rows = [
        [
            *(str(p.similarity), f"{p.score:.3f}", f"{p.promised:.0e}"),
            *(_scientific(p.fmr), _scientific_bounds(p.fmr.wilson), _scientific_bounds(p.fmr.people)),
            *(_percent(p.fnmr.rate.value), _bounds(p.fnmr.wilson), _bounds(p.fnmr.people)),
        ]
        for p in points
    ]
    head = ["similarity", "score", "promised FMR", "FMR", "Wilson", "people", "FNMR", "Wilson", "people"]
    return _table(head, rows)


def _notes() -> str:
    return (
        f"Intervals are of {CONFIDENCE:.0%}. *Wilson* takes comparisons for independent; *people* draws people anew, "
        "which is the honest one where a person is in many comparisons. The promise is about impostors of one sex; "
        "among all impostors the FMR is lower."
    )


def _tars_table(tars: Sequence[Tar], impostors: int) -> str:
    rows = []
    for t in tars:
        if t.fnmr is None or t.at.threshold is None:
            needed = math.ceil(round(30 / t.at.fmr, 3))
            rows.append(
                [f"{t.at.fmr:.0e}", "-", "-", "", "", f"cannot be told: {impostors:,} impostors, {needed:,} wanted"]
            )
            continue
        thin = t.at.carried is Carried.THIN
        rows.append(
            [
                f"{t.at.fmr:.0e}", _percent(1 - t.fnmr.rate.value), f"{t.at.threshold:.4f}",
                _bounds(_flipped(t.fnmr.wilson)), _bounds(_flipped(t.fnmr.people)),
                f"thin: {t.at.fmr * impostors:.0f} false matches, 30 wanted" if thin else "",
            ]
        )  # fmt: skip
    return _table(["FMR", "TAR", "score", "Wilson", "people", "carried by the data"], rows)


def _flipped(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(1 - interval.high, 1 - interval.low)


def _k_fold(e: Evaluation) -> str:
    if e.k_fold is None:
        return ""
    return f" Accuracy over {len(e.k_fold)} folds: {_percent(float(e.k_fold.mean()))} +- {100 * spread(e.k_fold):.2f}."


def _groups(e: Evaluation) -> list[str]:
    parts = []
    for column in dict.fromkeys(g.column for g in e.groups):
        groups = [g for g in e.groups if g.column == column]
        rows = [
            [
                *(g.value or "(none)", f"{g.images:,}", str(p.similarity)),
                *(_scientific(p.fmr), _scientific_bounds(p.fmr.people), f"{p.fmr.rate.value / p.promised:.2f}"),
                *(_percent(p.fnmr.rate.value), _bounds(p.fnmr.people)),
            ]
            for g in groups
            for p in g.points
        ]
        head = [column, "images", "similarity", "FMR", "people", "FMR / promised", "FNMR", "people"]
        ratios = [
            [str(s), _ratio(fmr), _ratio(fnmr), "few errors: little can be said" if few else ""]
            for name, s, fmr, fnmr, few in _differentials(groups) if name == column
        ]  # fmt: skip
        parts += [
            f"## By {column}",
            "Genuine pairs of the group; impostors both of the group.",
            _table(head, rows),
            "Highest rate of a group over the lowest:",
            _table(["similarity", "FMR", "FNMR", ""], ratios),
        ]
    return parts


def _differentials(groups: Sequence[Group]) -> Iterable[tuple[str, int, float | None, float | None, bool]]:
    """Column, similarity, highest over lowest FMR and FNMR, and whether one of them rests on few errors."""
    for column in dict.fromkeys(g.column for g in groups):
        named = [g for g in groups if g.column == column and g.value]
        for points in zip(*(g.points for g in named), strict=True):
            fmr, fnmr = ([f.rate for f in side] for side in zip(*((p.fmr, p.fnmr) for p in points), strict=True))
            few = min(rate.errors for rate in (*fmr, *fnmr)) < _FEW
            ratios = (_spread_of([r.value for r in side]) for side in (fmr, fnmr))
            yield (column, points[0].similarity, *ratios, few)


def _spread_of(rates: Sequence[float]) -> float | None:
    rates = [r for r in rates if not math.isnan(r)]
    return max(rates) / min(rates) if len(rates) > 1 and min(rates) > 0 else None


def _quality(e: Evaluation) -> str:
    d = e.discard
    if not len(d.discarded):
        return "Every picture has the same quality score, so there is no curve of errors against discarded pictures."
    tenth = int((abs(d.discarded - 0.1)).argmin())
    return (
        f"Without the {_percent(d.discarded[tenth])} of pictures of lowest quality score (below "
        f"{d.quality[tenth]:.1f}), FNMR at similarity {LOWEST_PROMISED} goes from {_percent(d.fnmr[0])} to "
        f"{_percent(d.fnmr[tenth])}."
    )


def _alike(e: Evaluation) -> str:
    rows = [[f"{score:.3f}", one, other] for one, other, score in e.suspicious if score > SUSPICIOUS]
    if not rows:
        return f"None above a score of {SUSPICIOUS}."
    return (
        f"Above a score of {SUSPICIOUS} (at most {len(e.suspicious)} are shown). Look at them: one person under two "
        "names, or one picture twice, goes into a file of errata.\n\n" + _table(["score", "one", "other"], rows)
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f} %"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _bounds(interval: Interval | None) -> str:
    return "-" if interval is None else f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"


def _scientific(figure: Figure) -> str:
    if not figure.rate.of:
        return "-"
    return f"{figure.rate.value:.2e} ({figure.rate.errors:,})"


def _scientific_bounds(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.1e} to {interval.high:.1e}"
