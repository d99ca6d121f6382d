"""Fit the confidence that a detection is a face, `vision/data/confidence.json`.

    python -m tools.fit_confidence [DATA] [--images N] [--cache FILE] [--write]

A logistic regression on the terms of `confidence_terms`, with faces and false detections weighted ten to one in sum.
Faces are those of DATA/lfw-dev, plain and degraded (`bench.degrade`), and the marked ones of DATA/scenes. False
detections are whatever the detector reports in `CROPS` crops of the scenes that show no face, whatever its confidence.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_degraded import IMAGES, degraded_faces, measured_rows
from tools.fitting_faces import Measured, Measurer, Table, cached, each, mesh_box

from visavis.image import Image, decode
from visavis.models.shipped import DEFAULT_EMBEDDER
from visavis.vision.confidence import (
    CONFIDENCE_FILE,
    MIN_CONFIDENCE,
    ConfidenceNumbers,
    confidence_terms,
    face_confidence,
)

Floats = NDArray[np.float64]

CROPS = 668
FACES_PER_FALSE = 10.0
RIDGE = 1e-3
"""Penalty on the squared slopes of standardised terms, because faces and false detections can nearly be separated."""


def fit(terms: Floats, is_face: NDArray[np.bool_]) -> list[float]:
    """Intercept and slopes of a weighted logistic regression, by Newton's method.

    Args:
        terms: (n, 3), of `confidence_terms`
        is_face: (n,)
    """
    x = np.column_stack([np.ones(len(terms)), terms])
    # Both kinds have the weight of their number together, whatever their numbers are.
    shares = np.where(is_face, FACES_PER_FALSE / max(is_face.sum(), 1), 1 / max((~is_face).sum(), 1))
    weights = shares * len(terms) / (FACES_PER_FALSE + 1)
    ridge = np.diag([0.0, *[RIDGE] * terms.shape[1]])
    scale = np.array([1.0, *terms.std(axis=0)])
    x = x / scale
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        share = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        gradient = x.T @ (weights * (is_face - share)) - ridge @ beta
        hessian = (x * (weights * share * (1 - share))[:, None]).T @ x + ridge + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        # A long step can overshoot where the classes are nearly separated.
        beta += step * min(1.0, 5 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-8:
            break
    return [float(v) for v in beta / scale]


def fit_assumed_norm(terms: Floats, is_face: NDArray[np.bool_], beta: list[float]) -> float:
    """The norm with which as many false detections pass `MIN_CONFIDENCE` as faces are dropped."""
    others = beta[0] + terms[:, :2] @ np.array(beta[1:3])
    needed = (math.log(MIN_CONFIDENCE / (100 - MIN_CONFIDENCE)) - others) / beta[3]
    norms = np.exp(np.sort(needed))
    passing = np.array([(needed[~is_face] <= math.log(norm)).sum() for norm in norms])
    dropped = np.array([(needed[is_face] > math.log(norm)).sum() for norm in norms])
    equal = np.flatnonzero(np.abs(passing - dropped) == np.abs(passing - dropped).min())
    return float(np.median(norms[equal]))


def terms_of(table: Table) -> Floats:
    """(n, 3) the terms of each row."""
    rows = zip(table["score"].tolist(), table["presence"].tolist(), table["norm"].tolist(), strict=True)
    return np.array([confidence_terms(*row) for row in rows])


def numbers_of(terms: Floats, is_face: NDArray[np.bool_]) -> list[float]:
    """Everything that the tool fits, in the order of `ConfidenceNumbers`."""
    beta = fit(terms, is_face)
    return [*beta, fit_assumed_norm(terms, is_face, beta)]


def scene_detections(data: Path, measurer: Measurer) -> tuple[list[Measured], list[Measured]]:
    """The marked faces of the scenes, and the detections in crops of them that show no face."""
    noses: dict[str, list[tuple[float, float]]] = {}
    with (data / "scenes/faces.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            marks = [(float(row["nose_x"]), float(row["nose_y"]))] if row["nose_x"] else []
            noses.setdefault(row["image"], []).extend(marks)
    faces: list[Measured] = []
    crops: list[Image] = []
    for i, (name, marks) in enumerate(noses.items()):
        image = decode((data / "scenes/images" / name).read_bytes())
        found = [f for f in measurer.all(image) if any(inside(mark, mesh_box(f.mesh)) for mark in marks)]
        faces += found
        most = math.ceil((CROPS - len(crops)) / (len(noses) - i))
        crops += list(crops_without(image, [mesh_box(f.mesh) for f in found], most, seed=i))
    return faces, [f for found in each(measurer.all, crops) for f in found]


def inside(point: tuple[float, float], box: Floats) -> bool:
    return bool(box[0] < point[0] < box[2] and box[1] < point[1] < box[3])


def crops_without(image: Image, boxes: list[Floats], most: int, *, seed: int) -> Iterator[Image]:
    """Random square crops that no box comes near, of 8 to 50 % of the shorter side."""
    chance = np.random.default_rng(seed)
    height, width = image.pixels.shape[:2]
    taken = 0
    for _ in range(40 * most):
        side = min(max(80, int(chance.uniform(0.08, 0.5) * min(width, height))), width, height)
        x, y = int(chance.integers(0, width - side + 1)), int(chance.integers(0, height - side + 1))
        margins = [0.4 * (box[2:] - box[:2]) for box in boxes]
        if not any(
            b[0] - m[0] < x + side and b[2] + m[0] > x and b[1] - m[1] < y + side and b[3] + m[1] > y
            for b, m in zip(boxes, margins, strict=True)
        ):
            crop = image.pixels[y : y + side, x : x + side]
            scale = min(1.0, 640 / side)
            yield Image(np.ascontiguousarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))
            taken += 1
        if taken == most:
            return


def main() -> None:
    args = parse(__doc__, images=IMAGES)
    measurer = Measurer()
    people = degraded_faces(args, measurer)
    key = f"detections of {args.data}/scenes"

    def measure() -> Table:
        faces, false = scene_detections(args.data, measurer)
        return measured_rows([*faces, *false]) | {"is_face": np.array([True] * len(faces) + [False] * len(false))}

    scenes = cached(args.cache and args.cache.with_suffix(".scenes.npz"), key, measure)
    terms = np.concatenate([terms_of(people), terms_of(scenes)])
    is_face = np.concatenate([np.ones(len(people["how"]), np.bool_), scenes["is_face"]])
    groups = [*people["identity"].tolist(), *(f"scene {i}" for i in range(len(scenes["is_face"])))]
    shipped = ConfidenceNumbers(**stored(CONFIDENCE_FILE)["numbers"])
    fitted = ConfidenceNumbers(*numbers_of(terms, is_face))
    interval = bootstrap(groups, lambda rows: numbers_of(terms[rows], is_face[rows]), replicates=100)
    print(f"{is_face.sum()} faces and {(~is_face).sum()} false detections in {CROPS} crops without a face")
    columns = (np.concatenate([people[n], scenes[n]]).tolist() for n in ("score", "presence", "norm"))
    rows: list[tuple[float, float, float]] = list(zip(*columns, strict=True))
    old, new = (np.array([face_confidence(s, p, n, numbers) for s, p, n in rows]) for numbers in (shipped, fitted))
    change = np.abs(new - old)[is_face]
    effects = {
        f"faces below {MIN_CONFIDENCE:g}": f"{(old[is_face] < MIN_CONFIDENCE).sum()} shipped, "
        f"{(new[is_face] < MIN_CONFIDENCE).sum()} fitted",
        f"false detections from {MIN_CONFIDENCE:g}": f"{(old[~is_face] >= MIN_CONFIDENCE).sum()} shipped, "
        f"{(new[~is_face] >= MIN_CONFIDENCE).sum()} fitted; the highest have {old[~is_face].max():.1f} and "
        f"{new[~is_face].max():.1f}",
        "Confidence of faces would change by": f"median {np.median(change):.4f}, 99 % of faces by less than "
        f"{np.quantile(change, 0.99):.2f}",
    }
    print(report(refits(asdict(shipped), list(asdict(fitted).values()), interval), effects))
    if args.write:
        write(
            CONFIDENCE_FILE,
            {name: round(value, 3) for name, value in asdict(fitted).items()},
            origin="Logistic regression with faces and false detections weighted ten to one; see the tool.",
            data={
                "set": "lfw-dev, plain and degraded; scenes, and crops of them without a face",
                "faces": int(is_face.sum()),
                "false_detections": int((~is_face).sum()),
            },
            networks=("detector", "mesh", DEFAULT_EMBEDDER),
            tool="python -m tools.fit_confidence",
        )


if __name__ == "__main__":
    main()
