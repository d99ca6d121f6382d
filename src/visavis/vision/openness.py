"""Whether eyes and mouth are open, from the eyes' contours and the mesh.

The eyes are measured on the contours of the iris network, because the lids of the mesh hardly move when an eye closes.
`tools/fit_openness.py` fits the numbers and prints how often they are right.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from visavis.face import Attribute, Pose
from visavis.face_mesh import LOWER_INNER_LIP, MOUTH_CORNERS, UPPER_INNER_LIP

__all__ = [
    "OPENNESS_FILE",
    "OpennessNumbers",
    "attribute_of",
    "eye_terms",
    "eyes_log_odds",
    "eyes_open",
    "mouth_log_odds",
    "mouth_open",
    "mouth_terms",
    "openness_numbers",
]

OPENNESS_FILE = "data/openness.json"

_LIDS = range(1, 8)
"""Points of a contour on the lower lid; the point on the upper lid over each is 8 further on."""

_PITCH_RANGE = (-15.0, 35.0)
_MOST_YAW = 45.0
"""Degrees. Angles beyond these are clipped, because hardly any marked face has them (1 % to 99 %: -13 to 32)."""

_SMALLEST_GAP = 0.01
"""Added to the gap between the lips over the mouth's width, so that closed lips have a logarithm: a seventh of the gap
at which lips are as likely open as closed."""


@dataclass(frozen=True, slots=True)
class OpennessNumbers:
    """Two logistic regressions, on the terms of `eye_terms` and of `mouth_terms`.

    The intercepts are log odds where every term is 0; the others are log odds for each unit of a term.
    """

    eyes_intercept: float
    eyes_opening: float
    eyes_pitch: float
    eyes_pitch_squared: float
    mouth_intercept: float
    mouth_gap: float
    mouth_yaw: float


@cache
def openness_numbers() -> OpennessNumbers:
    """The numbers that ship."""
    text = files("visavis.vision").joinpath(*OPENNESS_FILE.split("/")).read_text("utf-8")
    return OpennessNumbers(**json.loads(text)["numbers"])


def eyes_open(contours: NDArray[np.float32], pose: Pose) -> Attribute:
    """Whether the eyes are open: true as long as the lids show an iris.

    Args:
        contours: (2, 16, 2), of both eyes, in any frame that is not stretched: outer corner, lower lid from there,
            inner corner, upper lid from the outer corner on.
        pose: of the face.
    """
    return attribute_of(eyes_log_odds(contours, pose))


def mouth_open(mesh: NDArray[np.float32], pose: Pose) -> Attribute:
    """Whether the mouth is open: true as soon as the lips are parted.

    Args:
        mesh: (468, 2 or 3), in any frame that is not stretched.
        pose: of the face.
    """
    return attribute_of(mouth_log_odds(mesh, pose))


def eyes_log_odds(contours: NDArray[np.float32], pose: Pose) -> float:
    """The natural logarithm of the odds that the eyes are open; arguments as of `eyes_open`."""
    n = openness_numbers()
    opening, pitch, squared = eye_terms(contours, pose)
    return n.eyes_intercept + n.eyes_opening * opening + n.eyes_pitch * pitch + n.eyes_pitch_squared * squared


def mouth_log_odds(mesh: NDArray[np.float32], pose: Pose) -> float:
    """The natural logarithm of the odds that the mouth is open; arguments as of `mouth_open`."""
    n = openness_numbers()
    gap, yaw = mouth_terms(mesh, pose)
    return n.mouth_intercept + n.mouth_gap * gap + n.mouth_yaw * yaw


def eye_terms(contours: NDArray[np.float32], pose: Pose) -> tuple[float, float, float]:
    """What the first regression is made on.

    Both eyes are taken together, so that the nearer, wider eye of a turned face counts for more. Pitch is a term
    because lids are foreshortened on a face that looks up or down; its square lets both directions count.

    Args:
        contours: as of `eyes_open`.
        pose: of the face.

    Returns:
        the mean distance between the lids over the width of the eyes; the pitch in tens of degrees, clipped; its square
    """
    # Lists, because on so few points NumPy takes ten times as long.
    eyes = contours.tolist()
    opening = sum(math.dist(eye[i], eye[i + 8]) for eye in eyes for i in _LIDS) / len(_LIDS)
    width = sum(math.dist(eye[0], eye[8]) for eye in eyes)
    pitch = min(max(pose.pitch, _PITCH_RANGE[0]), _PITCH_RANGE[1]) / 10
    return opening / max(width, 1e-6), pitch, pitch**2


def mouth_terms(mesh: NDArray[np.float32], pose: Pose) -> tuple[float, float]:
    """What the second regression is made on.

    The logarithm serves because the mesh opens wide mouths in proportion, and parted lips by a little only. Yaw is a
    term because the width of the mouth is foreshortened on a turned face.

    Args:
        mesh: as of `mouth_open`.
        pose: of the face.

    Returns:
        the natural logarithm of the mean distance between the inner edges of the lips over the width of the mouth, plus
        0.01; the yaw in tens of degrees, without its sign, clipped
    """

    def distance(one: int, other: int) -> float:
        return math.dist(mesh[one, :2].tolist(), mesh[other, :2].tolist())

    pairs = list(zip(UPPER_INNER_LIP, LOWER_INNER_LIP, strict=True))
    gap = sum(distance(*pair) for pair in pairs) / len(pairs)
    return math.log(gap / max(distance(*MOUTH_CORNERS), 1e-6) + _SMALLEST_GAP), min(abs(pose.yaw), _MOST_YAW) / 10


def attribute_of(log_odds: float) -> Attribute:
    """True from even odds on, with the probability of the likelier side.

    Example:
        >>> attribute_of(0.0)
        Attribute(value=True, confidence=50.0)
        >>> attribute_of(-800.0)
        Attribute(value=False, confidence=100.0)
    """
    # tanh, because exp overflows on a mesh that is no face.
    return Attribute(value=log_odds >= 0, confidence=50 * (1 + math.tanh(abs(log_odds) / 2)))
