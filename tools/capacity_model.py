"""Simulates the load on nodes of visavis, and has the formulas of queueing theory to check the simulation with."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import simpy
from tools.capacity_nodes import Fleet, Floats, Limits, Outcome

__all__ = [
    "Arrivals",
    "Autoscaler",
    "Bursts",
    "Day",
    "QueueDepth",
    "Sampler",
    "Steady",
    "Step",
    "erlang_b",
    "erlang_c",
    "sampler",
    "simulate",
]

Sampler: TypeAlias = Callable[[], tuple[float, ...]]
"""Draws the seconds that each task of a request takes on a core."""


class Arrivals(Protocol):
    """How many requests arrive per second. `peak` is the highest `at`."""

    @property
    def peak(self) -> float: ...

    def at(self, time: float) -> float: ...


class Autoscaler(Protocol):
    """Decides how many nodes to order."""

    @property
    def interval(self) -> float:
        """Seconds from one decision to the next."""

    @property
    def lag(self) -> float:
        """Seconds from an order until its nodes accept requests."""

    def order(self, waiting: int, nodes: int) -> int:
        """How many nodes to order, if so many requests wait and there are so many nodes, ordered ones included."""


@dataclass(frozen=True, slots=True)
class Steady:
    """The same number of requests per second, always."""

    rate: float

    @property
    def peak(self) -> float:
        return self.rate

    def at(self, time: float) -> float:
        del time
        return self.rate


@dataclass(frozen=True, slots=True)
class Step:
    """A load that is multiplied at one time."""

    rate: float
    factor: float
    when: float

    @property
    def peak(self) -> float:
        return self.rate * max(1.0, self.factor)

    def at(self, time: float) -> float:
        return self.rate * (self.factor if time >= self.when else 1.0)


@dataclass(frozen=True, slots=True)
class Day:
    """A sine over a day: `mean` requests per second, `swing` of it more at noon and less at midnight.

    Attributes:
        mean: requests per second.
        swing: 0..1.
        seconds: the length of the day.
    """

    mean: float
    swing: float
    seconds: float

    @property
    def peak(self) -> float:
        return self.mean * (1 + self.swing)

    def at(self, time: float) -> float:
        return self.mean * (1 - self.swing * math.cos(2 * math.pi * time / self.seconds))


@dataclass(frozen=True, slots=True)
class Bursts:
    """A load with a burst at the start of every period.

    Attributes:
        mean: requests per second, bursts included.
        factor: how many times as many requests arrive in a burst as otherwise.
        seconds: the length of a burst.
        every: seconds from one burst to the next.
    """

    mean: float
    factor: float
    seconds: float
    every: float

    @property
    def peak(self) -> float:
        return self.factor * self.mean / (1 + (self.factor - 1) * self.seconds / self.every)

    def at(self, time: float) -> float:
        return self.peak if time % self.every < self.seconds else self.peak / self.factor


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Orders nodes as Kubernetes' Horizontal Pod Autoscaler does for the metric `visavis_queue_depth`.

    It wants `waiting / target` nodes: current nodes x current mean / target mean, where nodes that are not ready count
    with a mean of 0 (Kubernetes documentation, "Horizontal Pod Autoscaling", Algorithm details). It at most doubles
    their number at once, which is the default there, and never removes any.

    Attributes:
        target: requests that may wait on each node.
        lag: seconds from an order until its nodes accept requests.
        most: nodes in all.
        interval: seconds between decisions; 15 is the default there.
    """

    target: float
    lag: float
    most: int
    interval: float = 15.0

    def order(self, waiting: int, nodes: int) -> int:
        return min(math.ceil(waiting / self.target), 2 * nodes, self.most) - nodes


def erlang_b(servers: int, load: float) -> float:
    """The share of requests that find all servers of an M/M/c/c queue busy, and are refused.

    Erlang's loss formula by its recursion (Kleinrock, Queueing Systems 1, 1975, section 3.6).

    Args:
        servers: c.
        load: arrivals per second x mean seconds of service, in erlangs.
    """
    refused = 1.0
    for c in range(1, servers + 1):
        refused = load * refused / (c + load * refused)
    return refused


