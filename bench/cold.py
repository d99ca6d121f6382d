"""Measures processes from start to exit, with a warm cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import images
from bench.results import save, table
from bench.timing import interleaved

PAIR = [str(path) for path in images.PAIR]
LIBRARY = f"""
import visavis
from pathlib import Path
a, b = (Path(p).read_bytes() for p in {PAIR!r})
with visavis.open_engine() as engine:
    engine.compare(a, b)
"""
CLIENT = f"""
import visavis
from pathlib import Path
a, b = (Path(p).read_bytes() for p in {PAIR!r})
visavis.client().compare_faces(SourceImage={{"Bytes": a}}, TargetImage={{"Bytes": b}})
"""


def run(data: Path | None) -> None:
    del data
    commands = {
        "python -c pass": ["-c", "pass"],
        "import visavis": ["-c", "import visavis"],
        "visavis compare A B": ["-m", "visavis", "compare", *PAIR],
        "visavis compare A B --json": ["-m", "visavis", "compare", *PAIR, "--json"],
        "visavis.open_engine(), one comparison": ["-c", LIBRARY],
        "visavis.client(), one comparison": ["-c", CLIENT],
    }
    ways: dict[str, Callable[[], object]] = {name: partial(start, words) for name, words in commands.items()}
    times = interleaved(ways, rounds=15, seconds=120, warm=1)
    table(["from start to exit", "ms", "fastest"], [[n, t.ms, 1000 * min(t.seconds)] for n, t in times.items()])
    save("cold", {name: each.as_json() for name, each in times.items()})


def start(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
