"""Reads the bytes of an S3Object from folders that serve as buckets; `s3` reads them from S3.

The text of an error says why an object cannot be read. It is for the server's log and is never sent to the caller, who
must not be able to distinguish a missing object from a forbidden one. It does not contain the key, because images are
often named after people.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import Protocol, cast

from visavis.api.images import S3ObjectRef
from visavis.deadline import Deadline
from visavis.errors import ImageTooLarge, ObjectUnavailable, SettingsError
from visavis.files import open_regular

__all__ = [
    "OBJECT_LIMIT",
    "FolderStore",
    "ListedStore",
    "NoStore",
    "ObjectStore",
    "for_request",
    "too_large",
    "unavailable",
]

OBJECT_LIMIT = 15 * 1024 * 1024
"""Bytes of the largest object that is analysed. Amazon's developer guide says 15 MB."""

NO_STORE = "no store is configured for this bucket"


class ObjectStore(Protocol):
    """What S3Object references are read from.

    Example:
        >>> import visavis
        >>> from visavis import ObjectUnavailable
        >>> class InMemory:
        ...     def __init__(self, objects):
        ...         self.objects = objects
        ...
        ...     def read(self, ref, *, limit):
        ...         if (ref.bucket, ref.name) not in self.objects:
        ...             raise ObjectUnavailable(f"bucket {ref.bucket} does not contain this key")
        ...         return self.objects[ref.bucket, ref.name]
        >>> client = visavis.client(objects=InMemory({}))
    """

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        """The whole object.

        Args:
            ref: bucket, key and version.
            limit: the most bytes that an object may have.

        Raises:
            ObjectUnavailable: the object is missing, forbidden or unreachable.
            ImageTooLarge: the object has more than `limit` bytes.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> store = FolderStore({"photos": "examples/photos"})
            >>> store.read(S3ObjectRef("photos", "obama.jpg"), limit=OBJECT_LIMIT)[:2].hex()
            'ffd8'
        """


class ListedStore(ObjectStore, Protocol):
    """A store of objects whose keys can be listed."""

    def keys(self, bucket: str, prefix: str) -> Iterable[str]:
        """The keys in a bucket that begin with a prefix.

        Args:
            bucket: the bucket's name.
            prefix: may be empty.

        Raises:
            ObjectUnavailable: the bucket is missing, forbidden or unreachable, or its store cannot list.
        """


def for_request(store: ObjectStore, deadline: Deadline | None = None) -> ObjectStore:
    """What one request reads its objects from: `store`, with one deadline for all of them if it has deadlines.

    A store that has them makes it in a method of the same name.

    Args:
        store: the store of all requests.
        deadline: of the work on the request, which ends reads too; None for no end.

    Example:
        >>> store = NoStore()
        >>> for_request(store) is store
        True
    """
    begin = getattr(store, "for_request", None)
    return store if begin is None else cast("ObjectStore", begin(deadline))


class NoStore:
    """The store in which no object exists, for servers and clients without folders and without S3."""

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:  # noqa: ARG002
        """Raise `ObjectUnavailable`."""
        raise unavailable(ref, NO_STORE)

    def keys(self, bucket: str, prefix: str) -> Iterable[str]:  # noqa: ARG002
        """Raise `ObjectUnavailable`."""
        raise ObjectUnavailable(f"bucket {bucket} cannot be listed: {NO_STORE}")


