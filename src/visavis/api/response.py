"""A Comparison as CompareFaces tells it: members in the model's order, fractions of the picture, float32 numbers.

The members for orientation correction are never written, as the service leaves them out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import numpy as np

from visavis.comparison import Comparison
from visavis.face import Face, LandmarkType

__all__ = ["Attributes", "render"]

Json: TypeAlias = dict[str, object]


class Attributes(StrEnum):
    """How much is told of a target face.

    DEFAULT: what the service was recorded to send: five landmarks, neither emotions nor smile
    ALL:     every field of the API reference
    """

    DEFAULT = "DEFAULT"
    ALL = "ALL"


RECORDED_LANDMARKS = (
    LandmarkType.EYE_LEFT,
    LandmarkType.EYE_RIGHT,
    LandmarkType.MOUTH_LEFT,
    LandmarkType.MOUTH_RIGHT,
    LandmarkType.NOSE,
)
"""In the order of the service's answers since 2019, which is not the model's."""

LANDMARKS = {
    Attributes.DEFAULT: RECORDED_LANDMARKS,
    Attributes.ALL: RECORDED_LANDMARKS + tuple(kind for kind in LandmarkType if kind not in RECORDED_LANDMARKS),
}


def render(comparison: Comparison, attributes: Attributes) -> Json:
    """The body of the answer. Every number is a float32 value as a Python float."""
    return {
        "SourceImageFace": {
            "BoundingBox": _bounding_box(comparison.source),
            "Confidence": _number(comparison.source.confidence),
        },
        "FaceMatches": [
            {"Similarity": _number(match.similarity), "Face": _compared_face(match.face, attributes)}
            for match in comparison.matches
        ],
        "UnmatchedFaces": [_compared_face(match.face, attributes) for match in comparison.unmatched],
    }


def _number(value: float) -> float:
    """The service computes in float32 and prints the widened value: 0.1 is sent as 0.10000000149011612."""
    return float(np.float32(value))


def _bounding_box(face: Face) -> Json:
    box = face.box.relative_to(face.image_size)
    return {
        "Width": _number(box.width),
        "Height": _number(box.height),
        "Left": _number(box.left),
        "Top": _number(box.top),
    }


def _compared_face(face: Face, attributes: Attributes) -> Json:
    told: Json = {
        "BoundingBox": _bounding_box(face),
        "Confidence": _number(face.confidence),
        "Landmarks": _landmarks(face, LANDMARKS[attributes]),
        "Pose": {
            "Roll": _number(face.pose.roll),
            "Yaw": _number(face.pose.yaw),
            "Pitch": _number(face.pose.pitch),
        },
        "Quality": {
            "Brightness": _number(face.quality.brightness),
            "Sharpness": _number(face.quality.sharpness),
        },
    }
    return told | _expression(face) if attributes is Attributes.ALL else told


def _landmarks(face: Face, order: tuple[LandmarkType, ...]) -> list[Json]:
    wanted = sorted(
        (landmark for landmark in face.landmarks if landmark.type in order),
        key=lambda landmark: order.index(landmark.type),
    )
    return [
        {
            "Type": landmark.type.value,
            "X": _number(landmark.x / face.image_size.width),
            "Y": _number(landmark.y / face.image_size.height),
        }
        for landmark in wanted
    ]


def _expression(face: Face) -> Json:
    """Emotions and Smile, each only where it was looked for."""
    told: Json = {}
    if face.emotions:
        told["Emotions"] = [
            {"Type": emotion.type.value, "Confidence": _number(emotion.confidence)}
            for emotion in sorted(face.emotions, key=lambda emotion: -emotion.confidence)
        ]
    if face.smile is not None:
        told["Smile"] = {"Value": face.smile.value, "Confidence": _number(face.smile.confidence)}
    return told
