"""Nodes of visavis behind a load balancer, as a simulation in SimPy.

A node has cores, workers and a waiting line with the limits of `visavis.server.work_queue.WorkQueue`. A request takes a
worker, and its images are tasks that take the cores in the order in which they were submitted, as in
`visavis.workers.Workers`. Its worker is free when its last task has ended.
"""

from __future__ import annotations

import random
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import simpy
from numpy.typing import NDArray

from visavis.server.config import DEFAULT_WAITING, DEFAULT_WAITING_SECONDS

__all__ = ["BALANCERS", "Fleet", "Floats", "Limits", "Outcome"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limits:
    """The size of a node. The defaults are those of `visavis serve`.

    Attributes:
        cores: tasks that run at once.
        workers: requests that are processed at once; None for twice the cores.
        waiting: requests that may wait for a worker.
        seconds: the longest time that a request may wait for a worker.
    """

    cores: int = 2
    workers: int | None = None
    waiting: int = DEFAULT_WAITING
    seconds: float = DEFAULT_WAITING_SECONDS

    @property
    def turns(self) -> int:
        return 2 * self.cores if self.workers is None else self.workers


class _Request:
    __slots__ = ("arrived", "left", "tasks")

    def __init__(self, arrived: float, tasks: tuple[float, ...]) -> None:
        self.arrived = arrived
        self.tasks = tasks
        self.left = len(tasks)


class _Node:
    """One server."""

    __slots__ = ("_cores", "_end", "_env", "_limits", "_line", "_tasks", "_turns", "outstanding")

    def __init__(self, env: simpy.Environment, limits: Limits, end: Callable[[_Node, _Request, bool], None]) -> None:
        self._env, self._limits, self._end = env, limits, end
        self._cores, self._turns = limits.cores, limits.turns
        self._line: deque[_Request] = deque()
        self._tasks: deque[tuple[_Request, float]] = deque()
        self.outstanding = 0

    @property
    def waiting(self) -> int:
        return len(self._line)

    def offer(self, request: _Request) -> bool:
        """Accept a request, or return that it is refused because the line is full."""
        self._expire()
        if self._turns:
            self._start(request)
        elif len(self._line) < self._limits.waiting:
            self._line.append(request)
        else:
            return False
        return True

    def _expire(self) -> None:
        # The line is in the order of arrival, so those that have waited too long are at its head. They are looked for
        # whenever the line is used, which needs no event for each request.
        oldest = self._env.now - self._limits.seconds
        while self._line and self._line[0].arrived <= oldest:
            self._end(self, self._line.popleft(), False)

    def _start(self, request: _Request) -> None:
        self._turns -= 1
        for seconds in request.tasks:
            if self._cores:
                self._cores -= 1
                self._run(request, seconds)
            else:
                self._tasks.append((request, seconds))

    def _run(self, request: _Request, seconds: float) -> None:
        done = self._env.timeout(seconds, request)
        assert done.callbacks is not None
        done.callbacks.append(self._done)

    def _done(self, event: simpy.Event) -> None:
        request = event.value
        assert isinstance(request, _Request)
        request.left -= 1
        if not request.left:
            self._turns += 1
            self._end(self, request, True)
            self._expire()
            if self._line:
                self._start(self._line.popleft())
        if self._tasks:
            self._run(*self._tasks.popleft())
        else:
            self._cores += 1


class _LeastOutstanding:
    """Picks a node with the fewest outstanding requests, and of several the one that has had so few the longest.

    nginx's `least_conn` takes turns among them, which comes to nearly the same.
    """

    def __init__(self) -> None:
        # A plain dictionary would search past all entries that were removed from its start.
        self._by_count: list[OrderedDict[_Node, None]] = [OrderedDict()]

    def add(self, node: _Node) -> None:
        while len(self._by_count) <= node.outstanding:
            self._by_count.append(OrderedDict())
        self._by_count[node.outstanding][node] = None

    def pick(self) -> _Node:
        return next(iter(next(group for group in self._by_count if group)))

    def changed(self, node: _Node, by: int) -> None:
        del self._by_count[node.outstanding][node]
        node.outstanding += by
        self.add(node)


class _RoundRobin:
    """Picks one node after the other."""

    def __init__(self) -> None:
        self._nodes: list[_Node] = []
        self._next = 0

    def add(self, node: _Node) -> None:
        self._nodes.append(node)

    def pick(self) -> _Node:
        self._next = (self._next + 1) % len(self._nodes)
        return self._nodes[self._next]

    def changed(self, node: _Node, by: int) -> None:
        node.outstanding += by


BALANCERS: dict[str, Callable[[], _LeastOutstanding | _RoundRobin]] = {
    "least outstanding": _LeastOutstanding,
    "round robin": _RoundRobin,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each request, in the order in which they ended.

    Attributes:
        arrived: (n,), seconds since the start.
        latency: (n,), seconds from arrival to the answer or refusal.
        answered: (n,) bool; the others were refused.
        nodes: each time at which nodes were added, and their number from then on.
    """

    arrived: Floats
    latency: Floats
    answered: NDArray[np.bool_]
    nodes: tuple[tuple[float, int], ...]

    def between(self, start: float, end: float) -> Outcome:
        """The requests that arrived from `start` until `end`."""
        inside = (self.arrived >= start) & (self.arrived < end)
        return Outcome(self.arrived[inside], self.latency[inside], self.answered[inside], self.nodes)

    @property
    def refused(self) -> float:
        """The share of requests that were refused."""
        return 1 - float(self.answered.mean()) if len(self.answered) else 0.0

    def quantile(self, part: float) -> float:
        """The quantile `part`, 0..1, of the seconds until an answer; nan without answers."""
        answered = self.latency[self.answered]
        return float(np.quantile(answered, part)) if len(answered) else float("nan")


class Fleet:
    """Nodes behind a load balancer."""

    def __init__(self, limits: Limits, nodes: int, balance: str, seed: int) -> None:
        """Start the nodes.

        Args:
            limits: of each node.
            nodes: how many.
            balance: a key of `BALANCERS`.
            seed: of the arrivals.
        """
        self.env = simpy.Environment()
        self.limits = limits
        self.nodes: list[_Node] = []
        self.history: list[tuple[float, int]] = []
        self.chance = random.Random(seed)
        self.resend: Callable[[], None] | None = None
        self._balancer = BALANCERS[balance]()
        self._ended = array("d"), array("d"), array("b")
        self.grow(nodes)

    def grow(self, nodes: int) -> None:
        """Add nodes."""
        for _ in range(nodes):
            node = _Node(self.env, self.limits, self._end)
            self.nodes.append(node)
            self._balancer.add(node)
        self.history.append((self.env.now, len(self.nodes)))

    def send(self, tasks: tuple[float, ...]) -> None:
        """Send a request now."""
        request, node = _Request(self.env.now, tasks), self._balancer.pick()
        # Counted first, because an offer may end requests that have waited too long.
        self._balancer.changed(node, 1)
        if not node.offer(request):
            self._end(node, request, False)

    def _end(self, node: _Node, request: _Request, answered: bool) -> None:
        self._balancer.changed(node, -1)
        arrived, latency, kinds = self._ended
        arrived.append(request.arrived)
        # One that waited too long was refused at its deadline, which may be before now.
        waited = self.env.now - request.arrived
        latency.append(waited if answered else min(waited, self.limits.seconds))
        kinds.append(answered)
        if self.resend is not None:
            self.resend()

    def outcome(self) -> Outcome:
        arrived, latency, kinds = self._ended
        return Outcome(np.array(arrived), np.array(latency), np.array(kinds, bool), tuple(self.history))
