"""What the fitting tools measure on images: the outputs of every stage for a face, and Amazon's recorded answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from bench.answers import corners_of, faces_in, iou
from numpy.typing import NDArray
from tools.fitting import Arguments, Labelled, labelled

from visavis.analysis import Analyzer
from visavis.face import Pose
from visavis.face_mesh import CROP_SIDE, eye_centres
from visavis.image import Image, decode
from visavis.runtime import open_analyzer
from visavis.vision.align import align, five_points
from visavis.vision.detect import Detections
from visavis.vision.landmarks import box_around
from visavis.vision.mesh import crop_matrix_from_mesh
from visavis.vision.pose import pose_of
from visavis.vision.quality import PixelQuality, QualityInputs, measure_pixels

__all__ = [
    "LIKELY_PRESENCE",
    "Measured",
    "Measurer",
    "Recorded",
    "Table",
    "cached",
    "each",
    "recorded_faces",
    "sure_faces",
]

T = TypeVar("T")
R = TypeVar("R")
Table = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A face with what the stages found, before any fitted number but those of the box and the pitch.

    score:    the detector's, 0..1
    points:   (5, 2), the detector's eyes, nose and mouth corners, in pixels
    mesh:     (468, 3) float32, in pixels
    pupils:   (2, 2), in pixels; the eye centres where an eye is too small for the iris network
    presence: the mesh's, a logit
    norm:     of the embedding before normalisation
    vector:   (128,) float32, the embedding
    pixels:   brightness, sharpness, contrast, and what sharpness is computed from
    """

    score: float
    points: NDArray[np.float64]
    mesh: NDArray[np.float32]
    pupils: NDArray[np.float64]
    presence: float
    norm: float
    vector: NDArray[np.float32]
    pixels: PixelQuality

    @property
    def pose(self) -> Pose:
        return pose_of(self.mesh)

    @property
    def size(self) -> float:
        """The square root of the area of the box that the engine answers with, in pixels."""
        return math.sqrt(box_around(self.mesh).area)

    @property
    def inputs(self) -> QualityInputs:
        left, right = eye_centres(self.mesh)
        distance = float(np.hypot(*(right - left)))
        return QualityInputs(100.0, self.presence, self.norm, self.pose, distance)


LIKELY_PRESENCE = 9.0
"""The mesh's presence from which a face is probably the right way up. Over 98 % of the faces of Labeled Faces in the
Wild reach it."""


class Measurer:
    """Runs the stages on images as the engine does, and keeps what the engine does not answer with."""

    def __init__(self, stages: Analyzer | None = None) -> None:
        self._stages = stages or open_analyzer()[0]
        self._orientation = self._stages.orientation

    def largest(self, image: Image) -> Measured | None:
        """The face of the largest detection, or None if there is none."""
        found = self._orientation.detect(image).largest_first(image.size)
        if not len(found):
            return None
        return self._measure(image, found.take(np.array([0])))

    def all(self, image: Image) -> list[Measured]:
        """The faces of all detections, best first, also those that the engine drops."""
        found = self._orientation.detect(image)
        return [self._measure(image, found.take(np.array([i]))) for i in range(len(found))]

    def _measure(self, image: Image, found: Detections) -> Measured:
        """The face of a single detection."""
        (candidate,) = self._orientation.resolve(image, found)
        mesh, crop = candidate.mesh.points, candidate.mesh.crop_matrix
        embedded = candidate.embedded or self._stages.embedder(align(image, five_points(mesh)))
        if embedded.embedding_norm is None:
            raise SystemExit("numbers are fitted with the shipped embedder, because only its norms are calibrated")
        eyes = self._stages.pupils(image, mesh)
        return Measured(
            score=candidate.score,
            points=found.points[0].astype(np.float64),
            mesh=mesh,
            pupils=np.asarray(eye_centres(mesh) if eyes is None else eyes.pupils, np.float64),
            presence=candidate.mesh.presence,
            norm=embedded.embedding_norm,
            vector=embedded.vector,
            pixels=measure_pixels(image, crop, CROP_SIDE),
        )


