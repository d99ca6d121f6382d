"""Make the aligned crops from which `tools.train_embedder` trains.

    python -m tools.embedder_crops DATA OUT [--copies N] [--images N]

Every image of DATA/lfw-dev is degraded N times (`tools.camera`), then detected, aligned and cropped as the program does
it, because small, blurred and dark photos move the mesh too. If the program finds another face or none, the crop is
aligned by where the face is, with the error that the mesh has on degraded faces. FERPlus's 48 pixel images, if DATA has
them, are cropped as they are; the trainer degrades these crops itself.

OUT is a folder that the tool makes. It takes 1.6 GB at 12 copies; delete it after training.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from bench.degrade import DEGRADATIONS, degrade
from numpy.typing import NDArray
from tools.camera import degraded
from tools.camera_photo import Photo
from tools.expression_data import TYPICAL_POINTS

from visavis.image import Image, decode
from visavis.orientation import OrientationResolver
from visavis.runtime import open_analyzer
from visavis.vision.align import SIDE, align, five_points
from visavis.vision.mesh import FaceMeshModel

__all__ = ["Crops", "load_crops"]

Pixels = NDArray[np.uint8]

MOVED = 0.5
"""Interocular distances from where the face is; what the program finds farther away is another face."""

_ENLARGE = 4
"""The factor by which FERPlus's 48 x 48 images are enlarged before the mesh reads them."""

_SEEN = 5.0
"""The mesh's presence, a logit, from which an image of FERPlus is used."""

MESH_ERROR = 0.04
"""Interocular distances; the standard deviation by which degradations move each of the mesh's five points."""


@dataclass(frozen=True, slots=True)
class Crops:
    """The crops of `n` images, of which `m` are of people with several.

    Attributes:
        image: (n,) str, file names.
        identity: (n,) str.
        sex: (n,) str.
        group: (n,) the fold of the person's pairs, 0 to 4.
        plain: (n, 112, 112, 3) uint8 RGB.
        copies: (n, c, 112, 112, 3) uint8 RGB, degraded by `tools.camera`.
        strength: (n, c) of each degradation, 0 to 1.
        judged: (m,) rows of the images of people with several.
        judge: (m, d, 112, 112, 3) uint8 RGB, degraded in the ways of `bench.degrade`; black where no face was found.
        small: (k, 2, 112, 112, 3) uint8 RGB, of FERPlus, plain and degraded.
    """

    image: NDArray[np.str_]
    identity: NDArray[np.str_]
    sex: NDArray[np.str_]
    group: NDArray[np.intp]
    plain: Pixels
    copies: Pixels
    strength: NDArray[np.float32]
    judged: NDArray[np.intp]
    judge: Pixels
    small: Pixels


def load_crops(folder: Path) -> Crops:
    """Load what this tool made; the large arrays stay on the disk until they are read."""
    with np.load(folder / "rows.npz") as rows:
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("plain", "copies", "judge", "small")
        }
        return Crops(**{name: rows[name] for name in rows.files}, **arrays)


@cache
def _stages() -> tuple[OrientationResolver, FaceMeshModel]:
    cv2.setNumThreads(1)
    analyzer, _ = open_analyzer()
    return analyzer.orientation, analyzer.mesh_model


def mesh_of(image: Image) -> NDArray[np.float32] | None:
    """(468, 3) the mesh of the largest face, as the program reads it, or None."""
    resolver, _ = _stages()
    found = resolver.detect(image).largest_first(image.size)
    if not len(found):
        return None
    return resolver.resolve(image, found.take(np.array([0])))[0].mesh.points


def crops_of(file: Path, copies: int, judged: bool) -> tuple[Pixels, Pixels, NDArray[np.float32], Pixels] | None:
    """The plain crop, the degraded ones with their strengths, and the judge's, of an image; None if it has no face."""
    data = file.read_bytes()
    image = decode(data)
    mesh = mesh_of(image)
    if mesh is None:
        return None
    rng = np.random.default_rng(zlib.crc32(file.name.encode()))
    photo = Photo(image.pixels.astype(np.float32), mesh)
    made = np.empty((copies, SIDE, SIDE, 3), np.uint8)
    strengths = rng.uniform(0.1, 1, copies).astype(np.float32)
    for i, strength in enumerate(strengths):
        made[i] = aligned(degraded(photo, float(strength), rng), rng)
    judge = np.zeros((len(DEGRADATIONS) if judged else 0, SIDE, SIDE, 3), np.uint8)
    if judged:
        for i, how in enumerate(DEGRADATIONS):
            one = decode(degrade(data, how))
            found = mesh_of(one)
            if found is not None:
                judge[i] = align(one, five_points(found))
    return align(image, five_points(mesh)), made, strengths, judge


