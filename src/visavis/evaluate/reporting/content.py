"""What the report of an evaluation says. `markdown_report` and `html_report` write it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from visavis.document import Block, Document, Items, Paragraph, Picture, Section, Table
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

__all__ = ["SIMILAR_IMPOSTOR_SCORE", "described", "evaluation_document"]

SIMILAR_IMPOSTOR_SCORE = 0.5
"""Impostors above this score are listed. On public data most of them are label errors or one image twice."""


_DESCRIPTIONS = {
    "scores": "Plot of how often each score occurs among genuine and among impostor comparisons",
    "det": "Plot of the false non-match rate against the false match rate",
    "calibration": "Plot of the promised and the measured false match rate at each similarity",
    "discard": "Plot of the false non-match rate as the images of lowest quality are discarded",
}


def described(plot: str) -> str:
    """What the plot with this file name shows, for readers who do not see it."""
    return _DESCRIPTIONS[PurePath(plot).stem]


def evaluation_document(e: Evaluation, plots: Sequence[Picture] = ()) -> Document:
    """The report of an evaluation.

    Args:
        e: the evaluation.
        plots: shown at the end.
    """
    eer = Paragraph(f"EER {_percent(e.eer)} at a score of {e.eer_score:.3f}." + _k_fold(e))
    sections = [
        Section("Errors at the similarities of the scale", (_points_table((*e.points_below, *e.points)), _notes())),
        Section("True accept rate at a false match rate", (_tars_table(e.tars, e.curve.impostors), eer)),
        *_groups(e),
        Section("Quality score", (Paragraph(_quality(e)),)),
        Section("Most similar impostors", (_most_similar_impostors(e),)),
    ]
    if plots:
        sections.append(Section("Plots", tuple(plots)))
    return Document(f"Evaluation of {e.name}", (_about(e),), tuple(sections))


def _about(e: Evaluation) -> Items:
    failed = len(e.failures)
    pairs = "the pairs listed" if e.listed else "every image with every other"
    why = Counter(reason.split(":")[0] for _, reason in e.failures)
    reasons = "".join(f"; {n} x {reason}" for reason, n in why.most_common())
    bounds = _bounds(wilson(failed, e.images))
    return Items(
        (
            f"{e.images:,} images of {e.identities:,} people"
            + (" (inferred from pairs of one person)" if e.inferred else "")
            + f"; compared: {pairs}",
            f"{e.curve.genuine:,} genuine and {e.curve.impostors:,} impostor comparisons"
            + (f"; pairs left out by the errata: {e.left_out}" if e.left_out else ""),
            f"failure to acquire: {failed} of {e.images:,} images, {_percent(failed / e.images)} ({bounds}){reasons}",
            f"genuine comparisons lost by it: {e.lost:,}",
            f"score: {SCORE}",
            *(f"{key}: {value}" for key, value in e.provenance.items()),
        )
    )


def _points_table(points: Sequence[Point]) -> Table:
    rows = tuple(
        (
            *(str(p.similarity), f"{p.score:.3f}", f"{p.promised:.0e}"),
            *(_scientific(p.fmr), _scientific_bounds(p.fmr.wilson), _scientific_bounds(p.fmr.bootstrap)),
            *(_percent(p.fnmr.rate.value), _bounds(p.fnmr.wilson), _bounds(p.fnmr.bootstrap)),
        )
        for p in points
    )
    head = ("similarity", "score", "promised FMR", "FMR", "Wilson", "bootstrap", "FNMR", "Wilson", "bootstrap")
    return Table("False match rate and false non-match rate with each similarity as threshold.", head, rows)


def _notes() -> Paragraph:
    return Paragraph(
        f"Intervals are of {CONFIDENCE:.0%}. Wilson treats comparisons as independent. Bootstrap draws people with "
        "replacement; it is the valid one where a person is in many comparisons. The promise is about impostors of one "
        "sex; among all impostors the FMR is lower. Rates below a similarity of "
        f"{LOWEST_PROMISED} are part of the scale but are not checked on unseen people."
    )


def _tars_table(tars: Sequence[Tar], impostors: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for t in tars:
        if t.fnmr is None or t.at.threshold is None:
            needed = math.ceil(round(RULE_OF_30 / t.at.fmr, 3))
            lacking = f"insufficient: {impostors:,} impostors, {needed:,} needed"
            rows.append((f"{t.at.fmr:.0e}", "-", "-", "", "", lacking))
            continue
        thin = t.at.support is Support.THIN
        rows.append(
            (
                f"{t.at.fmr:.0e}",
                _percent(1 - t.fnmr.rate.value),
                f"{t.at.threshold:.4f}",
                _bounds(_flipped(t.fnmr.wilson)),
                _bounds(_flipped(t.fnmr.bootstrap)),
                f"thin: {t.at.fmr * impostors:.0f} false matches expected, {RULE_OF_30} needed" if thin else "",
            )
        )
    head = ("FMR", "TAR", "score", "Wilson", "bootstrap", "support")
    return Table("Genuine comparisons that match, at the threshold of each false match rate.", head, tuple(rows))


def _flipped(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(1 - interval.high, 1 - interval.low)


def _k_fold(e: Evaluation) -> str:
    if e.k_fold is None:
        return ""
    deviation = 100 * standard_deviation(e.k_fold)
    return f" Accuracy over {len(e.k_fold)} folds: {_percent(float(e.k_fold.mean()))} +- {deviation:.2f}."


def _groups(e: Evaluation) -> list[Section]:
    sections = []
    for column in dict.fromkeys(g.column for g in e.groups):
        groups = [g for g in e.groups if g.column == column]
        rows = tuple(
            (
                *(g.value or "(none)", f"{g.images:,}", str(p.similarity)),
                *(_scientific(p.fmr), _scientific_bounds(p.fmr.bootstrap), _ratio(p.fmr.rate.value / p.promised)),
                *(_percent(p.fnmr.rate.value), _bounds(p.fnmr.bootstrap)),
            )
            for g in groups
            for p in g.points
        )
        head = (column, "images", "similarity", "FMR", "bootstrap", "FMR / promised", "FNMR", "bootstrap")
        ratios = tuple(
            (str(d.similarity), _ratio(d.fmr), _ratio(d.fnmr), "too few errors to compare" if d.few else "")
            for d in differentials(groups)
        )
        tables: tuple[Block, ...] = (
            Table("Both images of each genuine and impostor pair are of the group.", head, rows),
            Table("Highest rate of a group over the lowest.", ("similarity", "FMR", "FNMR", "support"), ratios),
        )
        sections.append(Section(f"By {column}", tables))
    return sections


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


def _most_similar_impostors(e: Evaluation) -> Block:
    pairs = e.most_similar_impostors
    rows = tuple((f"{score:.3f}", one, other) for one, other, score in pairs if score > SIMILAR_IMPOSTOR_SCORE)
    if not rows:
        return Paragraph(f"None above a score of {SIMILAR_IMPOSTOR_SCORE}.")
    caption = (
        f"Above a score of {SIMILAR_IMPOSTOR_SCORE} (at most {len(pairs)} are shown). Look at them. One person under "
        "two names, or one image twice, belongs in a file of errata."
    )
    return Table(caption, ("score", "one", "other"), rows)


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f} %"


def _ratio(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"


def _bounds(interval: Interval | None) -> str:
    return "-" if interval is None else f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"


def _scientific(found: RateEstimate) -> str:
    return f"{found.rate.value:.2e} ({found.rate.errors:,})" if found.rate.trials else "-"


def _scientific_bounds(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.1e} to {interval.high:.1e}"
