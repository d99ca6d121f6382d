"""Finds and describes the faces of an image, by running the stages in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.face import Detail, Face
from visavis.face_mesh import CROP_SIDE, eye_centres
from visavis.geometry import Size
from visavis.image import Image
from visavis.orientation import Candidate, OrientationResolver
from visavis.vision.align import align, five_points
from visavis.vision.confidence import MIN_CONFIDENCE, face_confidence
from visavis.vision.detect import Detections, Detector
from visavis.vision.embed import Embedder
from visavis.vision.expression import ExpressionReader
from visavis.vision.gaze import eye_direction
from visavis.vision.iris import PupilFinder
from visavis.vision.landmarks import named_points
from visavis.vision.mesh import FaceMeshModel
from visavis.vision.openness import eyes_open, mouth_open
from visavis.vision.pose import pose_of
from visavis.vision.quality import QualityInputs, measure_pixels, quality_of

__all__ = ["MAX_FACES", "Analysis", "Analyzer", "MapFunction", "serial_map"]

T = TypeVar("T")
R = TypeVar("R")

MAX_FACES = 100
"""CompareFaces uses the 100 largest faces of an image (API reference)."""

_MAYBE_LARGEST = 0.4
"""The order of the detector's boxes by size differs slightly from that of the final boxes. A face whose detected box
has less than this fraction of the largest visible area cannot become the largest."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The faces of one image.

    Attributes:
        size: of the upright image, in pixels.
        faces: largest first, by the part of the box inside the image; at most `MAX_FACES`.
        more: whether the image shows more, smaller faces; always False if only the largest face was requested.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> with visavis.open_engine() as engine:
        ...     analysis = engine.analyze(Path("examples/photos/obama.jpg"), largest_only=True)
        >>> [round(face.confidence) for face in analysis.faces]
        [100]
    """

    size: Size
    faces: tuple[Face, ...]
    more: bool = False


class MapFunction(Protocol):
    """Calls a function on each of several items, possibly in several threads."""

    def __call__(self, function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """Return the results in the order of `items`. If calls fail, raise the error of the first in that order."""
        ...


def serial_map(function: Callable[[T], R], items: Sequence[T], /) -> list[R]:
    """The `MapFunction` that uses the calling thread only: `[function(item) for item in items]`."""
    return [function(item) for item in items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzer:
    """The stages that run networks; calling it runs all stages in order. Several threads may share it.

    Attributes:
        detector: finds boxes and five points.
        mesh_model: reads the mesh of a face.
        pupils: finds pupils and contours of the eyes.
        expressions: reads emotions and smile.
        embedder: embeds aligned crops.

    Example:
        analyzer, runtime = open_analyzer(Settings.from_env())
        faces = analyzer(decode(Path("a.jpg").read_bytes())).faces
        runtime.close()
    """

    detector: Detector
    mesh_model: FaceMeshModel
    pupils: PupilFinder
    expressions: ExpressionReader
    embedder: Embedder

    @property
    def orientation(self) -> OrientationResolver:
        """Runs detector, mesh and embedder at several rotations."""
        return OrientationResolver(self.detector, self.mesh_model, self.embedder)

    def __call__(
        self,
        image: Image,
        *,
        largest_only: bool = False,
        detail: Detail = Detail.ALL,
        map_function: MapFunction = serial_map,
    ) -> Analysis:
        """Find and describe the faces of `image`.

        Args:
            image: upright.
            largest_only: describe only the largest face.
            detail: which fields of a face are computed.
            map_function: distributes the work on several faces.
        """
        found = self.orientation.detect(image).largest_first(image.size)
        faces: tuple[Face, ...] = ()
        if largest_only:
            faces = self._faces(image, found, limit=1, detail=detail, map_function=serial_map)
        if not faces:
            # Either all faces were requested, or the largest detections turned out not to be faces. One face more than
            # `MAX_FACES` shows whether there are more.
            faces = self._faces(image, found, limit=MAX_FACES + 1, detail=detail, map_function=map_function)
        if largest_only:
            return Analysis(image.size, faces[:1])
        return Analysis(image.size, faces[:MAX_FACES], more=len(faces) > MAX_FACES)

    def _faces(
        self, image: Image, found: Detections, *, limit: int, detail: Detail, map_function: MapFunction
    ) -> tuple[Face, ...]:
        candidates = self._refine(image, found, largest_only=limit == 1, map_function=map_function)
        candidates.sort(key=lambda c: (-c.box.area_within(image.size), -c.score, c.box.left))

        def described() -> Iterator[Face | None]:
            # In batches of `limit`, because the next candidate replaces one that is not a face.
            for batch in _batches(candidates, limit):
                yield from map_function(lambda c: self._describe(image, c, detail), batch)

        return tuple(islice((face for face in described() if face is not None), limit))

    def _refine(
        self, image: Image, found: Detections, *, largest_only: bool, map_function: MapFunction
    ) -> list[Candidate]:
        """Read the mesh of each detection, and keep one candidate for each face."""

        def resolve(i: int) -> Candidate:
            return self.orientation.resolve(image, found.boxes[i], found.points[i], float(found.scores[i]))

        if largest_only:
            candidates = [resolve(i) for i in _maybe_largest(found.visible_areas(image.size))]
        else:
            candidates = map_function(resolve, range(len(found)))
        return _deduplicate(candidates)

    def _describe(self, image: Image, candidate: Candidate, detail: Detail) -> Face | None:
        """Run the remaining stages on a candidate; None if its confidence shows that it is not a face."""
        mesh = candidate.mesh.points
        embedded = candidate.embedded or self.embedder(align(image, five_points(mesh)))
        confidence = face_confidence(candidate.score, candidate.mesh.presence, embedded.embedding_norm, candidate.size)
        if confidence < MIN_CONFIDENCE:
            return None
        pose, eyes = pose_of(mesh), eye_centres(mesh)
        inputs = QualityInputs(
            confidence=confidence,
            presence=candidate.mesh.presence,
            embedding_norm=embedded.embedding_norm,
            pose=pose,
            interocular=float(np.hypot(*(eyes[1] - eyes[0]))),
        )
        everything = detail is Detail.ALL
        read = self.pupils(image, mesh) if everything else None
        face = Face(
            box=candidate.box,
            image_size=image.size,
            confidence=confidence,
            landmarks=named_points(mesh, eyes if read is None else read.pupils),
            pose=pose,
            quality=quality_of(measure_pixels(image, candidate.mesh.crop_matrix, CROP_SIDE), inputs),
            embedding=embedded.vector,
        )
        if not everything:
            return face
        expression = self.expressions(candidate.mesh.crop_pixels, mesh)
        face = replace(face, emotions=expression.emotions, smile=expression.smile, mouth_open=mouth_open(mesh, pose))
        if read is None:
            return face
        opened = eyes_open(read.contours, pose)
        gaze = eye_direction(read.pupils, read.contours, mesh, pose, opened)
        return replace(face, eyes_open=opened, eye_direction=gaze)


def _maybe_largest(areas: NDArray[np.float32]) -> range:
    """The indices of the detections that can become the largest face, from their areas (n,), largest first."""
    ordered = areas.astype(np.float64)
    return range(int((ordered >= _MAYBE_LARGEST * ordered[:1]).sum()))


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _deduplicate(candidates: list[Candidate]) -> list[Candidate]:
    """Keep one candidate per face, because two detections can have the same face.

    A candidate whose centre lies in the box of one with a higher presence is dropped.
    """
    kept: list[Candidate] = []
    for face in sorted(candidates, key=lambda c: -c.mesh.presence):
        x, y = face.box.centre
        if not any(k.box.left < x < k.box.right and k.box.top < y < k.box.bottom for k in kept):
            kept.append(face)
    return kept