def aligned(photo: Photo, rng: np.random.Generator) -> Pixels:
    """The crop that the program aligns, or if it does not find the face, one that is aligned by where the face is."""
    image = Image(photo.pixels.round().astype(np.uint8))
    truth = five_points(photo.points)
    found = mesh_of(image)
    if found is not None:
        points = five_points(found)
        if float(np.hypot(*(points - truth).T).mean()) < MOVED * photo.interocular:
            return align(image, points)
    error = rng.normal(0, MESH_ERROR * photo.interocular, truth.shape)
    return align(image, (truth + error).astype(np.float32))


def folds_of(folder: Path, identity: dict[str, str]) -> dict[str, int]:
    """The fold of each person in the standard pairs, in which every person has one."""
    with (folder / "pairs.csv").open(encoding="utf-8", newline="") as lines:
        pairs = list(csv.DictReader(lines))
    return {identity[row[key]]: int(row["fold"]) for row in pairs for key in ("source", "target")}


def _of_small(image: Pixels) -> tuple[Pixels, Pixels] | None:
    """The plain crop and one degraded copy of an image of FERPlus, or None if the mesh sees no face."""
    _, mesh_model = _stages()
    large = cv2.resize(image, None, fx=_ENLARGE, fy=_ENLARGE, interpolation=cv2.INTER_CUBIC)
    whole = Image(np.ascontiguousarray(np.repeat(large[:, :, None], 3, axis=2)))
    mesh = mesh_model(whole, TYPICAL_POINTS * len(large))
    if mesh.presence < _SEEN:
        return None
    rng = np.random.default_rng(zlib.crc32(image.tobytes()))
    photo = degraded(Photo(whole.pixels.astype(np.float32), mesh.points), float(rng.uniform(0.1, 1)), rng)
    # Aligned by where the face is, because the detector misses faces that fill the image.
    error = rng.normal(0, MESH_ERROR * photo.interocular, (5, 2))
    points = (five_points(photo.points) + error).astype(np.float32)
    return align(whole, five_points(mesh.points)), align(Image(photo.pixels.round().astype(np.uint8)), points)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with lfw-dev/")
    parser.add_argument("out", type=Path, help="a folder that does not exist")
    parser.add_argument("--copies", type=int, default=8, help="degraded copies of each image (default: 8)")
    parser.add_argument("--images", type=int, help="use the first N images only")
    parser.add_argument("--small", type=int, default=6000, help="images of FERPlus (default: 6000)")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(words)
    folder = given.data / "lfw-dev"
    with (folder / "images.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    folds = folds_of(folder, {row["image"]: row["identity"] for row in rows})
    rows = rows[: given.images]
    counts = Counter(row["identity"] for row in rows)
    files, several = [folder / "images" / row["image"] for row in rows], [counts[row["identity"]] > 1 for row in rows]
    given.out.mkdir(parents=True)
    plain, copies, strength, judge, kept = [], [], [], [], []
    images = np.load(given.data / "ferplus/train.npz")["images"][: given.small]
    with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
        for row, made in zip(rows, pool.map(crops_of, files, repeat(given.copies), several, chunksize=16), strict=True):
            if made is None:
                continue
            plain.append(made[0])
            copies.append(made[1])
            strength.append(made[2])
            if len(made[3]):
                judge.append(made[3])
            kept.append(row)
            if len(kept) % 200 == 0:
                print(f"{len(kept)} of {len(rows)} images", flush=True)
        small = [np.stack(made) for made in pool.map(_of_small, images, chunksize=64) if made is not None]
    print(f"{len(kept)} faces, and {len(small)} small ones")
    for name, arrays in {"plain": plain, "copies": copies, "judge": judge, "small": small}.items():
        np.save(given.out / f"{name}.npy", np.stack(arrays))
    np.savez(
        given.out / "rows.npz",
        identity=np.array([row["identity"] for row in kept]),
        sex=np.array([row["sex"] for row in kept]),
        group=np.array([folds.get(row["identity"], 0) for row in kept]),
        image=np.array([row["image"] for row in kept]),
        strength=np.stack(strength),
        judged=np.array([i for i, row in enumerate(kept) if counts[row["identity"]] > 1]),
    )


if __name__ == "__main__":
    main()
