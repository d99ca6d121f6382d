"""What an S3 server sends to the bytes of an object, or to keys: status line, headers, body, lists and errors in XML.

An input is what arrives on each connection, one after the other, with `BETWEEN` between them. The client's own parsers
read it: those of http.client, urllib3 and botocore.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from http.client import HTTPException, HTTPResponse
from itertools import islice
from typing import Any
from unittest.mock import patch

from visavis.api.images import S3ObjectRef
from visavis.api.s3 import S3Store
from visavis.errors import ImageTooLarge, ObjectUnavailable, VisavisError

__all__ = ["BETWEEN", "LIMIT", "NAME", "run"]

BETWEEN = b"\n====\n"

LIMIT = 1000
"""Bytes of the largest object that is read."""

MOST_KEYS = 1000

MOST_REASON = 2000
"""Characters of the text of an error."""

BUCKET, NAME = "photos", "7f3a9c-a-persons-name.jpg"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Connections:
    """Sockets on which the parts of an input arrive. After the last part, connections end at once."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts
        self._open = ExitStack()
        self.arrived: list[bytes] = []

    def connect(self, *_: object) -> socket.socket:
        """Replaces the method of urllib3's connection that connects."""
        ours, theirs = socket.socketpair()
        # The other end stays open for what the client sends, which nobody reads.
        self._open.enter_context(theirs)
        self.arrived.append(self._parts[len(self.arrived)] if len(self.arrived) < len(self._parts) else b"")
        theirs.sendall(self.arrived[-1])
        theirs.shutdown(socket.SHUT_WR)
        return ours

    def close(self) -> None:
        self._open.close()


@cache
def store() -> S3Store:
    """A store that has credentials of its own, whatever the machine has."""
    with patch.dict(os.environ, CREDENTIALS):
        for name in [name for name in os.environ if name.startswith("AWS_") and name not in CREDENTIALS]:
            del os.environ[name]
        return S3Store(endpoint_url="http://127.0.0.1:1", region="us-east-1", timeout=1)


@contextmanager
def connected(parts: list[bytes]) -> Iterator[Connections]:
    connections = Connections(parts)
    with (
        patch("urllib3.connection.HTTPConnection._new_conn", connections.connect),
        # Between two attempts botocore waits up to a second, by chance.
        patch("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0),
    ):
        try:
            yield connections
        finally:
            store()._client._endpoint.http_session.close()
            connections.close()


def run(data: bytes) -> None:
    check_object(data.split(BETWEEN))
    check_list(data.split(BETWEEN))


def check_object(parts: list[bytes]) -> None:
    """Read what arrives as an object, which is whole and within the limit, or an error that does not name it."""
    with connected(parts) as connections:
        try:
            found = store().read(S3ObjectRef(BUCKET, NAME), limit=LIMIT)
        except (ObjectUnavailable, ImageTooLarge) as error:
            check_error(error)
            return
    assert len(found) <= LIMIT
    assert connections.arrived
    assert found == body_of(connections.arrived[-1]), "an object was taken that did not arrive like this"


def check_list(parts: list[bytes]) -> None:
    """Read what arrives as a list of keys, which are texts, or an error of ours."""
    with connected(parts):
        try:
            names = list(islice(store().keys(BUCKET, ""), MOST_KEYS))
        except ObjectUnavailable as error:
            check_error(error)
        else:
            assert not any(name.endswith("/") for name in names)


def check_error(error: VisavisError) -> None:
    assert NAME not in str(error)
    assert len(str(error)) < MOST_REASON


def body_of(arrived: bytes) -> bytes | None:
    """The body of a response by Python's own client; None if it is cut short or no response."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(arrived)
        theirs.shutdown(socket.SHUT_WR)
        response: Any = HTTPResponse(ours, method="GET")
        try:
            response.begin()
            return bytes(response.read())
        except (HTTPException, OSError, ValueError):
            return None
