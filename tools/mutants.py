"""Check that the tests notice when a line of the core is wrong.

    python -m tools.mutants [--unit] [--jobs N] [WORD ...]

Each mutant of `tools/mutant_table.py` changes one place of one file. It is applied to a temporary copy of the project,
and only the tests that must notice it are run there. If one of them fails, the mutant is killed. If they all pass, it
survives. WORDs select the mutants whose file, text or tests contain one of them. `--unit` leaves out the mutants that
need the real networks.

The table is written by hand, because the most likely unnoticed error here is a fitted constant with a plausible wrong
value. Existing tools do not make such mutants. mutmut changes the bodies of functions and not the constants of a
module. cosmic-ray adds 1 to a number or subtracts 1, which almost any test notices; it makes 4,800 mutants of these
files, which take hours, and many of them change an annotation or nothing. `tests/tools/test_mutants.py` checks that the
table fits the code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tools.mutant_table import GOLDEN_MUTANTS, MUTANTS, UNIT_MUTANTS, Mutant

ROOT = Path(__file__).parent.parent
TIMEOUT = 300  # seconds; it ends mutants that loop for ever, which count as killed


@contextmanager
def copies(count: int) -> Iterator[SimpleQueue[Path]]:
    """Yield a queue of copies of what the tests need. Each run takes one and puts it back."""
    with tempfile.TemporaryDirectory() as name:
        waiting: SimpleQueue[Path] = SimpleQueue()
        for i in range(count):
            folder = Path(name) / str(i)
            shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
            for part in ("tests", "tools", "examples", "pyproject.toml"):
                (folder / part).symlink_to(ROOT / part)
            waiting.put(folder)
        yield waiting


def outcome(folder: Path, mutant: Mutant | None, tests: tuple[str, ...]) -> str:
    """Run `tests` on the copy in `folder`, and return whether the mutant is killed, or what else happened."""
    file = folder / "src/visavis" / mutant.file if mutant else None
    text = file.read_text("utf-8") if file else ""
    try:
        if file and mutant:
            if text.count(mutant.old) != 1:
                return f"STALE: the old text occurs {text.count(mutant.old)} times"
            file.write_text(text.replace(mutant.old, mutant.new), "utf-8")
        # Without bytecode, because Python would run the bytecode of a previous mutant of the same length and second.
        environment = os.environ | {
            "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            check=False, capture_output=True, text=True, env=environment, cwd=folder, timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "killed"
    finally:
        if file:
            file.write_text(text, "utf-8")
    return {0: "SURVIVED", 1: "killed"}.get(done.returncode, f"BROKEN: {done.stdout[-500:]}{done.stderr[-500:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--unit", action="store_true", help="leave out the mutants that need the real networks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    chosen = [
        mutant
        for mutant in (UNIT_MUTANTS if args.unit else MUTANTS)
        if not args.words or any(word in f"{mutant.name} {mutant.tests}" for word in args.words)
    ]
    began = time.monotonic()
    with copies(args.jobs) as waiting, ThreadPoolExecutor(args.jobs) as pool:

        def run(mutant: Mutant | None, tests: tuple[str, ...]) -> str:
            folder = waiting.get()
            try:
                return outcome(folder, mutant, tests)
            finally:
                waiting.put(folder)

        # Tests that fail without a mutant would kill every mutant.
        unchanged = run(None, tuple(sorted({test for mutant in chosen for test in mutant.tests})))
        if unchanged != "SURVIVED":
            raise SystemExit(f"the tests fail without any mutant: {unchanged}")
        results = pool.map(lambda mutant: run(mutant, mutant.tests), chosen)
        outcomes = []
        for mutant, result in zip(chosen, results, strict=True):
            golden = " (golden)" if mutant in GOLDEN_MUTANTS else ""
            print(f"{result:9}{mutant.name}{golden}", flush=True)
            outcomes.append(result)
    killed = outcomes.count("killed")
    print(f"{killed} of {len(chosen)} mutants killed in {time.monotonic() - began:.0f} s")
    sys.exit(killed != len(chosen))


if __name__ == "__main__":
    main()
