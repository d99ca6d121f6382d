"""Metrics for Prometheus. Each app has its own registry, so that a process can have several apps.

Where several processes serve together, prometheus_client keeps their numbers in files of a folder, and any of them
answers for all. A process whose files are deleted, as cleaners of temporary folders do, begins again at 0 in new ones.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from visavis.files import writing_atomically
from visavis.gateway import Response
from visavis.server.logs import dropped_lines
from visavis.server.strict_http import KINDS

__all__ = ["FOLDER", "Metrics"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client finds the folder of the metrics that processes share."""

FILE_SIZE = 64 * 1024
"""Bytes of each file of a process in that folder. With fifty outcomes the fullest uses 13,700 of them."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
FACES = (0, 1, 2, 3, 5, 10, 20, 50, 100)


class Metrics:
    """The server's counters and histograms. Safe to share between threads."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, queue_depth: Callable[[], int]) -> None:
        self._folder = Path(os.environ[FOLDER]) if FOLDER in os.environ else None
        self._identity, self._renewals = str(os.getpid()), 0
        if self._folder is not None:
            _allocate_files(self._folder, self._identity)
            # When the identity changes, numbers begin again in the files of the new one.
            values.ValueClass = values.MultiProcessValue(lambda: self._identity)  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "visavis_requests",
            "Requests answered, by outcome: OK or an error's code",
            ["outcome"],
            registry=self._registry,
        )
        self._stages = Histogram(
            "visavis_stage_seconds",
            "Time that a stage of a request took",
            ["stage"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._faces = Histogram(
            "visavis_faces_per_image", "Faces that a response lists", buckets=FACES, registry=self._registry
        )
        self._dropped = Counter(
            "visavis_log_lines_dropped",
            "Lines of the log that nobody read in time, or that could not be written",
            registry=self._registry,
        )
        self._refused = Counter(
            "visavis_http_refused",
            "Requests that are not valid HTTP, which no outcome counts",
            ["kind"],
            registry=self._registry,
        )
        for kind in KINDS:
            self._refused.labels(kind)  # 0, because the rate of a counter that has just appeared is not known
        self._dropped_before = 0
        self._lock = threading.Lock()
        self._queue_depth = queue_depth
        self._depth = Gauge(
            "visavis_queue_depth", "Requests waiting for a worker", registry=self._registry, multiprocess_mode="livesum"
        )

    def observe(self, stage: str, seconds: float) -> None:
        """Add the duration of one `stage` of a request. Names of stages come from a small fixed set."""
        self._depth.set(self._queue_depth())
        self._stages.labels(stage).observe(seconds)

    def record(self, response: Response) -> None:
        """Add `response`, with its stages and faces."""
        with suppress(OSError):  # then it is counted in the files that nobody finds
            self._renew_files()
        self._requests.labels(response.outcome).inc()
        self._count_dropped_lines()
        for stage, seconds in response.seconds.items():
            self.observe(stage, seconds)
        if response.faces is not None:
            self._faces.observe(response.faces)

    def count_refused(self, kind: str) -> None:
        """Count a request that is not valid HTTP; `kind` is one of `strict_http.KINDS`."""
        self._refused.labels(kind).inc()

    def render(self) -> bytes:
        """The metrics in the text format of Prometheus, of this process alone while its files cannot be made again."""
        try:
            self._renew_files()
            return self._render(self._folder)
        except (OSError, ValueError):  # ValueError: the folder was deleted in between
            return self._render(None)

    def _render(self, folder: Path | None) -> bytes:
        self._depth.set(self._queue_depth())
        self._count_dropped_lines()
        if folder is None:
            return generate_latest(self._registry)
        _forget_dead_processes(folder)
        together = CollectorRegistry()
        MultiProcessCollector(together, str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def _renew_files(self) -> None:
        """Count in new files if something has deleted those of this process.

        Raises:
            OSError: there is no folder or no room for them.
        """
        folder = self._folder
        if folder is None or all(file.exists() for file in _files(folder, self._identity)):
            return
        renewed = f"{os.getpid()}-{self._renewals + 1}"
        _allocate_files(folder, renewed)
        mark_process_dead(self._identity, str(folder))  # type: ignore[no-untyped-call]
        self._identity, self._renewals = renewed, self._renewals + 1

    def _count_dropped_lines(self) -> None:
        with self._lock:
            dropped = dropped_lines()
            self._dropped.inc(dropped - self._dropped_before)
            self._dropped_before = dropped


def _files(folder: Path, identity: str) -> list[Path]:
    """The files in which prometheus_client keeps the numbers of a process."""
    return [folder / f"{kind}_{identity}.db" for kind in ("counter", "gauge_livesum", "histogram")]


def _allocate_files(folder: Path, identity: str) -> None:
    """Write a process's files in full before prometheus_client maps them.

    It makes them without content, and the system kills a process that writes to them when the disk has become full.

    Raises:
        OSError: there is no room for them.
    """
    for file in _files(folder, identity):
        if not file.exists():
            with writing_atomically(file) as temporary:
                temporary.write_bytes(bytes(FILE_SIZE))


def _forget_dead_processes(folder: Path) -> None:
    """Drop what processes that were killed have left in gauges."""
    for file in folder.glob("gauge_live*_*.db"):
        identity = file.stem.rpartition("_")[2]
        try:
            os.kill(int(identity.partition("-")[0]), 0)
        except ProcessLookupError:
            mark_process_dead(identity, str(folder))  # type: ignore[no-untyped-call]
