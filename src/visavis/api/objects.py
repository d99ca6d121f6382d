"""Reads the bytes of an S3Object: from folders that serve as buckets, or through boto3 from S3 or a compatible server.

The text of an error says why an object cannot be read. It is for the server's log and is never sent to the caller, who
must not be able to distinguish a missing object from a forbidden one. It does not contain the key, because images are
often named after people.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from visavis.api.images import S3ObjectRef
from visavis.errors import ImageTooLarge, ObjectUnavailable, SettingsError
from visavis.forks import keep_for_ever, renew_in_children

__all__ = ["OBJECT_LIMIT", "FolderStore", "NoStore", "ObjectStore", "S3Store"]

OBJECT_LIMIT = 15 * 1024 * 1024
"""Bytes of the largest object that is analysed. Amazon's developer guide says 15 MB."""

CHUNK = 64 * 1024
"""Bytes that are read between two checks of the limit and the clock."""


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


class NoStore:
    """The store in which no object exists, for servers and clients without folders and without S3."""

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:  # noqa: ARG002
        """Raise `ObjectUnavailable`."""
        raise _unavailable(ref, "no store is configured for this bucket")


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
            raise _unavailable(ref, "a folder has no versions")
        try:
            with _file_of(root, ref).open("rb") as file:
                data = file.read(limit + 1)
        except (OSError, ValueError, RuntimeError) as error:
            # ValueError: the key has a NUL or a character that the file system cannot encode.
            # RuntimeError: a loop of links, in Python before 3.13.
            raise _unavailable(ref, getattr(error, "strerror", None) or type(error).__name__) from error
        if len(data) > limit:
            raise _too_large(limit)
        return data


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
        raise _unavailable(ref, "the key is not a plain path")
    path = root.joinpath(*parts).resolve(strict=True)
    # Opening a pipe or a device could block for ever, so only a regular file is opened.
    if not path.is_relative_to(root) or not path.is_file():
        raise _unavailable(ref, "the key leads out of the folder, or to something other than a file")
    return path


class S3Store:
    """S3 or a compatible server, read with the credentials that boto3 finds for this process, not the caller's.

    A HEAD request is sent first, so that an object over the limit is not fetched. Each call is tried at most twice. A
    forked child makes its own client, because on its parent's connections it could receive another process's object.

    Example:
        >>> import visavis
        >>> store = visavis.S3Store(endpoint_url="http://127.0.0.1:9000", region="us-east-1")
        >>> client = visavis.client(objects=store)
    """

    def __init__(
        self,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        timeout: float = 10.0,
        deadline: float = 60.0,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            endpoint_url: the URL of an S3-compatible server, which gets the bucket in the path; None for the one in
                boto3's configuration, or Amazon's.
            region: the region of the buckets; None for the one in boto3's configuration.
            timeout: seconds to wait for a connection, and for each part of a body.
            deadline: seconds in which a whole object must arrive.

        Raises:
            SettingsError: boto3 cannot make a client with these values.
        """
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": 2},
            # Names below that of a private server seldom resolve, and its certificate seldom covers them.
            s3={"addressing_style": "path"} if endpoint_url else None,
        )
        self._deadline = deadline
        # ValueError: a key that is not Unicode, or a bucket that cannot be part of a host name.
        self._failures = (BotoCoreError, ClientError, ValueError)
        self._options = {"endpoint_url": endpoint_url, "region_name": region, "config": config}
        self._client: Any = None
        try:
            self._s3()
        except (BotoCoreError, ValueError) as error:
            raise SettingsError(f"boto3 cannot make an S3 client: {error}") from error
        renew_in_children(self)

    def renew(self) -> None:
        """Discard the parent's client, in a forked child.

        It is not closed, because closing could wait for locks of threads that the child does not have.
        """
        if self._client is not None:
            keep_for_ever(self._client)
            self._client = None

    def _s3(self) -> Any:
        from boto3.session import Session

        client = self._client
        if client is None:
            client = self._client = Session().client("s3", **self._options)
        return client

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        """The whole object that `ref` names; see `ObjectStore.read`.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> store = S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", timeout=0.1)
            >>> store.read(S3ObjectRef("photos", "a.jpg", version="1"), limit=OBJECT_LIMIT)
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: the object in bucket photos is missing, ...
        """
        if any(part in {".", ".."} for part in ref.name.split("/")):
            # A proxy in front of the store may shorten such a path so that it names another bucket.
            raise _unavailable(ref, "the key is not a plain path")
        parameters = {"Bucket": ref.bucket, "Key": ref.name}
        if ref.version is not None:
            parameters["VersionId"] = ref.version
        started = time.monotonic()
        try:
            client = self._s3()
            if client.head_object(**parameters).get("ContentLength", 0) > limit:
                raise _too_large(limit)
            with closing(client.get_object(**parameters)["Body"]) as body:
                return self._collect(ref, body.iter_chunks(CHUNK), limit, started)
        except self._failures as error:
            raise _unavailable(ref, _reason(error)) from error

    def _collect(self, ref: S3ObjectRef, chunks: Iterable[bytes], limit: int, started: float) -> bytes:
        data = bytearray()
        for chunk in chunks:
            data += chunk
            if len(data) > limit:  # the object grew after HEAD, or HEAD gave a wrong size
                raise _too_large(limit)
            if time.monotonic() - started > self._deadline:
                raise _unavailable(ref, f"it did not arrive within {self._deadline:g} seconds")
        return bytes(data)


def _reason(error: Exception) -> str:
    """S3's error code if S3 responded, else the type of the error."""
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__


def _too_large(limit: int) -> ImageTooLarge:
    return ImageTooLarge(f"the object has more than {limit} bytes")


def _unavailable(ref: S3ObjectRef, reason: str) -> ObjectUnavailable:
    return ObjectUnavailable(f"the object in bucket {ref.bucket} is missing, forbidden or unreachable: {reason}")
