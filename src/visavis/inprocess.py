"""A genuine boto3 client whose requests are answered in this process: no socket, and no credentials needed.

botocore does everything that it does for the real service (checks parameters, serialises, parses, raises its own
exceptions, retries) up to the moment of sending, where it asks `before-send` handlers for an answer first.

The module is not called `client`: importing a submodule binds its name in the package, and `visavis.client` is a
function there.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from visavis.errors import InvalidRequest
from visavis.gateway import OK, Gateway, Request

__all__ = ["attach", "make_client"]

log = logging.getLogger("visavis")

AnyClient = TypeVar("AnyClient")

_SERVICE = "rekognition"
_REGION = "us-east-1"


def make_client(gateway: Gateway, **options: Any) -> Any:
    """A boto3 Rekognition client answered by `gateway`; its other operations get UnknownOperationException.

    AWS's configuration files and environment variables are not read, but for `AWS_DEFAULT_REGION`, because none of
    what they say matters here and a wrong word in them would refuse the client.

    Args:
        gateway: without keys of its own, since nothing is signed.
        options: as for `boto3.client`, without the service's name. Without a region it is us-east-1, and without keys
            a pair is made up.
    """
    from boto3.session import Session

    session = _session()
    if options.get("aws_access_key_id") is None and options.get("aws_secret_access_key") is None:
        options |= {"aws_access_key_id": "visavis", "aws_secret_access_key": "visavis"}
    if not options.get("region_name"):
        options["region_name"] = _valid_region(session.get_config_variable("region"))
    return attach(Session(botocore_session=session).client(_SERVICE, **options), gateway)


def attach(client: AnyClient, gateway: Gateway) -> AnyClient:
    """Have `gateway` answer every operation of `client`, an existing boto3 client of Rekognition, and return it.

    No operation leaves the process any more: those that `gateway` does not know get UnknownOperationException.
    Attaching again replaces the gateway.

    Raises:
        InvalidRequest: `client` is no client, or one of another service.
    """
    service = getattr(getattr(getattr(client, "meta", None), "service_model", None), "service_name", None)
    if service != _SERVICE:
        found = type(client).__name__ if service is None else f"one of {service}"
        raise InvalidRequest(f"a boto3 client of {_SERVICE} is needed, boto3.client({_SERVICE!r}), not {found}")
    events = client.meta.events  # type: ignore[attr-defined]
    for name, handler in ((f"choose-signer.{_SERVICE}", _unsigned), (f"before-send.{_SERVICE}", _answers(gateway))):
        # Ids are per emitter, not per event, so the event is part of them.
        events.unregister(name, unique_id=f"visavis-{name}")
        events.register(name, handler, unique_id=f"visavis-{name}")
    return client


def _session() -> Any:
    """A botocore session whose variables have their defaults, whatever the environment and AWS's files say."""
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
        return _REGION
    return name or _REGION


def _unsigned(**_: object) -> object:
    import botocore

    return botocore.UNSIGNED


def _answers(gateway: Gateway) -> Callable[..., object]:
    def answer(request: Any, **_: object) -> object:
        from botocore.awsrequest import AWSResponse

        given = gateway.answer(_request(request), datetime.now(UTC))
        if given.outcome != OK:
            told = {"operation": given.operation, "reason": given.reason, "request_id": given.request_id}
            log.info("%s refused: %s (request %s)", *told.values(), extra={"outcome": given.outcome, **told})
        return AWSResponse(request.url, given.status, dict(given.headers), _Body(given.body))

    return answer


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
