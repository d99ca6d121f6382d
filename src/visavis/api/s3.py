"""Reads the bytes of an S3Object through boto3, from S3 or a compatible server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from visavis.api.calls import Calls
from visavis.api.images import S3ObjectRef
from visavis.api.objects import ObjectStore, too_large, unavailable
from visavis.deadline import Deadline
from visavis.errors import ObjectUnavailable, SettingsError, TimedOut, VisavisError
from visavis.forks import keep_for_ever, renew_in_children

__all__ = ["DEFAULT_S3_SECONDS", "S3Store"]

CHUNK = 64 * 1024
"""Bytes that are read between two checks of the limit."""

MOST_CODE = 64
"""Characters of an error's code that are repeated. S3's have up to 44."""

DEFAULT_S3_SECONDS = 30.0
"""Seconds in which the objects of a request must arrive. boto3's clients wait 60 for a response, of which a request may
wait 20 for a worker of the server, and 10 remain to analyse the images."""


class S3Store:
    """S3 or a compatible server, read with the credentials that boto3 finds for this process, not the caller's.

    A HEAD request is sent first, so that an object over the limit is not fetched. Each call is tried at most twice. A
    forked child makes its own client, because on its parent's connections it could receive another process's object.

    An object is read in a thread of its own, which a caller leaves at the deadline, and when nobody waits for its
    request any more, whatever the store or a name server does. The thread ends then too, or when the system has looked
    up the store's name or connected to it. A response is read up to a little over `OBJECT_LIMIT`.

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
        deadline: float = DEFAULT_S3_SECONDS,
        most_reads: int | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            endpoint_url: the URL of an S3-compatible server, which gets the bucket in the path; None for the one in
                boto3's configuration, or Amazon's.
            region: the region of the buckets; None for the one in boto3's configuration.
            timeout: seconds to wait for a connection, and for each part of a response.
            deadline: seconds in which the objects of a request must arrive, or one that is read alone.
            most_reads: the objects that may be read at a time; None for any number. A further one waits as long as
                reads start or end. When none has done so for 5 seconds, it is refused with `Overloaded`.

        Raises:
            SettingsError: boto3 cannot make a client with these values.
        """
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": 2},
            # Names below that of a private server seldom resolve, and its certificate seldom covers them.
            s3={"addressing_style": "path"} if endpoint_url else None,
        )
        self._deadline = deadline
        self._most_reads = most_reads
        self._calls = Calls(most_reads)
        self._options = {"endpoint_url": endpoint_url, "region_name": region, "config": config}
        self._client: Any = None
        try:
            self._s3()
        except (BotoCoreError, ValueError) as error:
            raise SettingsError(f"boto3 cannot make an S3 client: {error}") from error
        renew_in_children(self)

    def renew(self) -> None:
        """Discard the parent's client and calls, in a forked child.

        The client is not closed, because closing could wait for locks of threads that the child does not have.
        """
        self._calls = Calls(self._most_reads)
        if self._client is not None:
            keep_for_ever(self._client)
            self._client = None

    def _s3(self) -> Any:
        from boto3.session import Session

        from visavis.api.s3_connections import limit_connections

        client = self._client
        if client is None:
            client = Session().client("s3", **self._options)
            limit_connections(client)
            self._client = client
        return client

    def for_request(self, deadline: Deadline | None = None) -> ObjectStore:
        """What one request reads its objects from: this store, with one deadline for all of them.

        Args:
            deadline: of the work on the request, which ends reads too.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> store = S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", deadline=0.01)
            >>> objects = store.for_request()
            >>> time.sleep(0.01)
            >>> objects.read(S3ObjectRef("photos", "a.jpg"), limit=1)
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: ... it did not arrive within 0.01 seconds
        """
        ends = time.monotonic() + self._deadline
        return _UntilDeadline(lambda ref, limit: self._read(ref, limit, ends, deadline))

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        """The whole object that `ref` names; see `ObjectStore.read`.

        Raises:
            Overloaded: it was not its turn before the deadline, because other reads hang.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> from visavis.api.objects import OBJECT_LIMIT
            >>> store = S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", timeout=0.1)
            >>> store.read(S3ObjectRef("photos", "a.jpg", version="1"), limit=OBJECT_LIMIT)
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: the object in bucket photos is missing, ...
        """
        return self.for_request().read(ref, limit=limit)

    def _read(self, ref: S3ObjectRef, limit: int, ends: float, deadline: Deadline | None) -> bytes:
        if any(part in {".", ".."} for part in ref.name.split("/")):
            # A proxy in front of the store may shorten such a path so that it names another bucket.
            raise unavailable(ref, "the key is not a plain path")
        try:
            return self._calls.run(lambda: self._fetch(ref, limit), ends, deadline)
        except TimedOut as error:
            raise unavailable(ref, "it did not arrive before the time for the request was over") from error
        except VisavisError:
            raise
        except Exception as error:
            # Not only botocore's own errors: for keys that are not Unicode, buckets that cannot be part of a host name
            # and responses that make no sense it raises many others.
            raise unavailable(ref, self._reason(error, ends)) from error

    def _fetch(self, ref: S3ObjectRef, limit: int) -> bytes:
        parameters = {"Bucket": ref.bucket, "Key": ref.name}
        if ref.version is not None:
            parameters["VersionId"] = ref.version
        client = self._s3()
        if client.head_object(**parameters).get("ContentLength", 0) > limit:
            raise too_large(limit)
        data = bytearray()
        with closing(client.get_object(**parameters)["Body"]) as body:
            for chunk in body.iter_chunks(CHUNK):
                data += chunk
                if len(data) > limit:  # the object grew after HEAD, or HEAD gave a wrong size
                    raise too_large(limit)
        return bytes(data)

    def keys(self, bucket: str, prefix: str) -> Iterable[str]:
        """The keys in a bucket that begin with `prefix`, in their order.

        Args:
            bucket: the bucket's name.
            prefix: may be empty.

        Yields:
            The keys. Names that end in a slash, which some tools make for folders, are left out.

        Raises:
            ObjectUnavailable: the bucket is missing, forbidden or unreachable, or a page of 1000 keys does not arrive
                within the deadline.

        Example:
            >>> store = S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", timeout=0.1)
            >>> list(store.keys("photos", "2026/"))
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: bucket photos cannot be listed: ...
        """
        pages = iter(self._s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        while True:
            ends = time.monotonic() + self._deadline
            try:
                page = self._calls.run(lambda: next(pages, None), ends)
                if page is None:
                    return
                names = [found["Key"] for found in page.get("Contents", ())]
            except Exception as error:  # as in `_read`
                raise ObjectUnavailable(f"bucket {bucket} cannot be listed: {self._reason(error, ends)}") from error
            yield from (name for name in names if not name.endswith("/"))

    def _reason(self, error: Exception, ends: float) -> str:
        """S3's error code if S3 responded; else the deadline if it is over; else the type of the error."""
        response = getattr(error, "response", None)
        if response:
            # For status 300 botocore raises an error, but does not read the body as one.
            return str(response.get("Error", {}).get("Code", "an error without a code"))[:MOST_CODE]
        if time.monotonic() >= ends:
            return f"it did not arrive within {self._deadline:g} seconds"
        return type(error).__name__


class _UntilDeadline:
    """Reads objects, all of them until one time."""

    def __init__(self, read: Callable[[S3ObjectRef, int], bytes]) -> None:
        self._read = read

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        """As `ObjectStore.read`."""
        return self._read(ref, limit)
