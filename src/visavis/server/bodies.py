"""Reads the bodies of requests within limits of size, time, rate and memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
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
    `rate_seconds` are slow. They are limited in number and hold at most `SLOW_SHARE` of the memory; beyond that one of
    them is given up. So they leave room for bodies that arrive quickly.

    No network, which is all that is known of a caller until its signature is verified, takes the memory from others. A
    body for which none is left takes that of a network that would still have more. The body that is given up is the
    slowest of the network that has most, or if all have arrived, the last of those that wait for a worker.
    """

    def __init__(self, config: ServerConfig) -> None:
        """Start with no bodies; `config` has the limits."""
        self.config = config
        self.left = config.memory
        self._open: set[Body] = set()
        self._slow: set[Body] = set()

    @contextmanager
    def open(self, network: str = "") -> Iterator[Body]:
        """A body to read, whose memory is charged until the end of the `with` block.

        Args:
            network: of the caller, as `hosts.network_of` gives it.
        """
        body = Body(self, network)
        self._open.add(body)
        try:
            yield body
        finally:
            self._open.remove(body)
            self.left += body.held

    def charge(self, body: Body, size: int) -> None:
        """Charge `size` more bytes for `body`. Those of others are given up for it if their network has more.

        Raises:
            Overloaded: fewer bytes are left.
        """
        while size > self.left:
            held = _held(self._open)
            others = [one for one in self._open if one.replaceable and held[one.network] > held[body.network] + size]
            if not others:
                raise self._no_memory(body)
            other = _slowest_of_largest(others, held)
            other.give_up(self._no_memory(other))
            # Its task ends in the next turns of the event loop.
            self.left, other.held = self.left + other.held, 0
        self.left -= size
        body.held += size

    def _no_memory(self, body: Body) -> Overloaded:
        return Overloaded(
            f"memory: no more than {_megabytes(self.config.memory)} of bodies may be in progress, and this one has "
            f"{_megabytes(body.size)} so far"
        )

    def add_slow(self, body: Body) -> None:
        """Count `body` among the slow ones, and give up some if they are too many or too large together."""
        self._slow.add(body)
        while len(self._slow) > self.config.slow_bodies:
            self._give_up_slow(Counter(one.network for one in self._slow))
        while sum(one.held for one in self._slow) > self.config.memory * SLOW_SHARE:
            self._give_up_slow(_held(self._slow))

    def _give_up_slow(self, totals: Counter[str]) -> None:
        slowest = _slowest_of_largest(self._slow, totals)
        self._slow.remove(slowest)
        why = "arrived more slowly than others, and there are too many slow ones"
        slowest.give_up(BodyError.too_slow(slowest.size, why))

    def remove_slow(self, body: Body) -> None:
        """Count `body` no more, because it no longer arrives."""
        self._slow.discard(body)


def _held(bodies: Iterable[Body]) -> Counter[str]:
    """The bytes that bodies hold, for each network."""
    held: Counter[str] = Counter()
    for body in bodies:
        held[body.network] += body.held
    return held


def _slowest_of_largest(bodies: Iterable[Body], totals: Counter[str]) -> Body:
    """The slowest body of the network with the largest total, or the last, if all of that network have arrived."""
    return min(
        bodies, key=lambda body: (-totals[body.network], body.complete, body.age if body.complete else body.rate)
    )


class Body:
    """The body of one request; made by `Bodies.open`.

    Attributes:
        network: of the caller.
        size: bytes that have arrived.
        held: bytes that are charged.
        complete: whether the end of the body was read.
    """

    def __init__(self, bodies: Bodies, network: str) -> None:
        self.network = network
        self.size = self.held = 0
        self.complete = False
        self._bodies = bodies
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._given_up: BodyError | Overloaded | None = None
        self._turn: asyncio.Future[None] | None = None
        self._recent = 0

    @property
    def rate(self) -> float:
        """Bytes per second so far."""
        return self.size / max(self.age, 0.001)

    @property
    def replaceable(self) -> bool:
        """Whether it has memory and can be given up, because it still arrives, or its request waits for a worker."""
        return self.held > 0 and self._given_up is None and (not self.complete or self._waits)

    @property
    def age(self) -> float:
        """Seconds since its first byte was awaited."""
        return self._loop.time() - self._started

    @property
    def _waits(self) -> bool:
        return self._turn is not None and not self._turn.done()

    def wait_for(self, turn: asyncio.Future[None]) -> None:
        """Say that the request waits for a worker until `turn` is done, so that the body can be given up until then."""
        self._turn = turn

    async def read(self, receive: Receive) -> bytes:
        """The bytes of the body.

        Args:
            receive: ASGI's function that gives the next part of the body.

        Raises:
            BodyError: the body is too large or too slow, or the client disconnected.
            Overloaded: the bodies in progress have too many bytes together.
        """
        # Not a list of parts, because the memory of bodies that arrive together would then stay fragmented.
        data = bytearray()
        await self._read(receive, data)
        return bytes(data)

    async def discard(self, receive: Receive) -> None:
        """Read the body and keep nothing of it; arguments and errors are those of `read`."""
        await self._read(receive, None)

    async def _read(self, receive: Receive, data: bytearray | None) -> None:
        limit = self._bodies.config.max_body
        try:
            async with asyncio.timeout(None) as self._timeout:
                self._start_period()
                while not self.complete:
                    message = await receive()
                    if self._given_up is not None:
                        raise self._given_up
                    if message["type"] == "http.disconnect":
                        raise BodyError.client_gone(self.size)
                    part = message.get("body", b"")
                    self.complete = not message.get("more_body", False)
                    self._arrived(len(part))
                    if self.size > limit:
                        raise BodyError.too_large(self.size if self.complete else None, limit)
                    if data is not None:
                        self._bodies.charge(self, len(part))
                        data += part
        except TimeoutError as error:
            raise self._given_up or self._too_slow() from error
        finally:
            self._bodies.remove_slow(self)

    def _arrived(self, size: int) -> None:
        config = self._bodies.config
        self.size += size
        self._recent += size
        if self._recent >= config.least_rate * config.rate_seconds:
            self._start_period()
        if self.age > config.rate_seconds and not self.complete:
            self._bodies.add_slow(self)

    def _start_period(self) -> None:
        """Require `least_rate` from now on."""
        config = self._bodies.config
        self._recent = 0
        if not self._timeout.expired():
            until = min(self._loop.time() + config.rate_seconds, self._started + config.body_seconds)
            self._timeout.reschedule(until)

    def give_up(self, error: BodyError | Overloaded) -> None:
        """End the reading of this body, or the wait of its request for a worker, with an error."""
        self._given_up = error
        if self._turn is not None and self._waits:
            self._turn.set_exception(error)
        elif not self._timeout.expired():
            self._timeout.reschedule(self._loop.time())

    def _too_slow(self) -> BodyError:
        config = self._bodies.config
        if self.age >= config.body_seconds:
            return BodyError.too_slow(self.size, f"did not arrive within {config.body_seconds:g} seconds")
        return BodyError.too_slow(self.size, f"arrived at less than {config.least_rate} bytes a second")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
