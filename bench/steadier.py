"""Measures ways to embed a hard face more than once, on degraded copies of a labelled set.

The table has, for each degradation and each way, the false non-match rate at a false match rate of 1e-3. Both images of
a pair are degraded alike. The threshold is that of the way on this copy, among impostors of the same sex whom the same
network has not seen. The last row has the milliseconds that a way takes more than one embedding.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.degrade import DEGRADATIONS, degrade
from bench.degraded import Pairs, sample
from bench.students import Students
from visavis.analysis import Analyzer
from visavis.geometry import Points, Size
from visavis.image import Image, decode
from visavis.settings import Settings
from visavis.vision.align import SIDE, TEMPLATE, align, five_points

IMAGES = 600
MOVES = ((0, 0, 1.0), (2, 0, 1.0), (-2, 0, 1.0), (0, 2, 0.96), (0, -2, 1.04))
"""Pixels to the right and down, and the scale, of each of several crops."""
Floats = NDArray[np.float32]
Crops = list[NDArray[np.uint8]]


def several(image: Image, mesh_points: Points, _: Points) -> Crops:
    """Five crops that are moved and scaled a little."""
    crop = align(image, mesh_points)
    centre = TEMPLATE.mean(axis=0)
    moved = []
    for x, y, scale in MOVES:
        matrix = np.array([[scale, 0, x + (1 - scale) * centre[0]], [0, scale, y + (1 - scale) * centre[1]]])
        moved.append(Image(crop).warped(matrix, Size(SIDE, SIDE)))
    return moved


def two_alignments(image: Image, mesh_points: Points, detected: Points) -> Crops:
    """Aligned by the mesh and by the detector's points."""
    return [align(image, mesh_points), align(image, detected)]


def mirrored(image: Image, mesh_points: Points, _: Points) -> Crops:
    """With the mirror image, as at high accuracy."""
    crop = align(image, mesh_points)
    return [crop, np.ascontiguousarray(crop[:, ::-1])]


def reduced(image: Image, mesh_points: Points, _: Points) -> Crops:
    """Reduced to half of the embedder's resolution, and enlarged again."""
    small = cv2.resize(align(image, mesh_points), (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    return [np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)]


def once(image: Image, mesh_points: Points, _: Points) -> Crops:
    """As shipped: one crop, aligned by the mesh."""
    return [align(image, mesh_points)]


WAYS: dict[str, Callable[[Image, Points, Points], Crops]] = {
    "once": once,
    "five crops": several,
    "two alignments": two_alignments,
    "mirror image": mirrored,
    "reduced": reduced,
}


def run(data: Path, students: Path | None = None) -> None:
    if students is None:
        raise SystemExit("steadier needs --students FOLDER, because the embedder that ships was trained on lfw-dev")
    folder = data / "lfw-dev"
    rows = sample(list(csv.DictReader((folder / "images.csv").open(encoding="utf-8"))))[:IMAGES]
    trained = Students(students, Settings.from_env())
    group = np.unique([id(trained[row["identity"]]) for row in rows], return_inverse=True)[1]
    pairs = Pairs(rows, group)
    print(f"{len(rows)} images, {pairs.genuine.sum()} genuine and {pairs.impostor.sum()} same-sex impostor pairs")
    print(f"FNMR in % at FMR 1e-3\n{'':14}" + "".join(f"{name:>16}" for name in WAYS) + "   lost")
    rates, seconds = [], np.zeros(len(WAYS))
    with ThreadPoolExecutor(2) as pool:
        for how in DEGRADATIONS:
            files = [(trained[row["identity"]], (folder / "images" / row["image"]).read_bytes()) for row in rows]
            found = list(pool.map(lambda file, how=how: embeddings(file[0], decode(degrade(file[1], how))), files))
            table = np.stack([vectors for vectors, _ in found])
            seconds += np.median([took for _, took in found], axis=0) / len(DEGRADATIONS)
            here = np.abs(table[:, 0]).sum(axis=1) > 0
            rates.append([pairs.strict_fnmr(table[:, i], here) for i in range(len(WAYS))])
            lost = int((~here).sum())
            print(f"{how:14}" + "".join(f"{value:16.2f}" for value in rates[-1]) + f"{lost:7}", flush=True)
    print(f"{'mean':14}" + "".join(f"{value:16.2f}" for value in np.mean(rates, axis=0)))
    print(f"{'ms more':14}" + "".join(f"{1000 * (value - seconds[0]):16.1f}" for value in seconds))


def embeddings(stages: Analyzer, image: Image) -> tuple[Floats, NDArray[np.float64]]:
    """The embedding (ways, 128) by each way, zeros without a face, and the seconds (ways,) that each takes."""
    found = stages.detector(image).largest_first(image.size)
    vectors, seconds = np.zeros((len(WAYS), 128), np.float32), np.zeros(len(WAYS))
    if len(found):
        points = found.points[0]
        mesh_points = five_points(stages.mesh_model(image, points).points)
        for i, way in enumerate(WAYS.values()):
            begun = time.perf_counter()
            mean = np.mean([stages.embedder(crop).vector for crop in way(image, mesh_points, points)], axis=0)
            seconds[i] = time.perf_counter() - begun
            vectors[i] = mean / np.linalg.norm(mean)
    return vectors, seconds
