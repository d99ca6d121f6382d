"""The direction of the gaze, from the pupils, the contours of the eyes and the pose.

The unit of length is the distance in space between the midpoints of the two eyes' corners in the mesh. Unlike the
interocular distance, it includes depth, so it does not shrink on a turned face, and the lids have no effect on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face import Attribute, EyeDirection, Pose
from visavis.face_mesh import (
    CONTOUR_INNER_CORNER,
    CONTOUR_OUTER_CORNER,
    LEFT_EYE_CORNERS,
    MIN_EYE_WIDTH,
    RIGHT_EYE_CORNERS,
)
from visavis.fitted import load_numbers

__all__ = ["GAZE_FILE", "NUMBERS", "PUPIL_RADIUS", "GazeNumbers", "eye_direction", "gaze_vectors", "pupil_offsets"]

GAZE_FILE = "vision/data/gaze.json"

PUPIL_RADIUS = 0.16
"""The distance of the pupil from the centre of the eyeball, in the module's unit: anatomically 10 mm, with 61 mm
between the midpoints of an adult's eyes."""

_DEPTH = 0.08
"""The distance of that centre behind the line through the corners of the eye, in the same unit: anatomically 5 mm."""

_MAX_ANGLE = 60.0
"""Degrees off the line to the camera. No visible eye looks further aside, so larger angles are clamped."""

_HALF_CONFIDENCE_WIDTH = MIN_EYE_WIDTH
"""The width of an eye in pixels at which the confidence is halved. It is chosen, not fitted."""


@dataclass(frozen=True, slots=True)
class GazeNumbers:
    """The centre of the eyeball relative to the middle between the corners of the eye; fitted by `tools/fit_gaze.py`.

    Attributes:
        outward: away from the nose, in distances between the midpoints of the eyes' corners, as everywhere in `gaze`.
        upward: towards the brow, in the same unit.
    """

    outward: float
    upward: float


NUMBERS = load_numbers(GAZE_FILE, GazeNumbers)
"""The numbers that ship."""


def eye_direction(
    pupils: NDArray[np.float32],
    contours: NDArray[np.float32],
    mesh: NDArray[np.float32],
    pose: Pose,
    eyes_open: Attribute,
) -> EyeDirection:
    """The direction of the gaze relative to the camera: yaw 0 and pitch 0 look into the camera, whatever the pose.

    The signs are those of `Pose`. The roll of the face is removed first. Eyes that look straight ahead out of the head
    have the yaw and the pitch of the pose.

    Args:
        pupils: (2, 2), image-left then image-right, in pixels of the upright image.
        contours: (2, 16, 2), of the same eyes, in the same frame, as `vision.iris.Eyes` orders them.
        mesh: (468, 3), in the same frame; gives the scale.
        pose: of the face.
        eyes_open: of the face; lowers the confidence of closed eyes.

    Returns:
        The mean of both eyes, each weighted by its width in the image. The confidence is the product of the probability
        that the eyes are open, a factor that falls with the size of the eyes, and the cosine of the pose's yaw.
    """
    corners = contours[:, [CONTOUR_OUTER_CORNER, CONTOUR_INNER_CORNER]]
    widths = [math.dist(outer, inner) for outer, inner in corners.tolist()]
    x, y = (np.array(widths) @ gaze_vectors(pupils, contours, mesh, pose) / max(sum(widths), 1e-6)).tolist()
    scale = min(1.0, math.sin(math.radians(_MAX_ANGLE)) / max(math.hypot(x, y), 1e-6))
    x, y = x * scale, y * scale
    percent_open = eyes_open.confidence if eyes_open.value else 100 - eyes_open.confidence
    size = (sum(widths) / 2) ** 2
    return EyeDirection(
        yaw=math.degrees(math.atan2(x, math.sqrt(1 - x * x - y * y))),
        pitch=-math.degrees(math.asin(y)),
        confidence=percent_open * size / (size + _HALF_CONFIDENCE_WIDTH**2) * max(math.cos(math.radians(pose.yaw)), 0),
    )


def gaze_vectors(
    pupils: NDArray[np.float32], contours: NDArray[np.float32], mesh: NDArray[np.float32], pose: Pose
) -> NDArray[np.float64]:
    """The first two components of the unit vector along each eye's gaze.

    The pupil moves on a sphere around the centre of the eyeball. In parallel projection its offset from that centre,
    divided by the radius, is the sine of the angle of the gaze.

    Args:
        pupils: as for `eye_direction`.
        contours: as for `eye_direction`.
        mesh: as for `eye_direction`.
        pose: as for `eye_direction`.

    Returns:
        (2, 2) float64, one eye a row, x to the right and y down in the image rotated until the face is upright. Noise
        can make a vector longer than 1.
    """
    numbers, yaw, pitch = NUMBERS, math.radians(pose.yaw), math.radians(pose.pitch)
    outward = numbers.outward * math.cos(yaw)
    backward = -_DEPTH * math.cos(pitch) * math.sin(yaw)
    down = _DEPTH * math.sin(pitch) - numbers.upward * math.cos(pitch)
    centres = np.array([[backward - outward, down], [backward + outward, down]])
    return np.asarray((pupil_offsets(pupils, contours, mesh, pose) - centres) / PUPIL_RADIUS)


def pupil_offsets(
    pupils: NDArray[np.float32], contours: NDArray[np.float32], mesh: NDArray[np.float32], pose: Pose
) -> NDArray[np.float64]:
    """The offset of each pupil from the middle between the corners of its eye.

    The corners are those of the contours, because those of the mesh are noisier: with them the two eyes agree less.

    Args:
        pupils: as for `eye_direction`.
        contours: as for `eye_direction`.
        mesh: as for `eye_direction`.
        pose: as for `eye_direction`.

    Returns:
        (2, 2) float64, in distances between the midpoints of the eyes' corners, and the frame of `gaze_vectors`.
    """
    roll = math.radians(pose.roll)
    upright = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    middles = (contours[:, CONTOUR_OUTER_CORNER].astype(np.float64) + contours[:, CONTOUR_INNER_CORNER]) / 2
    return np.asarray((pupils - middles) @ upright.T / max(_midpoint_distance(mesh), 1e-6))


def _midpoint_distance(mesh: NDArray[np.float32]) -> float:
    """The distance in three dimensions between the midpoints of the corners of both eyes, on the mesh's scale."""
    corners = mesh[[*LEFT_EYE_CORNERS, *RIGHT_EYE_CORNERS]].astype(np.float64)
    between = (corners[2] + corners[3] - corners[0] - corners[1]) / 2
    return math.hypot(*between.tolist())
