"""The 30 named landmarks and the box of a face, from its mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face import Landmark, LandmarkType
from visavis.face_mesh import VERTICES, eye_centres
from visavis.fitted import load_numbers
from visavis.geometry import Box, Points, level_axes

__all__ = [
    "BOX_FILE",
    "LANDMARKS_FILE",
    "BoxNumbers",
    "LandmarkNumbers",
    "box_around",
    "level_frame",
    "named_points",
]

L = LandmarkType

LANDMARKS_FILE = "vision/data/landmarks.json"
BOX_FILE = "vision/data/box.json"
_PUPILS = {L.EYE_LEFT, L.EYE_RIGHT, L.LEFT_PUPIL, L.RIGHT_PUPIL}


@dataclass(frozen=True, slots=True)
class LandmarkNumbers:
    """The place on the mesh of each landmark except the pupils; fitted by `tools/fit_landmarks.py`.

    Attributes:
        places: name -> one or two pairs (vertex, weight) whose weights sum to 1. The vertices are results of a search,
            so they are numbers even where `face_mesh` has a name for a vertex.
    """

    places: dict[str, tuple[tuple[int, float], ...]]

    def __post_init__(self) -> None:
        if set(self.places) != {str(name) for name in LandmarkType if name not in _PUPILS}:
            raise ValueError("places must be those of every landmark except eyes and pupils")
        for name, place in self.places.items():
            if len(place) not in (1, 2) or abs(sum(weight for _, weight in place) - 1) > 1e-6:
                raise ValueError(f"places.{name} must be one or two vertices with weights that sum to 1")
            if not all(0 <= vertex < VERTICES for vertex, _ in place):
                raise ValueError(f"places.{name} must name vertices from 0 to {VERTICES - 1}")


@dataclass(frozen=True, slots=True)
class BoxNumbers:
    """The factors from the extents of the mesh to those of the box; fitted by `tools/fit_box.py`.

    Attributes:
        sideways: for the extents to each side of the midpoint of the eyes.
        above: for the extent above the line through the eyes.
        below: for the extent below that line.
    """

    sideways: float
    above: float
    below: float

    def __post_init__(self) -> None:
        if min(self.sideways, self.above, self.below) <= 0:
            raise ValueError("sideways, above and below must be positive")


_PLACES = {L(name): place for name, place in load_numbers(LANDMARKS_FILE, LandmarkNumbers).places.items()}
_VERTICES = np.array([[i for i, _ in (*place, place[0])[:2]] for place in _PLACES.values()])
_WEIGHTS = np.array([[w for _, w in (*place, (0, 0.0))[:2]] for place in _PLACES.values()], np.float32)[:, :, None]
_BOX = load_numbers(BOX_FILE, BoxNumbers)


def named_points(mesh: NDArray[np.float32], pupils: Points) -> tuple[Landmark, ...]:
    """All 30 landmarks, in the order of `LandmarkType`.

    Args:
        mesh: (468, 2 or 3) float32, in pixels of the upright image.
        pupils: (2, 2), image-left then image-right, in the same frame. `eyeLeft` and `leftPupil` are the same point, as
            in recorded responses of Amazon's.

    Example:
        >>> mesh = np.zeros((468, 3), np.float32)
        >>> mesh[61, :2] = 30, 40
        >>> points = {point.type: point for point in named_points(mesh, np.zeros((2, 2), np.float32))}
        >>> points[LandmarkType.MOUTH_LEFT].x, points[LandmarkType.MOUTH_LEFT].y
        (30.0, 40.0)
    """
    points = (_WEIGHTS * mesh[_VERTICES, :2]).sum(axis=1).tolist()
    placed = dict(zip(_PLACES, points, strict=True))
    placed[L.EYE_LEFT] = placed[L.LEFT_PUPIL] = pupils[0].tolist()
    placed[L.EYE_RIGHT] = placed[L.RIGHT_PUPIL] = pupils[1].tolist()
    return tuple(Landmark(name, *placed[name]) for name in LandmarkType)


def box_around(mesh: NDArray[np.float32], numbers: BoxNumbers = _BOX) -> Box:
    """The box of a face, with the proportions of Amazon's boxes.

    It is the upright bounding box of an oval that rotates with the face. So it changes smoothly with roll, and for a
    face on its side it is the same with width and height exchanged.

    Args:
        mesh: (468, 2 or 3) float32, in pixels of the upright image.
        numbers: default: those that ship.
    """
    middle, frame = level_frame(mesh)
    levelled = frame @ (mesh[:, :2].astype(np.float64) - middle).T
    low = levelled.min(axis=1) * (numbers.sideways, numbers.above)
    high = levelled.max(axis=1) * (numbers.sideways, numbers.below)
    x, y = middle + ((low + high) / 2) @ frame
    half = (high - low) / 2
    half_width, half_height = np.sqrt((frame.T**2) @ half**2)
    return Box(*(float(v) for v in (x - half_width, y - half_height, x + half_width, y + half_height)))


def level_frame(mesh: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The frame in which the eyes of a mesh are level.

    Args:
        mesh: (468, 2 or 3), in any frame.

    Returns:
        The midpoint of the eyes, (2,), and the unit vectors along the eyes and down the face, (2, 2), one a row.
    """
    left_eye, right_eye = eye_centres(mesh).astype(np.float64)
    return (left_eye + right_eye) / 2, level_axes(left_eye, right_eye)
