"""DetectFaces: lists the faces of one image, the largest first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from visavis.analysis import Analysis
from visavis.api import response
from visavis.api.decoding import Fields
from visavis.api.images import RequestImage, image_of
from visavis.api.operation import Context, Operation
from visavis.api.response import DETAIL, FieldSet, Json
from visavis.face import Detail, Face

__all__ = ["DETECT_FACES", "DetectFacesRequest", "FaceAttribute", "detail_for", "render"]


class FaceAttribute(StrEnum):
    """What a request may name beside the default members: the service model's enum `Attribute`, in its order.

    A name that a later service model adds is accepted and ignored, because visavis does not determine its member.
    """

    DEFAULT = "DEFAULT"
    ALL = "ALL"
    AGE_RANGE = "AGE_RANGE"
    BEARD = "BEARD"
    EMOTIONS = "EMOTIONS"
    EYE_DIRECTION = "EYE_DIRECTION"
    EYEGLASSES = "EYEGLASSES"
    EYES_OPEN = "EYES_OPEN"
    GENDER = "GENDER"
    MOUTH_OPEN = "MOUTH_OPEN"
    MUSTACHE = "MUSTACHE"
    FACE_OCCLUDED = "FACE_OCCLUDED"
    SMILE = "SMILE"
    SUNGLASSES = "SUNGLASSES"


DEFAULT, ALL = FaceAttribute.DEFAULT, FaceAttribute.ALL


def _eye_direction(face: Face) -> Json | None:
    found = face.eye_direction
    if found is None:
        return None
    yaw, pitch, confidence = map(response.number, (found.yaw, found.pitch, found.confidence))
    return {"Yaw": yaw, "Pitch": pitch, "Confidence": confidence}


_MEMBERS: Mapping[str, tuple[FaceAttribute, Callable[[Face], object]]] = {
    "BoundingBox": (DEFAULT, response.bounding_box),
    "Smile": (FaceAttribute.SMILE, lambda face: response.attribute(face.smile)),
    "EyesOpen": (FaceAttribute.EYES_OPEN, lambda face: response.attribute(face.eyes_open)),
    "MouthOpen": (FaceAttribute.MOUTH_OPEN, lambda face: response.attribute(face.mouth_open)),
    "Emotions": (FaceAttribute.EMOTIONS, lambda face: response.emotions(face) or None),
    "Landmarks": (DEFAULT, lambda face: response.landmarks(face, FieldSet.DEFAULT)),
    "Pose": (DEFAULT, response.pose),
    "Quality": (DEFAULT, response.quality),
    "Confidence": (DEFAULT, lambda face: response.number(face.confidence)),
    "EyeDirection": (FaceAttribute.EYE_DIRECTION, _eye_direction),
}
"""The members that visavis determines, in the model's order: the attribute that selects a member, and its value."""


@dataclass(frozen=True, slots=True)
class DetectFacesRequest:
    """A request that meets the service model's constraints.

    Attributes:
        image: the image whose faces are listed.
        attributes: the attributes of `FaceAttribute` that the request names. The default members are always sent, also
            if DEFAULT is not named.
    """

    image: RequestImage
    attributes: frozenset[FaceAttribute] = frozenset()


def _parse(fields: Fields) -> DetectFacesRequest:
    # The constraints are those of the installed botocore. Attributes that a later version adds are not determined here.
    named = set(fields.get("Attributes", ()))
    known = frozenset(attribute for attribute in FaceAttribute if attribute in named)
    return DetectFacesRequest(image_of(fields["Image"], "the image"), known)


def _run(request: DetectFacesRequest, context: Context) -> Analysis:
    image, detail = context.read(request.image), detail_for(request.attributes)
    return context.engine.analyze(image, detail=detail, deadline=context.deadline)


def detail_for(attributes: Collection[FaceAttribute]) -> Detail:
    """How much of each face has to be computed to answer with `attributes`.

    Example:
        >>> detail_for([FaceAttribute.SMILE])
        <Detail.ALL: 'ALL'>
    """
    beyond = {ALL, *(attribute for attribute, _ in _MEMBERS.values())} - {DEFAULT}
    return DETAIL[FieldSet.DEFAULT if beyond.isdisjoint(attributes) else FieldSet.ALL]


def render(analysis: Analysis, attributes: Collection[FaceAttribute]) -> Json:
    """The members of the response. Every number is a float32 value as a Python float.

    Args:
        analysis: the faces of the image.
        attributes: what each face has. ALL selects every member that visavis determines, and all landmarks. Without
            ALL a face has the default members, with five landmarks, and the members that are named here.
    """
    return {"FaceDetails": [_face_detail(face, attributes) for face in analysis.faces]}


def _face_detail(face: Face, attributes: Collection[FaceAttribute]) -> Json:
    wanted = {DEFAULT, *attributes}
    members = {
        name: value_of(face) for name, (attribute, value_of) in _MEMBERS.items() if attribute in wanted or ALL in wanted
    }
    if ALL in wanted:
        members["Landmarks"] = response.landmarks(face, FieldSet.ALL)
    # The service omits members that it cannot determine, instead of sending null.
    return {name: value for name, value in members.items() if value is not None}


DETECT_FACES = Operation(
    "DetectFaces",
    parse=_parse,
    run=_run,
    render=lambda analysis, request, _: render(analysis, request.attributes),
    face_lists=("FaceDetails",),
)
