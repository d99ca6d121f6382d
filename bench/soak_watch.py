"""Watches a server for `bench.soak`: memory, descriptors, threads and metrics over time, and what is made of them."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.request import urlopen

import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.soak_client import Result
from bench.soak_kinds import Verdict
from bench.timing import Times

__all__ = ["Sample", "Tally", "growth", "sample", "settling", "spreads", "tally", "watch"]

INTERVAL = 2.0
"""Seconds between two samples; a sample costs the server about 3 ms, the time of its metrics."""

SETTLING = 120.0
"""Seconds of a long run after which memory counts. Before, threads, caches and the allocator's pools are filled."""


METRICS_SECONDS = 10.0
"""The time in which metrics must be answered, the default of Prometheus' `scrape_timeout`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one time.

    Attributes:
        at: seconds from the start of the load.
        mb: resident memory in MB of 10^6 bytes.
        descriptors: open files and sockets.
        threads: threads of the process.
        depth: requests that wait for a worker.
        outcomes: requests answered so far, by outcome.
    """

    at: float
    mb: float
    descriptors: int
    threads: int
    depth: float = 0
    outcomes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """The requests of one kind or key: how many, by what became of them, and the durations of the right answers."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    times: Times = field(default_factory=lambda: Times(()))

    def row(self) -> list[float]:
        """The count of each verdict, and the quantiles in milliseconds."""
        return [*(self.verdicts[verdict] for verdict in Verdict), *(self.quantile(q) for q in (0.5, 0.95, 0.99, 1))]

    def as_json(self) -> dict[str, float]:
        return dict(
            zip([*(verdict.value for verdict in Verdict), "p50", "p95", "p99", "longest"], self.row(), strict=True)
        )

    def quantile(self, part: float) -> float:
        """Milliseconds; NaN if nothing was answered."""
        return self.times.quantile(part) if self.times.seconds else float("nan")


def tally(results: Iterable[Result], by: Callable[[Result], str]) -> dict[str, Tally]:
    """Results counted by a name of each."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[by(result)].append(result)
    return {
        name: Tally(
            Counter(one.verdict for one in group),
            Times(tuple(one.seconds for one in group if one.verdict is Verdict.RIGHT)),
        )
        for name, group in groups.items()
    }


def settling(seconds: float) -> float:
    """Seconds after which memory counts in a run of so many: two minutes, or a quarter of a short run."""
    return min(SETTLING, seconds / 4)


def growth(values: Sequence[float]) -> float:
    """The growth in % from the first to the last quarter of the values, by medians.

    The memory of bodies in progress comes and goes, so that single samples differ by more than a leak would add.
    """
    quarter = max(1, len(values) // 4)
    return 100 * (statistics.median(values[-quarter:]) / statistics.median(values[:quarter]) - 1)


def spreads(values: Sequence[float]) -> tuple[float, float]:
    """The difference of the largest and smallest value in the first half, and in the second."""
    half = len(values) // 2
    first, second = values[:half], values[half:]
    return max(first) - min(first), max(second) - min(second)


async def watch(process: psutil.Process, endpoint: str, seconds: float) -> tuple[list[Sample], int]:
    """Samples of so many seconds from now, and how many failed because no metrics were answered."""
    began, samples, failed = time.perf_counter(), list[Sample](), 0
    while (at := time.perf_counter() - began) < seconds:
        try:
            samples.append(await sample(process, endpoint, at))
        except OSError:
            failed += 1
        await asyncio.sleep(INTERVAL - (time.perf_counter() - began) % INTERVAL)
    return samples, failed


async def sample(process: psutil.Process, endpoint: str, at: float) -> Sample:
    """The server now.

    Raises:
        OSError: its metrics are not answered within `METRICS_SECONDS`.
    """
    with process.oneshot():
        memory, descriptors, threads = process.memory_info().rss, process.num_fds(), process.num_threads()
    text = await asyncio.to_thread(_get, endpoint + "/metrics")
    numbers = {
        (one.name, one.labels.get("outcome", "")): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    outcomes = {outcome: value for (name, outcome), value in numbers.items() if name == "visavis_requests_total"}
    return Sample(at, memory / 1e6, descriptors, threads, numbers["visavis_queue_depth", ""], outcomes)


def _get(url: str) -> str:
    with urlopen(url, timeout=METRICS_SECONDS) as reply:
        text: bytes = reply.read()
    return text.decode()
