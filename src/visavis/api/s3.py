"""Reads the bytes of an S3Object through boto3, from S3 or a compatible server."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from visavis.api.images import S3ObjectRef
from visavis.api.objects import too_large, unavailable
from visavis.errors import ObjectUnavailable, SettingsError
from visavis.forks import keep_for_ever, renew_in_children

__all__ = ["S3Store"]

CHUNK = 64 * 1024
"""Bytes that are read between two checks of the limit and the clock."""


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
            >>> from visavis.api.objects import OBJECT_LIMIT
            >>> store = S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", timeout=0.1)
            >>> store.read(S3ObjectRef("photos", "a.jpg", version="1"), limit=OBJECT_LIMIT)
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: the object in bucket photos is missing, ...
        """
        if any(part in {".", ".."} for part in ref.name.split("/")):
            # A proxy in front of the store may shorten such a path so that it names another bucket.
            raise unavailable(ref, "the key is not a plain path")
        parameters = {"Bucket": ref.bucket, "Key": ref.name}
        if ref.version is not None:
            parameters["VersionId"] = ref.version
        started = time.monotonic()
        try:
            client = self._s3()
            if client.head_object(**parameters).get("ContentLength", 0) > limit:
                raise too_large(limit)
            with closing(client.get_object(**parameters)["Body"]) as body:
                return self._collect(ref, body.iter_chunks(CHUNK), limit, started)
        except self._failures as error:
            raise unavailable(ref, _reason(error)) from error

    def keys(self, bucket: str, prefix: str) -> Iterable[str]:
        """The keys in a bucket that begin with `prefix`, in their order.

        Args:
            bucket: the bucket's name.
            prefix: may be empty.

        Yields:
            The keys. Names that end in a slash, which some tools make for folders, are left out.

        Raises:
            ObjectUnavailable: the bucket is missing, forbidden or unreachable.

        Example:
            >>> store = S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", timeout=0.1)
            >>> list(store.keys("photos", "2026/"))
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: bucket photos cannot be listed: ...
        """
        try:
            pages = self._s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                yield from (found["Key"] for found in page.get("Contents", ()) if not found["Key"].endswith("/"))
        except self._failures as error:
            raise ObjectUnavailable(f"bucket {bucket} cannot be listed: {_reason(error)}") from error

    def _collect(self, ref: S3ObjectRef, chunks: Iterable[bytes], limit: int, started: float) -> bytes:
        data = bytearray()
        for chunk in chunks:
            data += chunk
            if len(data) > limit:  # the object grew after HEAD, or HEAD gave a wrong size
                raise too_large(limit)
            if time.monotonic() - started > self._deadline:
                raise unavailable(ref, f"it did not arrive within {self._deadline:g} seconds")
        return bytes(data)


def _reason(error: Exception) -> str:
    """S3's error code if S3 responded, else the type of the error."""
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__
