"""What one line does in this process: `visavis.client()`, `visavis.patch()` and `visavis.compare()`.

Calls with the same settings share one engine, which starts with the first of them and ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from visavis.api.objects import FolderStore, NoStore, ObjectStore
from visavis.api.response import Attributes
from visavis.errors import SettingsError
from visavis.forks import renew_in_children
from visavis.inputs import choice_of, short_repr
from visavis.settings import Settings

if TYPE_CHECKING:
    from visavis.comparison import Comparison
    from visavis.engine import CompareOptions, Engine
    from visavis.inputs import ImageInput

__all__ = ["client", "compare", "patch"]

AnyClient = TypeVar("AnyClient")
Buckets = Mapping[str, str | PathLike[str]]


def client(
    *,
    attributes: str = "ALL",
    objects: ObjectStore | Buckets | None = None,
    embedder: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Any:
    """A genuine boto3 Rekognition client that needs no network, no endpoint, no region and no credentials.

    Args:
        attributes: "ALL" for every documented field, "DEFAULT" for those the service was recorded to send.
        objects: where an S3Object is read from: folders by bucket name, or a store such as `visavis.S3Store()`;
            default: nowhere.
        embedder: of `visavis models list`, to compare by; default: the settings'.
        settings: of the engine; default: from the environment.
        options: as for `boto3.client`, without the service's name.

    Raises:
        InvalidRequest: `attributes` is neither.
        SettingsError: there is no such embedder, or `objects` is no store.
        CalibrationMismatch: the embedder has no calibration.
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.

    Example:
        client = visavis.client(objects={"photos": "/srv/photos"})
        client.compare_faces(SourceImage={"Bytes": a}, TargetImage={"S3Object": {"Bucket": "photos", "Name": "b.jpg"}})
    """
    from visavis.inprocess import make_client

    return make_client(_gateway(attributes, objects, _chosen(embedder, settings)), **options)


def patch(
    client: AnyClient,
    *,
    attributes: str = "ALL",
    objects: ObjectStore | Buckets | None = None,
    embedder: str | None = None,
    settings: Settings | None = None,
) -> AnyClient:
    """Have every operation of an existing boto3 client of Rekognition answered in this process; returns the client.

    Nothing that it is asked leaves the process any more: operations that visavis does not answer are refused with
    UnknownOperationException. Arguments and errors are those of `client`; a client of another service is an
    InvalidRequest.
    """
    from visavis.inprocess import attach

    return attach(client, _gateway(attributes, objects, _chosen(embedder, settings)))


def compare(
    source: ImageInput,
    target: ImageInput,
    options: CompareOptions | None = None,
    *,
    settings: Settings | None = None,
) -> Comparison:
    """Compare the largest face of `source` with the faces of `target`, by an engine that stays open in this process.

    Arguments, result and errors are those of `Engine.compare`; `settings` are those of `open_engine`.

    Example:
        visavis.compare(Path("a.jpg"), Path("b.jpg")).matches[0].similarity
    """
    from visavis.engine import CompareOptions

    return _engine(_chosen(None, settings)).compare(source, target, CompareOptions() if options is None else options)


def _chosen(embedder: str | None, settings: Settings | None) -> Settings:
    settings = Settings.from_env() if settings is None else settings
    if not isinstance(settings, Settings):
        raise SettingsError(f"settings must be a visavis.Settings, not {short_repr(settings)}")
    return replace(settings, embedder=embedder) if embedder else settings


def _gateway(attributes: str, objects: ObjectStore | Buckets | None, settings: Settings) -> Any:
    from visavis.api.operations import Dispatcher
    from visavis.gateway import Gateway

    told, store = choice_of("attributes", attributes, Attributes), _store(objects)
    return Gateway(Dispatcher(_engine(settings).compare, store, told))


def _store(objects: ObjectStore | Buckets | None) -> ObjectStore:
    if objects is None:
        return NoStore()
    if isinstance(objects, Mapping):
        return FolderStore(objects)
    if not callable(getattr(objects, "read", None)):
        raise SettingsError(
            f"objects must be a store, or folders by bucket name such as {{'photos': '/srv/photos'}}, not {objects!r}"
        )
    return objects


class _Engines:
    """The engines that stay open in this process, by their settings."""

    def __init__(self) -> None:
        self._engines: dict[Settings, Engine] = {}
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Forget who holds the lock, as in a forked child."""
        self._lock = threading.Lock()

    def of(self, settings: Settings) -> Engine:
        """Opened by the first of several threads that ask at once; the others wait for it."""
        from visavis.runtime import open_engine

        with self._lock:
            if settings not in self._engines:
                self._engines[settings] = open_engine(settings)
            return self._engines[settings]


_engine = _Engines().of
