"""Measures alignment and embedding on plain and degraded copies of a labelled set.

The table has, for each degradation and each pipeline, the false non-match rate at a false match rate of 1e-3. The
threshold is that of the pipeline on this copy, among impostors of the same sex. The pipeline that ships also has both
error rates at its own lowest promised similarity, with the quality adjustment of `compare` and without it.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.degrade import DEGRADATIONS, degrade
from visavis.analysis import Analyzer
from visavis.calibration import LOWEST_PROMISED, load_calibration
from visavis.evaluate.statistics.pair_scores import pair_scores
from visavis.image import Image, decode
from visavis.runtime import open_analyzer, open_engine
from visavis.vision.align import align, five_points
from visavis.vision.mesh import crop_matrix_from_points

IMAGES = 1200
PIPELINES = ("detector's points", "mesh, one reading", "mesh", "mesh, with its mirror image", "shipped")
Floats = NDArray[np.float32]


def run(data: Path) -> None:
    folder = data / "lfw-dev"
    rows = sample(list(csv.DictReader((folder / "images.csv").open())))
    identity, sex = (np.array([row[key] for row in rows]) for key in ("identity", "sex"))
    one, other = np.triu_indices(len(rows), 1)
    genuine = identity[one] == identity[other]
    impostor = ~genuine & (sex[one] == sex[other])
    threshold = load_calibration().lowest_score(LOWEST_PROMISED)
    print(f"{len(rows)} images, {genuine.sum()} genuine pairs, {impostor.sum()} same-sex impostor pairs")
    print(
        f"FNMR in % at FMR 1e-3\n{'':14}"
        + "".join(f"{name:>29}" for name in PIPELINES)
        + f"   lost   FMR, FNMR at {LOWEST_PROMISED}       without adjustment"
    )
    with open_engine() as engine, ThreadPoolExecutor(2) as pool:
        stages, _ = open_analyzer()
        for how in DEGRADATIONS:

            def embeddings(row: dict[str, str], how: str = how) -> tuple[Floats, float]:
                degraded = degrade((folder / "images" / row["image"]).read_bytes(), how)
                faces = engine.analyze(degraded, largest_only=True).faces
                shipped = faces[0].embedding if faces else np.zeros(128, np.float32)
                score = faces[0].quality.score if faces else 0.0
                return np.stack([*variants(stages, decode(degraded)), shipped]), score

            vectors, qualities = zip(*pool.map(embeddings, rows), strict=True)
            table, quality = np.stack(vectors), np.array(qualities)
            here = np.abs(table[:, -1]).sum(axis=1) > 0
            both = here[one] & here[other]
            line = []
            for i in range(len(PIPELINES)):
                cosines = np.einsum("nd,nd->n", table[one, i], table[other, i])
                strict = np.quantile(cosines[impostor & both], 1 - 1e-3)
                line.append(100 * float((cosines[genuine & both] < strict).mean()))
            adjusted, plain = (
                rates_at(pair_scores(table[:, -1], q, one, other), threshold, genuine & both, impostor & both)
                for q in (quality, np.full(len(quality), 100.0))
            )
            lost = int((~here).sum())
            print(
                f"{how:14}" + "".join(f"{value:29.2f}" for value in line)
                + f"{lost:7}" + "".join(f"   {fmr:.1e} {100 * fnmr:6.2f} %" for fmr, fnmr in (adjusted, plain)),
                flush=True,
            )  # fmt: skip
            print(
                json.dumps({
                    "how": how, "fnmr": line, "fmr_at_80": adjusted[0], "fnmr_at_80": adjusted[1],
                    "unadjusted_fmr_at_80": plain[0], "unadjusted_fnmr_at_80": plain[1], "lost": lost,
                }),
                flush=True,
            )  # fmt: skip


def rates_at(
    scores: NDArray[np.float64], threshold: float, genuine: NDArray[np.bool_], impostor: NDArray[np.bool_]
) -> tuple[float, float]:
    """FMR and FNMR if a score of at least `threshold` is a match."""
    return float((scores[impostor] >= threshold).mean()), float((scores[genuine] < threshold).mean())


def sample(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Up to `IMAGES` images of people with several images."""
    counts = Counter(row["identity"] for row in rows)
    return [row for row in rows if counts[row["identity"]] > 1][:IMAGES]


def variants(stages: Analyzer, image: Image) -> list[Floats]:
    found = stages.detector(image).largest_first(image.size)
    if not len(found):
        return [np.zeros(128, np.float32)] * (len(PIPELINES) - 1)
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
