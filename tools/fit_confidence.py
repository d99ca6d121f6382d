"""Fit the confidence that a detection is a face, `vision/data/confidence.json`.

    python -m tools.fit_confidence [DATA] [--images N] [--cache FILE] [--write]

A logistic regression on the terms of `confidence_terms`, with faces and false detections weighted two to one in sum.
Faces are those of DATA/lfw-dev, plain, degraded (`bench.degrade`) and hard to see (`tools.fitting_hard`), and those
marked in DATA/scenes. False detections are whatever the detector reports, at any confidence, in crops that show no
face: `CROPS` of the scenes, and others of the pictures in DATA/faceless if there is such a folder.
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
from tools.fitting_hard import hard_faces

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

TERMS = ("score", "presence", "norm", "size")
CROPS = 668
CROPS_OF_FACELESS = 16
"""Of each picture in DATA/faceless."""
FACES_PER_FALSE = 2.0
"""Chosen so that no false detection reaches `MIN_CONFIDENCE`."""
RIDGE = 1e-3
"""Penalty on the squared slopes of standardised terms, because faces and false detections can nearly be separated."""


def fit(terms: Floats, is_face: NDArray[np.bool_]) -> list[float]:
    """Intercept and slopes of a weighted logistic regression, by Newton's method.

    Args:
        terms: (n, 4), of `confidence_terms`
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
    others = beta[0] + terms[:, [0, 1, 3]] @ np.array([beta[1], beta[2], beta[4]])
    needed = (math.log(MIN_CONFIDENCE / (100 - MIN_CONFIDENCE)) - others) / beta[3]
    norms = np.exp(np.sort(needed))
    passing = np.array([(needed[~is_face] <= math.log(norm)).sum() for norm in norms])
    dropped = np.array([(needed[is_face] > math.log(norm)).sum() for norm in norms])
    equal = np.flatnonzero(np.abs(passing - dropped) == np.abs(passing - dropped).min())
    return float(np.median(norms[equal]))


def terms_of(table: Table) -> Floats:
    """(n, 4) the terms of each row."""
    return np.array([confidence_terms(*row) for row in zip(*(table[name].tolist() for name in TERMS), strict=True)])


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
    for i, file in enumerate(sorted((data / "faceless").glob("*.*"))):
        crops += list(crops_without(decode(file.read_bytes()), [], CROPS_OF_FACELESS, seed=100 + i))
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
    people, hard = degraded_faces(args, measurer), hard_faces(args, measurer)
    key = f"detections of {args.data}/scenes"

    def measure() -> Table:
        faces, false = scene_detections(args.data, measurer)
        return measured_rows([*faces, *false]) | {"is_face": np.array([True] * len(faces) + [False] * len(false))}

    scenes = cached(args.cache and args.cache.with_suffix(".scenes.npz"), key, measure)
    terms = np.concatenate([terms_of(people), terms_of(hard), terms_of(scenes)])
    lfw = np.concatenate([people["identity"], hard["identity"]])
    how = np.concatenate([people["how"], hard["how"], np.full(len(scenes["is_face"]), "scenes")])
    is_face = np.concatenate([np.ones(len(lfw), np.bool_), scenes["is_face"]])
    groups = [*lfw.tolist(), *(f"scene {i}" for i in range(len(scenes["is_face"])))]
    shipped = ConfidenceNumbers(**stored(CONFIDENCE_FILE)["numbers"])
    fitted = ConfidenceNumbers(*numbers_of(terms, is_face))
    interval = bootstrap(groups, lambda rows: numbers_of(terms[rows], is_face[rows]), replicates=100)
    print(f"{is_face.sum()} faces and {(~is_face).sum()} false detections in crops without a face")
    columns = (np.concatenate([t[n] for t in (people, hard, scenes)]).tolist() for n in TERMS)
    rows: list[tuple[float, float, float, float]] = list(zip(*columns, strict=True))
    old, new = (np.array([face_confidence(*row, numbers) for row in rows]) for numbers in (shipped, fitted))
    change = np.abs(new - old)[is_face]
    effects = {
        f"faces below {MIN_CONFIDENCE:g}": f"{(old[is_face] < MIN_CONFIDENCE).sum()} shipped, "
        f"{(new[is_face] < MIN_CONFIDENCE).sum()} fitted",
        **{
            f"of the {(of & is_face).sum()} {name}": f"{(old[of & is_face] < MIN_CONFIDENCE).sum()} shipped, "
            f"{(new[of & is_face] < MIN_CONFIDENCE).sum()} fitted"
            for name in dict.fromkeys(how.tolist())
            for of in [how == name]
        },
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
            origin="Logistic regression with faces and false detections weighted two to one; see the tool.",
            data={
                "set": "lfw-dev, plain, degraded and hard to see; scenes; crops without a face",
                "faces": int(is_face.sum()),
                "false_detections": int((~is_face).sum()),
            },
            networks=("detector", "mesh", DEFAULT_EMBEDDER),
            tool="python -m tools.fit_confidence",
        )


if __name__ == "__main__":
    main()
