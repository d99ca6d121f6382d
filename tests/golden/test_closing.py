"""A closed engine is closed: its memory and threads are given back, and nothing can be asked of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import visavis
from visavis.errors import EngineClosed

ROUNDS = """
import gc, os
from pathlib import Path
import visavis
gc.disable()

def held():
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"])

source, target = (Path("examples/photos", f"ardern_{year}.jpg") for year in (2018, 2022))
rounds, engines = [], []
for _ in range(10):
    with visavis.open_engine() as engine:
        engine.compare(source, target)
    engines.append(engine)  # close() must be enough
    rounds.append(held())
first, last = rounds[0], sorted(rounds[-3:])[1]
print(last[0] <= 1.1 * first[0] and last[1] <= first[1] + 1 or rounds)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_and_threads_are_back_after_each_of_ten_engines_is_closed_though_all_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert done.stdout == "True\n"


def test_nothing_can_be_asked_of_a_closed_engine(photo: Callable[[str], bytes]) -> None:
    engine = visavis.open_engine(once=True)
    engine.close()
    engine.close()
    obama = photo("obama")
    for ask in (
        lambda: engine.compare(obama, obama),
        lambda: engine.compare_many([obama, obama], obama),
        lambda: engine.analyze(obama),
    ):
        with pytest.raises(EngineClosed, match="the engine is closed; open another"):
            ask()


def test_an_engine_that_is_closed_while_it_works_finishes_or_says_so(photo: Callable[[str], bytes]) -> None:
    engine = visavis.open_engine(visavis.Settings(visavis.Settings.from_env().home, threads=1), once=True)
    pictures = photo("ardern_2018"), photo("ardern_2022")
    answers: list[bool | None] = []

    def ask() -> None:
        try:
            answers.append(engine.compare(*pictures).matches[0].similarity > 99)
        except EngineClosed:
            answers.append(None)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    engine.close()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 4
    assert set(answers) <= {True, None}
