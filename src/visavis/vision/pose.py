"""Roll, yaw and pitch of a face, from its mesh."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from visavis.face import Pose
from visavis.fitted import load_numbers
from visavis.mean_face import mean_face

__all__ = ["POSE_FILE", "PoseNumbers", "pose_of", "rotation_between"]

POSE_FILE = "vision/data/pose.json"


@dataclass(frozen=True, slots=True)
class PoseNumbers:
    """The number that `tools/fit_pose.py` fits.

    Attributes:
        pitch_zero: degrees, added to the pitch of the mesh, which is lower than Amazon's by that much on average.
    """

    pitch_zero: float


_PITCH_ZERO = load_numbers(POSE_FILE, PoseNumbers).pitch_zero


def rotation_between(model: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rotation that brings `model` closest to `points`, by least squares, regardless of position and scale.

    The algorithm is Kabsch's, Acta Crystallographica A32 (1976).

    Args:
        model: (n, 3).
        points: (n, 3).

    Returns:
        (3, 3) float64.
    """
    return _rotation_from((model - model.mean(axis=0)).T.astype(np.float64), points)


def _rotation_from(centred: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """`rotation_between` for a model (3, n) whose mean is 0. The mean of the points then does not matter."""
    u, _, vt = np.linalg.svd(centred @ points.astype(np.float64))
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    return np.asarray((vt.T * handed) @ u.T)


@cache
def _centred_mean_face() -> NDArray[np.float64]:
    """(3, 468)."""
    return np.ascontiguousarray((mean_face() - mean_face().mean(axis=0)).T)


def pose_of(mesh: NDArray[np.float32]) -> Pose:
    """The pose of a mesh, in degrees: the rotation of the mean face onto it, as roll, then yaw, then pitch.

    The order matters: in the reverse order, yaw drifts by several degrees with roll.

    Args:
        mesh: (468, 3) float32, x right, y down, z away from the viewer, all in pixels.

    Example:
        >>> pose = pose_of(mean_face().astype(np.float32))
        >>> round(pose.pitch, 3)
        3.3
    """
    (cos_roll, _, _), (sin_roll, _, _), (sin_yaw, sin_pitch, cos_pitch) = _rotation_from(
        _centred_mean_face(), mesh
    ).tolist()
    yaw = math.degrees(math.asin(max(-1.0, min(1.0, sin_yaw))))
    roll = math.degrees(math.atan2(sin_roll, cos_roll))
    pitch = -math.degrees(math.atan2(sin_pitch, cos_pitch)) + _PITCH_ZERO
    return Pose(roll=roll, yaw=yaw, pitch=pitch)
