"""Where the eyes look, from the pupils, the eyes' contours and the pose."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis.face import Attribute, EyeDirection, Pose
from visavis.face_mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS

__all__ = ["GAZE_FILE", "GazeNumbers", "eye_direction", "gaze_numbers", "gaze_vectors", "pupil_offsets"]

GAZE_FILE = "data/gaze.json"

# Lengths in distances between the middles of the eyes, which are 61 mm apart in an adult. Anatomy: the pupil lies 10 mm
# before the centre of the eyeball, and that centre 5 mm behind the line through the corners of the eye.
_PUPIL = 0.16
_DEPTH = 0.08

_MOST = 60.0
"""Degrees off the line to the camera. No eye that is seen looks further aside; what seems to is clamped."""

_HALF_SURE = 6.0
"""Width of an eye in pixels at which the confidence is halved: the least that the iris network is asked about. Shaped,
not fitted."""


@dataclass(frozen=True, slots=True)
class GazeNumbers:
    """Where the centre of the eyeball lies from the middle between the corners of the eye; see `tools/fit_gaze.py`.

    outward: away from the nose, in distances between the eyes
    upward:  towards the brow, in the same unit
    """

    outward: float
    upward: float


@cache
def gaze_numbers() -> GazeNumbers:
    """The numbers that ship."""
    text = files("visavis.vision").joinpath(*GAZE_FILE.split("/")).read_text("utf-8")
    return GazeNumbers(**json.loads(text)["numbers"])


def eye_direction(
    pupils: NDArray[np.float32],
    contours: NDArray[np.float32],
    mesh: NDArray[np.float32],
    pose: Pose,
    eyes_open: Attribute,
) -> EyeDirection:
    """The direction of the gaze as the camera sees it: 0 and 0 look into the camera, however the head is turned.

    The angles follow those of `Pose`: they are counted after the roll of the face is taken out, and eyes that look
    straight ahead out of the head have the yaw and the pitch of the pose.

    Args:
        pupils: (2, 2), image-left then image-right, in pixels of the upright image.
        contours: (2, 16, 2), of the same eyes, in the same frame; points 0 and 8 are the outer and the inner corner.
        mesh: (468, 3), in the same frame, for the scale.
        pose: of the face.
        eyes_open: of the face, because closed eyes look nowhere.

    Returns:
        The mean of both eyes, each weighted by its width in the image. The confidence is the product of the probability
        that the eyes are open, a factor that falls with the size of the eyes, and the cosine of the pose's yaw.
    """
    widths = [math.dist(outer, inner) for outer, inner in contours[:, [0, 8]].tolist()]
    x, y = (np.array(widths) @ gaze_vectors(pupils, contours, mesh, pose) / max(sum(widths), 1e-6)).tolist()
    scale = min(1.0, math.sin(math.radians(_MOST)) / max(math.hypot(x, y), 1e-6))
    x, y = x * scale, y * scale
    certainty = eyes_open.confidence if eyes_open.value else 100 - eyes_open.confidence
    size = (sum(widths) / 2) ** 2
    return EyeDirection(
        yaw=math.degrees(math.atan2(x, math.sqrt(1 - x * x - y * y))),
        pitch=-math.degrees(math.asin(y)),
        confidence=certainty * size / (size + _HALF_SURE**2) * max(math.cos(math.radians(pose.yaw)), 0.0),
    )


def gaze_vectors(
    pupils: NDArray[np.float32], contours: NDArray[np.float32], mesh: NDArray[np.float32], pose: Pose
) -> NDArray[np.float64]:
    """The first two components of the unit vector along each eye's gaze: (2, 2), x to the right of the image, y down.

    The pupil moves on a sphere around the centre of the eyeball. Seen from afar, its offset from that centre over the
    radius is the sine of the angle of the gaze. The frame is the image's, turned until the face is upright. Arguments
    are those of `eye_direction`. Noise can make a vector longer than 1.
    """
    numbers, yaw, pitch = gaze_numbers(), math.radians(pose.yaw), math.radians(pose.pitch)
    outward = numbers.outward * math.cos(yaw)
    backward = -_DEPTH * math.cos(pitch) * math.sin(yaw)
    down = _DEPTH * math.sin(pitch) - numbers.upward * math.cos(pitch)
    centres = np.array([[backward - outward, down], [backward + outward, down]])
    return np.asarray((pupil_offsets(pupils, contours, mesh, pose) - centres) / _PUPIL)


def pupil_offsets(
    pupils: NDArray[np.float32], contours: NDArray[np.float32], mesh: NDArray[np.float32], pose: Pose
) -> NDArray[np.float64]:
    """Each pupil from the middle between the corners of its eye: (2, 2), in distances between the eyes.

    The frame is that of `gaze_vectors`, the arguments are those of `eye_direction`. The corners of the contours are
    taken, because those of the mesh are less steady: with them the two eyes agree less.
    """
    roll = math.radians(pose.roll)
    upright = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    middles = (contours[:, 0].astype(np.float64) + contours[:, 8]) / 2
    corners = mesh[[*LEFT_EYE_CORNERS, *RIGHT_EYE_CORNERS]].astype(np.float64)
    between = (corners[2] + corners[3] - corners[0] - corners[1]) / 2
    return np.asarray((pupils - middles) @ upright.T / max(math.hypot(*between.tolist()), 1e-6))
