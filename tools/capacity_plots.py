"""Draws what `tools.capacity` simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tools.capacity_nodes import Outcome

__all__ = ["Point", "draw_lag", "draw_load"]

BIN = 10.0
"""Seconds in which requests are counted together in the plot over time."""


@dataclass(frozen=True, slots=True)
class Point:
    """What nodes do under a load.

    Attributes:
        load: requests per second / the requests per second that keep all cores busy.
        done: answers per second, by the same measure.
        p50, p95, p99: seconds until an answer.
        refused: the share of requests, 0..1.
    """

    load: float
    done: float
    p50: float
    p95: float
    p99: float
    refused: float


def draw_load(curves: Mapping[int, Sequence[Point]], file: Path) -> None:
    """Draw answers, latency and refusals over the load.

    Args:
        curves: by the number of nodes.
        file: a PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for nodes, points in curves.items():
        label, load = f"{nodes:,} node{'s' * (nodes > 1)}", [100 * point.load for point in points]
        left.plot(load, [100 * point.done for point in points], "o-", markersize=3, label=label)
        middle.plot(load, [1000 * point.p99 for point in points], "o-", markersize=3, label=label)
        right.plot(load, [100 * point.refused for point in points], "o-", markersize=3, label=label)
    left.set(ylabel="answered (% of capacity)", ylim=(0, None))
    middle.set(ylabel="p99 of the latency (ms)", yscale="log")
    middle.axhline(1000, color="grey", linewidth=0.8, linestyle="--")
    right.set(ylabel="refused (% of requests)", ylim=(0, None))
    for axes in (left, middle, right):
        axes.set(xlabel="offered load (% of capacity)")
        axes.grid(alpha=0.3)
    left.legend()
    figure.savefig(file, dpi=90)
    print(f"wrote {file}")


def draw_lag(
    runs: Mapping[float, Outcome], step: float, end: float, headroom: Sequence[tuple[float, float, float]], file: Path
) -> None:
    """Draw what a step of the load costs, by the lag of new nodes and by the utilisation before the step.

    Args:
        runs: the outcome by the lag in seconds.
        step: when the load rises.
        end: until when requests are sent.
        headroom: the utilisation before the step, the share refused and the p99 in seconds.
        file: a PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    edges = np.arange(0, end, BIN)
    for lag, outcome in runs.items():
        parts = [outcome.between(edge, edge + BIN) for edge in edges]
        at = edges + BIN / 2 - step
        left.plot(at, [100 * part.refused for part in parts], label=f"{lag:.0f} s")
        middle.plot(at, [1000 * part.quantile(0.99) for part in parts], label=f"{lag:.0f} s")
    left.set(xlabel="seconds since the load tripled", ylabel="refused (% of requests)", ylim=(0, None))
    middle.set(xlabel="seconds since the load tripled", ylabel="p99 of the latency (ms)", yscale="log")
    left.legend(title="new nodes take")
    before = [100 * used for used, _, _ in headroom]
    right.plot(before, [100 * refused for _, refused, _ in headroom], "o-", markersize=4)
    right.set(xlabel="utilisation before the step (%)", ylabel="refused until the nodes arrive (%)", ylim=(0, None))
    for axes in (left, middle, right):
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=90)
    print(f"wrote {file}")
