"""Too little memory to run a network, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import cv2
import numpy as np
import pytest

from visavis.memory_errors import memory_errors
from visavis.models.core import Core

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import resource
from bench.images import group, photo
from visavis.runtime import open_engine

portrait, crowd = photo("obama"), group(100)
with open_engine() as engine:
    similarity = engine.compare(portrait, portrait).matches[0].similarity
    pages = int(open("/proc/self/statm").read().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 40_000_000, resource.RLIM_INFINITY))
    try:
        engine.compare(crowd, crowd)
    except MemoryError as error:
        print(error)
    print(similarity == engine.compare(portrait, portrait).matches[0].similarity)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    print(len(engine.compare(crowd, crowd).matches) > 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and RLIMIT_AS works on Linux only")
def test_a_network_for_which_there_is_no_memory_is_a_memory_error_and_the_engine_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["there is not enough memory to run a network", "True", "True"], done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    "text",
    [
        "Exception from src/core/src/runtime/allocator.cpp:79: std::bad_alloc",
        "Exception from src/inference/src/dev/plugin.cpp:54: can't alloc",
        "Check 'ptr' failed at cpu_memory.cpp:257: Failed to allocate 39321600 bytes of memory",
        "Exception from src/inference/src/dev/plugin.cpp:54: Resource temporarily unavailable",
    ],
)
def test_openvinos_errors_for_lack_of_memory_are_known(text: str) -> None:
    with pytest.raises(MemoryError), memory_errors():
        raise RuntimeError(text)


def test_opencvs_error_for_lack_of_memory_is_known() -> None:
    with pytest.raises(MemoryError), memory_errors():
        raise cv2.error(
            "OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 2700000000 bytes"
        )


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="unsupported operation"), memory_errors():
        raise RuntimeError("unsupported operation")
    with pytest.raises(cv2.error), memory_errors():
        cv2.resize(np.zeros((0, 0, 3), np.uint8), (10, 10))
    with pytest.raises(ValueError, match="Failed to allocate"), memory_errors():
        raise ValueError("Failed to allocate")


def test_too_little_memory_to_read_a_network_is_not_taken_for_damage() -> None:
    class NoMemory(Core):
        def _create(self) -> Any:
            def read_model(*_: object) -> NoReturn:
                raise RuntimeError("Exception from src/core/src/runtime/allocator.cpp:79: std::bad_alloc")

            return SimpleNamespace(read_model=read_model)

    with pytest.raises(MemoryError):
        NoMemory(None).read(Path("network.xml"), b"network", b"weights")
