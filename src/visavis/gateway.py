"""Turns the bytes of a request into the bytes of a response, for the HTTP server and for clients in this process.

Nothing here reads a socket or the date. The checks have the service's order: target, JSON, signature, rate, and then
the operation. Errors are translated to Amazon's here and nowhere else.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol

from visavis.api.errors import reason_of, to_wire
from visavis.api.operations import OPERATIONS, SERVICE
from visavis.aws.forms import Form, error_in, form_of, requested_action, unsupported_request
from visavis.aws.policy import LOCAL_CALLER, Caller
from visavis.aws.sigv4 import Credential, SignedRequest, claimed_key_id, verify
from visavis.aws.wire import CONTENT_TYPE, WireError, encode, new_request_id, parse_body, printable
from visavis.deadline import Deadline

__all__ = [
    "OK",
    "Dispatch",
    "Gateway",
    "Principal",
    "RateLimit",
    "Request",
    "Response",
    "error_response",
    "plain_response",
]

log = logging.getLogger(__name__)

OK = "OK"
"""The outcome of a request that succeeded; any other outcome is the code of an error."""

MAX_REASON = 500
"""Characters of a reason that are logged at most. Every text of visavis is shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Credential):
    """A key and the caller that it belongs to.

    Attributes:
        caller: the sender of requests that the key signs.
    """

    caller: Caller


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received.

    Attributes:
        method: the HTTP method.
        path: the path, percent-encoded, without the query.
        query: the query, percent-encoded, without the question mark.
        headers: names and values in the order received, decoded as Latin-1.
        body: the body's bytes.
        deadline: when the work must end; None for never.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    deadline: Deadline | None = None


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


class Dispatch(Protocol):
    """The part of `api.dispatcher.Dispatcher` that a gateway uses."""

    def dispatch(
        self, operation: str, params: Mapping[str, object], caller: Caller, deadline: Deadline | None, /
    ) -> dict[str, object]:
        """The members of the response; may raise any error."""


class RateLimit(Protocol):
    """The part of `server.admission.TokenBuckets` that a gateway uses."""

    @property
    def rate(self) -> float:
        """Requests per second that a key may make."""

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request; called once for each request."""


class Gateway:
    """Reads, verifies and dispatches requests and writes responses. Safe to share between threads; never raises."""

    def __init__(
        self,
        operations: Dispatch,
        *,
        principal_for: Callable[[str], Principal | None] | None = None,
        region: str | None = None,
        rate: RateLimit | None = None,
    ) -> None:
        """Keep the parts.

        Args:
            operations: carries out the operations.
            principal_for: returns the key of an access key id, or None for an unknown id. Without this function
                every request, signed or not, counts as sent by the user of this process.
            region: the region that signatures must be scoped to; None accepts every region.
            rate: the limit on requests per key; None for no limit.
        """
        self._operations = operations
        self._principal_for = principal_for
        self._region = region
        self._rate = rate

    @property
    def verifies(self) -> bool:
        """Whether signatures are checked."""
        return self._principal_for is not None

    def handle(self, request: Request, now: datetime) -> Response:
        """The response to `request`.

        Args:
            request: the request as received.
            now: the current time, aware. The time of the signature is compared with it, and it is the response's date.
        """
        digest = hashlib.sha256(request.body).hexdigest() if self.verifies else ""
        signed = SignedRequest(request.method, request.path, request.query, request.headers, digest)
        headers = signed.canonical_headers()
        form = form_of(request.method, request.query, headers)
        info = _RequestInfo.of(form, headers, request.body)
        try:
            result = self._result(signed, headers, form, request, now, info)
            body = encode(result)
        except Exception as error:  # noqa: BLE001 - the caller gets a response and the log the reason
            return _error_response(error, now, info, form)
        return Response(
            status=200,
            headers=_headers(body, CONTENT_TYPE, info.request_id, now),
            body=body,
            request_id=info.request_id,
            outcome=OK,
            operation=info.operation,
            key_id=info.key_id,
            faces=_count_faces(info.operation, result),
            seconds=info.seconds,
        )

    def _result(
        self,
        signed: SignedRequest,
        headers: Mapping[str, str],
        form: Form,
        request: Request,
        now: datetime,
        info: _RequestInfo,
    ) -> dict[str, object]:
        with _timed(info.seconds, "verify"):
            if form is not Form.JSON:
                raise unsupported_request(SERVICE, form, info.operation)
            operation, params = SERVICE.operation_of(headers), parse_body(request.body)
            caller = self._caller(signed, now)
            # From here on the key is verified. `claimed_key_id` may have found another one in a crafted header.
            info.key_id = caller.access_key_id if self.verifies else info.key_id
            self._check_rate(info.key_id)
        with _timed(info.seconds, "operation"):
            return self._operations.dispatch(operation, params, caller, request.deadline)

    def _caller(self, signed: SignedRequest, now: datetime) -> Caller:
        if self._principal_for is None:
            return LOCAL_CALLER
        principal = verify(
            signed, service=SERVICE.name, credential_for=self._principal_for, region=self._region, now=now
        )
        return principal.caller

    def _check_rate(self, key_id: str | None) -> None:
        if self._rate is not None and not self._rate.take(key_id or "anonymous"):
            reason = f"rate: the key may make {self._rate.rate:g} requests per second"
            raise WireError(400, "ProvisionedThroughputExceededException", "Provisioned rate exceeded", reason=reason)


@dataclass(slots=True)
class _RequestInfo:
    """What is known about a request while it is processed; the fields are those of `Response`."""

    request_id: str
    operation: str | None = None
    key_id: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Form, headers: Mapping[str, str], body: bytes) -> _RequestInfo:
        return cls(new_request_id(), requested_action(SERVICE, form, headers, body), claimed_key_id(headers))


def error_response(error: Exception, request: Request, now: datetime) -> Response:
    """The response with `error` to a request that does not reach a gateway, in the form that its sender reads.

    Args:
        error: an error of any type; `api.errors.to_wire` translates it.
        request: the request as received; the body may be left out.
        now: the current time, aware.
    """
    headers = SignedRequest(request.method, request.path, request.query, request.headers, "").canonical_headers()
    form = form_of(request.method, request.query, headers)
    info = _RequestInfo.of(form, headers, request.body)
    return _error_response(error, now, info, form)


def _error_response(error: Exception, now: datetime, info: _RequestInfo, form: Form) -> Response:
    """The response with `error` as Amazon's. An error with status 500 is logged with its traceback."""
    translated = to_wire(error)
    if translated.status == 500:
        log.error("the request failed", extra={"request_id": info.request_id}, exc_info=error)
    body, media_type = error_in(form, translated, info.request_id)
    return Response(
        status=translated.status,
        headers=_headers(body, media_type, info.request_id, now),
        body=body,
        request_id=info.request_id,
        outcome=translated.code,
        operation=info.operation,
        reason=printable(reason_of(error), MAX_REASON),
        key_id=info.key_id,
        seconds=info.seconds,
    )


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


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - started
