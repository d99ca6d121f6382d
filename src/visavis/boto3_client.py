"""boto3 clients that are answered in this process: `visavis.client()` and `visavis.patch()`; and `visavis.compare()`.

Calls with the same settings share one engine, which the first of them opens and which stays open in this process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from visavis.api.objects import FolderStore, NoStore, ObjectStore
from visavis.api.response import FieldSet
from visavis.errors import SettingsError
from visavis.forks import renew_in_children
from visavis.inputs import choice_of, short_repr
from visavis.settings import Settings, settings_or_env

if TYPE_CHECKING:
    from visavis.compare_options import CompareOptions
    from visavis.comparison import Comparison
    from visavis.engine import Engine
    from visavis.gateway import Gateway
    from visavis.gateway_client import AnyClient
    from visavis.inputs import ImageInput

__all__ = ["client", "compare", "patch"]

Buckets = Mapping[str, str | os.PathLike[str]]


def client(
    *,
    attributes: str = "ALL",
    objects: ObjectStore | Buckets | None = None,
    engine: Engine | None = None,
    embedder: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Any:
    """A boto3 Rekognition client that needs no network, no endpoint, no region and no credentials.

    Args:
        attributes: how much CompareFaces returns about a face: "ALL" for every documented field, "DEFAULT" for the
            fields that recorded responses of the service have.
        objects: the store that an S3Object is read from: folders by bucket name, or a store such as
            `visavis.S3Store()`; default: no object exists.
        engine: an engine of the program, which stays open until the program closes it. Once it is closed, the client
            raises InternalServerError. Default: one that all calls with the same settings share.
        embedder: the name of an embedder that `visavis models list` shows; default: that of the settings. Not with
            `engine`.
        settings: the settings of the engine; default: those of the environment. Not with `engine`.
        options: arguments for `boto3.client` other than the service's name.

    Raises:
        InvalidRequest: `attributes` has another value.
        SettingsError: the embedder does not exist, `objects` is not a store, `engine` is not an `Engine`, or there is
            an engine and also an embedder or settings.
        CalibrationMismatch: the embedder has no calibration.
        ModelError: models are missing and cannot be fetched, or the cache cannot be used.

    Example:
        >>> import visavis
        >>> client = visavis.client(objects={"photos": "examples/photos"})
        >>> response = client.compare_faces(
        ...     SourceImage={"S3Object": {"Bucket": "photos", "Name": "macron_2014.jpg"}},
        ...     TargetImage={"S3Object": {"Bucket": "photos", "Name": "macron_2025.jpg"}},
        ... )
        >>> len(response["FaceMatches"]), len(response["UnmatchedFaces"])
        (1, 0)
        >>> with visavis.open_engine() as engine:
        ...     client = visavis.client(engine=engine, objects={"photos": "examples/photos"})
        ...     response = client.detect_faces(Image={"S3Object": {"Bucket": "photos", "Name": "sunak.jpg"}})
        >>> len(response["FaceDetails"])
        1
    """
    from visavis.gateway_client import make_client

    return make_client(_gateway(attributes, objects, _engine_for(engine, embedder, settings)), **options)


def patch(
    client: AnyClient,
    *,
    attributes: str = "ALL",
    objects: ObjectStore | Buckets | None = None,
    engine: Engine | None = None,
    embedder: str | None = None,
    settings: Settings | None = None,
) -> AnyClient:
    """Answer every operation of an existing boto3 Rekognition client in this process, and return the client.

    No request leaves the process; operations that visavis does not answer raise UnknownOperationException. Arguments
    and errors are those of `client`. A client of another service raises InvalidRequest.

    Example:
        >>> import boto3
        >>> import visavis
        >>> client = visavis.patch(boto3.client("rekognition", region_name="us-east-1"))
        >>> client.detect_labels(Image={"Bytes": b"..."})
        Traceback (most recent call last):
        botocore.exceptions.ClientError: An error occurred (UnknownOperationException) when calling the DetectLabels ...
    """
    from visavis.gateway_client import attach

    return attach(client, _gateway(attributes, objects, _engine_for(engine, embedder, settings)))


def compare(
    source: ImageInput,
    target: ImageInput,
    options: CompareOptions | None = None,
    *,
    settings: Settings | None = None,
) -> Comparison:
    """Compare the largest face of `source` with the faces of `target`, with an engine that stays open in this process.

    Arguments, result and errors are those of `Engine.compare`, and `settings` is that of `open_engine`.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> comparison = visavis.compare(Path("examples/photos/obama.jpg"), Path("examples/photos/sunak.jpg"))
        >>> comparison.unmatched[0].similarity < 80
        True
    """
    from visavis.compare_options import CompareOptions

    return _engine(_resolve(None, settings)).compare(source, target, CompareOptions() if options is None else options)


def _gateway(attributes: str, objects: ObjectStore | Buckets | None, engine: Callable[[], Engine]) -> Gateway:
    from visavis.api.dispatcher import Dispatcher
    from visavis.gateway import Gateway

    chosen, store = choice_of("attributes", attributes, FieldSet), _store(objects)
    return Gateway(Dispatcher(engine(), store, chosen))


def _engine_for(engine: Engine | None, embedder: str | None, settings: Settings | None) -> Callable[[], Engine]:
    """Check the arguments, and return a function that gives the engine, because opening one takes long."""
    from visavis.engine import Engine

    if engine is None:
        return partial(_engine, _resolve(embedder, settings))
    if not isinstance(engine, Engine):
        raise SettingsError(f"engine must be a visavis.Engine, as open_engine() returns it, not {short_repr(engine)}")
    if embedder is not None or settings is not None:
        given = "embedder" if embedder is not None else "settings"
        raise SettingsError(f"engine and {given} exclude each other: pass {given} to open_engine() instead")
    return lambda: engine


def _resolve(embedder: str | None, settings: Settings | None) -> Settings:
    settings = settings_or_env(settings)
    return replace(settings, embedder=embedder) if embedder else settings


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
    """The engines that stay open in this process, by settings."""

    def __init__(self) -> None:
        self._engines: dict[Settings, Engine] = {}
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Replace the lock, in a forked child, because a thread that the child does not have may hold it."""
        self._lock = threading.Lock()

    def of(self, settings: Settings) -> Engine:
        """The engine with these settings. The first call opens it, and calls of other threads wait for that."""
        from visavis.runtime import open_engine

        with self._lock:
            if settings not in self._engines:
                self._engines[settings] = open_engine(settings)
            return self._engines[settings]


_engine = _Engines().of
