"""boto3 clients whose requests a gateway answers in this process.

No socket and no credentials are needed. botocore does what it does for the real service: it checks parameters,
serialises, parses, raises its exceptions and retries. Before it sends a request it calls `before-send` handlers, and
the handler here returns the response.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from visavis.api.shapes import SERVICE_NAME
from visavis.aws.service import DEFAULT_REGION
from visavis.errors import InvalidRequest
from visavis.gateway import OK, Gateway, Request

__all__ = ["AnyClient", "attach", "make_client"]

log = logging.getLogger("visavis")

AnyClient = TypeVar("AnyClient")


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

        response = gateway.handle(_request(request), datetime.now(UTC))
        if response.outcome != OK:
            fields = {"operation": response.operation, "reason": response.reason, "request_id": response.request_id}
            log.info("%s refused: %s (request %s)", *fields.values(), extra={"outcome": response.outcome, **fields})
        return AWSResponse(request.url, response.status, dict(response.headers), _Body(response.body))

    return handle


def _request(prepared: Any) -> Request:
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
