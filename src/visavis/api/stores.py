"""Opens the store of a server or a batch from values that can be sent to another process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from visavis.api.objects import FolderStore, ListedStore, NoStore
from visavis.api.s3 import DEFAULT_S3_SECONDS, S3Store

__all__ = ["open_objects"]


def open_objects(
    buckets: Mapping[str, Path],
    *,
    s3: bool = False,
    endpoint_url: str | None = None,
    region: str | None = None,
    seconds: float = DEFAULT_S3_SECONDS,
    most_reads: int | None = None,
) -> ListedStore:
    """The store of all buckets.

    Args:
        buckets: folders that serve as buckets, by name.
        s3: whether other buckets are read from S3.
        endpoint_url: the S3-compatible store that other buckets are read from, or None.
        region: of the other buckets; None for the one in boto3's configuration.
        seconds: in which the objects of a request must arrive from S3.
        most_reads: the objects that may be read from S3 at a time, as for `S3Store`.

    Raises:
        SettingsError: a folder is missing, or boto3 cannot make a client.

    Example:
        >>> store = open_objects({"photos": Path("examples/photos")})
        >>> sorted(store.keys("photos", "oba"))
        ['obama.jpg']
    """
    others: ListedStore = NoStore()
    if s3 or endpoint_url:
        others = S3Store(endpoint_url=endpoint_url, region=region, deadline=seconds, most_reads=most_reads)
    return FolderStore(buckets, otherwise=others) if buckets else others
