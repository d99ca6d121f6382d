"""Roll, yaw and pitch of a face, from its mesh."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis.face import Pose
from visavis.fitted import load_numbers

__all__ = ["POSE_FILE", "PoseNumbers", "mean_face", "pose_of", "rotation_between"]

POSE_FILE = "vision/data/pose.json"


@dataclass(frozen=True, slots=True)
class PoseNumbers:
    """What `tools/fit_pose.py` fits.

    pitch_zero: degrees, added to the pitch of the mesh, because the mesh's own zero looks down a little
    """

    pitch_zero: float


_PITCH_ZERO = load_numbers(POSE_FILE, PoseNumbers).pitch_zero

# Into a frame with x to the right, y up and z to the viewer.
_FLIP = np.array([1.0, -1.0, -1.0])


@cache
def mean_face() -> NDArray[np.float64]:
    """(468, 3): a symmetrical mean face, looking straight ahead, pupils one unit apart, centred between the eyes.

    In the mesh's own frame: x right, y down, z away from the viewer. Made by `tools/make_mean_face.py`.
    """
    table = np.load(str(files("visavis.vision") / "data" / "mean_face.npy"))
    return np.asarray(table, np.float64)


def rotation_between(model: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation (3, 3) that brings `model` (n, 3) nearest to `points` (n, 3), whatever their positions and sizes.

    The algorithm is that of Kabsch, Acta Crystallographica A32 (1976).
    """
    a, b = model - model.mean(axis=0), points - points.mean(axis=0)
    u, _, vt = np.linalg.svd(a.T.astype(np.float64) @ b.astype(np.float64))
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return np.asarray(vt.T @ handed @ u.T)


def pose_of(mesh: NDArray[np.float32]) -> Pose:
    """The pose of a mesh, in degrees: the rotation of the mean face onto it, as roll, then yaw, then pitch.

    The order matters: in the reverse order, yaw drifts by several degrees with roll.

    Args:
        mesh: (468, 3) float32, in pixels; x right, y down, z away from the viewer.

    Example:
        >>> pose = pose_of(mean_face().astype(np.float32))
        >>> round(pose.pitch, 3)
        8.0
    """
    r = rotation_between(mean_face() * _FLIP, mesh * _FLIP)
    yaw = math.degrees(math.asin(max(-1.0, min(1.0, -r[2, 0]))))
    roll = -math.degrees(math.atan2(r[1, 0], r[0, 0]))
    pitch = -math.degrees(math.atan2(r[2, 1], r[2, 2])) + _PITCH_ZERO
    return Pose(roll=roll, yaw=yaw, pitch=pitch)
