"""Finds out which way up a face is, by running the detector and the mesh at several rotations.

The detector finds faces within about 45 degrees of upright. Beyond that it misses them, or finds them with points that
are wrong by 180 degrees. This module uses two stages, so its layer is above `vision` and below `analysis`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Box, Matrix, Points, Size, apply, invert, similarity_from_points, square_crop
from visavis.image import Image
from visavis.vision.align import five_points
from visavis.vision.detect import Detections, Detector, non_max_suppression
from visavis.vision.landmarks import box_around
from visavis.vision.mesh import FaceMeshModel, Mesh, crop_matrix_from_points
from visavis.vision.pose import mean_face

__all__ = ["Candidate", "OrientationResolver", "mean_face_through", "rotated_square"]

UPRIGHT_SCORE = 0.85
"""Below this detector score the image is also tried rotated by 90, 180 and 270 degrees. Upside-down faces can score
higher; they are detected anyway, and the mesh's presence shows that they are upside down."""

UPRIGHT_PRESENCE, LIKELY_PRESENCE = 17.0, 9.0
"""The mesh's presence from which a face is certainly, and probably, the right way up. Over 98 % of the faces of Labeled
Faces in the Wild reach 9. Most upside-down faces stay below 8, but some reach 16."""

MIN_PRESENCE_ROTATED = 7.5
"""If the mesh's first reading of a face rotated by 180 degrees has less presence than this, it is not refined. This
saves time and changes no result on lfw-dev."""

MIN_PRESENCE = 0.0
"""Up to this presence the mesh is not that of a face, and the mean face fitted to the detector's points replaces it."""

_NEIGHBOURHOOD = 2.0  # the side of the square around a face, in sides of its box
_NEIGHBOURHOOD_PIXELS = 256  # the side to which that square is resized for the detector
_IMAGE_PIXELS = 640  # the same for a whole image
_MAX_READ = 4  # how many detections in that square the mesh reads, best first


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detection with its mesh.

    Attributes:
        score: the detector's, 0..1.
        mesh: read the right way up.
        box: computed from the mesh, in pixels of the upright image.
    """

    score: float
    mesh: Mesh
    box: Box


class OrientationResolver:
    """Detects faces and reads their meshes at any rotation of the image or of a face. Threads may share it.

    Args:
        detector: finds faces within about 45 degrees of upright.
        mesh_model: reads the mesh of a face from five points.
    """

    def __init__(self, detector: Detector, mesh_model: FaceMeshModel) -> None:
        self._detector = detector
        self._mesh_model = mesh_model

    def detect(self, image: Image) -> Detections:
        """Detect the faces of an image, which may lie on its side or be upside down; best first."""
        found = self._detector(image)
        if len(found) and found.scores[0] >= UPRIGHT_SCORE:
            return found
        centre = np.array([image.size.width, image.size.height]) / 2
        rotated = [
            self._detect_rotated(image, centre, image.size.longer, _IMAGE_PIXELS, turn) for turn in (90, 180, 270)
        ]
        return non_max_suppression([found, *rotated])

    def resolve(self, image: Image, box: NDArray[np.float32], points: Points, score: float) -> Candidate:
        """Read the mesh of a detection, the right way up.

        Beyond about 45 degrees of roll the detector's points can be wrong although its score is high.

        Args:
            image: that shows the face.
            box: (4,), left, top, right, bottom in pixels of `image`.
            points: (5, 2), the detector's eyes, nose and mouth corners, in pixels of `image`.
            score: the detector's, 0..1.
        """
        first = self._read(image, points, score)
        if first.mesh.presence >= UPRIGHT_PRESENCE:
            return first
        if first.mesh.presence >= LIKELY_PRESENCE and not self._half_turn_is_better(image, points, first):
            return first
        # Detector and mesh decide together, among the few best: the detector's score reaches .91 for upside-down faces,
        # and the mesh's presence reaches 20 for faces on their side, but no wrong rotation has both.
        candidates = self._detect_at_all_rolls(image, box)
        readings = [first, *(self._read(image, p, s) for s, p in candidates[:_MAX_READ])]
        return max(readings, key=lambda r: r.score * min(r.mesh.presence, UPRIGHT_PRESENCE))

    def _half_turn_is_better(self, image: Image, points: Points, first: Candidate) -> bool:
        """Whether the mesh has more presence with the points rotated by 180 degrees, the detector's usual error."""
        turned = 2 * points.mean(axis=0) - points
        if self._mesh_model.read(image, crop_matrix_from_points(turned)).presence < MIN_PRESENCE_ROTATED:
            return False
        return self._read(image, turned, first.score).mesh.presence > first.mesh.presence

    def _detect_at_all_rolls(self, image: Image, box: NDArray[np.float32]) -> list[tuple[float, Points]]:
        """The scores and points that the detector finds around a box at eight rotations, best first.

        Points whose centre is outside the box are dropped, because they belong to other faces.
        """
        centre = (box[:2] + box[2:]) / 2
        side = _NEIGHBOURHOOD * float((box[2:] - box[:2]).max())
        rotated = [self._detect_rotated(image, centre, side, _NEIGHBOURHOOD_PIXELS, turn) for turn in range(0, 360, 45)]
        candidates = [
            (float(s), p)
            for found in rotated
            for p, s in zip(found.points, found.scores, strict=True)
            if (box[:2] <= p.mean(axis=0)).all() and (p.mean(axis=0) <= box[2:]).all()
        ]
        candidates.sort(key=lambda c: -c[0])
        return candidates

    def _read(self, image: Image, points: Points, score: float) -> Candidate:
        mesh = self._mesh_model(image, points)
        if mesh.presence <= MIN_PRESENCE:
            mesh = replace(mesh, points=mean_face_through(points))
        return Candidate(score, mesh, box_around(mesh.points))

    def _detect_rotated(
        self, image: Image, centre: NDArray[np.floating], side: float, pixels: int, turn: float
    ) -> Detections:
        """Detect in a square of the image, rotated counterclockwise by `turn` degrees and resized to `pixels`."""
        matrix = rotated_square(centre, side, pixels, turn)
        found = self._detector.detect_at_size(Image(image.warped(matrix, Size(pixels, pixels))), pixels)
        back = invert(matrix)
        corners = found.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        corners = apply(back, corners)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return Detections(boxes, apply(back, found.points), found.scores)


def mean_face_through(points: Points) -> NDArray[np.float32]:
    """The mean face fitted to the detector's points: a mesh for a face that the mesh network cannot read.

    Args:
        points: (5, 2), in pixels of the image.

    Returns:
        (468, 3) float32, in the same frame.
    """
    model = mean_face().astype(np.float32)
    matrix = similarity_from_points(five_points(model), points)
    depth = model[:, 2] * math.hypot(*matrix[:, 0])
    return np.column_stack([apply(matrix, model[:, :2]), depth]).astype(np.float32)


def rotated_square(centre: NDArray[np.floating], side: float, pixels: int, turn: float) -> Matrix:
    """The crop matrix of a square of an image, rotated counterclockwise on the screen.

    Args:
        centre: (2,), of the square in pixels of the image.
        side: of the square in pixels of the image.
        pixels: side of the crop.
        turn: degrees.

    Returns:
        (2, 3), from the image to the crop.
    """
    angle = math.radians(turn)
    return square_crop(centre, side, np.array([math.cos(angle), math.sin(angle)]), pixels)
