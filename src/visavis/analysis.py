"""Finds and describes the faces of an image, by running the stages in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.candidates import confidence_of, maybe_largest, most_doubtful_of, read_candidates
from visavis.face import Detail, Face
from visavis.face_mesh import CROP_SIDE, eye_centres
from visavis.geometry import Size
from visavis.image import Image
from visavis.mapping import MapFunction, serial_map
from visavis.orientation import Candidate, OrientationResolver
from visavis.vision.align import align, five_points
from visavis.vision.confidence import MIN_CONFIDENCE
from visavis.vision.detect import Detections, Detector
from visavis.vision.embed import Embedded, Embedder
from visavis.vision.expression import Expression, ExpressionReader
from visavis.vision.gaze import eye_direction
from visavis.vision.iris import Eyes, PupilFinder
from visavis.vision.landmarks import named_points
from visavis.vision.mesh import FaceMeshModel
from visavis.vision.openness import eyes_open, mouth_open
from visavis.vision.pose import pose_of
from visavis.vision.quality import QualityInputs, measure_pixels, quality_of

__all__ = ["MAX_FACES", "Analysis", "AnalyzedImage", "Analyzer"]

T = TypeVar("T")

MAX_FACES = 100
"""CompareFaces uses the 100 largest faces of an image (API reference)."""


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


@dataclass(frozen=True, slots=True)
class AnalyzedImage:
    """An image that is compared with others, in both roles. `Engine.analyze_for_comparisons` makes it.

    Attributes:
        as_source: its largest face.
        as_target: its faces, at most the 100 largest.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> with visavis.open_engine() as engine:
        ...     (image,) = engine.analyze_for_comparisons([Path("examples/photos/obama.jpg")])
        >>> len(image.as_source.faces), len(image.as_target.faces)
        (1, 1)
    """

    as_source: Analysis
    as_target: Analysis


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
        found = self._detect(image)
        if largest_only:
            return self._largest(image, found, detail, map_function)
        return self._all(image, found, detail, map_function)

    def for_both_roles(
        self, image: Image, *, detail: Detail = Detail.ALL, map_function: MapFunction = serial_map
    ) -> AnalyzedImage:
        """What two calls return, one for the largest face and one for all faces.

        Faces are detected once, and a face that both have is described once where that gives the same numbers.

        Args:
            image: upright.
            detail: which fields of the faces of the target are computed.
            map_function: distributes the work on several faces.
        """
        found = self._detect(image)
        as_target = self._all(image, found, detail, map_function)
        likely = maybe_largest(found.visible_areas(image.size))
        if len(likely) == len(found):
            # Both calls would settle the same detections.
            return AnalyzedImage(Analysis(image.size, as_target.faces[:1]), as_target)
        return AnalyzedImage(self._largest(image, found, Detail.MINIMAL, map_function), as_target)

    def _detect(self, image: Image) -> Detections:
        return self.orientation.detect(image).largest_first(image.size)

    def _largest(self, image: Image, found: Detections, detail: Detail, map_function: MapFunction) -> Analysis:
        likely = found.take(maybe_largest(found.visible_areas(image.size)))
        describe = partial(self._faces, image, limit=1, most_doubtful=most_doubtful_of(found), detail=detail)
        faces = describe(likely, map_function=serial_map)
        if not faces:  # the largest detections turned out not to be faces
            faces = describe(found, map_function=map_function)
        return Analysis(image.size, faces[:1])

    def _all(self, image: Image, found: Detections, detail: Detail, map_function: MapFunction) -> Analysis:
        # One face more than `MAX_FACES` shows whether there are more.
        faces = self._faces(
            image,
            found,
            limit=MAX_FACES + 1,
            most_doubtful=most_doubtful_of(found),
            detail=detail,
            map_function=map_function,
        )
        return Analysis(image.size, faces[:MAX_FACES], more=len(faces) > MAX_FACES)

    def _faces(
        self,
        image: Image,
        found: Detections,
        *,
        limit: int,
        most_doubtful: int,
        detail: Detail,
        map_function: MapFunction,
    ) -> tuple[Face, ...]:
        """The largest faces among detections, at most `limit`."""
        candidates = read_candidates(
            self.orientation, image, found, limit=limit, most_doubtful=most_doubtful, map_function=map_function
        )
        candidates.sort(key=lambda c: (-c.box.area_within(image.size), -c.score, c.box.left))

        def described() -> Iterator[Face | None]:
            # In batches of `limit`, because the next candidate replaces one that is not a face.
            for batch in _batches(candidates, limit):
                parts = list(_batches(batch, _part(len(batch))))
                yield from chain(*map_function(lambda part: self._describe(image, part, detail), parts))

        return tuple(islice((face for face in described() if face is not None), limit))

    def _describe(self, image: Image, candidates: Sequence[Candidate], detail: Detail) -> list[Face | None]:
        """Run the remaining stages on candidates; None for one whose confidence shows that it is not a face.

        Each stage runs on all of them before the next one, because the code and the data of a stage are then in the
        processor's cache.
        """
        meshes = [c.mesh.points for c in candidates]
        embedded = [c.embedded or self.embedder(align(image, five_points(c.mesh.points))) for c in candidates]
        confidences = [confidence_of(c, e) for c, e in zip(candidates, embedded, strict=True)]
        kept = [i for i, confidence in enumerate(confidences) if confidence >= MIN_CONFIDENCE]
        everything = detail is Detail.ALL
        eyes = {i: self.pupils(image, meshes[i]) for i in kept if everything}
        expressions = {i: self.expressions(candidates[i].mesh.crop_pixels, meshes[i]) for i in kept if everything}
        faces: list[Face | None] = [None] * len(candidates)
        for i in kept:
            face = _face_of(image, candidates[i], embedded[i], confidences[i], eyes.get(i))
            faces[i] = _with_details(face, meshes[i], eyes[i], expressions[i]) if everything else face
        return faces


def _face_of(image: Image, candidate: Candidate, embedded: Embedded, confidence: float, read: Eyes | None) -> Face:
    """The face with the fields of `Detail.MINIMAL`."""
    mesh = candidate.mesh.points
    pose, eyes = pose_of(mesh), eye_centres(mesh)
    inputs = QualityInputs(
        confidence=confidence,
        presence=candidate.mesh.presence,
        embedding_norm=embedded.embedding_norm,
        pose=pose,
        interocular=math.dist(*eyes.tolist()),
    )
    return Face(
        box=candidate.box,
        image_size=image.size,
        confidence=confidence,
        landmarks=named_points(mesh, eyes if read is None else read.pupils),
        pose=pose,
        quality=quality_of(measure_pixels(image, candidate.mesh.crop_matrix, CROP_SIDE), inputs),
        embedding=embedded.vector,
    )


def _with_details(face: Face, mesh: NDArray[np.float32], read: Eyes | None, expression: Expression) -> Face:
    """The face with the fields of `Detail.ALL`; eyes that are too small have no values."""
    opened = None if read is None else eyes_open(read.contours, face.pose)
    gaze = None
    if read is not None and opened is not None:
        gaze = eye_direction(read.pupils, read.contours, mesh, face.pose, opened)
    return replace(
        face,
        emotions=expression.emotions,
        smile=expression.smile,
        mouth_open=mouth_open(mesh, face.pose),
        eyes_open=opened,
        eye_direction=gaze,
    )


def _part(faces: int) -> int:
    """How many of several faces are described together: a quarter, so that several threads have work, up to eight."""
    return min(max(faces // 4, 1), 8)


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
