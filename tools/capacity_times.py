"""Measures how long the analysis of an image takes, and gives a simulation the seconds that a request's tasks take."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bench.images import group, photo
from bench.results import machine
from tools.capacity_nodes import Floats

from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

__all__ = ["SHIPPED", "ServiceTimes", "measure"]

SHIPPED = Path(__file__).parent / "data/service_times.json"
"""Measured by `--measure`; the file names the machine."""

PORTRAITS, GROUPS = 40, 20
"""Comparisons that are measured: of two portraits, and of a portrait with a group of five."""

CONTENTION = 1.07
"""How many times as long an analysis takes while other cores analyse too: 1.04 to 1.10 were measured
(docs/adr/0003-a-compilation-for-each-thread.md)."""
OVERHEAD = 0.008
"""Seconds that the server adds to a comparison (docs/performance.md)."""


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Seconds of one thread for one image, decoding included.

    Attributes:
        source: (n,), a portrait of which only the largest face is described.
        target: (n,), a portrait.
        group: (m,), a target with five faces.
    """

    source: Floats
    target: Floats
    group: Floats

    @classmethod
    def read(cls, file: Path) -> ServiceTimes:
        """Read what `measure` wrote."""
        seconds = json.loads(file.read_text("utf-8"))["cpu_seconds"]
        return cls(*(np.array(seconds[name]) for name in ("source", "target", "group")))

    @property
    def comparison(self) -> float:
        """The mean seconds of a comparison of two portraits on one thread, without a server."""
        return float(self.source.mean() + self.target.mean())

    def scaled(self, comparison: float) -> ServiceTimes:
        """The same distribution for a machine on which a comparison of two portraits takes so many seconds."""
        factor = comparison / self.comparison
        return ServiceTimes(self.source * factor, self.target * factor, self.group * factor)

    def tasks(self, groups: float = 0.0) -> tuple[Floats, Floats]:
        """The seconds of the two tasks of a request in a server with all cores in use, to draw from.

        The server's own work is counted with the source, because it takes time of a core too.

        Args:
            groups: the share of requests whose target is a group, 0..1. Idle threads help with a group in the engine,
                but not here, so a group's latency at little load is too high here.
        """
        chance = np.random.default_rng(0)
        many = 10_000
        targets = chance.choice(self.target, many)
        with_groups = round(groups * many)
        targets[:with_groups] = chance.choice(self.group, with_groups)
        return self.source * CONTENTION + OVERHEAD, targets * CONTENTION


def measure(file: Path) -> None:
    """Measure the shipped engine with one thread, and write `file`.

    The seconds of the processor are simulated, and not those of the clock, because other programs may use the machine
    meanwhile. Both are written. Caches and memory are shared all the same, so measure on an idle machine if you can.
    """
    images = {
        "source": (photo("ardern_2018"), True),
        "target": (photo("ardern_2022"), False),
        "group": (group(5), False),
    }
    cpu: dict[str, list[float]] = {name: [] for name in images}
    wall: dict[str, list[float]] = {name: [] for name in images}
    load = os.getloadavg()[0]
    with open_engine(replace(Settings.from_env(), threads=1)) as engine:
        for i in range(-2, PORTRAITS):
            for name, (data, largest_only) in images.items():
                if name == "group" and i >= GROUPS:
                    continue
                began, used = time.perf_counter(), time.process_time()
                engine.analyze(data, largest_only=largest_only, detail=Detail.MINIMAL)
                used, took = time.process_time() - used, time.perf_counter() - began
                # The first two rounds warm up.
                if i >= 0:
                    cpu[name].append(round(used, 5))
                    wall[name].append(round(took, 5))
    content = {
        "what": "seconds of one thread for one image: detail MINIMAL; target: a portrait; group: five faces in 2 Mpx",
        "machine": machine(),
        "load_average_at_the_start": round(load, 2),
        "cpu_seconds": cpu,
        "wall_seconds": wall,
    }
    file.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    for name in images:
        print(f"{name}: mean {1000 * np.mean(cpu[name]):.1f} ms of processor, {1000 * np.mean(wall[name]):.1f} ms")
    print(f"wrote {file}; the load average was {load:.1f} on {os.cpu_count()} cores")
