"""What a server or a batch reads objects from, as values that can be sent to another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from visavis.api.objects import FolderStore, ListedStore, NoStore
from visavis.api.s3 import DEFAULT_S3_SECONDS, S3Store

__all__ = ["StoreOptions"]


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What objects are read from.

    Attributes:
        buckets: folders that serve as buckets, by name.
        s3: whether other buckets are read from S3.
        endpoint_url: the S3-compatible store that other buckets are read from, or None.
        seconds: in which the objects of a request, or one of a batch, must arrive from S3.

    Example:
        >>> store = StoreOptions({"photos": Path("examples/photos")}).open()
        >>> sorted(store.keys("photos", "oba"))
        ['obama.jpg']
    """

    buckets: Mapping[str, Path] = field(default_factory=dict)
    s3: bool = False
    endpoint_url: str | None = None
    seconds: float = DEFAULT_S3_SECONDS

    def open(self, *, region: str | None = None, most_reads: int | None = None) -> ListedStore:
        """The store of all buckets.

        Args:
            region: of the buckets in S3; None for the one in boto3's configuration.
            most_reads: the objects that may be read from S3 at a time, as for `S3Store`.

        Raises:
            SettingsError: a folder is missing, or boto3 cannot make a client.

        Example:
            >>> from visavis.api.images import S3ObjectRef
            >>> StoreOptions().open().read(S3ObjectRef("photos", "a.jpg"), limit=1)
            Traceback (most recent call last):
            visavis.errors.ObjectUnavailable: ...
        """
        others: ListedStore = NoStore()
        if self.s3 or self.endpoint_url:
            others = S3Store(
                endpoint_url=self.endpoint_url, region=region, deadline=self.seconds, most_reads=most_reads
            )
        return FolderStore(self.buckets, otherwise=others) if self.buckets else others
