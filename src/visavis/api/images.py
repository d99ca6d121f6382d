"""The image of a request: bytes, or a reference to an S3 object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from visavis.api.decoding import Fields
from visavis.errors import InvalidRequest

__all__ = ["ImageInput", "S3ObjectRef", "image_of"]


@dataclass(frozen=True, slots=True)
class S3ObjectRef:
    """An object in a bucket. `name` is the plain key, not escaped; without a `version` the latest is meant."""

    bucket: str
    name: str
    version: str | None = None


ImageInput: TypeAlias = bytes | S3ObjectRef


def image_of(fields: Fields, called: str) -> ImageInput:
    """The image in `fields`, a typed `Image` structure.

    Args:
        called: the image in an error's text, such as "the source image".

    Raises:
        InvalidRequest: `fields` have neither or both of Bytes and S3Object, or half a reference. The model cannot say
            so, which is why its constraints let such a request pass.

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
