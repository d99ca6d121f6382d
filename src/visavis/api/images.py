"""The image of a request: bytes, or a reference to an S3 object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from visavis.api.decoding import Fields
from visavis.errors import InvalidRequest

__all__ = ["RequestImage", "S3ObjectRef", "image_of"]


@dataclass(frozen=True, slots=True)
class S3ObjectRef:
    """An object in a bucket.

    Attributes:
        bucket: the bucket's name.
        name: the key, not escaped.
        version: the version's id; None for the latest version.
    """

    bucket: str
    name: str
    version: str | None = None


RequestImage: TypeAlias = bytes | S3ObjectRef


def image_of(fields: Fields, called: str) -> RequestImage:
    """The image in an `Image` structure.

    Args:
        fields: the members of the structure, typed.
        called: what an error's text calls the image, such as "the source image".

    Raises:
        InvalidRequest: `fields` have neither or both of Bytes and S3Object, or a reference without Bucket or Name. The
            service model's constraints do not cover these cases.

    Example:
        >>> image_of({"S3Object": {"Bucket": "photos", "Name": "a.jpg"}}, "the image")
        S3ObjectRef(bucket='photos', name='a.jpg', version=None)
    """
    match fields:
        case {"Bytes": bytes() as data, **others} if not others:
            return data
        case {"S3Object": {"Bucket": str() as bucket, "Name": str() as name} as found, **others} if not others:
            return S3ObjectRef(bucket, name, found.get("Version"))
    raise InvalidRequest(f"{called} needs either Bytes, or an S3Object with Bucket and Name")
