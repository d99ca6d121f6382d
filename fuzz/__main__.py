"""Fuzz targets one after the other, and print how many inputs each had and how much of the code they reached.

An input that crashes a target is written to `fuzz/crashes/TARGET/`. Inputs that reach new code are written to
`fuzz/found/TARGET/`, from which the next run goes on.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from fuzz.targets import CORPUS, TARGETS

ROOT = Path(__file__).parent.parent
FOUND, CRASHES = CORPUS.parent / "found", CORPUS.parent / "crashes"

SLOWEST = 10
"""Seconds that one input may take. The inputs that are kept take less than one on a busy machine."""

MOST_MEMORY = 768
"""Megabytes of the process. It has 80 to 100 with the libraries and the inputs that are kept."""

AT_ONCE = 300
"""Seconds after which the process of a target is replaced, because that of the images grows by half a kilobyte with
each input under the fuzzer, 50 MB a minute. Outside the fuzzer the same inputs do not grow it."""

ROW = "{:12} {:>10} {:>8} {:>8} {:>8} {:>6} {:>7}"

STATUS = re.compile(r"^#(\d+)\t\w+ +cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
"""A line of libFuzzer: inputs so far, branches, branches by how often they ran, inputs that reached new ones."""


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz a target, print a line about it, and say whether it held."""
    for folder in (FOUND / name, CRASHES / name):
        folder.mkdir(parents=True, exist_ok=True)
    before = set((CRASHES / name).iterdir())
    inputs, reached = 0, ["0"] * 3
    for began in range(0, seconds, AT_ONCE):
        done = run_one(name, min(AT_ONCE, seconds - began))
        if lines := STATUS.findall(done.stderr):
            inputs += int(lines[-1][0])
            reached = lines[-1][1:]
        if done.returncode:
            break
    new = sorted(set((CRASHES / name).iterdir()) - before)
    print(ROW.format(name, inputs, inputs // seconds, *reached, len(new)), flush=True)
    if done.returncode:
        print(done.stderr[-1000:] + done.stdout[-4000:])
        for path in new:
            print(f"again: python -m fuzz.one {name} {path.relative_to(ROOT)}")
    return done.returncode == 0


def run_one(name: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """Fuzz a target in a process of its own."""
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MOST_MEMORY}"]
    command = [sys.executable, "-m", "fuzz.one", name, *limits, f"-artifact_prefix={CRASHES / name}/"]
    return subprocess.run(
        [*command, FOUND / name, CORPUS / name], cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="of each target (default: 60)")
    args = parser.parse_args()
    print(ROW.format("target", "inputs", "a second", "branches", "features", "kept", "crashes"), flush=True)
    held = [fuzz(name, args.seconds) for name in args.targets or TARGETS]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
