"""The landmarks of a face and the axes of its pose."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from visavis.drawing.marks import Colour
from visavis.drawing.shapes import WHITE, disc, lines
from visavis.face import Face, LandmarkType, Pose

__all__ = ["draw_landmarks"]

_AXES: tuple[Colour, Colour, Colour] = ((213, 94, 0), (0, 158, 115), (86, 180, 233))
"""The face's axes to the viewer's right, up, and out of the face, in colours of Okabe and Ito."""

_EDGE: Colour = (28, 32, 38)


def draw_landmarks(canvas: Pil.Image, face: Face, origin: tuple[float, float], scale: float) -> None:
    """Draw the landmarks of a face as white dots, and from its nose the three axes of its pose.

    Args:
        canvas: is drawn on.
        face: in pixels of its picture.
        origin: of the picture in the drawing.
        scale: pixels of the drawing for each pixel of the picture.
    """
    side = scale * max(face.box.width, face.box.height)
    nose = face.landmark(LandmarkType.NOSE)
    if nose is not None:
        start = np.array([nose.x, nose.y]) * scale + origin
        for tip, colour in zip(_axes(face.pose), _AXES, strict=True):
            lines(canvas, [np.array([start, start + tip * side / 3])], max(2.0, side / 90), colour, halo=1)
    radius = max(1.5, side / 130)
    for point in face.landmarks:
        centre = point.x * scale + origin[0], point.y * scale + origin[1]
        disc(canvas, centre, radius + 1, _EDGE)
        disc(canvas, centre, radius, WHITE)


def _axes(pose: Pose) -> NDArray[np.float64]:
    """The directions on the screen of the face's axes (to the viewer's right, up, out of the face): (3, 2)."""
    roll, yaw, pitch = (math.radians(a) for a in (pose.roll, pose.yaw, pose.pitch))
    turn_pitch = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    turn_yaw = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    turn_roll = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    # Screen frame: x right, y down, z towards the viewer. Looking up moves the nose towards negative y.
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    return np.asarray((turn_roll @ turn_yaw @ turn_pitch @ axes.T).T[:, :2])
