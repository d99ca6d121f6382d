"""Loads a server beyond its capacity for a while: answers, refusals, fairness, memory; draws `soak.png`.

Callers of three keys send images of all sizes, wrong requests, slow and unfinished ones. Each answer is compared with
that of an engine in this process, and each error with the documented one.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.results import FOLDER, save, table
from bench.server import process_of, server
from bench.soak_client import Client, Result
from bench.soak_kinds import (
    FAULTS,
    GREEDY,
    MODEST,
    STRANGER,
    UNSTEADY,
    WRONG,
    Kind,
    Manner,
    Verdict,
    difference,
    endless,
    kinds,
    with_references,
)  # fmt: skip
from bench.soak_watch import Sample, Tally, growth, sample, settling, spreads, tally, watch

CALLERS = 8
"""Callers that saturate the server; 8 and 32 reach the same throughput (`python -m bench server`)."""

SATURATING = 20.0
"""Seconds for which saturation is measured: a deck of requests, of which few are costly, takes about 5 on two cores."""

MODEST_KINDS = ("detect portrait", "compare same person")
"""What the modest key asks once a second."""

SECRETS = {key: (f"AKID{key.upper()}", f"secret-of-{key}") for key in (GREEDY, MODEST, UNSTEADY)}
SIGNERS = SECRETS | {WRONG: (SECRETS[GREEDY][0], "another-secret"), STRANGER: ("AKIDSTRANGER", "a-secret")}

LEAVING = 2.0
"""Seconds in which the server is to notice that connections were closed."""

PARTS, PART_SECONDS = 60, 5.0
"""The most parts of the time in the plot, and the shortest."""

SHOWN = 5
"""Faults that are shown with their answers."""

DOCS = Path(__file__).parent.parent / "docs"


@dataclass(frozen=True, slots=True)
class Soak:
    """What was measured.

    Attributes:
        saturation: requests a second of callers that wait for their answers.
        load: requests a second that were due, as a multiple of it.
        seconds: the duration of the load.
        began: when it began, by `time.perf_counter`.
        results: of all requests, those before the load included.
        left_out: requests that were not sent, because too many were in progress.
        samples: of the server, during the load.
        unseen: samples that failed, because no metrics were answered.
        idle: the server without connections, before the load and after it.
        cores: cores that the callers kept busy during the load, those that the server did, and those that idled.
        answered_after: whether a request after the load was answered correctly.
        log: lines of the server's log that are not about an answer, by event.
    """

    saturation: float
    load: float
    seconds: float
    began: float
    results: list[Result]
    left_out: int
    samples: list[Sample]
    unseen: int
    idle: tuple[Sample, Sample]
    cores: tuple[float, float, float]
    answered_after: bool
    log: Counter[str] = field(default_factory=Counter)

    @property
    def loaded(self) -> list[Result]:
        """The results of the load."""
        return [one for one in self.results if one.due >= self.began]

    @property
    def settled(self) -> list[Sample]:
        """The samples that count for what grows."""
        return [one for one in self.samples if one.at >= settling(self.seconds)]

    @property
    def outcomes(self) -> Counter[str]:
        """The server's own count of outcomes during the load."""
        before, after = (Counter({k: int(v) for k, v in one.outcomes.items()}) for one in self.idle)
        return after - before


def run(data: Path | None, seconds: float, load: float, docs: bool) -> list[str]:
    """Measure, print, save and draw; the faults that were found.

    Args:
        data: not needed.
        seconds: how long to load the server.
        load: requests a second, as a multiple of those at saturation.
        docs: copy the plot to `docs/`.
    """
    del data
    everything = with_references(kinds())
    with TemporaryDirectory() as name:
        keys, log = Path(name) / "keys.toml", Path(name) / "log"
        keys.touch(0o600)
        keys.write_text("".join(_table(*pair) for pair in SECRETS.values()))
        with server("--credentials", str(keys), log=log) as endpoint:
            soak = asyncio.run(_measure(endpoint, everything, seconds, load))
        soak = replace(soak, log=_remarks(log))
    show(soak)
    save("soak", figures(soak))
    draw(soak, FOLDER / "soak.png")
    if docs:
        shutil.copy(FOLDER / "soak.png", DOCS)
    found = faults(soak)
    print("faults: " + ("; ".join(found) or "none"))
    return found


