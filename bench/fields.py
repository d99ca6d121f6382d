"""Checks fields of a face: order under blur and darkening, mirroring, boxes and false faces.

The images are those of lfw-dev, scenes and, if there is such a folder, faceless.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.engine import Engine
from visavis.face import Face, LandmarkType
from visavis.image import decode
from visavis.runtime import open_engine

SAMPLE = 12  # every 12th image of lfw-dev is used
FACELESS = 200
L = LandmarkType


def run(data: Path) -> None:
    images = [
        (data / "lfw-dev/images" / row["image"]).read_bytes()
        for row in list(csv.DictReader((data / "lfw-dev/images.csv").open()))[::SAMPLE]
    ]
    with open_engine() as engine:
        ordered(engine, "brightness over five levels of light", images, darker, lambda f: f.quality.brightness)
        ordered(engine, "sharpness over five levels of blur", images, softer, lambda f: f.quality.sharpness)
        mirrored(engine, images)
        boxes(engine, images)
        false_faces(engine, data / "scenes")
        if (data / "faceless").is_dir():
            faceless(engine, data / "faceless")


def darker(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [(image * k).astype(np.uint8) for k in (1, 0.8, 0.6, 0.45, 0.3)]


def softer(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [image, *(np.asarray(cv2.GaussianBlur(image, (0, 0), s), np.uint8) for s in (2, 3, 4.5, 6.5))]


def ordered(
    engine: Engine,
    what: str,
    images: Sequence[bytes],
    worsen: Callable[[NDArray[np.uint8]], list[NDArray[np.uint8]]],
    value: Callable[[Face], float],
) -> None:
    def falls(data: bytes) -> bool:
        values = []
        for worse in worsen(decode(data).pixels):
            faces = engine.analyze(png(worse), largest_only=True).faces
            if not faces:
                return False
            values.append(value(faces[0]))
        return all(a > b for a, b in pairwise(values))

    with ThreadPoolExecutor(2) as pool:
        share = statistics.fmean(pool.map(falls, images))
    print(f"{what}: strictly ordered on {100 * share:.1f} % of {len(images)} images (a lost face is an error)")


def mirrored(engine: Engine, images: Sequence[bytes]) -> None:
    errors = []
    for data in images:
        pixels = decode(data).pixels
        one = engine.analyze(data, largest_only=True).faces
        other = engine.analyze(png(np.ascontiguousarray(pixels[:, ::-1])), largest_only=True).faces
        if one and other:
            a, b = one[0].pose, other[0].pose
            errors.append([abs(a.roll + b.roll), abs(a.yaw + b.yaw), abs(a.pitch - b.pitch)])
    roll, yaw, pitch = np.mean(errors, axis=0)
    print(f"mirrored: mean error of roll {roll:.2f}, yaw {yaw:.2f}, pitch {pitch:.2f} degrees on {len(errors)} faces")


def boxes(engine: Engine, images: Sequence[bytes]) -> None:
    rows = []
    for data in images:
        for face in engine.analyze(data, largest_only=True).faces:
            if max(abs(face.pose.yaw), abs(face.pose.roll)) < 8 and abs(face.pose.pitch - 8) < 10:
                left, right = _point(face, L.EYE_LEFT), _point(face, L.EYE_RIGHT)
                eyes, mouth = (left + right) / 2, (_point(face, L.MOUTH_LEFT) + _point(face, L.MOUTH_RIGHT)) / 2
                iod = np.linalg.norm(right - left)
                height = face.box.height
                rows.append([
                    face.box.width / iod, height / np.linalg.norm(mouth - eyes),
                    (eyes[1] - face.box.top) / height, (eyes[0] - face.box.left) / face.box.width,
                ])  # fmt: skip
    width, height, line, middle = np.median(rows, axis=0)
    print(
        f"box, {len(rows)} near-frontal faces, medians (recorded): width {width:.2f} IOD (2.21), "
        f"height {height:.2f} eyes to mouth (2.86), eye line {line:.3f} (.38), eye middle {middle:.3f} (.49)"
    )


def _point(face: Face, kind: L) -> NDArray[np.float64]:
    landmark = face.landmark(kind)
    assert landmark is not None
    return np.array([landmark.x, landmark.y])


def false_faces(engine: Engine, scenes: Path) -> None:
    """Analyse 300 crops that are not near a face, and the whole images without a face."""
    noses: dict[str, list[tuple[float, float]]] = {}
    for row in csv.DictReader((scenes / "faces.csv").open()):
        noses.setdefault(row["image"], []).extend(
            [(float(row["nose_x"]), float(row["nose_y"]))] if row["nose_x"] else []
        )
    rng = np.random.default_rng(5)
    found, crops = [], 0
    for name, marks in noses.items():
        data = (scenes / "images" / name).read_bytes()
        faces = engine.analyze(data).faces
        if not marks:
            found += [f.confidence for f in faces]
        pixels, taken = decode(data).pixels, 0
        height, width = pixels.shape[:2]
        for _ in range(400):
            side = max(80, int(rng.uniform(0.08, 0.5) * min(width, height)))
            x, y = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
            near = any(
                f.box.left - 0.3 * f.box.width < x + side and f.box.right + 0.3 * f.box.width > x
                and f.box.top - 0.4 * f.box.height < y + side and f.box.bottom + 0.3 * f.box.height > y
                for f in faces
            )  # fmt: skip
            if not near:
                crop = np.ascontiguousarray(pixels[y : y + side, x : x + side])
                found += [f.confidence for f in engine.analyze(png(crop)).faces]
                crops, taken = crops + 1, taken + 1
            if taken == 17 or crops == 300:
                break
    highest = ", ".join(f"{c:.1f}" for c in sorted(found, reverse=True)[:5]) or "none"
    print(f"false faces in {crops} crops without a face: {len(found)}; their confidences: {highest}")


def faceless(engine: Engine, folder: Path) -> None:
    """Analyse pictures that show no face, each whole and in random crops at quarter turns, `FACELESS` views in all.

    The pictures of scikit-image without its astronaut and its photographer are such a folder.
    """
    files = sorted(folder.iterdir())
    rng = np.random.default_rng(6)
    found: list[tuple[float, str]] = []
    for i in range(FACELESS):
        file = files[i % len(files)]
        pixels = decode(file.read_bytes()).pixels
        if i >= len(files):
            height, width = pixels.shape[:2]
            side = max(min(80, width, height), int(rng.uniform(0.2, 0.9) * min(width, height)))
            x, y = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
            pixels = np.rot90(pixels[y : y + side, x : x + side], int(rng.integers(4)))
        found += [(f.confidence, file.stem) for f in engine.analyze(np.ascontiguousarray(pixels)).faces]
    highest = ", ".join(f"{c:.1f} in {name}" for c, name in sorted(found, reverse=True)[:5]) or "none"
    print(f"false faces in {FACELESS} views of pictures without a face: {len(found)}; their confidences: {highest}")


def png(rgb: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", rgb[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert done
    return data.tobytes()
