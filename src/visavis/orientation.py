"""Finds out which way up a face is, by running detector, mesh and embedder at several rotations.

The detector finds faces within about 45 degrees of upright, small ones within 30. Beyond that it misses them, or finds
them with points that are wrong by 180 degrees. This module uses several stages, so its layer is above `vision` and
below `analysis`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visavis.face_search import FaceSearch, box_side, centred_in
from visavis.geometry import Box, Points
from visavis.image import Image
from visavis.mapping import MapFunction, serial_map
from visavis.mean_face import mean_face_through
from visavis.vision.align import align, five_points
from visavis.vision.confidence import face_log_odds
from visavis.vision.detect import Detections, Detector
from visavis.vision.embed import Embedded, Embedder
from visavis.vision.landmarks import box_around
from visavis.vision.mesh import FaceMeshModel, Mesh, crop_matrix_from_mesh
from visavis.vision.pose import pose_of

__all__ = ["Candidate", "OrientationResolver"]

UPRIGHT_PRESENCE = 17.0
"""The mesh's presence from which a face is certainly the right way up. Most upside-down faces stay below 8, but some
reach 16."""

SAME_ROLL = 12.0
"""Degrees. If the mesh has another roll than the detector's points by more than this, its presence alone does not
decide: the points of small tilted faces can be wrong by 40 degrees, and the mesh then turns back only half of it.
Detections that differ by less are read once."""

SURE_LOG_ODDS = 6.0
"""The log odds of a face (`face_log_odds`) from which a reading is certainly the right way up. Readings that are wrong
by 180 degrees have a norm of 6 to 8 and stay below 5."""

MIN_PRESENCE = 0.0
"""Up to this presence the mesh is not that of a face, and the mean face fitted to the detector's points replaces it."""

PROFILE_YAW = 60.0
"""Degrees. From this yaw of the mean face fitted to the detector's points on, the fit replaces the mesh unless its
presence is that of an upright face: the mesh network turns no face by more than about 50 degrees, and loses its hold.
Below, the embedding of a face aligned by the mesh is longer than that of one aligned by the fit."""

_NEIGHBOURHOOD = 2.0  # the side of the square around a face, in sides of its box
_NEIGHBOURHOOD_PIXELS = 256  # the side to which that square is resized for the detector
_MAX_READ = 4  # how many detections in that square the mesh reads, best first

_SAMPLE, _MOST_IN_SAMPLE = 75, 70
"""If so many of the first detections of an image are in doubt, the others are not read. In a pattern of 9,500 faces of
26 pixels, which are too small to read, nearly all are in doubt; of 100 faces of 80 pixels, none is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detection with its mesh.

    Attributes:
        score: the detector's, 0..1.
        mesh: read the right way up.
        box: computed from the mesh, in pixels of the upright image.
        embedded: the face aligned by the mesh; None where it was not needed to tell which way up the face is.
    """

    score: float
    mesh: Mesh
    box: Box
    embedded: Embedded | None = None

    @property
    def size(self) -> float:
        """The square root of the area of the box, in pixels."""
        return math.sqrt(self.box.area)


