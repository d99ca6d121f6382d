"""Faces and votes for the expression network, from FERPlus and LFW, cropped as the program crops them.

Every image is cropped with the project's mesh, so that the network is trained on the same kind of input as it gets in
use. Crops are stored in a cache folder outside the repository, 2.5 GB in all. Making them takes about six minutes.
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

from visavis.face_measures import expression_measures
from visavis.face_mesh import CROP_SIDE
from visavis.geometry import Points, Size
from visavis.image import Image, decode
from visavis.mean_face import mean_face
from visavis.runtime import open_analyzer
from visavis.vision.expression import CENTRAL_SIDE, expression_crop
from visavis.vision.mesh import FaceMeshModel

__all__ = [
    "CLASSES",
    "MIN_PRESENCE",
    "TYPICAL_POINTS",
    "Faces",
    "clear_majority",
    "held_out",
    "in_colour",
    "load_ferplus",
    "load_lfw",
    "measures_of",
    "network_input",
    "soft_labels",
]

CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
"""The order of the network's outputs, and of FERPlus's first eight columns."""

_ENLARGE = 8
"""The factor by which FERPlus's 48 x 48 images are enlarged before the mesh reads them."""

TYPICAL_POINTS = np.array([(0.31, 0.37), (0.69, 0.37), (0.5, 0.57), (0.35, 0.76), (0.65, 0.76)], np.float32)
"""The usual positions of eyes, nose and mouth corners in FERPlus's images, in fractions, from which the mesh starts."""

MIN_PRESENCE = 0.5
"""The logit of a face from which a mesh is used."""

_CROP_VERSION = "2"
"""The version of the crops. Increase it when the same image would give another crop."""


@dataclass(frozen=True, slots=True)
class Faces:
    """`n` faces in the order of the source.

    Attributes:
        names: (n,) file name or row number.
        crops: (n, 192, 192) uint8 grey, the input of the program's stage (which is in colour).
        filled: (n, 192, 192) uint8 grey, the same from images that are extended by their mirror image at the edges.
            FERPlus's images are tight, so most of their crops cross an edge and are black there; crops of larger images
            are not.
        meshes: (n, 468, 3) float32, pixels of the image that the mesh was read from.
        presence: (n,) float32, the mesh's logit of a face. Where it is below `MIN_PRESENCE` no mesh was read: the mesh
            is the mean face, and the central part of the crop is the plain image.
        labels: (n, 10) uint8 votes of FERPlus, or (n,) str of LFW.
        groups: (n,) str, the identity of LFW, or the row number of FERPlus.
    """

    names: NDArray[np.str_]
    crops: NDArray[np.uint8]
    filled: NDArray[np.uint8]
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


def measures_of(meshes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's measures (n, 17) of meshes (n, 468, 3)."""
    return np.stack([expression_measures(mesh) for mesh in meshes])


def held_out(groups: Iterable[str]) -> NDArray[np.bool_]:
    """Whether each group is held out of training. It is always the same fifth of all groups."""
    return np.array([zlib.crc32(group.encode()) % 5 == 0 for group in groups])


def network_input(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The network's images (n, 64, 64) of crops (n, 192, 192)."""
    return np.stack([expression_crop(in_colour(crop)) for crop in crops])


def in_colour(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The input of the program's stage, (192, 192, 3) uint8 RGB, for a crop (192, 192)."""
    return np.repeat(crop[:, :, None], 3, axis=2)


def _cropped(
    images: Iterator[tuple[Image, Points | None]], source: Path, cache: Path
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Crops, filled crops, meshes and presences, read from `cache` if it has those of the source."""
    key = hashlib.sha256(source.read_bytes() + _CROP_VERSION.encode()).hexdigest()[:16]
    kept = cache / f"{source.parent.name}-{source.stem}-{key}.npz"
    names = ("crops", "filled", "meshes", "presence")
    if not kept.exists():
        mesh_model = open_analyzer()[0].mesh_model
        found = [_crop(mesh_model, image, points) for image, points in images]
        columns: dict[str, Any] = {
            name: np.stack(column) for name, column in zip(names, zip(*found, strict=True), strict=True)
        }
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **columns)
    with np.load(kept) as stored:
        crops, filled, meshes, presence = (stored[name] for name in names)
    # In such cases the program uses the mean face too.
    meshes[presence < MIN_PRESENCE] = mean_face()
    return crops, filled, meshes, presence


def _crop(
    mesh_model: FaceMeshModel, image: Image, points: Points | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], np.float32]:
    if points is None:
        points = TYPICAL_POINTS * np.array([image.size.width, image.size.height], np.float32)
    mesh = mesh_model(image, points)
    size = Size(CROP_SIDE, CROP_SIDE)
    if mesh.presence < MIN_PRESENCE:
        plain, edge = image.resized(Size(CENTRAL_SIDE, CENTRAL_SIDE)), (CROP_SIDE - CENTRAL_SIDE) // 2
        crops = [_extended(plain, edge, border) for border in (cv2.BORDER_CONSTANT, cv2.BORDER_REFLECT_101)]
    else:
        edge = image.size.longer // 2
        wide = Image(_extended(image.pixels, edge, cv2.BORDER_REFLECT_101))
        shifted = mesh.crop_matrix - np.outer(mesh.crop_matrix[:, :2] @ (edge, edge), (0, 0, 1))
        crops = [image.warped(mesh.crop_matrix, size), wide.warped(shifted, size)]
    return crops[0][:, :, 1], crops[1][:, :, 1], mesh.points, np.float32(mesh.presence)


def _extended(pixels: NDArray[np.uint8], edge: int, border: int) -> NDArray[np.uint8]:
    """Add `edge` pixels on each side, black or as OpenCV's `border` says."""
    return np.asarray(cv2.copyMakeBorder(pixels, edge, edge, edge, edge, border), np.uint8)
