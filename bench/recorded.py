"""Compares answers with Amazon's recorded ones on FOLDER/recorded/NNN: answer.json beside the images it was given for.

A face of an answer is matched with ours whose box overlaps it most. Errors of landmarks are in interocular distances of
Amazon's points. Biases are ours minus Amazon's in the frame in which Amazon's eyes are level: x along the eyes, y down
the face.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

import visavis
from bench.answers import corners_of, faces_in, iou
from visavis.geometry import Size, level_axes
from visavis.image import decode

MIN_IOU = 0.3
YAWS = ((0, 30), (30, 60), (60, 90))
Json = Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A face of a recorded answer, and ours.

    Attributes:
        name: of the recording, and the face's number in it.
        size: of the image.
        amazon: as recorded.
        ours: as DetectFaces answers; None where no face of ours overlaps.
    """

    name: str
    size: Size
    amazon: Json
    ours: Json | None

    def iou(self) -> float:
        return 0.0 if self.ours is None else overlap(self.amazon, self.ours)

    def points(self, face: Json) -> dict[str, Floats]:
        """The landmarks in pixels."""
        size = np.array([self.size.width, self.size.height])
        return {mark["Type"]: np.array([mark["X"], mark["Y"]]) * size for mark in face["Landmarks"]}


def run(data: Path) -> None:
    client = visavis.client()
    pairs: list[Pair] = []
    for folder in sorted((data / "recorded").iterdir()):
        answer = json.loads((folder / "answer.json").read_text("utf-8"))
        images = {stem: file for stem in ("image", "source", "target") for file in folder.glob(f"{stem}.*")}
        if "source" in images:
            similarities(client, folder.name, answer, images)
        image = images.get("image", images.get("target"))
        if image is not None:
            pairs += pairs_of(client, folder.name, answer, image)
    print(f"\n{len(pairs)} faces in Amazon's answers")
    for pair in pairs:
        if pair.ours is None:
            box = pair.amazon["BoundingBox"]
            print(f"not found: {pair.name}, {box['Height'] * pair.size.height:.0f} pixels high")
    found = [pair for pair in pairs if pair.ours is not None]
    overlaps = np.array([pair.iou() for pair in found])
    print(
        f"boxes: IoU median {np.median(overlaps):.3f}, 10th percentile {np.quantile(overlaps, 0.1):.3f}, "
        f"lowest {overlaps.min():.3f} ({found[int(overlaps.argmin())].name})"
    )
    poses(found)
    qualities(found)
    expressions(found)
    landmarks(found)


def similarities(client: Any, name: str, answer: Json, images: Mapping[str, Path]) -> None:
    """Print the similarities of a recorded CompareFaces and ours, highest first."""
    amazon = [match["Similarity"] for match in answer.get("FaceMatches", [])]
    ours = client.compare_faces(
        SourceImage={"Bytes": images["source"].read_bytes()},
        TargetImage={"Bytes": images["target"].read_bytes()},
        SimilarityThreshold=0,
    )["FaceMatches"]
    shown = ", ".join(f"{match['Similarity']:.2f}" for match in ours)
    print(f"{name}: similarity {', '.join(f'{value:.2f}' for value in amazon)} by Amazon; of every face, ours: {shown}")


def pairs_of(client: Any, name: str, answer: Json, image: Path) -> Iterator[Pair]:
    data = image.read_bytes()
    ours = client.detect_faces(Image={"Bytes": data}, Attributes=["ALL"])["FaceDetails"]
    amazon = [face for face in faces_in(answer) if "Width" in face["BoundingBox"] and "Landmarks" in face]
    for i, face in enumerate(amazon):
        best = max(ours, key=lambda other: overlap(face, other), default=None)
        if best is not None and overlap(face, best) < MIN_IOU:
            best = None
        yield Pair(f"{name}/{i}", decode(data).size, face, best)


def overlap(one: Json, other: Json) -> float:
    """The intersection over union of the boxes of two faces, as Amazon gives them."""
    return iou(*(corners_of(face["BoundingBox"]) for face in (one, other)))


def poses(pairs: Sequence[Pair]) -> None:
    """Print the errors of roll, yaw and pitch, in degrees, by Amazon's yaw."""
    angles = [(pair.amazon["Pose"], pair.ours["Pose"]) for pair in pairs if pair.ours and "Pose" in pair.amazon]
    for low, high in YAWS:
        rows = [(a, o) for a, o in angles if low <= abs(a["Yaw"]) < high]
        if rows:
            texts = []
            for angle in ("Roll", "Yaw", "Pitch"):
                errors = np.array([o[angle] - a[angle] for a, o in rows])
                texts.append(
                    f"{angle.lower()} {np.median(errors):+.1f} (median error {np.median(np.abs(errors)):.1f}, "
                    f"largest {np.abs(errors).max():.1f})"
                )
            print(f"pose at a yaw of {low} to {high}, {len(rows)} faces, median difference: {', '.join(texts)}")


def qualities(pairs: Sequence[Pair]) -> None:
    for name in ("Brightness", "Sharpness"):
        rows = [(p.amazon["Quality"][name], p.ours["Quality"][name]) for p in pairs if p.ours and "Quality" in p.amazon]
        amazon, ours = np.array(rows).T
        print(
            f"{name}: median {np.median(ours):.1f} against {np.median(amazon):.1f}, median difference "
            f"{np.median(ours - amazon):+.1f}, rank correlation {spearmanr(amazon, ours).statistic:.3f}"
        )


def expressions(pairs: Sequence[Pair]) -> None:
    rows = [(p.name, p.amazon, p.ours) for p in pairs if p.ours and p.amazon.get("Emotions")]
    tops = [(name, top(amazon), top(ours)) for name, amazon, ours in rows]
    print(f"top emotion: {sum(a[0] == o[0] for _, a, o in tops)} of {len(tops)} the same")
    for name, amazon, ours in tops:
        if amazon[0] != ours[0]:
            print(f"  {name}: {amazon[0]} {amazon[1]:.0f} by Amazon, {ours[0]} {ours[1]:.0f} here")
    smiles = [a["Smile"]["Value"] == o["Smile"]["Value"] for _, a, o in rows if "Smile" in a]
    print(f"smile: {sum(smiles)} of {len(smiles)} the same")


def top(face: Json) -> tuple[str, float]:
    best = max(face["Emotions"], key=lambda emotion: emotion["Confidence"])
    return best["Type"], best["Confidence"]


def landmarks(pairs: Sequence[Pair]) -> None:
    """Print the median error and the median bias of each landmark."""
    errors: dict[str, list[Floats]] = {}
    for pair in pairs:
        assert pair.ours is not None
        amazon, ours = pair.points(pair.amazon), pair.points(pair.ours)
        left, right = amazon["eyeLeft"], amazon["eyeRight"]
        frame = level_axes(left, right) / max(float(np.hypot(*(right - left))), 1.0)
        for name in amazon:
            errors.setdefault(name, []).append(frame @ (ours[name] - amazon[name]))
    print(f"{'landmark':20}{'faces':>6}{'error':>8}{'bias x':>8}{'bias y':>8}")
    for name, rows in errors.items():
        table = np.array(rows)
        x, y = np.median(table, axis=0)
        print(f"{name:20}{len(table):6}{np.median(np.hypot(*table.T)):8.3f}{x:+8.3f}{y:+8.3f}")
