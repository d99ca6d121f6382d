"""An evaluation as Markdown, for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from visavis.evaluate.statistics.differential import differentials
from visavis.evaluate.statistics.error_rates import (
    CONFIDENCE,
    RULE_OF_30,
    Interval,
    Support,
    standard_deviation,
    wilson,
)
from visavis.evaluate.statistics.evaluation import Evaluation, Point, RateEstimate, Tar
from visavis.evaluate.statistics.pair_scores import SCORE
from visavis.similarity_scale import LOWEST_PROMISED

__all__ = ["SIMILAR_IMPOSTOR_SCORE", "as_markdown"]

SIMILAR_IMPOSTOR_SCORE = 0.5
"""Impostors above this score are listed. On public data most of them are label errors or one image twice."""


def as_markdown(e: Evaluation, plots: Sequence[str] = ()) -> str:
    """The evaluation as a report for people.

    Args:
        e: the evaluation.
        plots: file names of plots beside the report. The PNG files are shown in it.

    Example:
        >>> from visavis.evaluate import as_markdown, evaluate_folder
        >>> print(as_markdown(evaluate_folder("examples/photos", progress=False)).splitlines()[0])
        # Evaluation of photos
    """
    parts = [
        f"# Evaluation of {e.name}",
        _about(e),
        "## Errors at the similarities of the scale",
        _points_table((*e.points_below, *e.points)),
        _notes(),
        "## True accept rate at a false match rate",
        _tars_table(e.tars, e.curve.impostors),
        f"EER {_percent(e.eer)} at a score of {e.eer_score:.3f}." + _k_fold(e),
        *_groups(e),
        "## Quality score",
        _quality(e),
        "## Most similar impostors",
        _most_similar_impostors(e),
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
        + (" (inferred from pairs of one person)" if e.inferred else "")
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
            *(_scientific(p.fmr), _scientific_bounds(p.fmr.wilson), _scientific_bounds(p.fmr.bootstrap)),
            *(_percent(p.fnmr.rate.value), _bounds(p.fnmr.wilson), _bounds(p.fnmr.bootstrap)),
        ]
        for p in points
    ]
    head = ["similarity", "score", "promised FMR", "FMR", "Wilson", "bootstrap", "FNMR", "Wilson", "bootstrap"]
    return _table(head, rows)


def _notes() -> str:
    return (
        f"Intervals are of {CONFIDENCE:.0%}. *Wilson* treats comparisons as independent. *Bootstrap* draws people with "
        "replacement; it is the valid one where a person is in many comparisons. The promise is about impostors of one "
        "sex; among all impostors the FMR is lower. Rates below a similarity of "
        f"{LOWEST_PROMISED} are part of the scale but are not checked on unseen people."
    )


def _tars_table(tars: Sequence[Tar], impostors: int) -> str:
    rows = []
    for t in tars:
        if t.fnmr is None or t.at.threshold is None:
            needed = math.ceil(round(RULE_OF_30 / t.at.fmr, 3))
            rows.append(
                [f"{t.at.fmr:.0e}", "-", "-", "", "", f"insufficient: {impostors:,} impostors, {needed:,} needed"]
            )
            continue
        thin = t.at.support is Support.THIN
        rows.append(
            [
                f"{t.at.fmr:.0e}",
                _percent(1 - t.fnmr.rate.value),
                f"{t.at.threshold:.4f}",
                _bounds(_flipped(t.fnmr.wilson)),
                _bounds(_flipped(t.fnmr.bootstrap)),
                f"thin: {t.at.fmr * impostors:.0f} false matches expected, {RULE_OF_30} needed" if thin else "",
            ]
        )
    return _table(["FMR", "TAR", "score", "Wilson", "bootstrap", "support"], rows)


def _flipped(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(1 - interval.high, 1 - interval.low)


def _k_fold(e: Evaluation) -> str:
    if e.k_fold is None:
        return ""
    deviation = 100 * standard_deviation(e.k_fold)
    return f" Accuracy over {len(e.k_fold)} folds: {_percent(float(e.k_fold.mean()))} +- {deviation:.2f}."


def _groups(e: Evaluation) -> list[str]:
    parts = []
    for column in dict.fromkeys(g.column for g in e.groups):
        groups = [g for g in e.groups if g.column == column]
        rows = [
            [
                *(g.value or "(none)", f"{g.images:,}", str(p.similarity)),
                *(_scientific(p.fmr), _scientific_bounds(p.fmr.bootstrap), f"{p.fmr.rate.value / p.promised:.2f}"),
                *(_percent(p.fnmr.rate.value), _bounds(p.fnmr.bootstrap)),
            ]
            for g in groups
            for p in g.points
        ]
        head = [column, "images", "similarity", "FMR", "bootstrap", "FMR / promised", "FNMR", "bootstrap"]
        ratios = [
            [str(d.similarity), _ratio(d.fmr), _ratio(d.fnmr), "too few errors to compare" if d.few else ""]
            for d in differentials(groups)
        ]
        parts += [
            f"## By {column}",
            "Both images of each genuine and impostor pair are of the group.",
            _table(head, rows),
            "Highest rate of a group over the lowest:",
            _table(["similarity", "FMR", "FNMR", ""], ratios),
        ]
    return parts


def _quality(e: Evaluation) -> str:
    d = e.error_discard
    if not len(d.discarded):
        return "Every image has the same quality score, so there is no curve of errors against discarded images."
    tenth = int((abs(d.discarded - 0.1)).argmin())
    return (
        f"Without the {_percent(d.discarded[tenth])} of images of lowest quality score (below "
        f"{d.quality[tenth]:.1f}), FNMR at similarity {LOWEST_PROMISED} goes from {_percent(d.fnmr[0])} to "
        f"{_percent(d.fnmr[tenth])}."
    )


def _most_similar_impostors(e: Evaluation) -> str:
    pairs = e.most_similar_impostors
    rows = [[f"{score:.3f}", one, other] for one, other, score in pairs if score > SIMILAR_IMPOSTOR_SCORE]
    if not rows:
        return f"None above a score of {SIMILAR_IMPOSTOR_SCORE}."
    return (
        f"Above a score of {SIMILAR_IMPOSTOR_SCORE} (at most {len(pairs)} are shown). Look at them. One person under "
        "two names, or one image twice, belongs in a file of errata.\n\n" + _table(["score", "one", "other"], rows)
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


def _scientific(found: RateEstimate) -> str:
    return f"{found.rate.value:.2e} ({found.rate.errors:,})" if found.rate.trials else "-"


def _scientific_bounds(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.1e} to {interval.high:.1e}"
