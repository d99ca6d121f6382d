"""The parameters of CompareFaces, or the error that Amazon gives for them.

It goes in three steps, so that authorization can stand between the first and the second:

read    types; the first mistake is a SerializationException
check   required, min, max, pattern, enum; all mistakes are one ValidationException
build   what the model cannot say: each picture is either bytes or a whole S3 reference
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from visavis.api import constraints, decoding, shapes
from visavis.api.decoding import Fields
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.errors import InvalidRequest
from visavis.face import QualityFilter

__all__ = ["CompareFacesRequest", "ImageInput", "S3ObjectRef", "accept", "parse", "read"]

OPERATION = "CompareFaces"


@dataclass(frozen=True, slots=True)
class S3ObjectRef:
    """An object in a bucket. `name` is the plain key, not escaped; without a `version` the latest is meant."""

    bucket: str
    name: str
    version: str | None = None


ImageInput: TypeAlias = bytes | S3ObjectRef


@dataclass(frozen=True, slots=True)
class CompareFacesRequest:
    """A request that keeps the model's constraints. similarity_threshold: 0..100, inclusive."""

    source: ImageInput
    target: ImageInput
    similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD
    quality_filter: QualityFilter = QualityFilter.NONE


def parse(params: Mapping[str, object]) -> CompareFacesRequest:
    """All three steps.

    Args:
        params: as in the body, or as boto3 takes them: `Bytes` is base64 in a str, or plain bytes.

    Raises:
        WireError: SerializationException or ValidationException.
        InvalidRequest: a picture has neither or both of Bytes and S3Object, or half a reference.
    """
    return accept(read(params))


def read(params: Mapping[str, object]) -> Fields:
    """The first step.

    Raises:
        WireError: SerializationException.
    """
    return decoding.decode_structure(shapes.input_of(OPERATION), params)


def accept(fields: Fields) -> CompareFacesRequest:
    """The second step and the third, for what `read` returned; see `parse` for the errors."""
    constraints.check(shapes.input_of(OPERATION), fields)
    return CompareFacesRequest(
        source=_image("source", fields["SourceImage"]),
        target=_image("target", fields["TargetImage"]),
        similarity_threshold=fields.get("SimilarityThreshold", DEFAULT_SIMILARITY_THRESHOLD),
        quality_filter=QualityFilter(fields.get("QualityFilter", QualityFilter.NONE)),
    )


def _image(role: str, image: Fields) -> ImageInput:
    match image:
        case {"Bytes": bytes() as data, **others} if not others:
            return data
        case {"S3Object": {"Bucket": str() as bucket, "Name": str() as name} as found, **others} if not others:
            return S3ObjectRef(bucket, name, found.get("Version"))
    raise InvalidRequest(f"the {role} image needs either Bytes, or an S3Object with Bucket and Name")
