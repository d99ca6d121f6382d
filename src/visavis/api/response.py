"""The members about a face that responses of several operations share.

Positions are fractions of the image, numbers are float32 values, and members have the model's order. The members for
orientation correction are not written, because the service omits them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import numpy as np

from visavis.face import Attribute, Detail, Face, LandmarkType

__all__ = [
    "DETAIL",
    "FieldSet",
    "Json",
    "attribute",
    "bounding_box",
    "emotions",
    "landmarks",
    "number",
    "pose",
    "quality",
]

Json: TypeAlias = dict[str, object]


class FieldSet(StrEnum):
    """How much a response contains about a face.

    Attributes:
        DEFAULT: what recorded responses contain: five landmarks, and neither emotions nor smile.
        ALL: every field of the API reference that visavis determines.
    """

    DEFAULT = "DEFAULT"
    ALL = "ALL"


DETAIL = {FieldSet.DEFAULT: Detail.MINIMAL, FieldSet.ALL: Detail.ALL}
"""How much of a face is computed: attributes that a response omits are not."""

RECORDED_LANDMARKS = (
    LandmarkType.EYE_LEFT,
    LandmarkType.EYE_RIGHT,
    LandmarkType.MOUTH_LEFT,
    LandmarkType.MOUTH_RIGHT,
    LandmarkType.NOSE,
)
"""The order of the service's responses since 2019, which is not the model's."""

LANDMARKS = {
    FieldSet.DEFAULT: RECORDED_LANDMARKS,
    FieldSet.ALL: RECORDED_LANDMARKS + tuple(kind for kind in LandmarkType if kind not in RECORDED_LANDMARKS),
}


def number(value: float) -> float:
    """`value` rounded to float32, because the service computes in float32 and prints the number as a double.

    Example:
        >>> number(0.1)
        0.10000000149011612
    """
    return float(np.float32(value))


def bounding_box(face: Face) -> Json:
    """`BoundingBox`, in fractions of the image."""
    box = face.box.relative_to(face.image_size)
    return {
        "Width": number(box.width),
        "Height": number(box.height),
        "Left": number(box.left),
        "Top": number(box.top),
    }


def landmarks(face: Face, attributes: FieldSet) -> list[Json]:
    """`Landmarks`, in fractions of the image: the recorded five, and with ALL the others after them."""
    order = LANDMARKS[attributes]
    wanted = sorted(
        (landmark for landmark in face.landmarks if landmark.type in order),
        key=lambda landmark: order.index(landmark.type),
    )
    return [
        {
            "Type": landmark.type.value,
            "X": number(landmark.x / face.image_size.width),
            "Y": number(landmark.y / face.image_size.height),
        }
        for landmark in wanted
    ]


def pose(face: Face) -> Json:
    """`Pose`, in degrees."""
    return {"Roll": number(face.pose.roll), "Yaw": number(face.pose.yaw), "Pitch": number(face.pose.pitch)}


def quality(face: Face) -> Json:
    """`Quality`, each number 0..100."""
    return {"Brightness": number(face.quality.brightness), "Sharpness": number(face.quality.sharpness)}


def emotions(face: Face) -> list[Json]:
    """`Emotions`, the highest confidence first; empty if they were not computed."""
    return [
        {"Type": emotion.type.value, "Confidence": number(emotion.confidence)}
        for emotion in sorted(face.emotions, key=lambda emotion: -emotion.confidence)
    ]


def attribute(found: Attribute | None) -> Json | None:
    """`Smile`, or another member of its form; None if it was not computed."""
    return None if found is None else {"Value": found.value, "Confidence": number(found.confidence)}
