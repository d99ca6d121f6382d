"""Prints figures as a table, and writes them with a description of the machine to `bench/results/`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

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


def save(name: str, figures: object) -> Path:
    """Write `figures` to `bench/results/NAME.json`, which replaces those of the last run."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1) + "\n", "utf-8")
    print(f"wrote {file}")
    return file


def machine() -> dict[str, object]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
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
