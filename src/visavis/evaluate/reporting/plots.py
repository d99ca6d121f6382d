"""Plots of an evaluation: scores, DET curve, calibration, error versus discard.

Each plot is a function that takes the axes to draw on, or creates a figure, and returns the axes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.statistics.error_rates import RULE_OF_3, DetCurve
from visavis.evaluate.statistics.evaluation import Evaluation, Point, RateEstimate
from visavis.evaluate.statistics.histogram import BINS, EDGES
from visavis.evaluate.statistics.pair_scores import SCORE
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR, STATED_FMR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_calibration", "plot_det", "plot_error_discard", "plot_scores", "write_plots"]

_INK, _GREY, _GRID = "#1f2430", "#6b7280", "#e5e7eb"
_COLOURS = ("#1d4ed8", "#c2410c", "#047857", "#7c3aed", "#b45309", "#be123c", "#0e7490", "#4d7c0f")
_GENUINE, _IMPOSTOR = "#047857", "#c2410c"
_DASHED = (0, (4, 3))
_STYLE: dict[str, Any] = {
    "figure.figsize": (7.0, 4.6),
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "visavis",
}


def write_plots(evaluation: Evaluation, folder: Path) -> list[str]:
    """Write each plot as PNG and SVG. Error versus discard is left out if all quality scores are equal.

    Args:
        evaluation: the evaluation to plot.
        folder: an existing folder.

    Returns:
        The names of the files in the folder.

    Raises:
        InvalidRequest: matplotlib is not installed.
        OSError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> from visavis.evaluate import evaluate_folder, write_plots
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> write_plots(evaluation, Path(tempfile.mkdtemp()))
        ['scores.png', 'scores.svg', 'det.png', ...]
    """
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    plots = {"scores": plot_scores, "det": plot_det, "calibration": plot_calibration}
    if len(evaluation.error_discard.discarded) > 1:
        plots["discard"] = plot_error_discard
    names = []
    with matplotlib.rc_context(_STYLE):
        for name, plot in plots.items():
            # pyplot keeps every figure open and needs a backend, so it is not used here.
            figure = Figure()
            plot(evaluation, figure.add_subplot())
            for kind in ("png", "svg"):
                # Without a date the same evaluation gives the same bytes.
                figure.savefig(folder / f"{name}.{kind}", metadata={"Date": None} if kind == "svg" else None)
                names.append(f"{name}.{kind}")
    return names


def plot_scores(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """The distributions of genuine and impostor scores, with the scores of the promised similarities.

    Args:
        evaluation: the evaluation to plot.
        ax: the axes to draw on; default: the axes of a new pyplot figure, in the style of the report.

    Raises:
        InvalidRequest: matplotlib is not installed.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from visavis.evaluate import evaluate_folder, plot_scores
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> plot_scores(evaluation, Figure().add_subplot()).get_title()
        'Scores of photos'
    """
    ax, e = _new_axes() if ax is None else ax, evaluation
    coarse = 100  # bins of 1e-4 in one of 0.01
    edges = np.append(EDGES[: BINS - 1 : coarse], 1.0)
    for counts, colour, label in (
        (e.scores.impostor, _IMPOSTOR, f"impostor ({e.curve.impostors:,})"),
        (e.scores.genuine, _GENUINE, f"genuine ({e.curve.genuine:,})"),
    ):
        sums, _ = np.histogram(e.scores.edges, edges, weights=counts)
        ax.stairs(100 * sums / sums.sum(), edges, fill=True, color=colour, alpha=0.45)
        ax.stairs(100 * sums / sums.sum(), edges, color=colour, linewidth=1.2, label=label)
    top = ax.get_ylim()[1]
    for point in e.points:
        ax.axvline(point.score, color=_GREY, linewidth=0.9, linestyle=_DASHED)
        ax.text(point.score + 0.004, top, str(point.similarity), fontsize=8, color=_GREY, va="top", rotation=90)
    seen = np.flatnonzero(e.scores.genuine + e.scores.impostor)
    ax.set_xlim(e.scores.edges[seen[0]] - 0.02, min(1.0, e.scores.edges[seen[-1]] + 0.02))
    dashed = ", ".join(str(point.similarity) for point in e.points)
    ax.set(xlabel=f"{SCORE}\n(dashed: similarities {dashed})", ylabel="per cent of comparisons in 0.01")
    ax.set_title(f"Scores of {e.name}")
    ax.legend(loc="upper left")
    return ax


def plot_det(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """The DET curve: FNMR against FMR, of all comparisons and of each group.

    Args:
        evaluation: the evaluation to plot.
        ax: the axes to draw on; default: the axes of a new pyplot figure, in the style of the report.

    Raises:
        InvalidRequest: matplotlib is not installed.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from visavis.evaluate import evaluate_folder, plot_det
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> plot_det(evaluation, Figure().add_subplot()).get_title()
        'Detection error trade-off, photos'
    """
    ax, e = _new_axes() if ax is None else ax, evaluation
    for k, (label, curve) in enumerate(_det_curves(e)):
        colour = _colour(k)
        fmr, fnmr = curve.false_matches / curve.impostors, curve.false_non_matches / curve.genuine
        sure = (curve.false_matches >= RULE_OF_3) & (fnmr > 0)
        ax.plot(fmr[sure], fnmr[sure], color=colour, label=label, zorder=3)
        unsure = (curve.false_matches <= RULE_OF_3) & (curve.false_matches > 0) & (fnmr > 0)
        ax.plot(fmr[unsure], fnmr[unsure], color=colour, linewidth=1, linestyle=":", zorder=3)
    for point in e.points:
        if point.fmr.rate.errors and point.fnmr.rate.errors:
            x, y = point.fmr.rate.value, point.fnmr.rate.value
            ax.plot([x], [y], "o", color=_INK, markersize=4, zorder=4)
            ax.annotate(str(point.similarity), (x, y), (4, 5), textcoords="offset points", fontsize=8)
    least = max(0.3 / e.curve.impostors, 1e-8)
    ax.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(max(0.5 / e.curve.genuine, 1e-6), 1))
    ax.plot([least, 1], [least, 1], color=_GREY, linewidth=0.8, linestyle=_DASHED)
    ax.set(xlabel="false match rate (dotted: fewer than 3 false matches)", ylabel="false non-match rate")
    ax.set_title(f"Detection error trade-off, {e.name}")
    ax.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
    return ax


def _det_curves(e: Evaluation) -> list[tuple[str, DetCurve]]:
    curves = [("all", e.curve)]
    for column in dict.fromkeys(g.column for g in e.groups):
        tally = e.scores.groups[column]
        curves += [
            (f"{column} {value or '(none)'}", DetCurve.of(tally.genuine[v, v], tally.impostor[v, v], e.scores.edges))
            for v, value in enumerate(g.value for g in e.groups if g.column == column)
        ]
    return [(label, curve) for label, curve in curves if curve.impostors and curve.genuine]


def plot_calibration(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """The promised and the measured FMR at each promised similarity, of all impostors and of each group.

    Args:
        evaluation: the evaluation to plot.
        ax: the axes to draw on; default: the axes of a new pyplot figure, in the style of the report.

    Raises:
        InvalidRequest: matplotlib is not installed.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from visavis.evaluate import evaluate_folder, plot_calibration
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> plot_calibration(evaluation, Figure().add_subplot()).get_title()
        'Promise (grey line; band: factor 2) and measurement, photos'
    """
    ax, e = _new_axes() if ax is None else ax, evaluation
    scale = STATED_FMR | PROMISED_FMR
    promises, rates = list(scale), list(scale.values())
    spots = np.arange(len(promises))
    ax.step(np.append(spots - 0.5, spots[-1] + 0.5), [*rates, rates[-1]], where="post", color=_GREY, linewidth=1)
    for spot, promised in zip(spots, rates, strict=True):
        ax.fill_between([spot - 0.5, spot + 0.5], promised / 2, promised * 2, color=_GREY, alpha=0.15, linewidth=0)
    rows: list[tuple[str, tuple[Point, ...]]] = [("all impostors", (*e.points_below, *e.points))]
    rows += [(f"among {g.column} {g.value}", (*g.points_below, *g.points)) for g in e.groups if g.value]
    for k, (label, points) in enumerate(rows):
        x = spots + (k - (len(rows) - 1) / 2) * min(0.8 / len(rows), 0.16)
        _plot_estimates(ax, x, [p.fmr for p in points], _colour(k), label)
    ax.set(yscale="log", xticks=spots, xticklabels=[str(s) for s in promises], xlim=(-0.6, len(promises) - 0.4))
    ax.grid(visible=False, axis="x")
    ax.set(xlabel="similarity", ylabel="false match rate")
    ax.set_title(f"Promise (grey line; band: factor 2) and measurement, {e.name}")
    ax.legend(loc="upper right")
    return ax


def _plot_estimates(ax: Axes, x: NDArray[np.floating], estimates: list[RateEstimate], colour: str, label: str) -> None:
    """Points with their intervals. Where there is no error, an arrow points down from the upper bound."""
    for spot, found in zip(x, estimates, strict=True):
        if not found.rate.trials:
            continue
        bounds = found.bootstrap or found.wilson
        floor = min(bounds.high, max(bounds.low, found.rate.value / 30, 1e-9))
        if not found.rate.errors:
            arrow = {"arrowstyle": "->", "color": colour}
            ax.annotate("", (spot, bounds.high / 4), (spot, bounds.high), arrowprops=arrow)
            continue
        ax.plot([spot, spot], [floor, bounds.high], color=colour, linewidth=1.4)
        ax.plot([spot], [found.rate.value], "o", color=colour, markersize=5)
    ax.plot([], [], "o-", color=colour, markersize=5, linewidth=1.4, label=label)


def plot_error_discard(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """FNMR at the lowest promised similarity as the images of lowest quality are discarded.

    Args:
        evaluation: the evaluation to plot. If all its quality scores are equal, only the axes are drawn.
        ax: the axes to draw on; default: the axes of a new pyplot figure, in the style of the report.

    Raises:
        InvalidRequest: matplotlib is not installed.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from visavis.evaluate import evaluate_folder, plot_error_discard
        >>> evaluation = evaluate_folder("examples/photos", progress=False)
        >>> plot_error_discard(evaluation, Figure().add_subplot()).get_title()
        'Error versus discard, photos'
    """
    ax, d = _new_axes() if ax is None else ax, evaluation.error_discard
    if len(d.discarded):
        ax.plot(100 * d.discarded, 100 * d.fnmr, color=_GENUINE, label=f"FNMR at similarity {LOWEST_PROMISED}")
        ax.plot(
            100 * d.discarded,
            100 * d.fnmr[0] * (1 - d.discarded),
            color=_GREY,
            linewidth=1,
            linestyle=_DASHED,
            label="errors fall as the images do",
        )
        ax.legend(loc="upper right")
    ax.set(xlabel="per cent of images discarded, lowest quality score first", ylabel="FNMR, per cent")
    ax.set_ylim(bottom=0)
    ax.set_title(f"Error versus discard, {evaluation.name}")
    return ax


def _colour(k: int) -> str:
    """The colour of the k-th series, the first of which is that of all comparisons."""
    return _INK if k == 0 else _COLOURS[(k - 1) % len(_COLOURS)]


def _new_axes() -> Axes:
    matplotlib = _matplotlib()
    from matplotlib import pyplot

    with matplotlib.rc_context(_STYLE):
        _, ax = pyplot.subplots()
    return ax


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise InvalidRequest('plots need matplotlib: pip install "visavis[evaluate]"') from error
    return cast(Any, matplotlib)
