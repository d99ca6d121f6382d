"""Measures whether faces are read the right way up: photos turned by many angles, in three frames and at three sizes.

A photo is turned about its centre, on a canvas that holds all of it; what the photo does not cover is black, white, or
the photo's border replicated. A reading is right if its roll is within 5 degrees of the roll of the unturned photo plus
the angle, and its similarity with the unturned photo is above 97.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.images import PHOTOS
from visavis.engine import Engine
from visavis.face import Face
from visavis.image import decode
from visavis.runtime import open_engine

FRAMES = {"black": cv2.BORDER_CONSTANT, "white": cv2.BORDER_CONSTANT, "replicated": cv2.BORDER_REPLICATE}
SCALES = (1.0, 0.5, 0.25)
MAX_ROLL_ERROR, MIN_SIMILARITY = 5.0, 97.0
LFW = 300
MIN_SIDE = 80
"""Pixels; smaller images are refused, as by Amazon."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Turned:
    """A photo to turn.

    Attributes:
        name: of the file.
        pixels: of the photo at one scale.
        upright: the face of the unturned photo at full size.
        angle: degrees, clockwise as roll.
        frame: one of `FRAMES`.
        scale: of the pixels.
    """

    name: str
    pixels: Pixels
    upright: Face
    angle: float
    frame: str
    scale: float


def run(data: Path | None) -> None:
    with open_engine() as engine:
        table("portraits", engine, works(engine, sorted(PHOTOS.glob("*.jpg")), range(0, 360, 5), tuple(FRAMES), SCALES))
        if data is not None:
            rows = list(csv.DictReader((data / "lfw-dev/images.csv").open(encoding="utf-8")))
            files = [data / "lfw-dev/images" / row["image"] for row in rows[:: len(rows) // LFW][:LFW]]
            table("lfw-dev", engine, works(engine, files, range(0, 360, 15), ("black",), (1.0,)))


def works(
    engine: Engine, files: Iterable[Path], angles: Iterable[int], frames: Iterable[str], scales: Iterable[float]
) -> Iterator[Turned]:
    for file in files:
        pixels = decode(file.read_bytes()).pixels
        faces = engine.analyze(pixels, largest_only=True).faces
        if not faces:
            print(f"{file.name}: no face in the unturned photo")
            continue
        for scale in scales:
            small = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
            if min(small.shape[:2]) < MIN_SIDE:
                continue
            for frame in frames:
                for angle in angles:
                    yield Turned(file.name, small, faces[0], angle, frame, scale)


def table(what: str, engine: Engine, turned: Iterable[Turned]) -> None:
    """Print each reading that is wrong, and how many are right."""
    with ThreadPoolExecutor(2) as pool:
        readings = list(pool.map(lambda work: (work, reading(engine, work)), turned))
    wrong = [(work, how) for work, how in readings if how is not None]
    for work, how in wrong:
        print(f"{work.name}, {work.frame} frame, scale {work.scale:g}, {work.angle:g} degrees: {how}")
    right = len(readings) - len(wrong)
    print(f"{what}: {right} of {len(readings)} right, {100 * right / max(len(readings), 1):.2f} %")


def reading(engine: Engine, work: Turned) -> str | None:
    """What is wrong with the reading of a turned photo; None if nothing is."""
    faces = engine.analyze(turn(work.pixels, work.angle, work.frame), largest_only=True).faces
    if not faces:
        return "no face"
    error = (faces[0].pose.roll - work.upright.pose.roll - work.angle + 180) % 360 - 180
    similarity = engine.calibration.similarity(float(faces[0].embedding @ work.upright.embedding))
    if abs(error) <= MAX_ROLL_ERROR and similarity > MIN_SIMILARITY:
        return None
    return f"roll off by {error:+.1f} degrees, similarity {similarity:.2f}"


def turn(pixels: Pixels, angle: float, frame: str) -> Pixels:
    """Turn pixels clockwise on a canvas that holds all of them."""
    height, width = pixels.shape[:2]
    cos, sin = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    size = (math.ceil(width * cos + height * sin - 1e-6), math.ceil(width * sin + height * cos - 1e-6))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, 1.0)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    value = (255, 255, 255) if frame == "white" else (0, 0, 0)
    return np.asarray(cv2.warpAffine(pixels, matrix, size, borderMode=FRAMES[frame], borderValue=value), np.uint8)
