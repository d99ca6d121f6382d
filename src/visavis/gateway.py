"""A request's bytes to a response's bytes, whatever carries them: the server's HTTP, or a client in this process.

Nothing here reads a socket or the clock's date. The checks come in the service's order: target, JSON, signature, rate,
and then the operation itself. Every error becomes one of Amazon's here, and nowhere else.
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
from visavis.aws.forms import Form, requested_action, error_in, form_of, unsupported_request
from visavis.aws.policy import LOCAL_CALLER, Caller
from visavis.aws.sigv4 import Credential, SignedRequest, claimed_key_id, verify
from visavis.aws.wire import CONTENT_TYPE, WireError, encode, new_request_id, parse_body, printable

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
"""The outcome of a request that was answered; any other outcome is an error's code."""

MAX_REASON = 500
"""Characters of a reason that are logged: those of every text of ours fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Credential):
    """A key, and whom it speaks for."""

    caller: Caller


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: `path` and `query` still percent-encoded, header bytes read as Latin-1."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back to the caller, and what there is to record about it.

    outcome:   `OK`, or the code of the error
    operation: what was asked for, answered here or not, cut and printable; None where the request does not say
    reason:    why the request was refused, in our words, for the log and not for the caller; None where it was answered
    key_id:    the access key that signed, or that a refused request named; None if it named none
    faces:     how many the response lists, matches and others; None for an error
    seconds:   by stage of the work
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
    """What carries operations out; `api.dispatcher.Dispatcher` is one."""

    def dispatch(self, operation: str, params: Mapping[str, object], caller: Caller) -> dict[str, object]:
        """The members of the response, or any error."""


class RateLimit(Protocol):
    """Who may go on now; `server.admission.TokenBuckets` is one."""

    @property
    def rate(self) -> float:
        """Requests a second that a key may make."""

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request; called once a request."""


class Gateway:
    """Reads, verifies, dispatches and writes. Safe to share between threads, and never raises."""

    def __init__(
        self,
        operations: Dispatch,
        *,
        principal_for: Callable[[str], Principal | None] | None = None,
        region: str | None = None,
        rate: RateLimit | None = None,
    ) -> None:
        """Bind the parts.

        Args:
            operations: carries out what is asked.
            principal_for: from access key id to its key; None accepts every request, signed or not, as ours.
            region: the one that signatures must be scoped to; None for any.
            rate: None for no limit.
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
        """Answer `request`; `now`, aware, is held against its signature and becomes the response's date."""
        digest = hashlib.sha256(request.body).hexdigest() if self.verifies else ""
        signed = SignedRequest(request.method, request.path, request.query, request.headers, digest)
        headers = signed.canonical_headers()
        form = form_of(request.method, request.query, headers)
        about = _About(new_request_id(), requested_action(SERVICE, form, headers, request.body), claimed_key_id(headers))
        try:
            result = self._result(signed, headers, form, request.body, now, about)
            body = encode(result)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a response and the log the reason
            return _error_response(error, now, about, form)
        return Response(
            status=200,
            headers=_headers(body, CONTENT_TYPE, about.request_id, now),
            body=body,
            request_id=about.request_id,
            outcome=OK,
            operation=about.operation,
            key_id=about.key_id,
            faces=_count_faces(about.operation, result),
            seconds=about.seconds,
        )

    def _result(
        self,
        signed: SignedRequest,
        headers: Mapping[str, str],
        form: Form,
        body: bytes,
        now: datetime,
        about: _About,
    ) -> dict[str, object]:
        with _timed(about.seconds, "verify"):
            if form is not Form.JSON:
                raise unsupported_request(SERVICE, form, about.operation)
            operation, params = SERVICE.operation_of(headers), parse_body(body)
            caller = self._caller(signed, now)
            # From here on the key is proven; what the header claims may be worded to name another.
            about.key_id = caller.access_key_id if self.verifies else about.key_id
            self._check_rate(about.key_id)
        with _timed(about.seconds, "operation"):
            return self._operations.dispatch(operation, params, caller)

    def _caller(self, signed: SignedRequest, now: datetime) -> Caller:
        if self._principal_for is None:
            return LOCAL_CALLER
        principal = verify(
            signed, service=SERVICE.name, credential_for=self._principal_for, region=self._region, now=now
        )
        return principal.caller

    def _check_rate(self, key_id: str | None) -> None:
        if self._rate is not None and not self._rate.take(key_id or "anonymous"):
            reason = f"rate: the key may make {self._rate.rate:g} requests a second"
            raise WireError(400, "ProvisionedThroughputExceededException", "Provisioned rate exceeded", reason=reason)


@dataclass(slots=True)
class _About:
    """What is known of a request while it is worked on, as `Response` has it."""

    request_id: str
    operation: str | None = None
    key_id: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def error_response(error: Exception, request: Request, now: datetime) -> Response:
    """The response with `error` to `request`, which never came to a gateway, in the form that its sender reads."""
    headers = SignedRequest(request.method, request.path, request.query, request.headers, "").canonical_headers()
    form = form_of(request.method, request.query, headers)
    about = _About(new_request_id(), requested_action(SERVICE, form, headers, request.body), claimed_key_id(headers))
    return _error_response(error, now, about, form)


def _error_response(error: Exception, now: datetime, about: _About, form: Form) -> Response:
    """The response with `error` in Amazon's terms; a fault of ours is logged with its traceback, which stays here."""
    refused = to_wire(error)
    if refused.status == 500:
        log.error("the request failed", extra={"request_id": about.request_id}, exc_info=error)
    body, media_type = error_in(form, refused, about.request_id)
    return Response(
        status=refused.status,
        headers=_headers(body, media_type, about.request_id, now),
        body=body,
        request_id=about.request_id,
        outcome=refused.code,
        operation=about.operation,
        reason=printable(reason_of(error), MAX_REASON),
        key_id=about.key_id,
        seconds=about.seconds,
    )


def plain_response(status: int, body: bytes, media_type: str | None, now: datetime) -> Response:
    """A response that is not AWS JSON, with the two headers that every response has; its outcome is its status."""
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
