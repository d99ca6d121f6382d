"""The pictures of a report: scores, DET, calibration, errors versus discard. The only user of matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR
from visavis.errors import InvalidRequest
from visavis.evaluate.evaluation import Evaluation, Figure, Point
from visavis.evaluate.metrics import Curve
from visavis.evaluate.pair_scores import SCORE
from visavis.evaluate.scores import BINS, EDGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_INK, _GREY, _GRID = "#1f2430", "#6b7280", "#e5e7eb"
_COLOURS = ("#1d4ed8", "#c2410c", "#047857", "#7c3aed", "#b45309", "#be123c", "#0e7490", "#4d7c0f")
_GENUINE, _IMPOSTOR = "#047857", "#c2410c"
_STYLE: dict[str, Any] = {
    "figure.figsize": (7.0, 4.6), "figure.dpi": 120, "figure.constrained_layout.use": True,
    "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": _GREY, "axes.labelcolor": _INK,
    "axes.grid": True, "grid.color": _GRID, "grid.linewidth": 0.8, "axes.axisbelow": True,
    "xtick.color": _INK, "ytick.color": _INK, "text.color": _INK, "legend.frameon": False, "lines.linewidth": 1.8,
    "svg.fonttype": "none", "svg.hashsalt": "visavis",
}  # fmt: skip


def draw(evaluation: Evaluation, folder: Path) -> list[str]:
    """Write each plot as PNG and SVG; returns the file names.

    Raises:
        InvalidRequest: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise InvalidRequest('plots need matplotlib: pip install "visavis[evaluate]"') from error
    names = []
    with matplotlib.rc_context(cast(Any, _STYLE)):
        for name, plot in (("scores", _scores), ("det", _det), ("calibration", _calibration), ("discard", _discard)):
            canvas = Canvas()
            if not plot(canvas.add_subplot(), evaluation):
                continue
            for kind in ("png", "svg"):
                # Without a date the same figures give the same bytes.
                canvas.savefig(folder / f"{name}.{kind}", metadata={"Date": None} if kind == "svg" else None)
                names.append(f"{name}.{kind}")
    return names


