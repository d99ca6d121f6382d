"""CORS for web pages of other origins: responses to preflight requests, and headers of all other responses."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response as HttpResponse
from starlette.types import ASGIApp

from visavis.aws.wire import printable
from visavis.gateway import Response, plain_response

__all__ = ["Cors"]

EXPOSED = ("x-amzn-requestid", "x-amzn-errortype", "date")
"""Headers of a response that a page's SDK may read. The SDK corrects its clock by `date`."""


class Cors(CORSMiddleware):
    """Starlette's middleware with the headers that all responses of this server have, and a log line for each refusal.

    A page of an allowed origin may send any header, because SDKs add new ones.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Collection[str], record: Callable[[Response, Headers, str | None], None]
    ) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("POST",),
            allow_headers=("*",),
            # Browsers require this before a public page may reach a server on loopback or in a private network.
            allow_private_network=True,
            expose_headers=EXPOSED,
        )
        self._record = record

    def preflight_response(self, request_headers: Headers) -> HttpResponse:
        """Starlette's response with the headers of this server; a refusal is recorded."""
        preflight = super().preflight_response(request_headers)
        body = bytes(preflight.body)
        response = plain_response(preflight.status_code, body, preflight.headers["content-type"], datetime.now(UTC))
        preflight.headers.update(dict(response.headers))
        if preflight.status_code != 200:
            reason = f"{body.decode()}: sent by a page of {printable(request_headers['origin'], 300)}"
            self._record(replace(response, outcome="CrossOriginRefused", reason=reason), request_headers, None)
        return preflight
