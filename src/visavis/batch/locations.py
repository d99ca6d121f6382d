"""Finds and reads images by their locations: paths, and `s3://bucket/key`."""

from __future__ import annotations

from glob import glob, has_magic
from pathlib import Path

from visavis.api.images import S3ObjectRef
from visavis.api.objects import OBJECT_LIMIT, ListedStore
from visavis.api.stores import StoreOptions
from visavis.batch.comparing import Read, read_path
from visavis.errors import InvalidRequest
from visavis.files import IMAGE_SUFFIXES

__all__ = ["Locations", "open_read"]

S3 = "s3://"


class Locations:
    """Reads and lists images. Threads may share it.

    Args:
        store: what `s3://` is read from.

    Example:
        >>> from visavis import FolderStore
        >>> locations = Locations(FolderStore({"photos": "examples/photos"}))
        >>> locations.images("s3://photos/oba")
        ['s3://photos/obama.jpg']
        >>> locations.read("s3://photos/obama.jpg")[:2].hex()
        'ffd8'
    """

    def __init__(self, store: ListedStore) -> None:
        self._store = store

    def read(self, location: str) -> bytes:
        """The bytes of an image.

        Raises:
            InvalidRequest: a file cannot be read, or the location is a URI other than `s3://bucket/key`.
            ObjectUnavailable: the object is missing, forbidden or unreachable.
            ImageTooLarge: the object is larger than the service allows.
        """
        if not location.startswith(S3):
            return read_path(location)
        bucket, _, key = location.removeprefix(S3).partition("/")
        if not bucket or not key:
            raise InvalidRequest(f"{location} must have the form s3://bucket/key")
        return self._store.read(S3ObjectRef(bucket, key), limit=OBJECT_LIMIT)

    def images(self, text: str) -> list[str]:
        """The locations of a set of images, sorted.

        Args:
            text: a folder, whose images with one of the suffixes are taken, also from folders in it; a pattern with
                `*`, `?` or `[...]`, and `**` for any folders; one file; or `s3://bucket/prefix`.

        Raises:
            InvalidRequest: there is no such image.
            ObjectUnavailable: the bucket is missing, forbidden or unreachable.
        """
        if text.startswith(S3):
            bucket, _, prefix = text.removeprefix(S3).partition("/")
            found = [f"{S3}{bucket}/{key}" for key in self._store.keys(bucket, prefix) if _is_image(key)]
        elif Path(text).is_dir():
            found = [str(path) for path in Path(text).rglob("*") if _is_image(path.name) and path.is_file()]
        elif Path(text).is_file():
            found = [text]
        else:
            # `Path.glob` takes no absolute pattern.
            matching = glob(text, recursive=True) if has_magic(text) else []  # noqa: PTH207
            found = [path for path in matching if Path(path).is_file()]
        if not found:
            raise InvalidRequest(
                f"{text} names no image; give a folder with images that end in {', '.join(IMAGE_SUFFIXES)}, "
                "a pattern such as 'photos/*.jpg' in quotes, or s3://bucket/prefix"
            )
        return sorted(found)


def open_read(stores: StoreOptions) -> Read:
    """A function that reads images from files and `stores`."""
    return Locations(stores.open()).read


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)