def _table(key_id: str, secret: str) -> str:
    return f'[[keys]]\naccess_key_id = "{key_id}"\nsecret_access_key = "{secret}"\n'


def _remarks(log: Path) -> Counter[str]:
    lines = log.read_text("utf-8").splitlines()
    parsed = [json.loads(line) if line.startswith("{") else {"event": line, "level": "none"} for line in lines]
    return Counter(line["event"] for line in parsed if line["level"] != "info")


async def _measure(endpoint: str, everything: Sequence[Kind], seconds: float, load: float) -> Soak:
    client, process, ourselves = Client(endpoint, SIGNERS), process_of(endpoint), psutil.Process()
    await asyncio.gather(*(client.ask(kind, time.perf_counter()) for kind in everything))
    whole = [kind for kind in everything if kind.manner is Manner.WHOLE]
    saturation = await client.saturate(endless(whole), CALLERS, SATURATING)
    before = await _idle(client, process, endpoint)
    modest = [replace(kind, key=MODEST) for kind in everything if kind.name in MODEST_KINDS]
    chance = random.Random(6)
    poisson = iter(lambda: chance.expovariate(load * saturation), None)
    began, used = time.perf_counter(), _cores(ourselves, process)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(process, endpoint, seconds))
        group.create_task(client.drive(endless(everything), poisson, seconds))
        group.create_task(client.drive(cycle(modest), repeat(1.0), seconds))
    took = time.perf_counter() - began
    callers, served, idle = (now - was for now, was in zip(_cores(ourselves, process), used, strict=True))
    results = list(client.results)
    after = await client.ask(modest[0], time.perf_counter())
    return Soak(
        saturation, load, seconds, began, results, client.left_out, *watching.result(),
        (before, await _idle(client, process, endpoint)), (callers / took, served / took, idle / took),
        after.verdict is Verdict.RIGHT,
    )  # fmt: skip


async def _idle(client: Client, process: psutil.Process, endpoint: str) -> Sample:
    client.close()
    await asyncio.sleep(LEAVING)
    return await sample(process, endpoint, 0.0)


def _cores(*processes: psutil.Process) -> list[float]:
    """Seconds of a core that each process has used so far, and those in which a core of the machine idled."""
    times = [process.cpu_times() for process in processes]
    return [*(one.user + one.system for one in times), psutil.cpu_times().idle]


def faults(soak: Soak) -> list[str]:
    """What a server must not do, and this one did."""
    counts = Counter(one.verdict for one in soak.results)
    found = [f"{counts[verdict]} {verdict.value}" for verdict in FAULTS if counts[verdict]]
    kept_waiting = sum(one.verdict is Verdict.REFUSED for one in soak.results if one.kind.key == MODEST)
    if kept_waiting:
        found.append(f"{kept_waiting} requests of the modest key refused")
    if soak.outcomes["InternalServerError"]:
        found.append(f"{soak.outcomes['InternalServerError']} internal errors")
    if soak.unseen:
        found.append(f"{soak.unseen} requests for metrics without an answer")
    if not soak.answered_after:
        found.append("no right answer after the load")
    return found


def figures(soak: Soak) -> dict[str, Any]:
    loaded, memory = soak.loaded, [one.mb for one in soak.settled]
    return {
        "saturation": soak.saturation, "load": soak.load, "seconds": soak.seconds, "left_out": soak.left_out,
        "cores": dict(zip(("callers", "server", "idle"), soak.cores, strict=True)),
        "by_key": {name: one.as_json() for name, one in tally(loaded, lambda one: one.kind.key).items()},
        "by_kind": {name: one.as_json() for name, one in _by_kind(loaded).items()},
        "memory": {
            "growth_percent": growth(memory), "least_mb": min(memory), "most_mb": max(memory),
            "idle_mb": [one.mb for one in soak.idle],
        },
        **{
            name: {
                "spread_by_half": spreads([getattr(one, name) for one in soak.settled]),
                "idle": [getattr(one, name) for one in soak.idle],
            }
            for name in ("descriptors", "threads")
        },
        "outcomes": soak.outcomes, "log": soak.log, "answered_after": soak.answered_after, "faults": faults(soak),
    }  # fmt: skip


