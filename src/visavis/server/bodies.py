"""Reads the bodies of requests within limits of size, time, rate and memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Receive

from visavis.aws.wire import WireError
from visavis.errors import Overloaded
from visavis.server.config import ServerConfig

__all__ = ["Bodies", "Body", "BodyError"]

SLOW_SHARE = 0.5
"""The part of the memory that slow bodies may hold. The rest is for those that arrive quickly."""


class BodyError(Exception):
    """The body of a request is too large, too slow or incomplete.

    Attributes:
        outcome: the outcome in logs and metrics.
        response_error: the error as the caller receives it.
    """

    def __init__(self, outcome: str, response_error: WireError) -> None:
        super().__init__(outcome, response_error)
        self.outcome = outcome
        self.response_error = response_error

    @classmethod
    def too_large(cls, size: int | None, limit: int) -> BodyError:
        """The error for a body over the limit.

        Args:
            size: bytes of the body; None if they are not known, because it was not read to its end.
            limit: the most bytes that a body may have.
        """
        actual, allowed = f"over {_megabytes(limit)}" if size is None else _megabytes(size), _megabytes(limit)
        if actual == allowed:  # because both are rounded
            actual, allowed = f"{size} bytes", f"{limit} bytes"
        text = f"the request is {actual}, at most {allowed} are allowed; send large images by S3Object"
        return cls("BodyTooLarge", WireError(413, "RequestEntityTooLargeException", text, "framework"))

    @classmethod
    def too_slow(cls, size: int, why: str) -> BodyError:
        """The error for a body of which only `size` bytes arrived."""
        text = f"the body {why}: {size} bytes arrived"
        return cls("BodyTooSlow", WireError(408, "RequestTimeoutException", text, "framework"))

    @classmethod
    def client_gone(cls, size: int) -> BodyError:
        """The error for a client that disconnected after `size` bytes of the body."""
        text = f"the client disconnected before the end of the body: {size} bytes arrived"
        return cls("ClientGone", WireError(400, "ClientGone", text, "framework"))


class Bodies:
    """The bodies of all requests in progress, which share a limit on memory. For one event loop.

    Memory is charged for bytes that have arrived, and not for those that are announced. Bodies that take longer than
    `rate_seconds` are slow. They are limited in number and hold at most `SLOW_SHARE` of the memory; beyond that the
    slowest of them is given up. So they leave room for bodies that arrive quickly.
    """

    def __init__(self, config: ServerConfig) -> None:
        """Start with no bodies; `config` has the limits."""
        self.config = config
        self.left = config.memory
        self._slow: set[Body] = set()

    @contextmanager
    def open(self) -> Iterator[Body]:
        """A body to read, whose memory is charged until the end of the `with` block."""
        body = Body(self)
        try:
            yield body
        finally:
            self.left += body.held

    def charge(self, body: Body, size: int) -> None:
        """Charge `size` more bytes for `body`.

        Raises:
            Overloaded: fewer bytes are left.
        """
        if size > self.left:
            raise Overloaded(
                f"memory: no more than {_megabytes(self.config.memory)} of bodies may be in progress, and this one has "
                f"{_megabytes(body.size)} so far"
            )
        self.left -= size
        body.held += size

    def add_slow(self, body: Body) -> None:
        """Count `body` among the slow ones, and give up the slowest if they are too many or too large together."""
        self._slow.add(body)
        while len(self._slow) > self.config.slow_bodies or self._held_slowly() > self.config.memory * SLOW_SHARE:
            slowest = min(self._slow, key=lambda one: one.rate)
            self._slow.remove(slowest)
            slowest.give_up()

    def remove_slow(self, body: Body) -> None:
        """Count `body` no more, because it no longer arrives."""
        self._slow.discard(body)

    def _held_slowly(self) -> int:
        return sum(body.held for body in self._slow)


class Body:
    """The body of one request; made by `Bodies.open`.

    Attributes:
        size: bytes that have arrived.
        held: bytes that are charged.
        complete: whether the end of the body was read.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.size = self.held = 0
        self.complete = False
        self._bodies = bodies
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._given_up = False
        self._recent = 0

    @property
    def rate(self) -> float:
        """Bytes per second so far."""
        return self.size / max(self._age, 0.001)

    @property
    def _age(self) -> float:
        return self._loop.time() - self._started

    async def read(self, receive: Receive) -> bytes:
        """The bytes of the body.

        Args:
            receive: ASGI's function that gives the next part of the body.

        Raises:
            BodyError: the body is too large or too slow, or the client disconnected.
            Overloaded: the bodies in progress have too many bytes together.
        """
        parts: list[bytes] = []
        await self._read(receive, parts)
        return b"".join(parts)

    async def discard(self, receive: Receive) -> None:
        """Read the body and keep nothing of it; arguments and errors are those of `read`."""
        await self._read(receive, None)

    async def _read(self, receive: Receive, parts: list[bytes] | None) -> None:
        limit = self._bodies.config.max_body
        try:
            async with asyncio.timeout(None) as self._timeout:
                self._start_period()
                while not self.complete:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BodyError.client_gone(self.size)
                    part = message.get("body", b"")
                    self.complete = not message.get("more_body", False)
                    self._arrived(len(part))
                    if self.size > limit:
                        raise BodyError.too_large(self.size if self.complete else None, limit)
                    if parts is not None:
                        self._bodies.charge(self, len(part))
                        parts.append(part)
        except TimeoutError as error:
            raise self._too_slow() from error
        finally:
            self._bodies.remove_slow(self)

    def _arrived(self, size: int) -> None:
        config = self._bodies.config
        self.size += size
        self._recent += size
        if self._recent >= config.least_rate * config.rate_seconds:
            self._start_period()
        if self._age > config.rate_seconds and not self.complete:
            self._bodies.add_slow(self)

    def _start_period(self) -> None:
        """Require `least_rate` from now on."""
        config = self._bodies.config
        self._recent = 0
        if not self._timeout.expired():
            until = min(self._loop.time() + config.rate_seconds, self._started + config.body_seconds)
            self._timeout.reschedule(until)

    def give_up(self) -> None:
        """End the reading of this body, as too slow."""
        self._given_up = True
        if not self._timeout.expired():
            self._timeout.reschedule(self._loop.time())

    def _too_slow(self) -> BodyError:
        config = self._bodies.config
        if self._given_up:
            return BodyError.too_slow(self.size, "arrived more slowly than others, and there are too many slow ones")
        if self._age >= config.body_seconds:
            return BodyError.too_slow(self.size, f"did not arrive within {config.body_seconds:g} seconds")
        return BodyError.too_slow(self.size, f"arrived at less than {config.least_rate} bytes a second")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
