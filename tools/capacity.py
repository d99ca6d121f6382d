"""Simulates how many requests nodes of visavis answer, how fast, and what it costs if new nodes come late.

    python -m tools.capacity [--service-times FILE.json] [--cores N] [--out docs/]
    python -m tools.capacity --measure FILE.json

The first takes five to ten minutes and writes `capacity_load.png` and `capacity_lag.png`. The second measures service
times on this machine, in under a minute.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from bench.results import table
from tools.capacity_model import Bursts, Day, QueueDepth, Sampler, Steady, Step, sampler, simulate
from tools.capacity_nodes import BALANCERS, Limits, Outcome
from tools.capacity_plots import Point, draw_lag, draw_load
from tools.capacity_times import SHIPPED, ServiceTimes, measure

NODES = (1, 10, 100, 1000)
BETWEEN = (2, 4, 30, 300)
"""Further numbers of nodes, to say how many a load needs."""
LOADS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0, 1.05, 1.2, 1.5)

REQUESTS = 150_000
"""Of a simulation. At 1,000 nodes of two cores they arrive within seven seconds, so `SHORTEST` applies there. It is 200
times the latency."""
SHORTEST, LONGEST = 12.0, 3600.0
"""Seconds of a simulation."""
WARM = 0.15
"""The part of a simulation that is not counted, because the nodes start idle."""

MEASURED_ALONE = 11.9
MEASURED = {1: (17.8, 55, 72), 2: (20.8, 96, 122), 8: (20.9, 371, 510), 32: (20.9, 1524, 1694)}
"""docs/performance.md, raw HTTP, two cores: comparisons per second of one thread without a server; and by the number of
clients answers per second, p50 and p99 in ms."""

FLEET, FACTOR = 10, 3.0
"""Nodes before a step of the load, and by what it is multiplied."""
BEFORE, AFTER = 60.0, 60.0
"""Seconds before the step, and after the first new nodes, that are simulated."""
LAGS, TARGETS = (30.0, 60.0, 120.0, 300.0), (2.0, 8.0, 16.0)


class Workload:
    """Requests of one kind on nodes of one kind."""

    def __init__(self, times: ServiceTimes, limits: Limits, groups: float = 0.0) -> None:
        self._tasks = times.tasks(groups)
        self.limits = limits
        self.capacity = limits.cores / sum(float(task.mean()) for task in self._tasks)
        """Requests per second that keep all cores of a node busy."""

    def sampler(self) -> Sampler:
        return sampler(self._tasks, np.random.default_rng(1))

    def at(self, load: float, nodes: int, balance: str = "least outstanding") -> Point:
        """Simulate a steady load, as a part of capacity."""
        rate = load * self.capacity * nodes
        seconds = min(max(REQUESTS / rate, SHORTEST), LONGEST)
        outcome = simulate(
            self.sampler(), Steady(rate), seconds=seconds, limits=self.limits, nodes=nodes, balance=balance,
            full=load > 1,
        ).between(WARM * seconds, seconds)  # fmt: skip
        p50, p95, p99 = (outcome.quantile(part) for part in (0.5, 0.95, 0.99))
        return Point(load, load * (1 - outcome.refused), p50, p95, p99, outcome.refused)


def validate(times: ServiceTimes) -> list[list[object]]:
    """The measured server beside the simulated one, whose service times are scaled to the same speed of one thread."""
    work = Workload(times.scaled(1 / MEASURED_ALONE), Limits(2, waiting=64))
    rows: list[list[object]] = []
    for clients, measured in MEASURED.items():
        outcome = simulate(work.sampler(), clients, seconds=300, limits=work.limits).between(10, 300)
        ours = len(outcome.arrived) / 290, 1000 * outcome.quantile(0.5), 1000 * outcome.quantile(0.99)
        rows.append([str(clients), *(number for pair in zip(measured, ours, strict=True) for number in pair)])
    return rows


def highest_load(points: Sequence[Point], p99: float) -> float:
    """The load, as a part of capacity, at which p99 reaches so many seconds, between the points; the last if never."""
    below = points[0]
    if below.p99 > p99:
        return 0.0
    for point in points[1:]:
        if point.p99 > p99:
            part = math.log(p99 / below.p99) / math.log(point.p99 / below.p99)
            return below.load + part * (point.load - below.load)
        below = point
    return below.load


def nodes_needed(curves: Mapping[int, Sequence[Point]], capacity: float, rate: float, p99: float) -> int | None:
    """How many nodes answer `rate` requests per second with this p99 and without refusals; None if no number does.

    Args:
        curves: by the number of nodes; between these numbers the next lower is used.
        capacity: of a node, requests per second.
        rate: requests per second.
        p99: seconds.
    """
    for few, many in zip(curves, [*list(curves)[1:], math.inf], strict=True):
        answered = [point for point in curves[few] if point.refused < 0.001]
        load = min(highest_load(answered, p99), 1.0)
        needed = max(few, math.ceil(rate / (capacity * load))) if load else math.inf
        if needed < many:
            return int(needed)
    return None


def print_curves(curves: Mapping[int, Sequence[Point]], capacity: float) -> None:
    print(f"\nsteady load; a node's capacity is {capacity:.1f} requests per second")
    head = ["nodes", "load %", "offered/s", "answered/s", "p50 ms", "p95 ms", "p99 ms", "refused %"]
    table(head, [
        [str(nodes), 100 * p.load, p.load * nodes * capacity, p.done * nodes * capacity,
         1000 * p.p50, 1000 * p.p95, 1000 * p.p99, 100 * p.refused]
        for nodes, points in curves.items() for p in points
    ])  # fmt: skip
    print("\nthe load (% of capacity) at which p99 exceeds 100 ms, 250 ms and 1 s, and 0.1 % of requests are refused")
    table(["nodes", "100 ms", "250 ms", "1 s", "refused"], [
        [str(nodes), *(100 * highest_load(points, p99) for p99 in (0.1, 0.25, 1.0)),
         100 * next(p.load for p in points if p.refused > 0.001)]
        for nodes, points in curves.items()
    ])  # fmt: skip


def print_needed(work: Workload, curves: Mapping[int, Sequence[Point]]) -> None:
    more = {nodes: [work.at(load, nodes) for load in LOADS if load < 1] for nodes in BETWEEN}
    print("\nnodes for a load, by requests per second and p99")
    rates = (10, 30, 100, 300, 1000, 10_000)
    both = dict(sorted({**curves, **more}.items()))
    table(["p99 ms", *map(str, rates)], [
        [f"{1000 * p99:.0f}", *(str(nodes_needed(both, work.capacity, rate, p99)) for rate in rates)]
        for p99 in (0.1, 0.25, 1.0)
    ])  # fmt: skip


def print_variants(times: ServiceTimes, limits: Limits) -> None:
    """Other balancers, nodes and loads."""
    work = Workload(times, limits)
    loads = (0.5, 0.7, 0.8, 0.9, 0.95)
    mixed = Workload(times, limits, groups=0.2)
    rows: list[list[object]] = [
        [f"10 nodes, {balance}{name}", *(1000 * kind.at(load, 10, balance).p99 for load in loads)]
        for kind, name in ((work, ""), (mixed, ", a fifth groups of 5"))
        for balance in BALANCERS
    ]
    for cores in (1, 2, 4, 8, 16):
        one = Workload(times, Limits(cores))
        rows.append([f"1 node of {cores}", *(1000 * one.at(load, 1).p99 for load in loads)])
    print("\np99 in ms, by the load")
    table(["", *(f"{load:.0%}" for load in loads)], rows)
    print("\na node beyond capacity, by its cores: 120 % of capacity")
    over = {cores: Workload(times, Limits(cores)) for cores in (1, 2, 4, 8, 16)}
    beyond = {cores: one.at(1.2, 1) for cores, one in over.items()}
    table(["cores", "p50 ms", "p99 ms", "refused %"],
          [[str(cores), 1000 * p.p50, 1000 * p.p99, 100 * p.refused] for cores, p in beyond.items()])  # fmt: skip
    print(f"\nloads that vary, {FLEET} nodes, by the mean load")
    rows = []
    for mean in (0.4, 0.5, 0.6, 0.7):
        rate = mean * work.capacity * FLEET
        for name, load in (
            ("a day in 20 min, peak 1.8 x mean", Day(rate, 0.8, 1200)),
            ("bursts of 5 s each minute, x 3", Bursts(rate, 3, 5, 60)),
        ):
            outcome = simulate(work.sampler(), load, seconds=1200, limits=limits, nodes=FLEET)
            rows.append([name, 100 * mean, 100 * load.peak / rate * mean, *_shown(outcome)])
    table(["load", "mean %", "peak %", "p50 ms", "p99 ms", "refused %"], rows)


def _shown(outcome: Outcome) -> list[object]:
    return [1000 * outcome.quantile(0.5), 1000 * outcome.quantile(0.99), 100 * outcome.refused]


def after_step(work: Workload, used: float, lag: float, target: float) -> Outcome:
    """Simulate a load that is multiplied by `FACTOR`, with new nodes `lag` seconds after they are ordered."""
    step = Step(used * work.capacity * FLEET, FACTOR, BEFORE)
    scaling = QueueDepth(target, lag, most=6 * FLEET)
    seconds = BEFORE + max(LAGS) + AFTER
    return simulate(work.sampler(), step, seconds=seconds, limits=work.limits, nodes=FLEET, autoscaler=scaling)


def lag_window(outcome: Outcome, lag: float) -> Outcome:
    """The requests from the step until the first new nodes arrive, or as long as they would take if none come."""
    arrival = outcome.nodes[1][0] if len(outcome.nodes) > 1 else BEFORE + lag
    return outcome.between(BEFORE, max(arrival, BEFORE + 1))


def step_costs(times: ServiceTimes, limits: Limits, file: Path) -> None:
    """What a step of the load costs until new nodes arrive, and how much spare capacity avoids it."""
    work = Workload(times, limits)
    print(f"\nthe load of {FLEET} nodes, at 60 % of capacity, rises x {FACTOR:g}; until the first new nodes arrive:")
    head = ["lag s", "wanted depth", "arrive after s", "refused %", "p99 ms", "refused in all", "nodes at the end"]
    rows, drawn = [], {}
    for target in TARGETS:
        for lag in LAGS:
            outcome = after_step(work, 0.6, lag, target)
            during = lag_window(outcome, lag)
            arrival = outcome.nodes[1][0] - BEFORE if len(outcome.nodes) > 1 else math.nan
            rows.append([f"{lag:.0f}", target, arrival, 100 * during.refused, 1000 * during.quantile(0.99),
                         int((~outcome.answered).sum()), outcome.nodes[-1][1]])  # fmt: skip
            if target == TARGETS[1]:
                drawn[lag] = outcome
    table(head, rows)
    print(f"\nby the utilisation before a step x {FACTOR:g}, with new nodes after {LAGS[2]:.0f} s:")
    headroom = []
    for used in (0.2, 0.25, 0.28, 0.3, 0.32, 0.35, 0.4, 0.5, 0.6):
        during = lag_window(after_step(work, used, LAGS[2], TARGETS[1]), LAGS[2])
        headroom.append((used, during.refused, during.quantile(0.99)))
    table(["used %", "refused %", "p99 ms"], [[f"{100 * u:.0f}", 100 * r, 1000 * p] for u, r, p in headroom])
    draw_lag(drawn, BEFORE, BEFORE + max(LAGS) + AFTER, headroom, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service-times", type=Path, default=SHIPPED)
    parser.add_argument("--measure", type=Path, metavar="FILE.json", help="measure service times instead")
    parser.add_argument("--cores", type=int, default=2, help="of each node")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the plots")
    args = parser.parse_args()
    if args.measure:
        measure(args.measure)
        return
    times, limits = ServiceTimes.read(args.service_times), Limits(args.cores)
    print(f"one thread without a server: {1 / times.comparison:.1f} comparisons of portraits per second")
    print("\nmeasured (docs/performance.md) and simulated server, two cores, by the number of clients")
    table(["clients", "per second", "simulated", "p50 ms", "simulated", "p99 ms", "simulated"], validate(times))
    work = Workload(times, limits)
    curves = {nodes: [work.at(load, nodes) for load in LOADS] for nodes in NODES}
    print_curves(curves, work.capacity)
    print_needed(work, curves)
    print_variants(times, limits)
    step_costs(times, limits, args.out / "capacity_lag.png")
    draw_load(curves, args.out / "capacity_load.png")


if __name__ == "__main__":
    main()