def _by_kind(results: Sequence[Result]) -> dict[str, Tally]:
    """The tallies by kind, without the modest key's, which wait less."""
    return tally((one for one in results if one.kind.key != MODEST), lambda one: one.kind.name)


def show(soak: Soak) -> None:
    loaded, memory = soak.loaded, [one.mb for one in soak.settled]
    print(
        f"saturation: {soak.saturation:.1f} requests a second by {CALLERS} callers; load: {len(loaded)} requests in "
        f"{soak.seconds:.0f} s, {len(loaded) / soak.seconds:.1f} a second, and {soak.left_out} left out"
    )
    print(
        f"of {os.cpu_count()} cores the callers used {soak.cores[0]:.2f}, the server {soak.cores[1]:.2f}; "
        f"{soak.cores[2]:.2f} idled"
    )
    head = [*(verdict.value for verdict in Verdict), "p50 ms", "p95 ms", "p99 ms", "longest"]
    for first, groups in (("key", tally(loaded, lambda one: one.kind.key)), ("kind", _by_kind(loaded))):
        table([first, *head], [[name, *one.row()] for name, one in sorted(groups.items())])
    for one in [one for one in soak.results if one.verdict in FAULTS][:SHOWN]:
        what = difference(one.kind, one.answer) if one.answer else f"after {one.seconds:.1f} s"
        print(f"{one.verdict.value}: {one.kind.name} of {one.kind.key}: {what}")
    print(f"by the server: {dict(soak.outcomes)}; its log besides: {dict(soak.log)}")
    idle = [f"{one.mb:.0f}" for one in soak.idle]
    print(
        f"after the first {settling(soak.seconds):.0f} s memory changes by {growth(memory):+.1f} %, from "
        f"{min(memory):.0f} to {max(memory):.0f} MB; idle before and after {' and '.join(idle)} MB"
    )
    for name in ("descriptors", "threads"):
        early, late = spreads([getattr(one, name) for one in soak.settled])
        before, later = (getattr(one, name) for one in soak.idle)
        print(f"{name}: idle {before} before, {later} after; then spread {early} in a first half, {late} in a second")
    print(f"a request after the load was answered correctly: {soak.answered_after}")


def draw(soak: Soak, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    at = [one.at for one in soak.samples]
    axes[0, 0].plot(at, [one.mb for one in soak.samples], label="MB resident")
    axes[0, 0].axvline(settling(soak.seconds), color="grey", linestyle=":", label="memory counts from here")
    for name in ("descriptors", "threads"):
        axes[0, 1].plot(at, [getattr(one, name) for one in soak.samples], label=name)
    axes[0, 1].plot(at, [one.depth for one in soak.samples], label="requests in the queue")
    _draw_results(soak, axes[1, 0], axes[1, 1])
    for one in axes.flat:
        one.set_ylim(0, 1.35 * one.get_ylim()[1])  # room for the legend
        one.legend(loc="upper left", ncols=2)
    for one in axes[1]:
        one.set(xlabel="seconds of load")
    figure.savefig(file, dpi=110)
    print(f"wrote {file}")


def _draw_results(soak: Soak, counts: Any, times: Any) -> None:
    """Requests a second by verdict, and the latency of answers by key, over parts of the time."""
    number = max(1, min(PARTS, int(soak.seconds / PART_SECONDS)))
    width = soak.seconds / number
    parts: list[list[Result]] = [[] for _ in range(number)]
    for one in soak.loaded:
        parts[min(number - 1, int((one.due - soak.began) / width))].append(one)
    at = [(i + 0.5) * width for i in range(number)]
    for verdict in Verdict:
        rates = [sum(one.verdict is verdict for one in part) / width for part in parts]
        if any(rates):
            counts.plot(at, rates, label=f"{verdict.value}, a second")
    for key in (GREEDY, MODEST):
        waits = [tally((one for one in part if one.kind.queued), lambda one: one.kind.key) for part in parts]
        tallies = [one.get(key, Tally()) for one in waits]
        (curve,) = times.plot(at, [one.quantile(0.5) / 1000 for one in tallies], label=f"{key} key: median, s")
        longest = [one.quantile(1) / 1000 for one in tallies]
        times.plot(at, longest, ":", color=curve.get_color(), label="longest, s")
