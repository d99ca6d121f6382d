"""Faces and votes for the expression network, from FERPlus and LFW, cropped as the program crops them.

Every image is cropped with the project's mesh and `expression_crop`, so that the network is trained on the same kind of
input as it gets in use. Crops are stored in a cache folder outside the repository. Making them takes about two minutes.
"""

from __future__ import annotations

import csv
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face_mesh import CROP_SIDE
from visavis.geometry import Points, Size
from visavis.image import Image, decode
from visavis.runtime import open_analyzer
from visavis.vision.expression import INPUT_SIDE, expression_crop
from visavis.vision.mesh import FaceMeshModel

__all__ = [
    "CLASSES",
    "TYPICAL_POINTS",
    "Faces",
    "clear_majority",
    "held_out",
    "load_ferplus",
    "load_lfw",
    "soft_labels",
    "stage_input",
]

CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
"""The order of the network's outputs, and of FERPlus's first eight columns."""

_ENLARGE = 8
"""The factor by which FERPlus's 48 x 48 images are enlarged before the mesh reads them."""

TYPICAL_POINTS = np.array([(0.31, 0.37), (0.69, 0.37), (0.5, 0.57), (0.35, 0.76), (0.65, 0.76)], np.float32)
"""The usual positions of eyes, nose and mouth corners in FERPlus's images, in fractions, from which the mesh starts."""

_CROP_VERSION = "1"
"""The version of the crops. Increase it when the same image would give another crop."""


@dataclass(frozen=True, slots=True)
class Faces:
    """`n` faces in the order of the source.

    Attributes:
        names: (n,) file name or row number.
        crops: (n, 48, 48) uint8 grey, the network's input.
        filled: (n, 48, 48) uint8 grey, the same from images that are extended by their mirror image at the edges.
            FERPlus's images are tight, so most of their crops cross an edge and are black there; crops of larger images
            are not.
        crops192: (n, 192, 192) uint8 grey, the input of the program's stage (which is in colour).
        meshes: (n, 468, 3) float32, pixels of the image that the mesh was read from.
        presence: (n,) float32 0..1; below 0.5 the crop is the plain image and the mesh is not valid.
        labels: (n, 10) uint8 votes of FERPlus, or (n,) str of LFW.
        groups: (n,) str, the identity of LFW, or the row number of FERPlus.
    """

    names: NDArray[np.str_]
    crops: NDArray[np.uint8]
    filled: NDArray[np.uint8]
    crops192: NDArray[np.uint8]
    meshes: NDArray[np.float32]
    presence: NDArray[np.float32]
    labels: NDArray[Any]
    groups: NDArray[np.str_]


def load_ferplus(folder: Path, part: str, cache: Path) -> Faces:
    """Load `part`.npz, train or validation, with images (n, 48, 48) uint8, votes (n, 10) and labels (10,)."""
    source = folder / f"{part}.npz"
    with np.load(source) as stored:
        images, votes, labels = stored["images"], stored["votes"], [str(label) for label in stored["labels"]]
    if tuple(labels[: len(CLASSES)]) != CLASSES:
        raise ValueError(f"the first labels of {source} must be {CLASSES}, not {labels}")
    rows = np.array([str(i) for i in range(len(images))])

    def enlarged() -> Iterator[tuple[Image, Points | None]]:
        for image in images:
            large = cv2.resize(image, None, fx=_ENLARGE, fy=_ENLARGE, interpolation=cv2.INTER_CUBIC)
            yield Image(np.repeat(np.asarray(large, np.uint8)[:, :, None], 3, axis=2)), None

    return Faces(rows, *_cropped(enlarged(), source, cache), votes, rows)


