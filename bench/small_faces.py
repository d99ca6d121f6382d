"""Measures which small and tilted faces are found: sizes of 20 to 200 pixels, every 15 degrees of roll, in a big scene.

The six example portraits are drawn on a scene of 1600x1200 pixels, each turned about its face and at a height of the
face's box (in its upright position) of so many pixels. In a second scene an upright face of 300 pixels stands among
them, because a sure face must not hide the others. Heat maps of the shares are drawn to
`bench/results/small_faces.png` and `small_faces_bystander.png`.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.images import PHOTOS
from bench.results import FOLDER
from visavis.engine import Engine
from visavis.face import Face
from visavis.geometry import Box
from visavis.image import decode
from visavis.runtime import open_engine

SIZES = (20, 25, 30, 40, 50, 60, 80, 100, 150, 200)
ROLLS = tuple(range(0, 360, 15))
SCENE = (1200, 1600)
CELLS = ((270, 320), (270, 800), (270, 1280), (900, 320), (900, 800), (900, 1280))
"""The centres of the six faces, row before column."""
BYSTANDER = 300

Pixels = NDArray[np.uint8]


def run(_data: Path | None) -> None:
    with open_engine() as engine:
        portraits = [(p, engine.analyze(p, largest_only=True).faces[0]) for p in _portraits()]
        for bystander in (False, True):
            shares = np.zeros((len(SIZES), len(ROLLS)))
            works = [(i, j) for i in range(len(SIZES)) for j in range(len(ROLLS))]
            count_found = partial(found_of, engine, portraits, bystander=bystander)
            with ThreadPoolExecutor(2) as pool:
                found = pool.map(count_found, *zip(*((SIZES[i], ROLLS[j]) for i, j in works), strict=True))
                for (i, j), count in zip(works, found, strict=True):
                    shares[i, j] = count / len(portraits)
            print_table(shares, "with an upright bystander" if bystander else "alone")
            FOLDER.mkdir(exist_ok=True)
            heat_map(shares, FOLDER / f"small_faces{'_bystander' if bystander else ''}.png")


def _portraits() -> list[Pixels]:
    return [decode(path.read_bytes()).pixels for path in sorted(PHOTOS.glob("*.jpg"))]


def found_of(engine: Engine, portraits: list[tuple[Pixels, Face]], size: int, roll: float, *, bystander: bool) -> int:
    """How many of the faces are found, with their centre in the right place and the roll within 15 degrees."""
    scene, marks = scene_of(portraits, size, roll, bystander=bystander)
    faces = engine.analyze(scene).faces
    return sum(any(is_found(face, mark, size) for face in faces) for mark in marks)


def is_found(face: Face, mark: tuple[float, float, float], size: int) -> bool:
    x, y = face.box.centre
    turn = (face.pose.roll - mark[2] + 180) % 360 - 180
    return math.hypot(x - mark[0], y - mark[1]) < 0.4 * size and abs(turn) < 15


def scene_of(
    portraits: list[tuple[Pixels, Face]], size: int, roll: float, *, bystander: bool
) -> tuple[Pixels, list[tuple[float, float, float]]]:
    """The scene, and centre x, centre y and roll of each face in it."""
    scene = backdrop()
    marks = []
    for (pixels, face), (y, x) in zip(portraits, CELLS, strict=True):
        draw(scene, pixels, face.box, (x, y), size, roll)
        marks.append((float(x), float(y), face.pose.roll + roll))
    if bystander:
        pixels, face = portraits[0]
        draw(scene, pixels, face.box, (SCENE[1] // 2, SCENE[0] // 2), BYSTANDER, 0)
    return scene, marks


def backdrop() -> Pixels:
    """Smooth random colours with a little noise."""
    rng = np.random.default_rng(3)
    coarse = rng.uniform(40, 215, (6, 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, SCENE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray((smooth + rng.normal(0, 3, smooth.shape)).clip(0, 255), np.uint8)


def draw(scene: Pixels, pixels: Pixels, box: Box, centre: tuple[int, int], size: int, roll: float) -> None:
    """Draw the portrait around a face into a scene, turned clockwise, with a soft edge around head and shoulders."""
    scale = size / box.height
    x, y = box.centre
    matrix = cv2.getRotationMatrix2D((x, y), -roll, scale)
    matrix[:, 2] += np.subtract(centre, (x, y))
    # The box enlarged is an ellipse about the head.
    mask = np.zeros(pixels.shape[:2], np.float32)
    axes = (round(0.95 * box.width), round(0.85 * box.height))
    cv2.ellipse(mask, (round(x), round(y)), axes, 0, 0, 360, 1.0, cv2.FILLED)
    smaller = max(1.0, 1 / scale)
    soft = cv2.GaussianBlur(pixels, (0, 0), 0.4 * smaller) if smaller > 1.2 else pixels
    drawn = cv2.warpAffine(soft, matrix, SCENE[::-1], flags=cv2.INTER_LINEAR)
    share = cv2.warpAffine(mask, matrix, SCENE[::-1], flags=cv2.INTER_LINEAR)[:, :, None]
    scene[:] = (drawn * share + scene * (1 - share)).astype(np.uint8)


def print_table(shares: NDArray[np.float64], what: str) -> None:
    print(f"\n{what}: faces found in %, by size (rows) and roll (columns)")
    print("     " + "".join(f"{roll:5}" for roll in ROLLS))
    for size, row in zip(SIZES, shares, strict=True):
        print(f"{size:5}" + "".join(f"{100 * share:5.0f}" for share in row))
    from_40 = shares[[size >= 40 for size in SIZES]]
    print(f"all: {100 * shares.mean():.1f} %; from 40 pixels: {100 * from_40.mean():.2f} %")


def heat_map(shares: NDArray[np.float64], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.6), layout="constrained")
    image = axes.imshow(100 * shares, aspect="auto", vmin=0, vmax=100, cmap="viridis", origin="lower")
    axes.set_xticks(range(0, len(ROLLS), 3), [str(roll) for roll in ROLLS[::3]])
    axes.set_yticks(range(len(SIZES)), [str(size) for size in SIZES])
    axes.set_xlabel("roll in degrees")
    axes.set_ylabel("height of the face in pixels")
    figure.colorbar(image, label="faces found in %")
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