def erlang_c(servers: int, load: float) -> float:
    """The share of requests that wait in an M/M/c queue.

    Erlang's delay formula (Kleinrock, section 3.5). Their mean time in the queue is
    `erlang_c / (servers / service - arrivals)`.

    Args:
        servers: c.
        load: arrivals per second x mean seconds of service, in erlangs; less than c.
    """
    refused = erlang_b(servers, load)
    return refused / (1 - load / servers * (1 - refused))


DEFAULT_LIMITS = Limits()


def simulate(
    sample: Sampler,
    load: Arrivals | int,
    *,
    seconds: float,
    limits: Limits = DEFAULT_LIMITS,
    nodes: int = 1,
    balance: str = "least outstanding",
    full: bool = False,
    autoscaler: Autoscaler | None = None,
    seed: int = 0,
) -> Outcome:
    """Send requests for so many seconds, and let the nodes finish them.

    Args:
        sample: draws the tasks of a request.
        load: Poisson arrivals; or a number of clients that each send a request when the last is answered.
        seconds: for how long requests are sent.
        limits: of each node.
        nodes: how many there are at the start.
        balance: a key of `BALANCERS`.
        full: start with full lines, so that a load beyond capacity is steady from the start. Those requests count as
            arrived at 0.
        autoscaler: adds nodes; None for none.
        seed: of the arrivals.

    Raises:
        ValueError: there are more clients than the nodes accept, which would send again at once and for ever.
    """
    fleet = Fleet(limits, nodes, balance, seed)
    room = nodes * (limits.turns + limits.waiting)
    for _ in range(room if full else 0):
        fleet.send(sample())
    if isinstance(load, int):
        if load > room:
            raise ValueError(f"{load} clients, but the nodes accept {room} requests")
        _clients(fleet, sample, load, seconds)
    else:
        fleet.env.process(_poisson(fleet, sample, load, seconds))
    if autoscaler is not None:
        fleet.env.process(_autoscale(fleet, autoscaler, seconds))
    fleet.env.run()
    return fleet.outcome()


def _clients(fleet: Fleet, sample: Sampler, clients: int, until: float) -> None:
    def resend() -> None:
        if fleet.env.now < until:
            # In an event of its own, because the node that calls has not yet given its core back.
            again = fleet.env.timeout(0)
            assert again.callbacks is not None
            again.callbacks.append(lambda _: fleet.send(sample()))

    fleet.resend = resend
    for _ in range(clients):
        fleet.send(sample())


def _poisson(fleet: Fleet, sample: Sampler, load: Arrivals, until: float) -> Generator[Any, None, None]:
    """Poisson arrivals at the peak, each kept with the probability rate / peak (thinning, Lewis and Shedler 1979)."""
    gap, keep, peak = fleet.chance.expovariate, fleet.chance.random, load.peak
    while True:
        yield fleet.env.timeout(gap(peak))
        if fleet.env.now >= until:
            return
        if keep() * peak < load.at(fleet.env.now):
            fleet.send(sample())


def _autoscale(fleet: Fleet, autoscaler: Autoscaler, until: float) -> Generator[Any, None, None]:
    ordered = len(fleet.nodes)

    def arrive(event: simpy.Event) -> None:
        assert isinstance(event.value, int)
        fleet.grow(event.value)

    while fleet.env.now < until:
        yield fleet.env.timeout(autoscaler.interval)
        more = autoscaler.order(sum(node.waiting for node in fleet.nodes), ordered)
        if more > 0:
            ordered += more
            coming = fleet.env.timeout(autoscaler.lag, more)
            assert coming.callbacks is not None
            coming.callbacks.append(arrive)


def sampler(columns: Sequence[Floats], rng: np.random.Generator, block: int = 4096) -> Sampler:
    """Draws each task independently from a column of measured seconds.

    Args:
        columns: for each task of a request the seconds to draw from, (n,) each.
        rng: draws.
        block: how many draws are made at once.
    """
    drawn: list[tuple[float, ...]] = []

    def sample() -> tuple[float, ...]:
        if not drawn:
            drawn.extend(zip(*(rng.choice(column, block).tolist() for column in columns), strict=True))
        return drawn.pop()

    return sample
