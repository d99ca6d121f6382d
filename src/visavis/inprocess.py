"""A genuine boto3 client whose requests are answered in this process: no socket, and no credentials needed.

botocore does everything that it does for the real service (checks parameters, serialises, parses, raises its own
exceptions, retries) up to the moment of sending, where it asks `before-send` handlers for an answer first.

The module is not called `client`: importing a submodule binds its name in the package, and `visavis.client` is a
function there.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from visavis.gateway import OK, Gateway, Request

__all__ = ["attach", "make_client"]

log = logging.getLogger("visavis")

AnyClient = TypeVar("AnyClient")

_COMPARE_FACES = "rekognition.CompareFaces"


def make_client(gateway: Gateway, **options: Any) -> Any:
    """A boto3 Rekognition client answered by `gateway`; its other operations get UnknownOperationException.

    Args:
        gateway: without keys of its own, since nothing is signed.
        options: as for `boto3.client`, without the service's name. Where no region is configured it says us-east-1,
            and where no keys are given it makes up a pair, so that nothing is looked for on disk or on the network.
    """
    from boto3.session import Session

    session = Session()
    if options.get("aws_access_key_id") is None and options.get("aws_secret_access_key") is None:
        options |= {"aws_access_key_id": "visavis", "aws_secret_access_key": "visavis"}
    if options.get("region_name") is None and session.region_name is None:
        options["region_name"] = "us-east-1"
    return _answer_events(session.client("rekognition", **options), gateway, "rekognition")


def attach(client: AnyClient, gateway: Gateway) -> AnyClient:
    """Have `gateway` answer `compare_faces` of `client`, an existing boto3 client, and return it.

    Its other operations go where they went before. Attaching again replaces the gateway.
    """
    return _answer_events(client, gateway, _COMPARE_FACES)


def _answer_events(client: AnyClient, gateway: Gateway, scope: str) -> AnyClient:
    events = client.meta.events  # type: ignore[attr-defined]
    for name, handler in ((f"choose-signer.{scope}", _unsigned), (f"before-send.{scope}", _answers(gateway))):
        # Ids are per emitter, not per event, so the event is part of them.
        events.unregister(name, unique_id=f"visavis-{name}")
        events.register(name, handler, unique_id=f"visavis-{name}")
    return client


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