class FolderStore:
    """Folders that serve as buckets. A bucket without a folder is read from another store.

    Keys are paths with forward slashes. A folder has no versions, so a reference with a version finds nothing.

    Example:
        >>> import visavis
        >>> client = visavis.client(objects=FolderStore({"photos": "examples/photos"}))
    """

    def __init__(self, buckets: Mapping[str, str | os.PathLike[str]], *, otherwise: ObjectStore | None = None) -> None:
        """Check the folders.

        Args:
            buckets: folders by bucket name.
            otherwise: the store for all other buckets; None if they do not exist.

        Raises:
            SettingsError: `buckets` is not a mapping, or a value in it is not a folder.

        Example:
            >>> store = FolderStore({"photos": "."})
        """
        if not isinstance(buckets, Mapping):
            raise SettingsError(
                f"buckets must map each bucket's name to a folder, {{'photos': '/srv/photos'}}, not {buckets!r}"
            )
        self._roots = {name: _folder(name, folder) for name, folder in buckets.items()}
        self._otherwise = otherwise or NoStore()

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        """The whole file that `ref` names; see `ObjectStore.read`.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> store = FolderStore({"photos": "examples/photos"})
            >>> store.read(S3ObjectRef("photos", "none.jpg"), limit=OBJECT_LIMIT)
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: the object in bucket photos is missing, ...
        """
        root = self._roots.get(ref.bucket)
        if root is None:
            return self._otherwise.read(ref, limit=limit)
        if ref.version is not None:
            raise unavailable(ref, "a folder has no versions")
        try:
            with open_regular(_file_of(root, ref)) as file:
                data = file.read(limit + 1)
        except (OSError, ValueError, RuntimeError) as error:
            # ValueError: the key has a NUL or a character that the file system cannot encode.
            # RuntimeError: a loop of links, in Python before 3.13.
            raise unavailable(ref, getattr(error, "strerror", None) or type(error).__name__) from error
        if len(data) > limit:
            raise too_large(limit)
        return data

    def for_request(self, deadline: Deadline | None = None) -> ObjectStore:
        """What one request reads its objects from; see `for_request`.

        Args:
            deadline: of the work on the request.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> objects = FolderStore({"photos": "examples/photos"}).for_request()
            >>> len(objects.read(S3ObjectRef("photos", "obama.jpg"), limit=OBJECT_LIMIT)) > 0
            True
        """
        objects = copy(self)
        objects._otherwise = for_request(self._otherwise, deadline)  # noqa: SLF001 - of the same class
        return objects

    def keys(self, bucket: str, prefix: str) -> Iterable[str]:
        """The keys in a bucket that begin with `prefix`, in no particular order.

        Args:
            bucket: the bucket's name.
            prefix: may be empty.

        Yields:
            The keys of regular files. Links to folders are not followed.

        Raises:
            ObjectUnavailable: the bucket belongs to another store, which cannot list it.

        Example:
            >>> sorted(FolderStore({"photos": "examples/photos"}).keys("photos", "ardern"))
            ['ardern_2018.jpg', 'ardern_2022.jpg']
        """
        root = self._roots.get(bucket)
        if root is None:
            yield from _keys_of(self._otherwise, bucket, prefix)
            return
        for path in root.rglob("*"):
            key = path.relative_to(root).as_posix()
            if key.startswith(prefix) and path.is_file():
                yield key


def _keys_of(store: ObjectStore, bucket: str, prefix: str) -> Iterable[str]:
    """The keys that another store lists.

    Raises:
        ObjectUnavailable: the store cannot list.
    """
    keys = getattr(store, "keys", None)
    if keys is None:
        raise ObjectUnavailable(f"bucket {bucket} cannot be listed: {type(store).__name__} has no method keys")
    found: Iterable[str] = keys(bucket, prefix)
    return found


def _folder(name: str, folder: object) -> Path:
    if not isinstance(folder, str | os.PathLike) or not str(folder):
        raise SettingsError(f"bucket {name}: the folder must be a path, not {folder!r}")
    path = Path(os.fsdecode(folder))
    try:
        if path.is_dir():
            return path.resolve()
    except (OSError, RuntimeError) as error:  # no access, a name that is too long, or a loop of links
        raise SettingsError(f"bucket {name}: {path} cannot be used: {error}") from error
    raise SettingsError(f"bucket {name}: {path} is not a folder")


def _file_of(root: Path, ref: S3ObjectRef) -> Path:
    """The regular file that the key names, with symbolic links resolved; it lies inside `root`."""
    parts = ref.name.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise unavailable(ref, "the key is not a plain path")
    path = root.joinpath(*parts).resolve(strict=True)
    if not path.is_relative_to(root) or not path.is_file():
        raise unavailable(ref, "the key leads out of the folder, or to something other than a file")
    return path


def too_large(limit: int) -> ImageTooLarge:
    """The error for an object with more than `limit` bytes."""
    return ImageTooLarge(f"the object has more than {limit} bytes")


def unavailable(ref: S3ObjectRef, reason: str) -> ObjectUnavailable:
    """The error for an object that cannot be read, without its key."""
    return ObjectUnavailable(f"the object in bucket {ref.bucket} is missing, forbidden or unreachable: {reason}")
