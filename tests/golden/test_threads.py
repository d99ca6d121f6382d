"""Many threads at once, from the first moment on."""

from __future__ import annotations

import subprocess
import sys

FIRST_RUNS_AT_ONCE = """
import threading
import numpy as np
from visavis.models.session import OpenVinoRuntime
from visavis.vision.expression import NETWORK

session = OpenVinoRuntime(concurrency=2, cache=None).session(NETWORK)
start = threading.Barrier(8)

def run():
    start.wait()
    session.run(np.zeros((1, 64, 64, 1), np.uint8), np.zeros((1, 17), np.float32))

threads = [threading.Thread(target=run) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_first_runs_in_eight_threads_at_once_do_not_wait_for_each_other() -> None:
    # Without care one process in six locked up for ever, so one is not enough to see it.
    processes = [subprocess.Popen([sys.executable, "-c", FIRST_RUNS_AT_ONCE]) for _ in range(8)]
    try:
        assert [process.wait(60) for process in processes] == [0] * 8
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_an_open_engine_uses_one_thread_of_opencv() -> None:
    code = "import visavis; visavis.open_engine(once=True).close(); import cv2; print(cv2.getNumThreads())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
