"""The mean face, and its fit to the five points of a detection, for faces that the mesh network cannot read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis.fitted import load_numbers
from visavis.geometry import Points

__all__ = ["DETECTOR_POINTS_FILE", "DetectorPointNumbers", "mean_face", "mean_face_through"]

DETECTOR_POINTS_FILE = "vision/data/detector_points.json"


@dataclass(frozen=True, slots=True)
class DetectorPointNumbers:
    """Where the detector's five points lie on the mean face; fitted by `tools/fit_detector_points.py`.

    Attributes:
        points: (5, 3), in the frame of `mean_face`: eyes, nose and mouth corners.
    """

    points: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if [len(point) for point in self.points] != [3] * 5:
            raise ValueError("points must be five points of three coordinates")


_POINTS = np.array(load_numbers(DETECTOR_POINTS_FILE, DetectorPointNumbers).points)

_YAWS, _PITCHES = range(-88, 89, 2), range(-40, 41, 4)
"""Degrees; the rotations of the mean face that are tried. At a yaw of 90 the eyes would coincide and give no roll."""

_PITCH_PENALTY, _USUAL_PITCH = 0.01 / 20**2, 3.6
"""Added to the share of the points' variance that a fit leaves, for each squared degree between its pitch and the usual
one, because pitch and roll are hard to tell apart in a profile. The usual pitch is the median of 64 faces of lfw-dev
with a yaw of 30 to 40 degrees, which the mesh can read: -0.3 with `PoseNumbers.pitch_zero`, which a fit is
without; here a raised chin is negative."""


@cache
def mean_face() -> NDArray[np.float64]:
    """The mean face, symmetrical and looking straight ahead; made by `tools/make_mean_face.py`.

    Returns:
        (468, 3) float64, x right, y down, z away from the viewer. The origin is between the eyes, and the unit is the
        interocular distance.
    """
    table = np.load(str(files("visavis.vision") / "data/mean_face.npy"))
    return np.asarray(table, np.float64)


def mean_face_through(points: Points) -> NDArray[np.float32]:
    """The mean face, turned, scaled and moved so that its five points lie on given ones, by least squares.

    The detector knows the five points of a profile, of which the mesh network reads at most the visible half. For each
    yaw and pitch in steps of a few degrees, roll, scale and position have a closed solution (two-dimensional Procrustes
    analysis); the best of all is taken. Perspective is ignored.

    Args:
        points: (5, 2): eyes, nose and mouth corners, in pixels of the image.

    Returns:
        (468, 3) float32, in the same frame; z on the same scale.

    Example:
        >>> from visavis.vision.align import TEMPLATE, five_points
        >>> bool(np.abs(five_points(mean_face_through(TEMPLATE)) - TEMPLATE).max() < 4)
        True
    """
    rotations, turned = _turned_points()
    wanted = points[:, 0].astype(np.float64) + 1j * points[:, 1]
    centre = wanted.mean()
    spread = max(float((np.abs(wanted - centre) ** 2).sum()), 1e-12)
    # A factor turns and scales a complex plane; this one brings the turned points nearest to the wanted ones.
    lengths = (np.abs(turned) ** 2).sum(axis=1)
    # Not a matrix product, because BLAS gives one of this size to several threads, which costs a hundred times as much.
    factors = (turned.conj() * (wanted - centre)).sum(axis=1) / lengths
    left = 1 - np.abs(factors) ** 2 * lengths / spread
    best = int((left + _penalties()).argmin())
    model = mean_face() @ rotations[best].T
    flat = (model[:, 0] + 1j * model[:, 1] - _middle(rotations[best])) * factors[best] + centre
    return np.column_stack([flat.real, flat.imag, model[:, 2] * abs(factors[best])]).astype(np.float32)


def _middle(rotation: NDArray[np.float64]) -> complex:
    x, y, _ = (_POINTS @ rotation.T).mean(axis=0)
    return complex(x, y)


@cache
def _turned_points() -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """The rotations, (k, 3, 3), and the five points of the mean face in each, (k, 5) complex, about their centre."""
    rotations = np.stack([_rotation(yaw, pitch) for yaw in _YAWS for pitch in _PITCHES])
    turned = np.einsum("kij,nj->kni", rotations, _POINTS)
    flat = turned[:, :, 0] + 1j * turned[:, :, 1]
    return rotations, flat - flat.mean(axis=1, keepdims=True)


@cache
def _penalties() -> NDArray[np.float64]:
    return np.array([_PITCH_PENALTY * (pitch - _USUAL_PITCH) ** 2 for _ in _YAWS for pitch in _PITCHES])


def _rotation(yaw: float, pitch: float) -> NDArray[np.float64]:
    """About the horizontal axis by `pitch`, then about the vertical one by `yaw`, in degrees."""
    (cy, sy), (cp, sp) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (yaw, pitch))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return np.asarray(about_y @ about_x)
