"""`visavis.client()` and `visavis.patch()`: boto3 clients answered in this process.

Clients with the same settings share one engine, which starts with the first of them and ends with the process.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from visavis.api.objects import ObjectStore
from visavis.api.response import Attributes
from visavis.settings import Settings

__all__ = ["client", "patch"]

AnyClient = TypeVar("AnyClient")


def client(
    *,
    attributes: str = "ALL",
    objects: ObjectStore | None = None,
    embedder: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Any:
    """A genuine boto3 Rekognition client that needs no network, no endpoint and no credentials.

    Args:
        attributes: "ALL" for every documented field, "DEFAULT" for those the service was recorded to send.
        objects: where an S3Object is read from, for instance `visavis.api.objects.FolderStore`; default: nowhere.
        embedder: of `visavis models list`, to compare by; default: the settings'.
        settings: of the engine; default: from the environment.
        options: as for `boto3.client`, without the service's name.

    Raises:
        ValueError: `attributes` is neither.
        SettingsError: there is no such embedder.
        CalibrationMismatch: it has no calibration.
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.
    """
    from visavis.inprocess import make_client

    return make_client(_gateway(Attributes(attributes), objects, _chosen(embedder, settings)), **options)


def patch(
    client: AnyClient,
    *,
    attributes: str = "ALL",
    objects: ObjectStore | None = None,
    embedder: str | None = None,
    settings: Settings | None = None,
) -> AnyClient:
    """Have `compare_faces` of an existing boto3 client answered in this process; returns the client.

    Its other operations go where they went before. Arguments and errors are those of `client`.
    """
    from visavis.inprocess import attach

    return attach(client, _gateway(Attributes(attributes), objects, _chosen(embedder, settings)))


def _chosen(embedder: str | None, settings: Settings | None) -> Settings:
    settings = settings or Settings.from_env()
    return replace(settings, embedder=embedder) if embedder else settings


def _gateway(attributes: Attributes, objects: ObjectStore | None, settings: Settings) -> Any:
    from visavis.api.objects import NoStore
    from visavis.api.operations import Dispatcher
    from visavis.gateway import Gateway

    return Gateway(Dispatcher(_engine(settings).compare, objects or NoStore(), attributes))


@cache
def _engine(settings: Settings) -> Any:
    from visavis.runtime import open_engine

    return open_engine(settings)
