"""Measures ways to align a face on plain and degraded copies of a labelled set.

The table has, for each degradation and each pipeline, the false non-match rate at a false match rate of 1e-3. The
threshold is that of the pipeline on this copy, among impostors of the same sex.
"""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.degrade import DEGRADATIONS, degrade
from bench.degraded import Pairs, sample
from visavis.analysis import Analyzer
from visavis.image import Image, decode
from visavis.runtime import open_analyzer
from visavis.vision.align import align, five_points
from visavis.vision.mesh import crop_matrix_from_points

PIPELINES = ("detector's points", "mesh, one reading", "mesh", "mesh, with its mirror image")
Floats = NDArray[np.float32]


def run(data: Path) -> None:
    folder = data / "lfw-dev"
    rows = sample(list(csv.DictReader((folder / "images.csv").open())))
    pairs = Pairs(rows, np.zeros(len(rows), np.intp))
    print(f"{len(rows)} images, {pairs.genuine.sum()} genuine pairs, {pairs.impostor.sum()} same-sex impostor pairs")
    print(f"FNMR in % at FMR 1e-3\n{'':14}" + "".join(f"{name:>29}" for name in PIPELINES) + "   lost")
    stages, runtime = open_analyzer()
    with ThreadPoolExecutor(2) as pool:
        for how in DEGRADATIONS:

            def embeddings(row: dict[str, str], how: str = how) -> Floats:
                return np.stack(variants(stages, decode(degrade((folder / "images" / row["image"]).read_bytes(), how))))

            table = np.stack(list(pool.map(embeddings, rows)))
            here = np.abs(table[:, -1]).sum(axis=1) > 0
            line = [pairs.strict_fnmr(table[:, i], here) for i in range(len(PIPELINES))]
            lost = int((~here).sum())
            print(f"{how:14}" + "".join(f"{value:29.2f}" for value in line) + f"{lost:7}", flush=True)
            print(json.dumps({"how": how, "fnmr": line, "lost": lost}), flush=True)
    runtime.close()


def variants(stages: Analyzer, image: Image) -> list[Floats]:
    found = stages.detector(image).largest_first(image.size)
    if not len(found):
        return [np.zeros(128, np.float32)] * len(PIPELINES)
    points = found.points[0]
    first = stages.mesh_model.read(image, crop_matrix_from_points(points))
    crop = align(image, five_points(stages.mesh_model(image, points).points))
    mesh = stages.embedder(crop).vector
    mean = mesh + stages.embedder(np.ascontiguousarray(crop[:, ::-1])).vector
    return [
        stages.embedder(align(image, points)).vector,
        stages.embedder(align(image, five_points(first.points))).vector,
        mesh,
        mean / np.linalg.norm(mean),
    ]
