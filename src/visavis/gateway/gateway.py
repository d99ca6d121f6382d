"""Checks a request and runs its operation.

The checks have this order: target, signature, rate, JSON, and then the operation. The service parses JSON before it
verifies the signature; here nothing of a body is read for a sender who is not verified.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from visavis.api.operations import SERVICE
from visavis.aws.authorization import Credential, check_headers
from visavis.aws.forms import Form, unsupported_request
from visavis.aws.policy import LOCAL_CALLER, Caller
from visavis.aws.sigv4 import SignedRequest, verify
from visavis.aws.wire import WireError, parse_body
from visavis.deadline import Deadline
from visavis.gateway.messages import Exchange, Request, Response

__all__ = ["Admitted", "Dispatch", "Gateway", "Principal", "RateLimit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Credential):
    """A key and the caller that it belongs to.

    Attributes:
        caller: the sender of requests that the key signs.
    """

    caller: Caller


class Dispatch(Protocol):
    """The part of `api.dispatcher.Dispatcher` that a gateway uses."""

    def dispatch(
        self, operation: str, params: Mapping[str, object], caller: Caller, deadline: Deadline | None, /
    ) -> dict[str, object]:
        """The members of the response; may raise any error."""


class RateLimit(Protocol):
    """The part of `server.token_buckets.TokenBuckets` that a gateway uses."""

    @property
    def rate(self) -> float:
        """Requests per second that a key may make."""

    def take(self, key: str) -> bool:
        """Whether `key` may make one more request; called once for each request."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request whose sender is verified and within the rate. Nothing of its body has been read.

    Attributes:
        body: the body's bytes.
        operation: the name of the operation.
        caller: the sender.
        key: what the rate and the turns in a queue are counted by: the id of the verified key, or without
            verification the sender's address.
        exchange: what is known about the request.
    """

    body: bytes = field(repr=False)
    operation: str
    caller: Caller
    key: str
    exchange: Exchange = field(repr=False)


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
            rate: the limit on requests per key, or without verification per address; None for no limit.
        """
        self._operations = operations
        self._principal_for = principal_for
        self.region = region
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
        admitted = self.admit(request, now)
        return admitted if isinstance(admitted, Response) else self.answer(admitted, now)

    def refusal(self, request: Request, now: datetime) -> WireError | None:
        """The error that `request` gets whatever its body is, because of its headers; None if there is none.

        Args:
            request: the request as received; the body may be left out.
            now: the current time, aware.
        """
        exchange = Exchange.of(request)
        if exchange.form is not Form.JSON:  # its error may name an operation that is in the body
            return None
        try:
            SERVICE.operation_of(exchange.headers)
            if self._principal_for is not None:
                check_headers(
                    exchange.headers,
                    request.query,
                    service=SERVICE.name,
                    credential_for=self._principal_for,
                    region=self.region,
                    now=now,
                )
        except WireError as error:
            return error
        return None

    def admit(self, request: Request, now: datetime, address: str = "") -> Admitted | Response:
        """Verify the sender of `request`, who may then have work done, or the response that refuses it.

        This costs no more than the hash of the body.

        Args:
            request: the request as received.
            now: the current time, aware.
            address: the address of the sender, by which senders are told apart if signatures are not verified.
        """
        exchange = Exchange.of(request)
        try:
            with _timed(exchange.seconds, "verify"):
                if exchange.form is not Form.JSON:
                    raise unsupported_request(SERVICE, exchange.form, exchange.operation)
                operation = SERVICE.operation_of(exchange.headers)
                caller, key = LOCAL_CALLER, address
                if self._principal_for is not None:
                    caller = self._verified(request, self._principal_for, now)
                    # `claimed_key_id` may have found another one in a crafted header.
                    key = exchange.key_id = caller.access_key_id
                self._check_rate(key)
        except Exception as error:  # noqa: BLE001 - the caller gets a response and the log the reason
            return exchange.failed(error, now)
        return Admitted(request.body, operation, caller, key, exchange)

    def answer(self, admitted: Admitted, now: datetime, deadline: Deadline | None = None) -> Response:
        """The response to a request that `admit` has admitted.

        Args:
            admitted: the request.
            now: the date of the response, aware.
            deadline: when the work must end; None for never.
        """
        exchange = admitted.exchange
        try:
            with _timed(exchange.seconds, "operation"):
                params = parse_body(admitted.body)
                result = self._operations.dispatch(admitted.operation, params, admitted.caller, deadline)
            return exchange.succeeded(result, now)
        except Exception as error:  # noqa: BLE001 - the caller gets a response and the log the reason
            return exchange.failed(error, now)

    def _verified(self, request: Request, principal_for: Callable[[str], Principal | None], now: datetime) -> Caller:
        digest = hashlib.sha256(request.body).hexdigest()
        signed = SignedRequest(request.method, request.path, request.query, request.headers, digest)
        principal = verify(signed, service=SERVICE.name, credential_for=principal_for, region=self.region, now=now)
        return principal.caller

    def _check_rate(self, key: str) -> None:
        if self._rate is not None and not self._rate.take(key):
            reason = f"rate: the key may make {self._rate.rate:g} requests per second"
            raise WireError(400, "ProvisionedThroughputExceededException", "Provisioned rate exceeded", reason=reason)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - started
