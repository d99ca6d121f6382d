"""Measures detection on whole scenes, and compares the images of each person."""

from __future__ import annotations

import csv
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from visavis.calibration import load_calibration
from visavis.runtime import open_engine


def run(data: Path) -> None:
    folder = data / "scenes"
    noses: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for row in csv.DictReader((folder / "faces.csv").open()):
        marks = noses[row["image"]]
        if row["nose_x"]:
            marks.append((row["person"], float(row["nose_x"]), float(row["nose_y"])))
    missed = false = 0
    people = defaultdict(list)
    with open_engine() as engine:
        for name, marks in noses.items():
            faces = engine.analyze((folder / "images" / name).read_bytes()).faces
            boxes = [f.box for f in faces]
            hit = [any(b.left < x < b.right and b.top < y < b.bottom for b in boxes) for _, x, y in marks]
            extra = [
                f for f in faces
                if not any(f.box.left < x < f.box.right and f.box.top < y < f.box.bottom for _, x, y in marks)
            ]  # fmt: skip
            missed += len(hit) - sum(hit)
            false += len(extra)
            note = "  false: " + ", ".join(f"{f.confidence:.1f} at {f.box.centre}" for f in extra) if extra else ""
            print(f"{name}: {sum(hit)} of {len(marks)} found{note}")
            if len(marks) == 1 and marks[0][0]:
                people[marks[0][0]].append((name, faces[0]))
    print(f"total: {missed} missed, {false} false")
    similarity = load_calibration().similarity
    for person, found in people.items():
        scores = [similarity(float(a.embedding @ b.embedding)) for (_, a), (_, b) in combinations(found, 2)]
        if scores:
            print(f"person {person}: {len(scores)} pairs, similarity {min(scores):.3f} to {max(scores):.3f}")
