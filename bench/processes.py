"""Measures a server of one process with two threads against two processes with one thread each."""

from __future__ import annotations

from pathlib import Path

import psutil

from bench.results import save, table
from bench.server import measure_load, server

CLIENTS = (1, 2, 8, 32)
ROUNDS = 2


def run(data: Path | None) -> None:
    del data
    rows, figures = [], []
    for processes in (1, 2) * ROUNDS:
        words = ("--processes", str(processes), "--threads", "2", "--queue", "64", "--queue-seconds", "120")
        with server(*words, "--attributes", "DEFAULT") as endpoint:
            for clients in CLIENTS:
                load = measure_load(endpoint, clients, "raw HTTP")
                used = memory()
                rows.append([processes, clients, load["per_second"], *(load[q] for q in ("p50", "p95", "p99")), used])
                figures.append({"processes": processes, "mb": used, **load})
    table(["processes", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "MB"], rows)
    save("processes", figures)


def memory() -> float:
    """MB of memory of the server and its processes, with pages that they share counted once among them."""
    ours = [child for child in psutil.Process().children(recursive=True) if "visavis" in " ".join(child.cmdline()) or
            "spawn_main" in " ".join(child.cmdline())]  # fmt: skip
    return float(sum(child.memory_full_info().pss for child in ours)) / 1e6
