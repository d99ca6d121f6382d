"""Prints figures as a table, and writes them with a description of the machine to `bench/results/`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.instruction_sets import instruction_sets

__all__ = ["FOLDER", "save", "table"]

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("numpy", "opencv-python-headless", "openvino", "pillow", "simplejpeg", "visavis")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows with the header `head`. The first column is aligned to the left, the others to the right."""
    texts = [list(head), *([cell if isinstance(cell, str) else _shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells), flush=True)


def _shown(number: object) -> str:
    assert isinstance(number, int | float)
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


CHANGED = 0.05
"""Figures that change by more than this part are shown; on a noisy machine most of those are times."""

_UNSTABLE = {"rounds", "fastest_ms", "quartiles_ms", "p95", "p99"}


def save(name: str, figures: object) -> Path:
    """Write `figures` to `bench/results/NAME.json`, and print what changed since the last run.

    The results of the last run are kept in `NAME.previous.json`.
    """
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    text = json.dumps({"machine": machine(), "figures": figures}, indent=1) + "\n"
    if file.exists():
        last = json.loads(file.read_text("utf-8"))
        file.replace(file.with_suffix(".previous.json"))
        _print_changes(last, json.loads(text))
    file.write_text(text, "utf-8")
    print(f"wrote {file}")
    return file


def _print_changes(last: dict[str, Any], now: dict[str, Any]) -> None:
    print(f"changes since the run of {last['machine']['when']}, commit {last['machine']['commit']}:")
    if last["machine"]["processor"] != now["machine"]["processor"]:
        print(f"  that was on another processor: {last['machine']['processor']}")
    before, changes = dict(_numbers(last["figures"])), 0
    for label, value in _numbers(now["figures"]):
        old = before.get(label)
        if old and abs(value / old - 1) > CHANGED:
            changes += 1
            print(f"  {label}: {_shown(old)} -> {_shown(value)} ({100 * (value / old - 1):+.0f} %)")
    print(f"  {changes or 'no'} figures changed by more than {100 * CHANGED:.0f} %")


def _numbers(figures: Any, label: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in figures, each with the names that lead to it; a list's items are named by their texts."""
    if isinstance(figures, dict):
        named = [str(value) for value in figures.values() if isinstance(value, str)]
        label = ", ".join([label, *named]) if label else ", ".join(named)
        for key, value in figures.items():
            if key not in _UNSTABLE:
                yield from _numbers(value, f"{label}, {key}" if label else key)
    elif isinstance(figures, list):
        for i, value in enumerate(figures):
            yield from _numbers(value, label if isinstance(value, dict) else f"{label} {i}")
    elif isinstance(figures, int | float) and not isinstance(figures, bool):
        yield label, float(figures)


def machine() -> dict[str, object]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "instructions": instruction_sets(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        **{package: version(package) for package in PACKAGES},
    }


def processor() -> str:
    """The name of the processor, and its vector instructions that OpenVINO uses."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    words = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if f in words["flags"].split()]
    return f"{words.get('model name', '?')} ({', '.join(flags)})"
