"""Opens the store of a server or a batch from values that can be sent to another process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from visavis.api.objects import FolderStore, ListedStore, NoStore
from visavis.api.s3 import S3Store

__all__ = ["open_objects"]


def open_objects(
    buckets: Mapping[str, Path], *, s3: bool = False, endpoint_url: str | None = None, region: str | None = None
) -> ListedStore:
    """The store of all buckets.

    Args:
        buckets: folders that serve as buckets, by name.
        s3: whether other buckets are read from S3.
        endpoint_url: the S3-compatible store that other buckets are read from, or None.
        region: of the other buckets; None for the one in boto3's configuration.

    Raises:
        SettingsError: a folder is missing, or boto3 cannot make a client.

    Example:
        >>> store = open_objects({"photos": Path("examples/photos")})
        >>> sorted(store.keys("photos", "oba"))
        ['obama.jpg']
    """
    others: ListedStore = S3Store(endpoint_url=endpoint_url, region=region) if s3 or endpoint_url else NoStore()
    return FolderStore(buckets, otherwise=others) if buckets else others
