"""Measures how time and memory grow with faces, pixels and clients, and draws `growth.png`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.images import enlarged, group, photo
from bench.results import FOLDER, save, table
from bench.server import measure_load, process_of, server
from bench.timing import interleaved
from visavis.compare_options import CompareOptions
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

FACES = (1, 2, 5, 10, 20, 50, 100)
MEGAPIXELS = (0.3, 0.65, 1, 2, 4, 8, 12, 24, 36)
CLIENTS = (1, 2, 4, 8, 16, 32, 64)

MEMORY = """
import json, sys, psutil
from dataclasses import replace
from bench.images import enlarged, group, photo
from visavis.runtime import open_engine
from visavis.settings import Settings
what, amount = sys.argv[1], float(sys.argv[2])
target = group(int(amount)) if what == "faces" else enlarged("ardern_2022", amount)
source = photo("obama")
resident = []
with open_engine(replace(Settings.from_env(), threads=1)) as engine:
    for _ in range(8):
        engine.compare(source, target)
        resident.append(psutil.Process().memory_info().rss / 1e6)
print(json.dumps(resident))
"""


def run(data: Path | None) -> None:
    del data
    figures: dict[str, object] = {}
    options = CompareOptions(0.0, detail=Detail.MINIMAL)
    with open_engine(replace(Settings.from_env(), threads=1)) as engine:
        for what, amounts in (("faces", FACES), ("megapixels", MEGAPIXELS)):
            costs = []
            for amount in amounts:
                pair = (photo("obama"), group(int(amount))) if what == "faces" else _two(amount)
                way = partial(engine.compare, *pair, options)
                times = interleaved({"": way}, rounds=9, seconds=8, warm=1)[""]
                costs.append(times.ms)
            resident = [_resident(what, amount) for amount in amounts]
            figures[what] = {"amounts": amounts, "ms": costs, "mb_after_1": [r[0] for r in resident],
                             "mb_after_8": [r[-1] for r in resident]}  # fmt: skip
            table(
                [what, "ms", "MB after 1", "MB after 8"],
                [[f"{a:g}", c, r[0], r[-1]] for a, c, r in zip(amounts, costs, resident, strict=True)],
            )
    figures["clients"] = _clients()
    save("growth", figures)
    draw(figures, FOLDER / "growth.png")


def _two(megapixels: float) -> tuple[bytes, bytes]:
    return enlarged("ardern_2018", megapixels), enlarged("ardern_2022", megapixels)


def _resident(what: str, amount: float) -> list[float]:
    """Resident megabytes of a new process after each of eight comparisons."""
    words = [sys.executable, "-c", MEMORY, what, str(amount)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return [float(mb) for mb in json.loads(done.stdout)]


def _clients() -> list[dict[str, float]]:
    rows = []
    with server("--queue", "64", "--queue-seconds", "120", "--attributes", "DEFAULT") as endpoint:
        process = process_of(endpoint)
        for clients in CLIENTS:
            load = measure_load(endpoint, clients, "raw HTTP")
            rows.append({
                "clients": clients, "per_second": load["per_second"], "p50": load["p50"], "p99": load["p99"],
                "refused": load["refused"], "mb": process.memory_info().rss / 1e6,
            })  # fmt: skip
    table(list(rows[0]), [[str(row["clients"]), *list(row.values())[1:]] for row in rows])
    return rows


def draw(figures: dict[str, object], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, what in ((left, "faces"), (middle, "megapixels")):
        found = figures[what]
        assert isinstance(found, dict)
        axes.plot(found["amounts"], found["ms"], "o-", label="ms per comparison, one thread")
        axes.plot(found["amounts"], found["mb_after_8"], "s--", label="MB resident after 8")
        axes.set(xlabel=f"{what} of the target" if what == "faces" else "megapixels of each image")
        axes.set_xscale("log") if what == "megapixels" else None
        axes.set_ylim(0)
        axes.legend()
    rows = figures["clients"]
    assert isinstance(rows, list)
    at = [row["clients"] for row in rows]
    right.plot(at, [row["per_second"] for row in rows], "o-", label="comparisons per second")
    right.set(xlabel="concurrent clients", xscale="log")
    right.set_ylim(0, 1.25 * max(row["per_second"] for row in rows))
    right.legend(loc="lower right")
    figure.savefig(file, dpi=110)
    print(f"wrote {file}")
