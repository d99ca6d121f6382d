"""A face in our own words: frozen values that know nothing of networks or of Amazon.

Left and right are the viewer's: `eyeLeft` is the eye nearer the picture's left edge of an upright face, as in the
samples of Amazon's developer guide. Landmark and emotion names are Amazon's own, for they are the field's terms here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from visavis.geometry import Box, Size

__all__ = [
    "Attribute",
    "Detail",
    "Emotion",
    "EmotionType",
    "EyeDirection",
    "Face",
    "Landmark",
    "LandmarkType",
    "Pose",
    "Quality",
    "QualityFilter",
    "QualityReason",
]


class LandmarkType(StrEnum):
    """The 30 points, in the order of the service model's enum."""

    EYE_LEFT = "eyeLeft"
    EYE_RIGHT = "eyeRight"
    NOSE = "nose"
    MOUTH_LEFT = "mouthLeft"
    MOUTH_RIGHT = "mouthRight"
    LEFT_EYE_BROW_LEFT = "leftEyeBrowLeft"
    LEFT_EYE_BROW_RIGHT = "leftEyeBrowRight"
    LEFT_EYE_BROW_UP = "leftEyeBrowUp"
    RIGHT_EYE_BROW_LEFT = "rightEyeBrowLeft"
    RIGHT_EYE_BROW_RIGHT = "rightEyeBrowRight"
    RIGHT_EYE_BROW_UP = "rightEyeBrowUp"
    LEFT_EYE_LEFT = "leftEyeLeft"
    LEFT_EYE_RIGHT = "leftEyeRight"
    LEFT_EYE_UP = "leftEyeUp"
    LEFT_EYE_DOWN = "leftEyeDown"
    RIGHT_EYE_LEFT = "rightEyeLeft"
    RIGHT_EYE_RIGHT = "rightEyeRight"
    RIGHT_EYE_UP = "rightEyeUp"
    RIGHT_EYE_DOWN = "rightEyeDown"
    NOSE_LEFT = "noseLeft"
    NOSE_RIGHT = "noseRight"
    MOUTH_UP = "mouthUp"
    MOUTH_DOWN = "mouthDown"
    LEFT_PUPIL = "leftPupil"
    RIGHT_PUPIL = "rightPupil"
    UPPER_JAWLINE_LEFT = "upperJawlineLeft"
    MID_JAWLINE_LEFT = "midJawlineLeft"
    CHIN_BOTTOM = "chinBottom"
    MID_JAWLINE_RIGHT = "midJawlineRight"
    UPPER_JAWLINE_RIGHT = "upperJawlineRight"


class EmotionType(StrEnum):
    """What a face looks like, not what the person feels."""

    HAPPY = "HAPPY"
    SAD = "SAD"
    ANGRY = "ANGRY"
    CONFUSED = "CONFUSED"
    DISGUSTED = "DISGUSTED"
    SURPRISED = "SURPRISED"
    CALM = "CALM"
    UNKNOWN = "UNKNOWN"
    FEAR = "FEAR"


class QualityFilter(StrEnum):
    """Bars on the quality score, each stricter than the one before."""

    NONE = "NONE"
    LOW = "LOW"
    AUTO = "AUTO"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class QualityReason(StrEnum):
    """Why a face falls below a bar, in the words of IndexFaces."""

    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"


class Detail(StrEnum):
    """How much is found out of a face; what it is compared by, and so every similarity, is the same.

    PLAIN: no emotions, no attributes and no gaze; the middles of the eyes stand for the pupils
    FULL:  everything
    """

    PLAIN = "PLAIN"
    FULL = "FULL"


@dataclass(frozen=True, slots=True)
class Landmark:
    """A named point in pixels of the upright picture; it may lie outside it."""

    type: LandmarkType
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles in degrees.

    roll:  -180..180, positive when the face is turned clockwise on the screen
    yaw:   -90..90, positive when the nose points to the picture's right
    pitch: -180..180, positive when the face looks up
    """

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a picture of a face this is; every number 0..100, higher is better.

    brightness: of the skin of the face, whatever the background
    sharpness:  detail at the face's own scale
    score:      all of it together, fitted to predict errors of comparison; what the quality filter looks at
    reasons:    what is poor about the face, worst first; empty for a good one
    """

    brightness: float
    sharpness: float
    score: float
    reasons: tuple[QualityReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Emotion:
    """How strongly the face looks like `type`, 0..100."""

    type: EmotionType
    confidence: float


@dataclass(frozen=True, slots=True)
class Attribute:
    """Whether something holds of the face, for example that it smiles.

    Example:
        >>> Attribute(value=True, confidence=97.3)
        Attribute(value=True, confidence=97.3)
    """

    value: bool
    confidence: float
    """Percent, 50..100: the probability of `value`, true or false."""


@dataclass(frozen=True, slots=True)
class EyeDirection:
    """Where the eyes look, in degrees; the signs are those of `Pose`.

    yaw:        -90..90, positive when the gaze goes to the picture's right
    pitch:      -90..90, positive when the gaze goes up
    confidence: 0..100; low where the eyes are closed, small or turned away
    """

    yaw: float
    pitch: float
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of one picture.

    box:        pixels of the upright picture
    image_size: of the upright picture, so that fractions can be told
    confidence: 0..100, that the box holds a face
    landmarks:  in the order of `LandmarkType`
    embedding:  (d,) float32, unit length, read-only; compare by dot product. Kept out of `repr`
    emotions:   highest confidence first; empty under `Detail.PLAIN`

    smile, mouth_open: None under `Detail.PLAIN`
    eyes_open, eye_direction: None there too, and where an eye has less than 6 pixels between its corners
    """

    box: Box
    image_size: Size
    confidence: float
    landmarks: tuple[Landmark, ...]
    pose: Pose
    quality: Quality
    embedding: NDArray[np.float32] = field(repr=False)
    emotions: tuple[Emotion, ...] = ()
    smile: Attribute | None = None
    eyes_open: Attribute | None = None
    mouth_open: Attribute | None = None
    eye_direction: EyeDirection | None = None

    @property
    def visible_area(self) -> float:
        """Square pixels of the part of the box that lies in the picture: what makes a face the largest."""
        return self.box.area_within(self.image_size)
