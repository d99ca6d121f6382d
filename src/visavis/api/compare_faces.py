"""CompareFaces: compares the largest face of a source image with the faces of a target image."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.api import response
from visavis.api.decoding import Fields
from visavis.api.images import RequestImage, image_of
from visavis.api.operation import Context, Operation
from visavis.api.response import DETAIL, FieldSet, Json
from visavis.compare_options import CompareOptions
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD, Comparison
from visavis.errors import ImageTooLarge, ObjectUnavailable, Role
from visavis.face import Face, QualityFilter
from visavis.inputs import choice_of

__all__ = ["COMPARE_FACES", "CompareFacesRequest", "render"]


@dataclass(frozen=True, slots=True)
class CompareFacesRequest:
    """A request that meets the service model's constraints.

    Attributes:
        source: the image whose largest face is compared.
        target: the image whose faces it is compared with.
        similarity_threshold: 0..100; a face with this similarity is a match.
        quality_filter: the least quality of faces that are compared.
    """

    source: RequestImage
    target: RequestImage
    similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD
    quality_filter: QualityFilter = QualityFilter.NONE


def _parse(fields: Fields) -> CompareFacesRequest:
    return CompareFacesRequest(
        source=image_of(fields["SourceImage"], "the source image"),
        target=image_of(fields["TargetImage"], "the target image"),
        similarity_threshold=fields.get("SimilarityThreshold", DEFAULT_SIMILARITY_THRESHOLD),
        # The constraints are those of the installed botocore, and a later version may have further filters.
        quality_filter=choice_of("QualityFilter", fields.get("QualityFilter", QualityFilter.NONE), QualityFilter),
    )


def _run(request: CompareFacesRequest, context: Context) -> Comparison:
    source = _read(context, request.source, "source")
    target = _read(context, request.target, "target")
    detail = DETAIL[context.attributes]
    options = CompareOptions(request.similarity_threshold, request.quality_filter, detail=detail)
    return context.engine.compare(source, target, options, deadline=context.deadline)


def _read(context: Context, image: RequestImage, role: Role) -> bytes:
    """As `Context.read`; the text of an error begins with the image's role."""
    try:
        return context.read(image)
    except (ObjectUnavailable, ImageTooLarge) as error:
        kind = ImageTooLarge if isinstance(error, ImageTooLarge) else ObjectUnavailable
        raise kind(f"{role}: {error}") from error


def render(comparison: Comparison, attributes: FieldSet) -> Json:
    """The members of the response. Every number is a float32 value as a Python float.

    Args:
        comparison: the result of a comparison of one source with one target.
        attributes: which members each face of the target has. The face of the source always has the same two.
    """
    return {
        "SourceImageFace": {
            "BoundingBox": response.bounding_box(comparison.source),
            "Confidence": response.number(comparison.source.confidence),
        },
        "FaceMatches": [
            {"Similarity": response.number(match.similarity), "Face": _compared_face(match.face, attributes)}
            for match in comparison.matches
        ],
        "UnmatchedFaces": [_compared_face(match.face, attributes) for match in comparison.unmatched],
    }


def _compared_face(face: Face, attributes: FieldSet) -> Json:
    members: Json = {
        "BoundingBox": response.bounding_box(face),
        "Confidence": response.number(face.confidence),
        "Landmarks": response.landmarks(face, attributes),
        "Pose": response.pose(face),
        "Quality": response.quality(face),
    }
    if attributes is FieldSet.ALL:
        # The service omits members that it does not determine, instead of sending null or an empty list.
        found = {"Emotions": response.emotions(face), "Smile": response.attribute(face.smile)}
        members |= {name: value for name, value in found.items() if value}
    return members


COMPARE_FACES = Operation(
    "CompareFaces",
    parse=_parse,
    run=_run,
    render=lambda comparison, _, context: render(comparison, context.attributes),
    face_lists=("FaceMatches", "UnmatchedFaces"),
)
