"""A face and its parts as frozen values, independent of networks and of Amazon's API.

Left and right are the viewer's: on an upright face `eyeLeft` is the eye closer to the left edge of the image, as in the
samples of Amazon's developer guide. Landmarks and emotions have Amazon's names, because users know them.
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
    """The 30 landmarks, in the order of the service model's enum."""

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
    """The emotions that Amazon names. They describe how a face looks, not what the person feels."""

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
    """Thresholds on the quality score, in rising order."""

    NONE = "NONE"
    LOW = "LOW"
    AUTO = "AUTO"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class QualityReason(StrEnum):
    """Why a face is below a quality threshold, by the names that IndexFaces uses."""

    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"


class Detail(StrEnum):
    """Which fields of a face are computed. The embedding, and so every similarity, is the same with either.

    Attributes:
        MINIMAL: no emotions, smile or other attributes, and the centres of the eyes instead of the pupils.
        ALL: every field.
    """

    MINIMAL = "MINIMAL"
    ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Landmark:
    """A named point. It may lie outside the image.

    Attributes:
        type: the name.
        x: pixels of the upright image.
        y: pixels of the upright image.

    Example:
        >>> Landmark(LandmarkType.NOSE, x=320.5, y=241.0).type.value
        'nose'
    """

    type: LandmarkType
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Pose:
    """The rotation of a head, in degrees.

    Attributes:
        roll: -180..180, positive when the face is turned clockwise on the screen.
        yaw: -90..90, positive when the nose points to the image's right.
        pitch: -180..180, positive when the face looks up.

    Example:
        >>> Pose(roll=-3.0, yaw=12.5, pitch=4.0).yaw
        12.5
    """

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of the image of a face; every number is 0..100.

    Attributes:
        brightness: of the face, without the background; 0 is black, 100 is white.
        sharpness: detail at the scale of the face.
        score: overall quality, fitted to predict errors of comparison. The quality filter compares it with a threshold.
        reasons: why the face is poor; empty for a good face.

    Example:
        >>> dark = Quality(brightness=30.0, sharpness=80.0, score=41.0, reasons=(QualityReason.LOW_BRIGHTNESS,))
        >>> dark.reasons[0].value
        'LOW_BRIGHTNESS'
    """

    brightness: float
    sharpness: float
    score: float
    reasons: tuple[QualityReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Emotion:
    """An emotion that a face shows. It describes how the face looks, not what the person feels.

    Attributes:
        type: the emotion.
        confidence: percent, 0..100.

    Example:
        >>> Emotion(EmotionType.HAPPY, confidence=98.2).type.value
        'HAPPY'
    """

    type: EmotionType
    confidence: float


@dataclass(frozen=True, slots=True)
class Attribute:
    """Whether a face has a property, for example that it smiles.

    Attributes:
        value: whether it has.
        confidence: percent, 50..100: the probability of `value`, true or false.

    Example:
        >>> Attribute(value=True, confidence=97.3)
        Attribute(value=True, confidence=97.3)
    """

    value: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class EyeDirection:
    """The direction of the gaze as the camera sees it, in degrees; the signs are those of `Pose`.

    With a yaw and a pitch of 0 the eyes look into the camera, however the head is turned.

    Attributes:
        yaw: -90..90, positive when the gaze is towards the image's right.
        pitch: -90..90, positive when the gaze is upward.
        confidence: percent, 0..100; low if the eyes are closed, small or turned away.

    Example:
        >>> EyeDirection(yaw=-12.0, pitch=3.5, confidence=88.0).yaw
        -12.0
    """

    yaw: float
    pitch: float
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of one image.

    Attributes:
        box: pixels of the upright image.
        image_size: of the upright image; `box.relative_to(image_size)` gives fractions.
        confidence: percent, 0..100, that the box contains a face.
        landmarks: in the order of `LandmarkType`.
        pose: roll, yaw and pitch.
        quality: brightness, sharpness, a score and reasons.
        embedding: (d,) float32, unit length, read-only; the dot product of two is their cosine. `repr` omits it.
        emotions: highest confidence first; empty under `Detail.MINIMAL`.
        smile: None under `Detail.MINIMAL`.
        eyes_open: None under `Detail.MINIMAL`, and if an eye has less than 6 pixels between its corners.
        mouth_open: None under `Detail.MINIMAL`.
        eye_direction: None if `eyes_open` is None.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> with visavis.open_engine() as engine:
        ...     face = engine.analyze(Path("examples/photos/sunak.jpg")).faces[0]
        >>> len(face.landmarks), face.embedding.shape
        (30, (128,))
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

    def landmark(self, kind: LandmarkType) -> Landmark | None:
        """The landmark of this type; None if the face does not have it.

        Args:
            kind: the type.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> with visavis.open_engine() as engine:
            ...     face = engine.analyze(Path("examples/photos/sunak.jpg")).faces[0]
            >>> nose, chin = face.landmark(LandmarkType.NOSE), face.landmark(LandmarkType.CHIN_BOTTOM)
            >>> nose.y < chin.y
            True
        """
        return next((landmark for landmark in self.landmarks if landmark.type is kind), None)

    @property
    def visible_area(self) -> float:
        """The area of the part of the box inside the image, in square pixels. The largest face has the largest."""
        return self.box.area_within(self.image_size)
