"""Measures the similarity of a portrait with its own ghost image, as an identity card shows it: tiny, pale and blurred.

The face in the ghost image is 51 pixels high. Amazon's recorded similarity for such a pair is 80.2. Each similarity is
given without the quality ceiling too. FOLDER/lfw-dev adds a photo of each of the first 200 people.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.images import PHOTOS
from visavis.cosine_adjustments import quality_adjusted
from visavis.engine import Engine
from visavis.image import decode
from visavis.runtime import open_engine

FACE, BLUR, CONTRAST, MARGIN = 51, 1.0, 0.45, 60
"""Height of the face and deviation of the blur in pixels, part of the contrast that is left, border in pixels."""
PEOPLE = 200

Pixels = NDArray[np.uint8]


def run(data: Path | None) -> None:
    with open_engine() as engine:
        table("portraits", engine, sorted(PHOTOS.glob("*.jpg")))
        if data is not None:
            folder = data / "lfw-dev"
            with (folder / "images.csv").open(encoding="utf-8", newline="") as lines:
                first = {row["identity"]: folder / "images" / row["image"] for row in csv.DictReader(lines)}
            table("lfw-dev", engine, list(first.values())[:PEOPLE])


def table(what: str, engine: Engine, files: Iterable[Path]) -> None:
    rows, missing = [], 0
    for file in files:
        pixels = decode(file.read_bytes()).pixels
        (face,) = engine.analyze(pixels, largest_only=True).faces
        ghosts = engine.analyze(ghost(pixels, face.box.height), largest_only=True).faces
        if not ghosts:
            missing += 1
            continue
        cosine, one, other = float(face.embedding @ ghosts[0].embedding), face.quality.score, ghosts[0].quality.score
        without = quality_adjusted(cosine, one, other, ceiling=None)
        scale = engine.calibration
        plain = float(np.interp(without, scale.scores, scale.similarities))
        rows.append((other, cosine, plain, scale.similarity(cosine, (one, other))))
    quality, cosines, plain_ones, similarities = np.array(rows).T
    print(
        f"{what}: {len(rows)} ghost images, {missing} without a face; quality score {np.median(quality):.0f}, cosine "
        f"{np.median(cosines):.3f} (medians)"
    )
    for title, values in (("without the ceiling", plain_ones), ("similarity", similarities)):
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        print(f"  {title:20} median {middle:.2f}, 5 % below {low:.2f}, 5 % above {high:.2f}, most {values.max():.2f}")


def ghost(pixels: Pixels, face_height: float) -> Pixels:
    """The photo with a face of `FACE` pixels, pale and blurred, on a light card."""
    scale = FACE / face_height
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pale = 200 + CONTRAST * (cv2.GaussianBlur(small, (0, 0), BLUR) - 128.0)
    card = cv2.copyMakeBorder(pale, *(MARGIN,) * 4, cv2.BORDER_CONSTANT, value=(225, 225, 215))
    return np.asarray(card.clip(0, 255), np.uint8)
