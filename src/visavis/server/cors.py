"""CORS, for web pages of other origins: answers to preflight requests, and headers on every other answer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from visavis.aws.wire import printable
from visavis.gateway import Answer, plain

__all__ = ["Cors"]

EXPOSED = ("x-amzn-requestid", "x-amzn-errortype", "date")
"""Headers of an answer that a page's SDK may read; the date tells it how far its clock is off."""


class Cors(CORSMiddleware):
    """Starlette's middleware, with the headers that every answer has, and a log line for each refusal.

    A page of a named origin may send any header, because SDKs add new ones.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Collection[str], record: Callable[[Answer, Headers, str | None], None]
    ) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("POST",),
            allow_headers=("*",),
            # Browsers ask for this before a public page may reach a server on loopback or in a private network.
            allow_private_network=True,
            expose_headers=EXPOSED,
        )
        self._record = record

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        body = bytes(response.body)
        answer = plain(response.status_code, body, response.headers["content-type"], datetime.now(UTC))
        response.headers.update(dict(answer.headers))
        if response.status_code != 200:
            reason = f"{body.decode()}: asked by a page of {printable(request_headers['origin'], 300)}"
            self._record(replace(answer, outcome="CrossOriginRefused", reason=reason), request_headers, None)
        return response
