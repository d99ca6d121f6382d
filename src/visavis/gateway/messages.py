"""Requests and responses, and the translation of errors to Amazon's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

from visavis.api.errors import reason_of, to_wire
from visavis.api.operations import OPERATIONS, SERVICE
from visavis.aws.authorization import claimed_key_id
from visavis.aws.forms import Form, error_in, form_of, requested_action
from visavis.aws.sigv4 import SignedRequest
from visavis.aws.wire import CONTENT_TYPE, encode, new_request_id, printable

__all__ = ["OK", "Exchange", "Request", "Response", "error_response", "plain_response"]

log = logging.getLogger("visavis.gateway")

OK = "OK"
"""The outcome of a request that succeeded; any other outcome is the code of an error."""

MAX_REASON = 500
"""Characters of a reason that are logged at most. Every text of visavis is shorter."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received.

    Attributes:
        method: the HTTP method.
        path: the path, percent-encoded, without the query.
        query: the query, percent-encoded, without the question mark.
        headers: names and values in the order received, decoded as Latin-1.
        body: the body's bytes.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A response, with what logs and metrics record about it.

    Attributes:
        status: the HTTP status.
        headers: names in lower case, and values.
        body: the body's bytes.
        request_id: the id in the header x-amzn-RequestId and in the log.
        outcome: `OK`, or the code of the error.
        operation: the requested operation, answered here or not, cut and printable; None if the request names none.
        reason: why the request failed, for the log and not for the caller; None if it succeeded.
        key_id: the access key that signed, or that a failed request names; None without one.
        faces: the number of faces in the response, matches and others; None for an error.
        seconds: seconds by stage of the work.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    request_id: str
    outcome: str
    operation: str | None = None
    reason: str | None = None
    key_id: str | None = None
    faces: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Exchange:
    """What is known about a request while it is processed, and the response to it.

    Attributes:
        form: the form in which the sender reads an error.
        headers: values by name in lower case, as signed.
        request_id: as in `Response`, and so are the next three.
        operation: the requested operation.
        key_id: the access key that the request names, until it is verified.
        seconds: seconds by stage of the work.
    """

    form: Form
    headers: Mapping[str, str] = field(repr=False)
    request_id: str
    operation: str | None
    key_id: str | None
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> Exchange:
        """The start of the exchange that `request` begins."""
        headers = SignedRequest(request.method, request.path, request.query, request.headers, "").canonical_headers()
        form = form_of(request.method, request.query, headers)
        operation = requested_action(SERVICE, form, headers, request.body)
        return cls(form, headers, new_request_id(), operation, claimed_key_id(headers))

    def succeeded(self, result: Mapping[str, object], now: datetime) -> Response:
        """The response with the members `result`.

        Raises:
            ValueError: a number is NaN or infinite.
        """
        body = encode(result)
        return Response(
            status=200,
            headers=_headers(body, CONTENT_TYPE, self.request_id, now),
            body=body,
            request_id=self.request_id,
            outcome=OK,
            operation=self.operation,
            key_id=self.key_id,
            faces=_count_faces(self.operation, result),
            seconds=self.seconds,
        )

    def failed(self, error: Exception, now: datetime) -> Response:
        """The response with `error` as Amazon's. An error with status 500 is logged with its traceback."""
        translated = to_wire(error)
        if translated.status == 500:
            log.error("the request failed", extra={"request_id": self.request_id}, exc_info=error)
        body, media_type = error_in(self.form, translated, self.request_id)
        return Response(
            status=translated.status,
            headers=_headers(body, media_type, self.request_id, now),
            body=body,
            request_id=self.request_id,
            outcome=translated.code,
            operation=self.operation,
            reason=printable(reason_of(error), MAX_REASON),
            key_id=self.key_id,
            seconds=self.seconds,
        )


def error_response(error: Exception, request: Request, now: datetime) -> Response:
    """The response with `error` to a request that does not reach a gateway, in the form that its sender reads.

    Args:
        error: an error of any type; `api.errors.to_wire` translates it.
        request: the request as received; the body may be left out.
        now: the current time, aware.
    """
    return Exchange.of(request).failed(error, now)


def plain_response(status: int, body: bytes, media_type: str | None, now: datetime) -> Response:
    """A response that is not AWS JSON, with the headers that every response has. Its outcome is its status."""
    request_id = new_request_id()
    return Response(status, _headers(body, media_type, request_id, now), body, request_id, str(status))


def _headers(body: bytes, media_type: str | None, request_id: str, now: datetime) -> tuple[tuple[str, str], ...]:
    typed = () if media_type is None else (("content-type", media_type),)
    return (
        ("x-amzn-requestid", request_id),
        *typed,
        ("content-length", str(len(body))),
        ("date", format_datetime(now, usegmt=True)),
    )


def _count_faces(operation: str | None, response: Mapping[str, object]) -> int | None:
    found = OPERATIONS.get(operation or "")
    return found.count_faces(response) if found else None
