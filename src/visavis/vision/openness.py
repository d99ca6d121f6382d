"""Whether eyes and mouth are open, from the eyes' contours and the mesh.

The eyes are measured on the contours of the iris network, because the lids of the mesh hardly move when an eye closes.
`tools/fit_openness.py` fits the numbers and prints their accuracy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.face import Attribute, Pose
from visavis.face_mesh import (
    CONTOUR_INNER_CORNER,
    CONTOUR_LOWER_LID,
    CONTOUR_OUTER_CORNER,
    CONTOUR_UPPER_LID,
    LOWER_INNER_LIP,
    MOUTH_CORNERS,
    UPPER_INNER_LIP,
)
from visavis.fitted import load_numbers

__all__ = [
    "NUMBERS",
    "OPENNESS_FILE",
    "OpennessNumbers",
    "attribute_of",
    "eye_terms",
    "eyes_log_odds",
    "eyes_open",
    "mouth_log_odds",
    "mouth_open",
    "mouth_terms",
]

OPENNESS_FILE = "vision/data/openness.json"

_PITCH_RANGE = (-20.0, 30.0)
_MAX_YAW = 45.0
"""Degrees. Angles beyond these are clipped, because few marked faces have them: the 1st and 99th percentile of their
pitch are -18 and 27."""

_GAP_OFFSET = 0.01
"""Added to the gap between the lips over the width of the mouth, so that closed lips have a logarithm: a seventh of the
gap at which lips are as likely open as closed."""


@dataclass(frozen=True, slots=True)
class OpennessNumbers:
    """Two logistic regressions, on the terms of `eye_terms` and of `mouth_terms`; fitted by `tools/fit_openness.py`.

    Attributes:
        eyes_intercept: log odds of open eyes if every term is 0.
        eyes_opening: log odds per unit of the first of `eye_terms`.
        eyes_pitch: per unit of the second.
        eyes_pitch_squared: per unit of the third.
        mouth_intercept: log odds of an open mouth if every term is 0.
        mouth_gap: log odds per unit of the first of `mouth_terms`.
        mouth_yaw: per unit of the second.
    """

    eyes_intercept: float
    eyes_opening: float
    eyes_pitch: float
    eyes_pitch_squared: float
    mouth_intercept: float
    mouth_gap: float
    mouth_yaw: float


NUMBERS = load_numbers(OPENNESS_FILE, OpennessNumbers)
"""The numbers that ship."""


def eyes_open(contours: NDArray[np.float32], pose: Pose) -> Attribute:
    """Whether the eyes are open: true as long as the lids show an iris.

    Args:
        contours: (2, 16, 2), of both eyes, as `vision.iris.Eyes` orders them, in any frame with square pixels.
        pose: of the face.
    """
    return attribute_of(eyes_log_odds(contours, pose))


def mouth_open(mesh: NDArray[np.float32], pose: Pose) -> Attribute:
    """Whether the mouth is open: true as soon as the lips are parted.

    Args:
        mesh: (468, 2 or 3), in any frame with square pixels.
        pose: of the face.
    """
    return attribute_of(mouth_log_odds(mesh, pose))


def eyes_log_odds(contours: NDArray[np.float32], pose: Pose, numbers: OpennessNumbers = NUMBERS) -> float:
    """The natural logarithm of the odds that the eyes are open.

    Args:
        contours: as for `eyes_open`.
        pose: of the face.
        numbers: default: those that ship.
    """
    n = numbers
    opening, pitch, squared = eye_terms(contours, pose)
    return n.eyes_intercept + n.eyes_opening * opening + n.eyes_pitch * pitch + n.eyes_pitch_squared * squared


def mouth_log_odds(mesh: NDArray[np.float32], pose: Pose, numbers: OpennessNumbers = NUMBERS) -> float:
    """The natural logarithm of the odds that the mouth is open.

    Args:
        mesh: as for `mouth_open`.
        pose: of the face.
        numbers: default: those that ship.
    """
    n = numbers
    gap, yaw = mouth_terms(mesh, pose)
    return n.mouth_intercept + n.mouth_gap * gap + n.mouth_yaw * yaw


def eye_terms(contours: NDArray[np.float32], pose: Pose) -> tuple[float, float, float]:
    """The terms of the regression for the eyes.

    The lengths of both eyes are added, so that the closer, wider eye of a turned face has more weight. Pitch is a term
    because lids are foreshortened on a face that looks up or down; with its square both directions have an effect.

    Args:
        contours: as for `eyes_open`.
        pose: of the face.

    Returns:
        The mean distance between the lids over the width of the eyes; the clipped pitch in tens of degrees; its square.
    """
    # Lists, because NumPy takes ten times as long for so few points.
    eyes = contours.tolist()
    lids = list(zip(CONTOUR_LOWER_LID, CONTOUR_UPPER_LID, strict=True))
    opening = sum(math.dist(eye[low], eye[high]) for eye in eyes for low, high in lids) / len(lids)
    width = sum(math.dist(eye[CONTOUR_OUTER_CORNER], eye[CONTOUR_INNER_CORNER]) for eye in eyes)
    pitch = min(max(pose.pitch, _PITCH_RANGE[0]), _PITCH_RANGE[1]) / 10
    return opening / max(width, 1e-6), pitch, pitch**2


def mouth_terms(mesh: NDArray[np.float32], pose: Pose) -> tuple[float, float]:
    """The terms of the regression for the mouth.

    The first term is a logarithm because the mesh shows wide mouths in proportion, but barely parted lips by a
    very small gap. Yaw is a term because the width of the mouth is foreshortened on a turned face.

    Args:
        mesh: as for `mouth_open`.
        pose: of the face.

    Returns:
        The natural logarithm of 0.01 plus the mean distance between the inner edges of the lips over the width of the
        mouth; the clipped absolute yaw in tens of degrees.
    """

    def distance(one: int, other: int) -> float:
        return math.dist(mesh[one, :2].tolist(), mesh[other, :2].tolist())

    pairs = list(zip(UPPER_INNER_LIP, LOWER_INNER_LIP, strict=True))
    gap = sum(distance(*pair) for pair in pairs) / len(pairs)
    return math.log(gap / max(distance(*MOUTH_CORNERS), 1e-6) + _GAP_OFFSET), min(abs(pose.yaw), _MAX_YAW) / 10


def attribute_of(log_odds: float) -> Attribute:
    """The likelier value with its probability in percent; True at even odds.

    Example:
        >>> attribute_of(0.0)
        Attribute(value=True, confidence=50.0)
        >>> attribute_of(-800.0)
        Attribute(value=False, confidence=100.0)
    """
    # tanh, because exp overflows on a mesh that is not a face.
    return Attribute(value=log_odds >= 0, confidence=50 * (1 + math.tanh(abs(log_odds) / 2)))