class OrientationResolver:
    """Detects faces and reads their meshes at any rotation of the image or of a face. Threads may share it.

    Args:
        detector: finds faces within about 45 degrees of upright.
        mesh_model: reads the mesh of a face from five points.
        embedder: embeds aligned crops; its norm is low for a face that is upside down.
    """

    def __init__(self, detector: Detector, mesh_model: FaceMeshModel, embedder: Embedder) -> None:
        self._search = FaceSearch(detector)
        self._mesh_model = mesh_model
        self._embedder = embedder

    def detect(self, image: Image) -> Detections:
        """Detect the faces of an image, which may be small, tilted, on their side or upside down; best first."""
        return self._search(image)

    def resolve(
        self, image: Image, found: Detections, map_function: MapFunction = serial_map, *, most_doubtful: int = 1
    ) -> list[Candidate]:
        """Read the meshes of detections, the right way up.

        Beyond about 45 degrees of roll the detector's points can be wrong although its score is high. Detector, mesh
        and embedding norm decide together: of several readings the one that most certainly shows a face is taken. Of
        the faces in doubt only the first `most_doubtful` are read more than once, and the others are not read at all
        if nearly all of the first `_SAMPLE` are in doubt, so that an image cannot take minutes.

        Args:
            image: that shows the faces.
            found: the detections, in pixels of `image`.
            map_function: distributes the work on several faces.
            most_doubtful: how many faces are read more than once.

        Returns:
            A candidate for each detection that was read, in their order.
        """

        def first(i: int) -> Candidate:
            return self._first(image, found.points[i], float(found.scores[i]))

        candidates = map_function(first, range(min(_SAMPLE, len(found))))
        if len(found) > _SAMPLE and sum(map(_is_doubtful, candidates)) < _MOST_IN_SAMPLE:
            candidates += map_function(first, range(len(candidates), len(found)))
        doubtful = [i for i, candidate in enumerate(candidates) if _is_doubtful(candidate)][:most_doubtful]
        if not doubtful:
            return candidates
        settled = map_function(lambda i: self._settled(image, found.boxes[i], found.points[i], candidates[i]), doubtful)
        for i, candidate in zip(doubtful, settled, strict=True):
            candidates[i] = candidate
        return candidates

    def _first(self, image: Image, points: Points, score: float) -> Candidate:
        """The reading from a detection's points, without an embedding if it is certainly the right way up."""
        first = self._read(image, points, score)
        agree = _between(_roll(points), _roll(five_points(first.mesh.points))) <= SAME_ROLL
        return first if agree and first.mesh.presence >= UPRIGHT_PRESENCE else self._embed(image, first)

    def _settled(self, image: Image, box: NDArray[np.float32], points: Points, first: Candidate) -> Candidate:
        """The best of the first reading and those at other rotations."""
        others = self._detect_at_other_rolls(image, box, points)
        # The detector's usual error is a half turn.
        half_turned = 2 * points.mean(axis=0) - points
        if all(_between(_roll(half_turned), _roll(other)) >= SAME_ROLL for _, other in others):
            others.append((first.score, half_turned))
        readings = [first, *(self._embed(image, self._read(image, p, s)) for s, p in others)]
        return max(readings, key=_log_odds)

    def _detect_at_other_rolls(
        self, image: Image, box: NDArray[np.float32], known: Points
    ) -> list[tuple[float, Points]]:
        """The scores and points that the detector finds around a box at eight rotations, best first.

        Only the best of each roll is returned, and none with the roll of `known` points. Points whose centre is outside
        the box are dropped, because they belong to other faces.
        """
        centre = (box[:2] + box[2:]) / 2
        side = _NEIGHBOURHOOD * box_side(box)
        rotated = self._search.detect_rotated(image, centre, side, _NEIGHBOURHOOD_PIXELS, range(0, 360, 45))
        inside = [centred_in(box, seen) for seen in rotated]
        found = sorted(
            ((float(s), p) for seen in inside for p, s in zip(seen.points, seen.scores, strict=True)),
            key=lambda one: -one[0],
        )
        kept: list[tuple[float, Points]] = []
        for s, p in found:
            if all(_between(_roll(p), _roll(other)) >= SAME_ROLL for other in (known, *(q for _, q in kept))):
                kept.append((s, p))
        return kept[:_MAX_READ]

    def _read(self, image: Image, points: Points, score: float) -> Candidate:
        mesh = self._mesh_model(image, points)
        if mesh.presence < UPRIGHT_PRESENCE:
            fitted = mean_face_through(points)
            if mesh.presence <= MIN_PRESENCE or abs(pose_of(fitted).yaw) >= PROFILE_YAW:
                crop = self._mesh_model.read(image, crop_matrix_from_mesh(fitted[:, :2]))
                mesh = replace(crop, points=fitted, presence=max(crop.presence, mesh.presence))
        return Candidate(score, mesh, box_around(mesh.points))

    def _embed(self, image: Image, candidate: Candidate) -> Candidate:
        return replace(candidate, embedded=self._embedder(align(image, five_points(candidate.mesh.points))))


def _is_doubtful(first: Candidate) -> bool:
    """Whether a first reading may be the wrong way up."""
    return first.embedded is not None and _log_odds(first) < SURE_LOG_ODDS


def _log_odds(candidate: Candidate) -> float:
    """How certainly a candidate is a face the right way up."""
    norm = None if candidate.embedded is None else candidate.embedded.embedding_norm
    return face_log_odds(candidate.score, candidate.mesh.presence, norm, candidate.size)


def _roll(points: Points) -> float:
    """The direction from the eyes to the mouth of a detector's points (5, 2), in degrees."""
    x, y = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    return math.degrees(math.atan2(y, x))


def _between(one: float, other: float) -> float:
    """The angle between two directions, 0..180 degrees."""
    return abs((one - other + 180) % 360 - 180)
