"""The connections of an S3 client, which end at the deadline of a call and read no more than a response may have.

When the caller of a call leaves it, its connection is shut down, so that its thread waits no longer.

botocore's own time limit is that of one wait for bytes, so that a server which sends a byte now and then is waited for
without end, and it reads headers and the text of an error whole, whatever their size.
"""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from functools import partial
from http.client import HTTPResponse
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

from visavis.api.calls import interrupt_by, seconds_left
from visavis.api.objects import OBJECT_LIMIT

__all__ = ["BODY_LIMIT", "HEAD_LIMIT", "limit_connections"]

HEAD_LIMIT = 64 * 1024
"""Bytes of a response's headers, and again of the text of an error. S3's headers have up to 8 kB, of which a user may
choose 2 kB, and its errors have less than 2 kB."""

BODY_LIMIT = OBJECT_LIMIT + 1024 * 1024
"""Bytes of a body on the wire: an object and the lengths of its chunks, or a page of 1000 keys."""


def limit_connections(client: Any) -> None:
    """Make a new boto3 client use limited connections.

    Args:
        client: it has sent no request yet.
    """
    # botocore has no public way to choose them. Each client has a dictionary of its own.
    classes = client._endpoint.http_session._pool_classes_by_scheme  # noqa: SLF001
    classes.update(http=_HTTPPool, https=_HTTPSPool)


class _Limited(io.RawIOBase):
    """What arrives over a socket, until the deadline of the call, and up to a number of bytes.

    Attributes:
        left: bytes that may still arrive.
    """

    def __init__(self, arriving: io.RawIOBase, sock: socket.socket) -> None:
        self._arriving = arriving
        self._sock = sock
        self.left = HEAD_LIMIT
        interrupt_by(partial(_shut_down, sock))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        seconds = seconds_left()
        if seconds <= 0:
            raise TimeoutError("the deadline is over")
        if seconds < (self._sock.gettimeout() or float("inf")):
            self._sock.settimeout(seconds)
        count = self._arriving.readinto(buffer)
        self.left -= count or 0
        if self.left < 0:
            raise ConnectionAbortedError("the response is too large")
        return count

    def close(self) -> None:
        interrupt_by(None)  # the connection may serve another call next
        self._arriving.close()
        super().close()


def _shut_down(sock: socket.socket) -> None:
    # Not the method of TLS sockets, which another thread may not call while one reads. TypeError: urllib3 has a class
    # of its own for TLS through a proxy that speaks TLS.
    with suppress(OSError, TypeError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _LimitedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._limited = _Limited(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._limited)

    def begin(self) -> None:
        super().begin()
        self._limited.left = HEAD_LIMIT if self.status >= 300 else BODY_LIMIT


class _HTTPConnection(AWSHTTPConnection):  # type: ignore[misc]
    response_class = _LimitedResponse


class _HTTPSConnection(AWSHTTPSConnection):  # type: ignore[misc]
    response_class = _LimitedResponse


class _HTTPPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HTTPConnection


class _HTTPSPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HTTPSConnection
