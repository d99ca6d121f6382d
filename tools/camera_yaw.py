"""Turns the head in a photo, by the depth that the face mesh gives its vertices."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay
from tools.camera_photo import Photo

from visavis.mean_face import mean_face

__all__ = ["turned_head"]

_WIDEST = 60.0
"""Degrees; the largest turn."""

_RING = 1.7
"""The size of the ring around the face beyond which nothing moves, over the size of the face."""


@cache
def _outline() -> NDArray[np.intp]:
    """The vertices on the outline of a face that looks ahead."""
    return np.asarray(ConvexHull(mean_face()[:, :2]).vertices, np.intp)


@cache
def _triangles() -> NDArray[np.intp]:
    """(t, 3) vertices of the triangles between the mesh and the ring, whose points follow the mesh's 468."""
    return np.asarray(Delaunay(_with_ring(mean_face())[:, :2]).simplices, np.intp)


def _with_ring(points: NDArray[np.floating]) -> NDArray[np.float64]:
    outline = points[_outline()].astype(np.float64)
    centre = outline.mean(axis=0)
    ring = centre + (outline - centre) * (_RING, _RING, 1)
    return np.concatenate([points.astype(np.float64), ring])


def turned_head(photo: Photo, strength: float, rng: np.random.Generator) -> Photo:
    """The head turned to one side by up to 60 degrees. What was hidden stays hidden, so this only imitates a turn."""
    angle = np.radians(strength * rng.uniform(0.25, 1) * _WIDEST) * rng.choice((-1, 1))
    before = _with_ring(photo.points)
    after = before.copy()
    axis = before[_outline()].mean(axis=0)
    x, z = before[:468, 0] - axis[0], before[:468, 2] - axis[2]
    after[:468, 0] = axis[0] + x * np.cos(angle) + z * np.sin(angle)
    after[:468, 2] = axis[2] - x * np.sin(angle) + z * np.cos(angle)
    pixels = _warped(photo.pixels, before[:, :2], after)
    return Photo(pixels, after[:468].astype(np.float32))


def _warped(
    pixels: NDArray[np.float32], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The pixels with every triangle moved from `before` (n, 2) to `after` (n, 3), the nearest ones in front."""
    triangles = _triangles()
    corners = after[triangles]
    sides = corners[:, 1:, :2] - corners[:, :1, :2]
    areas = np.linalg.det(sides)
    origin = before[triangles]
    faces_as_before = np.sign(areas) == np.sign(np.linalg.det(origin[:, 1:] - origin[:, :1]))
    shown = np.flatnonzero(faces_as_before & (np.abs(areas) > 1e-3))
    on_ring = (triangles[shown] >= 468).any(axis=1)
    # The ring is behind the face. Within both the farthest is painted first; the mesh's z grows away from the camera.
    order = shown[np.lexsort((-corners[shown, :, 2].mean(axis=1), ~on_ring))]
    height, width = pixels.shape[:2]
    painted = np.full((height, width), -1, np.int32)
    for i in order:
        cv2.fillConvexPoly(painted, corners[i, :, :2].round().astype(np.int32), int(i))
    # For each triangle the affine map from a pixel of the result to one of the photo.
    with_one = np.concatenate([corners[:, :, :2], np.ones((*corners.shape[:2], 1))], axis=2)
    maps = np.zeros((len(triangles), 3, 2))
    maps[order] = np.linalg.solve(with_one[order], origin[order])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    inside = painted >= 0
    places = np.column_stack([x[inside], y[inside], np.ones(int(inside.sum()))])
    x[inside], y[inside] = np.einsum("nk,nkd->dn", places, maps[painted[inside]])
    return np.asarray(cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
