"""A request's bytes to an answer's bytes, whatever carries them: the server's HTTP, or a client in this process.

Nothing here reads a socket or the clock's date. The checks come in the service's order: target, JSON, signature, rate,
and then the operation itself.
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

from visavis.api.errors import to_wire
from visavis.aws.policy import LOCAL_CALLER, Caller
from visavis.aws.sigv4 import Credential, SignedRequest, claimed_key_id, verify
from visavis.aws.wire import CONTENT_TYPE, WireError, encode, error_body, new_request_id, operation_of, parse_body

__all__ = ["OK", "Answer", "Dispatch", "Gateway", "Principal", "RateLimit", "Request", "plain", "refusal"]

log = logging.getLogger(__name__)

OK = "OK"
"""The outcome of a request that was answered; any other outcome is an error's code."""


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
class Answer:
    """What goes back, and what there is to record about it.

    outcome: `OK`, or the code of the error
    key_id:  the access key that signed, or that a refused request named; None if it named none
    faces:   how many were found in the target; None where nothing was compared
    seconds: by stage of the work
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    request_id: str
    outcome: str
    key_id: str | None = None
    faces: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


class Dispatch(Protocol):
    """What carries operations out; `api.operations.Dispatcher` is one."""

    def dispatch(self, operation: str, params: Mapping[str, object], caller: Caller) -> dict[str, object]:
        """The answer's members, or a WireError."""


class RateLimit(Protocol):
    """Who may go on now; `server.admission.TokenBuckets` is one."""

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

    def answer(self, request: Request, now: datetime) -> Answer:
        """Answer `request`; `now`, aware, is held against its signature and becomes the answer's date."""
        digest = hashlib.sha256(request.body).hexdigest() if self.verifies else ""
        signed = SignedRequest(request.method, request.path, request.query, request.headers, digest)
        headers = signed.canonical_headers()
        key_id = claimed_key_id(headers)
        request_id = new_request_id()
        seconds: dict[str, float] = {}
        try:
            with _timed(seconds, "verify"):
                operation, params = operation_of(headers), parse_body(request.body)
                caller = self._caller(signed, now)
                # From here on the key is proven; what the header claims may be worded to name another.
                key_id = caller.access_key_id if self.verifies else key_id
                self._check_rate(key_id)
            with _timed(seconds, "operation"):
                result = self._operations.dispatch(operation, params, caller)
            body = encode(result)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the reason
            return refusal(to_wire(error), now, request_id=request_id, key_id=key_id, seconds=seconds, cause=error)
        return Answer(
            200, _headers(body, CONTENT_TYPE, request_id, now), body, request_id, OK, key_id, _faces(result), seconds
        )

    def _caller(self, signed: SignedRequest, now: datetime) -> Caller:
        if self._principal_for is None:
            return LOCAL_CALLER
        return verify(signed, credential_for=self._principal_for, region=self._region, now=now).caller

    def _check_rate(self, key_id: str | None) -> None:
        if self._rate is not None and not self._rate.take(key_id or "anonymous"):
            raise WireError(400, "ProvisionedThroughputExceededException", "Provisioned rate exceeded")


def refusal(
    error: WireError,
    now: datetime,
    *,
    request_id: str | None = None,
    key_id: str | None = None,
    seconds: Mapping[str, float] | None = None,
    cause: Exception | None = None,
) -> Answer:
    """The answer that says `error`; a fault of ours is logged with the traceback of `cause`, which stays here."""
    request_id = request_id or new_request_id()
    if error.status >= 500:
        log.error("the request failed", extra={"request_id": request_id}, exc_info=cause or error)
    body = error_body(error)
    headers = _headers(body, CONTENT_TYPE, request_id, now)
    return Answer(error.status, headers, body, request_id, error.code, key_id, None, seconds or {})


def plain(status: int, body: bytes, media_type: str | None, now: datetime) -> Answer:
    """An answer that is not AWS JSON, with the two headers that every answer has; its outcome is its status."""
    request_id = new_request_id()
    return Answer(status, _headers(body, media_type, request_id, now), body, request_id, str(status))


def _headers(body: bytes, media_type: str | None, request_id: str, now: datetime) -> tuple[tuple[str, str], ...]:
    typed = () if media_type is None else (("content-type", media_type),)
    return (
        ("x-amzn-requestid", request_id),
        *typed,
        ("content-length", str(len(body))),
        ("date", format_datetime(now, usegmt=True)),
    )


def _faces(result: Mapping[str, object]) -> int:
    lists = (result.get(name) for name in ("FaceMatches", "UnmatchedFaces"))
    return sum(len(faces) for faces in lists if isinstance(faces, list))


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - started
