"""The server's limits on the bodies of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Receive

from visavis.aws.wire import WireError
from visavis.errors import Overloaded

__all__ = [
    "BodyError",
    "MemoryBudget",
    "read_body",
]

MAX_DISCARDED = 64 * 1024 * 1024
"""Bytes over the limit that are read and discarded before the response to a body that is too large."""


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
    def too_large(cls, size: int, limit: int, *, whole: bool = True) -> BodyError:
        """The error for a body over the limit.

        Args:
            size: bytes of the body, or those that were read.
            limit: the most bytes that a body may have.
            whole: whether `size` is that of the whole body.
        """
        actual, allowed = _megabytes(size), _megabytes(limit)
        if actual == allowed:  # because both are rounded
            actual, allowed = f"{size} bytes", f"{limit} bytes"
        text = (
            f"the request is {'' if whole else 'over '}{actual}, at most {allowed} are allowed; "
            "send large images by S3Object"
        )
        return cls("BodyTooLarge", WireError(413, "RequestEntityTooLargeException", text, "framework"))

    @classmethod
    def too_slow(cls, size: int, seconds: float) -> BodyError:
        """The error for a body of which only `size` bytes arrived within `seconds`."""
        text = f"the body did not arrive within {seconds:g} seconds: {size} bytes arrived"
        return cls("BodyTooSlow", WireError(408, "RequestTimeoutException", text, "framework"))

    @classmethod
    def client_gone(cls, size: int) -> BodyError:
        """The error for a client that disconnected after `size` bytes of the body."""
        text = f"the client disconnected before the end of the body: {size} bytes arrived"
        return cls("ClientGone", WireError(400, "ClientGone", text, "framework"))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


async def read_body(receive: Receive, *, limit: int, seconds: float, keep: bool = True) -> bytes:
    """The whole body of a request.

    Up to `MAX_DISCARDED` bytes over the limit are read and discarded, because a connection that is closed with unread
    bytes is reset, and the client then does not see the response.

    Args:
        receive: ASGI's function that gives the next part of the body.
        limit: the most bytes that the body may have.
        seconds: the time in which the whole body must arrive.
        keep: whether the body is wanted; else it takes no memory, and the result is empty.

    Raises:
        BodyError: the body is too large or too slow, or the client disconnected.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more and size <= limit + MAX_DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyError.client_gone(size)
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if keep and size <= limit:
                    chunks.append(chunk)
                else:
                    chunks.clear()
    except TimeoutError as error:
        raise BodyError.too_slow(size, seconds) from error
    if size > limit:
        raise BodyError.too_large(size, limit, whole=not more)
    return b"".join(chunks)


class MemoryBudget:
    """A limit on the bytes of all bodies in progress together. For one event loop."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Reserve `size` bytes for the time of a `with` block.

        Raises:
            Overloaded: fewer bytes are left.
        """
        if size > self._left:
            held = _megabytes(self._total - self._left)
            raise Overloaded(
                f"memory: the bodies in progress take {held} and this one takes {_megabytes(size)}; "
                f"the limit is {_megabytes(self._total)}"
            )
        self._left -= size
        try:
            yield
        finally:
            self._left += size