def mesh_crop(mesh: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centre x, centre y and side, in pixels, of the crop that a mesh (468, 3) asks for."""
    matrix = np.asarray(crop_matrix_from_mesh(mesh[:, :2]), np.float64)
    side = CROP_SIDE / float(np.hypot(*matrix[:, 0]))
    centre = np.linalg.solve(matrix[:, :2], np.full(2, CROP_SIDE / 2) - matrix[:, 2])
    return np.array([*centre, side])


def each(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of a function on each item, in their order, by two threads."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(function, items)


def sure_faces(args: Arguments, min_presence: float) -> list[tuple[Measured, str]]:
    """The largest face of each image of lfw-dev whose mesh has at least this presence, with the person's name."""
    measurer = Measurer()

    def one(image: Labelled) -> tuple[Measured, str] | None:
        face = measurer.largest(decode(image.file.read_bytes()))
        return None if face is None or face.presence < min_presence else (face, image.identity)

    return [found for found in each(one, labelled(args.data, args.images)) if found is not None]


def cached(file: Path | None, key: str, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Table:
    """A table of measurements from a file, or made and kept in it.

    Args:
        file: None to make the table and keep nothing
        key: what the table was made from; a file with another key is refused
        make: measures
    """
    if file is not None and file.exists():
        with np.load(file) as stored:
            if str(stored["key"]) != key:
                raise SystemExit(f"{file} holds the measurements of {stored['key']}, not of {key}; name another file")
            return {name: stored[name] for name in stored.files if name != "key"}
    table = dict(make())
    if file is not None:
        with file.open("wb") as out:
            np.savez(out, **table, key=np.array(key))  # type: ignore[arg-type]
    return table


@dataclass(frozen=True, slots=True)
class Recorded:
    """A face of a recorded answer with ours, which overlaps it most.

    image:     the recording and the file
    box:       Amazon's, as left, top, right, bottom in pixels
    landmarks: Amazon's, name -> x, y in pixels
    pose:      Amazon's
    brightness, sharpness: Amazon's; None where the answer has no quality
    ours:      what the stages found
    """

    image: str
    box: NDArray[np.float64]
    landmarks: dict[str, NDArray[np.float64]]
    pose: Pose
    brightness: float | None
    sharpness: float | None
    ours: Measured


def recorded_faces(data: Path, measurer: Measurer, *, min_overlap: float = 0.5) -> list[Recorded]:
    """Every face of `recorded/` that has a pose in Amazon's answer and was found by both.

    Args:
        data: the folder that holds `recorded/NNN/answer.json` with its images
        measurer: finds our faces
        min_overlap: the least IoU of Amazon's box and the one around our mesh
    """
    found: list[Recorded] = []
    for answer in sorted((data / "recorded").glob("*/answer.json")):
        amazons = [face for face in faces_in(json.loads(answer.read_text("utf-8"))) if "Pose" in face]
        files = [file for stem in ("image", "target") for file in sorted(answer.parent.glob(f"{stem}.*"))]
        if not amazons or not files:
            continue
        image = decode(files[0].read_bytes())
        ours = measurer.all(image)
        for amazon in amazons:
            row = _matched(f"{answer.parent.name}/{files[0].name}", amazon, image, ours, min_overlap)
            if row is not None:
                found.append(row)
    return found


def _matched(
    name: str, amazon: Mapping[str, Any], image: Image, ours: list[Measured], min_overlap: float
) -> Recorded | None:
    size = np.array([image.size.width, image.size.height], np.float64)
    box = corners_of(amazon["BoundingBox"]) * np.tile(size, 2)
    overlaps = [iou(box, mesh_box(face.mesh)) for face in ours]
    if not overlaps or max(overlaps) < min_overlap:
        return None
    points = {p["Type"]: np.array([p["X"], p["Y"]]) * size for p in amazon["Landmarks"]}
    pose = Pose(roll=amazon["Pose"]["Roll"], yaw=amazon["Pose"]["Yaw"], pitch=amazon["Pose"]["Pitch"])
    quality = amazon.get("Quality", {})
    best = ours[int(np.argmax(overlaps))]
    return Recorded(name, box, points, pose, quality.get("Brightness"), quality.get("Sharpness"), best)


def mesh_box(mesh: NDArray[np.float32]) -> NDArray[np.float64]:
    """The upright bounding box of a mesh, a fifth higher, because Amazon's boxes include the forehead."""
    low, high = mesh[:, :2].min(axis=0).astype(np.float64), mesh[:, :2].max(axis=0).astype(np.float64)
    low[1] -= 0.2 * (high[1] - low[1])
    return np.array([*low, *high])
