"""Engines and forks, each case in a process of its own: what hangs is killed and counts as a failure."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PHOTOS = Path(__file__).parent.parent.parent / "examples/photos"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")

HEAD = f"""
import os, sys, threading, time, warnings
warnings.filterwarnings("ignore", "This process", DeprecationWarning)
from pathlib import Path
import visavis

SOURCE, TARGET = (Path({str(PHOTOS)!r}, f"ardern_{{year}}.jpg").read_bytes() for year in (2018, 2022))

def similarity(engine):
    return engine.compare(SOURCE, TARGET).matches[0].similarity

def of_client(client):
    answer = client.compare_faces(SourceImage={{"Bytes": SOURCE}}, TargetImage={{"Bytes": TARGET}})
    return answer["FaceMatches"][0]["Similarity"]

def child(work, seconds=30):
    "The exit status of a forked child that calls `work` and ends in the ordinary way; 'hangs' where it does not end."
    sys.stdout.flush()
    number = os.fork()
    if not number:
        sys.exit(work())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(number, 9)
    os.waitpid(number, 0)
    return "hangs"
"""


def run(code: str, *, measured: bool = True) -> str:
    """What `code` prints, behind HEAD, in a Python of its own.

    Not `measured` where it forks while other threads run, because coverage's locks are not renewed in the child.
    """
    env = {name: value for name, value in os.environ.items() if measured or not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(code)],
        capture_output=True, text=True, timeout=240, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("used", [True, False], ids=["used", "not used"])
@pytest.mark.parametrize(
    ("made", "ask"),
    [("visavis.open_engine()", "similarity"), ("visavis.client()", "of_client")],
    ids=["engine", "client"],
)
def test_a_child_gets_the_answer_of_its_parent(made: str, ask: str, used: bool) -> None:
    code = f"""
        thing = {made}
        if {used}:
            {ask}(thing)
        read, write = os.pipe()
        def work():
            os.write(write, repr({ask}(thing)).encode())
            return 7
        print(child(work), os.read(read, 100).decode() == repr({ask}(thing)))
        """
    assert run(code) == "7 True\n"


@pytest.mark.parametrize(
    "parent",
    [
        "engine = visavis.open_engine()",
        "engine = visavis.open_engine(); similarity(engine)",
        "engine = visavis.open_engine(once=True)",
        "engine = visavis.open_engine(once=True); similarity(engine)",
        "engine = visavis.open_engine(); engine.close()",
        "client = visavis.client(); of_client(client)",
    ],
    ids=["open", "used", "once", "once, used", "closed", "client"],
)
def test_a_child_that_merely_exits_ends_with_its_own_status_at_once(parent: str) -> None:
    assert run(f"{parent}\nprint(child(lambda: 7, seconds=10))") == "7\n"


def test_a_child_may_close_what_its_parent_opened() -> None:
    code = """
        engine = visavis.open_engine()
        similarity(engine)
        print(child(engine.close), child(lambda: engine.close() or 7, seconds=10), similarity(engine) > 99)
        """
    assert run(code) == "0 7 True\n"


def test_a_child_works_after_networks_were_dropped_in_the_parent() -> None:
    # OpenVINO keeps the threads of a dropped network for the next one. More shapes than are kept compiled, then a fork.
    code = """
        import numpy as np
        engine = visavis.open_engine()
        for side in range(64, 640, 64):  # each is searched upright and turned, in several shapes
            engine.analyze(np.zeros((640, side + 40, 3), np.uint8))
        print(child(lambda: 7 if similarity(engine) > 99 else 1))
        """
    assert run(code) == "7\n"


def test_a_child_of_a_child_works() -> None:
    code = """
        engine = visavis.open_engine()
        similarity(engine)
        def work():
            return child(lambda: 7 if similarity(engine) > 99 else 1) if similarity(engine) > 99 else 1
        print(child(work))
        """
    assert run(code) == "7\n"


def test_a_pool_of_forked_processes_answers() -> None:
    code = """
        import multiprocessing
        engine = visavis.open_engine()
        wanted = similarity(engine)
        def work(_):
            return similarity(engine)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map_async(work, range(4)).get(timeout=60) == [wanted] * 4)
        """
    assert run(code) == "True\n"


def test_forks_beside_threads_that_compare_and_open_engines() -> None:
    code = """
        engine = visavis.open_engine()
        stop = threading.Event()
        def compare():
            while not stop.is_set():
                similarity(engine)
        def open_and_close():
            while not stop.is_set():
                with visavis.open_engine(once=True) as another:
                    similarity(another)
        threads = [threading.Thread(target=work) for work in (compare, open_and_close)]
        for thread in threads:
            thread.start()
        try:
            found = [child(lambda: 7 if similarity(engine) > 99 else 1) for _ in range(5)]
            found += [child(lambda: 7) for _ in range(5)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        print(found == [7] * 10 or found)
        """
    assert run(code, measured=False) == "True\n"
