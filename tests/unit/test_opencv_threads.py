"""OpenCV's number of threads belongs to the process, so each case runs in one of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("before", "threads"),
    [
        pytest.param("", 1, id="first imported by an engine"),
        pytest.param("import cv2; cv2.setNumThreads(3)", 3, id="imported before by the program"),
    ],
)
def test_an_engine_takes_one_thread_of_opencv_and_leaves_the_program_its_own(before: str, threads: int) -> None:
    engine = "from visavis.runtime import _import_opencv; _import_opencv()"
    code = f"{before}\n{engine}\nimport cv2; print(cv2.getNumThreads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{threads}\n"
