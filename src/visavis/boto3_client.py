"""boto3 clients that are answered in this process: `visavis.client()` and `visavis.patch()`; and `visavis.compare()`.

No socket and no credentials are needed. botocore does what it does for the real service: it checks parameters,
serialises, parses, raises its exceptions and retries. Before it sends a request it calls `before-send` handlers, and
the handler here returns the response.

Calls with the same settings share one engine, which the first of them opens and which stays open in this process.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from visavis.api.objects import FolderStore, NoStore, ObjectStore
from visavis.api.response import Attributes
from visavis.api.shapes import SERVICE_NAME
from visavis.errors import InvalidRequest, SettingsError
from visavis.forks import renew_in_children
from visavis.inputs import choice_of, short_repr
from visavis.settings import Settings

if TYPE_CHECKING:
    from visavis.compare_options import CompareOptions
    from visavis.comparison import Comparison
    from visavis.engine import Engine
    from visavis.gateway import Gateway, Request
    from visavis.inputs import ImageInput

__all__ = ["attach", "client", "compare", "make_client", "patch"]

log = logging.getLogger("visavis")

AnyClient = TypeVar("AnyClient")
Buckets = Mapping[str, str | os.PathLike[str]]

DEFAULT_REGION = "us-east-1"


def client(
    *,
    attributes: str = "ALL",
    objects: ObjectStore | Buckets | None = None,
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
        embedder: the name of an embedder that `visavis models list` shows; default: that of the settings.
        settings: the settings of the engine; default: those of the environment.
        options: arguments for `boto3.client` other than the service's name.

    Raises:
        InvalidRequest: `attributes` has another value.
        SettingsError: the embedder does not exist, or `objects` is not a store.
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
    """
    return make_client(_gateway(attributes, objects, _resolve(embedder, settings)), **options)


def patch(
    client: AnyClient,
    *,
    attributes: str = "ALL",
    objects: ObjectStore | Buckets | None = None,
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
    return attach(client, _gateway(attributes, objects, _resolve(embedder, settings)))


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


def make_client(gateway: Gateway, **options: Any) -> Any:
    """A boto3 Rekognition client whose requests `gateway` answers.

    Of AWS's configuration files and environment variables only `AWS_DEFAULT_REGION` is read, because the others have
    no effect here and a fault in them would stop the client.

    Args:
        gateway: a gateway that does not verify signatures, because requests are not signed.
        options: arguments for `boto3.client` other than the service's name. The default region is us-east-1, and the
            default keys are placeholders.
    """
    from boto3.session import Session

    session = _session()
    if options.get("aws_access_key_id") is None and options.get("aws_secret_access_key") is None:
        options |= {"aws_access_key_id": "visavis", "aws_secret_access_key": "visavis"}
    if not options.get("region_name"):
        options["region_name"] = _valid_region(session.get_config_variable("region"))
    return attach(Session(botocore_session=session).client(SERVICE_NAME, **options), gateway)


def attach(client: AnyClient, gateway: Gateway) -> AnyClient:
    """Let `gateway` answer every operation of `client`, and return `client`. A second call replaces the gateway.

    Raises:
        InvalidRequest: `client` is not a boto3 client, or is one of another service.
    """
    service = getattr(getattr(getattr(client, "meta", None), "service_model", None), "service_name", None)
    if service != SERVICE_NAME:
        found = type(client).__name__ if service is None else f"one of {service}"
        example = f"boto3.client({SERVICE_NAME!r})"
        raise InvalidRequest(f"client must be a boto3 client of {SERVICE_NAME}, such as {example}, not {found}")
    events = client.meta.events  # type: ignore[attr-defined]
    for name, handler in (
        (f"choose-signer.{SERVICE_NAME}", _unsigned),
        (f"before-send.{SERVICE_NAME}", _handler(gateway)),
    ):
        # An id must be unique in the emitter, not only in the event, so the event is part of it.
        events.unregister(name, unique_id=f"visavis-{name}")
        events.register(name, handler, unique_id=f"visavis-{name}")
    return client


def _resolve(embedder: str | None, settings: Settings | None) -> Settings:
    settings = Settings.from_env() if settings is None else settings
    if not isinstance(settings, Settings):
        raise SettingsError(f"settings must be a visavis.Settings, not {short_repr(settings)}")
    return replace(settings, embedder=embedder) if embedder else settings


def _gateway(attributes: str, objects: ObjectStore | Buckets | None, settings: Settings) -> Gateway:
    from visavis.api.dispatcher import Dispatcher
    from visavis.gateway import Gateway

    chosen, store = choice_of("attributes", attributes, Attributes), _store(objects)
    return Gateway(Dispatcher(_engine(settings), store, chosen))


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


def _session() -> Any:
    """A botocore session that ignores AWS's files and all environment variables except `AWS_DEFAULT_REGION`."""
    from botocore.session import Session

    variables: dict[str, tuple[Any, ...]] = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in Session.SESSION_VARIABLES.items()
    }
    variables |= {
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
        "ignore_configured_endpoint_urls": (None, None, True, None),
        "region": (None, "AWS_DEFAULT_REGION", None, None),
    }
    return Session(session_vars=variables)


def _valid_region(name: str | None) -> str:
    from botocore.exceptions import InvalidRegionError
    from botocore.utils import validate_region_name

    try:
        validate_region_name(name)
    except InvalidRegionError:
        return DEFAULT_REGION
    return name or DEFAULT_REGION


def _unsigned(**_: object) -> object:
    import botocore

    return botocore.UNSIGNED


def _handler(gateway: Gateway) -> Callable[..., object]:
    def handle(request: Any, **_: object) -> object:
        from botocore.awsrequest import AWSResponse

        from visavis.gateway import OK

        response = gateway.handle(_request(request), datetime.now(UTC))
        if response.outcome != OK:
            fields = {"operation": response.operation, "reason": response.reason, "request_id": response.request_id}
            log.info("%s refused: %s (request %s)", *fields.values(), extra={"outcome": response.outcome, **fields})
        return AWSResponse(request.url, response.status, dict(response.headers), _Body(response.body))

    return handle


def _request(prepared: Any) -> Request:
    from visavis.gateway import Request

    url = urlsplit(prepared.url)
    body = prepared.body or b""
    return Request(
        prepared.method,
        url.path,
        url.query,
        tuple(_headers(prepared.headers)),
        body.encode() if isinstance(body, str) else body,
    )


def _headers(headers: Mapping[str, str | bytes]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        yield name, value.decode("latin-1") if isinstance(value, bytes) else value


class _Body(io.BytesIO):
    """The part of urllib3's response that botocore reads."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()
