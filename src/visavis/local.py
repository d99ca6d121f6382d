"""`visavis.client()` and `visavis.patch()`: boto3 clients answered in this process.

All clients of one embedder share one engine, which starts with the first of them and ends with the process.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from visavis.api.objects import ObjectStore
from visavis.api.response import Attributes

__all__ = ["client", "patch"]

AnyClient = TypeVar("AnyClient")


def client(
    *, attributes: str = "ALL", objects: ObjectStore | None = None, embedder: str | None = None, **options: Any
) -> Any:
    """A genuine boto3 Rekognition client that needs no network, no endpoint and no credentials.

    Args:
        attributes: "ALL" for every documented field, "DEFAULT" for those the service was recorded to send.
        objects: where an S3Object is read from, for instance `visavis.api.objects.FolderStore`; default: nowhere.
        embedder: of `visavis models list`, to compare by; default: that of VISAVIS_EMBEDDER, else the one that ships.
        options: as for `boto3.client`, without the service's name.

    Raises:
        ValueError: `attributes` is neither.
        SettingsError: there is no such embedder.
        CalibrationMismatch: it has no calibration.
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
    """
    from visavis.inprocess import make_client

    return make_client(_gateway(Attributes(attributes), objects, embedder), **options)


def patch(
    client: AnyClient, *, attributes: str = "ALL", objects: ObjectStore | None = None, embedder: str | None = None
) -> AnyClient:
    """Have `compare_faces` of an existing boto3 client answered in this process; returns the client.

    Its other operations go where they went before. Arguments and errors are those of `client`.
    """
    from visavis.inprocess import attach

    return attach(client, _gateway(Attributes(attributes), objects, embedder))


def _gateway(attributes: Attributes, objects: ObjectStore | None, embedder: str | None) -> Any:
    from visavis.api.objects import NoStore
    from visavis.api.operations import Dispatcher
    from visavis.gateway import Gateway
    from visavis.settings import Settings

    name = embedder or Settings.from_env().embedder
    return Gateway(Dispatcher(_engine(name).compare, objects or NoStore(), attributes))


@cache
def _engine(embedder: str) -> Any:
    from visavis.runtime import open_engine
    from visavis.settings import Settings

    return open_engine(replace(Settings.from_env(), embedder=embedder))