def _scores(axes: Axes, e: Evaluation) -> bool:
    coarse = 100  # bins of 1e-4 to one of 0.01
    edges = np.append(EDGES[: BINS - 1 : coarse], 1.0)
    for counts, colour, label in (
        (e.scores.impostor, _IMPOSTOR, f"impostor ({e.curve.impostors:,})"),
        (e.scores.genuine, _GENUINE, f"genuine ({e.curve.genuine:,})"),
    ):
        sums, _ = np.histogram(e.scores.edges, edges, weights=counts)
        axes.stairs(100 * sums / sums.sum(), edges, fill=True, color=colour, alpha=0.45)
        axes.stairs(100 * sums / sums.sum(), edges, color=colour, linewidth=1.2, label=label)
    top = axes.get_ylim()[1]
    for point in e.points:
        axes.axvline(point.score, color=_GREY, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.text(point.score + 0.004, top, str(point.similarity), fontsize=8, color=_GREY, va="top", rotation=90)
    seen = np.flatnonzero(e.scores.genuine + e.scores.impostor)
    axes.set_xlim(e.scores.edges[seen[0]] - 0.02, min(1.0, e.scores.edges[seen[-1]] + 0.02))
    dashed = ", ".join(str(point.similarity) for point in e.points)
    axes.set(xlabel=f"{SCORE}\n(dashed: similarities {dashed})", ylabel="per cent of comparisons in 0.01")
    axes.set_title(f"Scores of {e.name}")
    axes.legend(loc="upper left")
    return True


def _det(axes: Axes, e: Evaluation) -> bool:
    curves = [("all", e.curve)]
    for column in dict.fromkeys(g.column for g in e.groups):
        values = [g.value for g in e.groups if g.column == column]
        tally = e.scores.groups[column]
        curves += [
            (f"{column} {value or '(none)'}", Curve.of(tally.genuine[v, v], tally.impostor[v, v], e.scores.edges))
            for v, value in enumerate(values)
        ]
    curves = [(label, curve) for label, curve in curves if curve.impostors and curve.genuine]
    for k, (label, curve) in enumerate(curves):
        colour = _INK if k == 0 else _COLOURS[(k - 1) % len(_COLOURS)]
        fmr, fnmr = curve.false_matches / curve.impostors, curve.false_non_matches / curve.genuine
        sure = (curve.false_matches >= 3) & (fnmr > 0)
        axes.plot(fmr[sure], fnmr[sure], color=colour, label=label, zorder=3)
        unsure = (curve.false_matches <= 3) & (curve.false_matches > 0) & (fnmr > 0)
        axes.plot(fmr[unsure], fnmr[unsure], color=colour, linewidth=1, linestyle=":", zorder=3)
    for point in e.points:
        if point.fmr.rate.errors and point.fnmr.rate.errors:
            x, y = point.fmr.rate.value, point.fnmr.rate.value
            axes.plot([x], [y], "o", color=_INK, markersize=4, zorder=4)
            axes.annotate(str(point.similarity), (x, y), (4, 5), textcoords="offset points", fontsize=8)
    least = max(0.3 / e.curve.impostors, 1e-8)
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(max(0.5 / e.curve.genuine, 1e-6), 1))
    axes.plot([least, 1], [least, 1], color=_GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(xlabel="false match rate (dotted: fewer than 3 false matches)", ylabel="false non-match rate")
    axes.set_title(f"Detection error trade-off, {e.name}")
    axes.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
    return True


def _calibration(axes: Axes, e: Evaluation) -> bool:
    promises, rates = list(PROMISED_FMR), list(PROMISED_FMR.values())
    spots = np.arange(len(promises))
    axes.step(np.append(spots - 0.5, spots[-1] + 0.5), [*rates, rates[-1]], where="post", color=_GREY, linewidth=1)
    for spot, promised in zip(spots, rates, strict=True):
        axes.fill_between([spot - 0.5, spot + 0.5], promised / 2, promised * 2, color=_GREY, alpha=0.15, linewidth=0)
    rows: list[tuple[str, tuple[Point, ...]]] = [("all impostors", e.points)]
    rows += [(f"among {g.column} {g.value}", g.points) for g in e.groups if g.value]
    for k, (label, points) in enumerate(rows):
        colour = _INK if k == 0 else _COLOURS[(k - 1) % len(_COLOURS)]
        x = spots + (k - (len(rows) - 1) / 2) * min(0.8 / len(rows), 0.16)
        _errors(axes, x, [p.fmr for p in points], colour, label)
    axes.set(yscale="log", xticks=spots, xticklabels=[str(s) for s in promises], xlim=(-0.6, len(promises) - 0.4))
    axes.grid(visible=False, axis="x")
    axes.set(xlabel="similarity", ylabel="false match rate")
    axes.set_title(f"Promise (grey line; band: factor 2) and measurement, {e.name}")
    axes.legend(loc="upper right")
    return True


def _errors(axes: Axes, x: NDArray[np.floating], figures: list[Figure], colour: str, label: str) -> None:
    """Points with their intervals; where nothing was counted, an arrow down from the upper bound."""
    for spot, figure in zip(x, figures, strict=True):
        if not figure.rate.of:
            continue
        # Of none counted, people drawn anew count none either; Wilson's bound still says something.
        bounds = figure.people if figure.people and figure.rate.errors else figure.wilson
        floor = min(bounds.high, max(bounds.low, figure.rate.value / 30, 1e-9))
        if not figure.rate.errors:
            axes.annotate(
                "", (spot, bounds.high / 4), (spot, bounds.high), arrowprops={"arrowstyle": "->", "color": colour}
            )
            continue
        axes.plot([spot, spot], [floor, bounds.high], color=colour, linewidth=1.4)
        axes.plot([spot], [figure.rate.value], "o", color=colour, markersize=5)
    axes.plot([], [], "o-", color=colour, markersize=5, linewidth=1.4, label=label)


def _discard(axes: Axes, e: Evaluation) -> bool:
    d = e.discard
    if len(d.discarded) < 2:
        return False
    axes.plot(100 * d.discarded, 100 * d.fnmr, color=_GENUINE, label=f"FNMR at similarity {LOWEST_PROMISED}")
    axes.plot(
        100 * d.discarded, 100 * d.fnmr[0] * (1 - d.discarded), color=_GREY, linewidth=1, linestyle=(0, (4, 3)),
        label="as many errors gone as pictures",
    )  # fmt: skip
    axes.set(xlabel="per cent of pictures discarded, lowest quality score first", ylabel="FNMR, per cent")
    axes.set_ylim(bottom=0)
    axes.set_title(f"Error versus discard, {e.name}")
    axes.legend(loc="upper right")
    return True