def load_lfw(folder: Path, cache: Path) -> Faces:
    """Load `folder`/images.csv, with columns image, identity, sex and expression, and the images in `folder`/images."""
    with (folder / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    detector = open_analyzer()[0].detector

    def detected() -> Iterator[tuple[Image, Points | None]]:
        for row in rows:
            image = decode((folder / "images" / row["image"]).read_bytes())
            found = detector(image).largest_first(image.size)
            yield image, found.points[0] if len(found) else None

    names, people, labels = (np.array([row[key] for row in rows]) for key in ("image", "identity", "expression"))
    return Faces(names, *_cropped(detected(), folder / "images.csv", cache), labels, people)


def soft_labels(votes: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Compute from votes (n, 10) the shares of the eight emotions (n, 8), and which rows are used in training (n,).

    As in the FERPlus paper (Barsoum and others, "Training deep networks for facial expression recognition with
    crowd-sourced label distribution", 2016), single votes are outliers, and "unknown" and "not a face" are not trained.
    """
    emotions = votes[:, : len(CLASSES)].astype(np.float32)
    emotions[emotions <= 1] = 0
    total = emotions.sum(axis=1, keepdims=True)
    fit = (total[:, 0] >= 4) & (emotions.max(axis=1) > votes[:, len(CLASSES) :].max(axis=1))
    return emotions / np.maximum(total, 1), fit


def clear_majority(votes: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The emotion with the most votes (n,), and whether it has three votes or more and is the only one (n,)."""
    emotions = votes[:, : len(CLASSES)]
    best = emotions.max(axis=1)
    return emotions.argmax(axis=1), (best >= 3) & ((emotions == best[:, None]).sum(axis=1) == 1)


def held_out(groups: Iterable[str]) -> NDArray[np.bool_]:
    """Whether each group is held out of training. It is always the same fifth of all groups."""
    return np.array([zlib.crc32(group.encode()) % 5 == 0 for group in groups])


def stage_input(faces: Faces, i: int) -> NDArray[np.uint8]:
    """The input of the program's stage for face `i`: (192, 192, 3) uint8 RGB."""
    if faces.presence[i] >= 0.5:
        grey = faces.crops192[i]
    else:
        # The image from which `expression_crop` makes the plain 48 x 48 image again.
        enlarged = faces.crops[i].repeat(3, axis=0).repeat(3, axis=1)
        grey = np.pad(enlarged, (CROP_SIDE - len(enlarged)) // 2)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _cropped(
    images: Iterator[tuple[Image, Points | None]], source: Path, cache: Path
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Crops, filled crops, 192-pixel crops, meshes and presences, read from `cache` if it has those of the source."""
    key = hashlib.sha256(source.read_bytes() + _CROP_VERSION.encode()).hexdigest()[:16]
    kept = cache / f"{source.parent.name}-{source.stem}-{key}.npz"
    names = ("crops", "filled", "crops192", "meshes", "presence")
    if not kept.exists():
        mesh_model = open_analyzer()[0].mesh_model
        found = [_crop(mesh_model, image, points) for image, points in images]
        columns: dict[str, Any] = {
            name: np.stack(column) for name, column in zip(names, zip(*found, strict=True), strict=True)
        }
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **columns)
    with np.load(kept) as stored:
        crops, filled, crops192, meshes, presence = (stored[name] for name in names)
    return crops, filled, crops192, meshes, presence


def _crop(
    mesh_model: FaceMeshModel, image: Image, points: Points | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], np.float32]:
    if points is None:
        points = TYPICAL_POINTS * np.array([image.size.width, image.size.height], np.float32)
    mesh = mesh_model(image, points)
    crop = image.warped(mesh.crop_matrix, Size(CROP_SIDE, CROP_SIDE))
    if mesh.presence < 0.5:
        plain = cv2.cvtColor(image.resized(Size(INPUT_SIDE, INPUT_SIDE)), cv2.COLOR_RGB2GRAY)
        small = filled = np.asarray(plain, np.uint8)
    else:
        edge = image.size.longer // 2
        wide = Image(
            np.asarray(cv2.copyMakeBorder(image.pixels, edge, edge, edge, edge, cv2.BORDER_REFLECT_101), np.uint8)
        )
        shifted = mesh.crop_matrix - np.outer(mesh.crop_matrix[:, :2] @ (edge, edge), (0, 0, 1))
        small, filled = expression_crop(crop), expression_crop(wide.warped(shifted, Size(CROP_SIDE, CROP_SIDE)))
    return small, filled, crop[:, :, 1], mesh.points, np.float32(mesh.presence)
