"""The simulation of capacity agrees with queueing theory, and loses no request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tools.capacity import Workload, highest_load, nodes_needed, validate
from tools.capacity_model import Bursts, Day, QueueDepth, Sampler, Steady, Step, erlang_b, erlang_c, sampler, simulate
from tools.capacity_nodes import BALANCERS, Fleet, Limits
from tools.capacity_plots import Point, draw_lag, draw_load
from tools.capacity_times import SHIPPED, ServiceTimes

ENDLESS = 10**9


def exponential(mean: float = 1.0, seed: int = 1) -> Sampler:
    draw = np.random.default_rng(seed).exponential
    return lambda: (float(draw(mean)),)


def fixed(*tasks: float) -> Sampler:
    return lambda: tasks


def queue(servers: int) -> Limits:
    """An M/M/c queue without limits: each request is one task."""
    return Limits(servers, workers=ENDLESS, waiting=0, seconds=ENDLESS)


# The tolerance is three standard deviations of the mean wait over eight seeds.
@pytest.mark.parametrize(("servers", "used", "tolerance"), [(1, 0.5, 0.05), (2, 0.7, 0.08), (8, 0.8, 0.17)])
def test_the_wait_is_that_of_erlangs_delay_formula(servers: int, used: float, tolerance: float) -> None:
    load = used * servers
    draw, served = exponential(), 0.0

    def sample() -> tuple[float, ...]:
        nonlocal served
        tasks = draw()
        served += tasks[0]
        return tasks

    outcome = simulate(sample, Steady(load), seconds=80_000 / load, limits=queue(servers), seed=3)
    waited = (outcome.latency.sum() - served) / len(outcome.latency)
    assert waited == pytest.approx(erlang_c(servers, load) / (servers - load), rel=tolerance)
    assert outcome.refused == 0


@pytest.mark.parametrize(("workers_wait", "servers"), [(False, 2), (False, 8), (True, 2)])
def test_the_share_refused_is_that_of_erlangs_loss_formula(workers_wait: bool, servers: int) -> None:
    load = 0.9 * servers
    limits = Limits(servers, workers=servers, waiting=3 if workers_wait else 0, seconds=ENDLESS)
    outcome = simulate(exponential(), Steady(load), seconds=60_000 / load, limits=limits, seed=5)
    expected = erlang_b(servers, load)
    for _ in range(limits.waiting):
        # Each place in the line continues the same recursion with all servers busy: M/M/c/K.
        expected = 0.9 * expected / (1 + 0.9 * expected)
    assert outcome.refused == pytest.approx(expected, abs=0.006)


def test_erlangs_formulas_have_their_known_values() -> None:
    assert erlang_b(1, 1.0) == pytest.approx(0.5)
    assert erlang_b(2, 1.0) == pytest.approx(0.2)
    assert erlang_c(1, 0.7) == pytest.approx(0.7)  # the share of time that one server is busy
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)


def test_a_request_is_refused_at_once_if_the_line_is_full_and_not_before() -> None:
    fleet = Fleet(Limits(cores=1, workers=2, waiting=3), 1, "least outstanding", 0)
    for _ in range(7):
        fleet.send((1.0,))
    assert fleet.outcome().latency.tolist() == [0.0, 0.0]
    fleet.env.run()
    outcome = fleet.outcome()
    assert outcome.answered.tolist() == [False, False, True, True, True, True, True]
    assert outcome.latency[2:].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_request_that_has_waited_too_long_for_a_worker_is_refused() -> None:
    fleet = Fleet(Limits(cores=1, workers=1, waiting=32, seconds=2.5), 1, "least outstanding", 0)
    for _ in range(5):
        fleet.send((1.0,))
    fleet.env.run()
    outcome = fleet.outcome()
    assert outcome.latency[outcome.answered].tolist() == [1.0, 2.0, 3.0]
    assert outcome.latency[~outcome.answered].tolist() == [2.5, 2.5]


def test_the_images_of_a_request_take_two_cores_if_two_are_idle() -> None:
    for cores, latency in ((1, 7.0), (2, 4.0)):
        fleet = Fleet(Limits(cores), 1, "round robin", 0)
        fleet.send((3.0, 4.0))
        fleet.env.run()
        assert fleet.outcome().latency.tolist() == [latency]


@pytest.mark.parametrize("balance", BALANCERS)
def test_every_request_is_answered_or_refused_once(balance: str) -> None:
    sent = 0

    def sample() -> tuple[float, ...]:
        nonlocal sent
        sent += 1
        return (0.05, 0.04) if sent % 7 else (0.05, 3.0)

    scaling = QueueDepth(4, lag=5, most=9, interval=2)
    outcome = simulate(
        sample, Step(40, 3, 20), seconds=60, nodes=2, limits=Limits(2, seconds=1.5), balance=balance, full=True,
        autoscaler=scaling, seed=2,
    )  # fmt: skip
    assert len(outcome.arrived) == sent
    assert 0.1 < outcome.refused < 0.9
    assert (outcome.latency[outcome.answered] > 0.0499).all()
    assert outcome.nodes[-1][1] > 2
    parts = [outcome.between(at, at + 20) for at in (0, 20, 40)]
    assert sum(len(part.arrived) for part in parts) == sent


def test_the_same_seed_gives_the_same_outcome_and_another_does_not() -> None:
    def run(seed: int) -> object:
        columns = np.array([0.04, 0.05]), np.array([0.03, 0.06])
        sample = sampler(columns, np.random.default_rng(seed))
        return simulate(sample, Steady(60), seconds=20, nodes=3, seed=seed).latency.tolist()

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_more_nodes_do_not_lower_throughput() -> None:
    answered = []
    for nodes in (1, 2, 4, 8):
        outcome = simulate(fixed(0.05, 0.04), Steady(100), seconds=60, nodes=nodes, seed=4)
        answered.append(int(outcome.answered.sum()))
    assert answered == sorted(answered)
    assert answered[0] < 0.3 * answered[-1]


def test_nodes_beyond_capacity_answer_what_their_cores_can() -> None:
    outcome = simulate(fixed(0.05, 0.05), Steady(40), seconds=60, nodes=1, full=True).between(5, 60)
    assert outcome.answered.sum() / 55 == pytest.approx(20, rel=0.02)
    # 36 requests are in the node, 20 leave it each second.
    assert outcome.quantile(0.5) == pytest.approx(1.8, abs=0.1)


def test_clients_send_again_when_they_are_answered() -> None:
    outcome = simulate(fixed(0.05, 0.05), 8, seconds=10)
    assert outcome.between(1, 10).quantile(0.5) == pytest.approx(8 / 20)
    with pytest.raises(ValueError, match="37 clients, but the nodes accept 36 requests"):
        simulate(fixed(0.05), 37, seconds=1)


@pytest.mark.parametrize("load", [Steady(7), Step(7, 3, 0.0), Day(7, 0.8, 40), Bursts(7, 3, 5, 20)])
def test_a_load_is_never_above_its_peak_and_has_its_mean(load: Steady | Step | Day | Bursts) -> None:
    rates = [load.at(time) for time in np.arange(0, 40, 0.01)]
    assert max(rates) <= load.peak * (1 + 1e-9)
    assert np.mean(rates) == pytest.approx(21 if isinstance(load, Step) else 7, rel=1e-3)


def test_nodes_come_after_their_lag_and_at_most_double() -> None:
    scaling = QueueDepth(8, lag=30, most=5)
    assert [scaling.order(waiting, 2) for waiting in (0, 16, 17, 64)] == [-2, 0, 1, 2]
    assert scaling.order(640, 4) == 1
    outcome = simulate(fixed(0.05, 0.05), Steady(60), seconds=80, nodes=2, autoscaler=scaling)
    assert outcome.nodes == ((0.0, 2), (45.0, 4), (60.0, 5))


def test_the_simulated_server_is_as_fast_as_the_measured_one() -> None:
    for clients, per_second, simulated, p50, simulated_p50, *_ in validate(ServiceTimes.read(SHIPPED)):
        assert simulated == pytest.approx(per_second, rel=0.08), clients
        assert simulated_p50 == pytest.approx(p50, rel=0.08), clients


def test_service_times_keep_their_shape_when_scaled(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    file.write_text(json.dumps({"cpu_seconds": {"source": [0.03, 0.05], "target": [0.04], "group": [0.4]}}), "utf-8")
    times = ServiceTimes.read(file)
    assert times.comparison == pytest.approx(0.08)
    twice = times.scaled(0.16)
    assert twice.source.tolist() == pytest.approx([0.06, 0.1])
    _, targets = times.tasks(groups=0.25)
    assert (targets > 0.3).mean() == 0.25
    assert Workload(times, Limits(2)).capacity == pytest.approx(2 / (0.08 * 1.07 + 0.008))


def point(load: float, p99: float, refused: float = 0.0) -> Point:
    return Point(load, load, p99 / 2, p99, p99, refused)


def test_the_nodes_needed_keep_the_latency() -> None:
    curves = {1: [point(0.5, 0.4), point(0.9, 1.6)], 10: [point(0.5, 0.1), point(0.9, 0.4), point(1.0, 0.9, 0.5)]}
    assert highest_load(curves[1], 0.8) == pytest.approx(0.7)
    assert highest_load(curves[1], 0.1) == 0
    assert highest_load(curves[10], 2) == 1.0
    assert nodes_needed(curves, 10, 6, 0.8) == 1
    assert nodes_needed(curves, 10, 63, 0.8) == 9
    assert nodes_needed(curves, 10, 6, 0.2) == 10  # one node never keeps it
    assert nodes_needed(curves, 10, 900, 0.4) == 100
    assert nodes_needed(curves, 10, 900, 0.01) is None


@pytest.mark.parametrize("draw", [
    lambda file: draw_load({1: [point(0.5, 0.1), point(1.2, 1.7, 0.2)]}, file),
    lambda file: draw_lag({30.0: simulate(fixed(0.05), Steady(5), seconds=30)}, 10, 30, [(0.5, 0.1, 1.0)], file),
])  # fmt: skip
def test_plots_are_png_files(draw: Callable[[Path], None], tmp_path: Path) -> None:
    draw(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
