"""The HTTP parser, which refuses every request whose end two parsers could find in different places.

A proxy and a server that disagree about where a request ends take part of it for another request (request smuggling).
h11 tolerates several such forms, because clients that send them exist. No client of AWS does.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NoReturn

import h11

__all__ = ["KINDS", "StrictParser"]

KINDS = ("malformed", "ambiguous", "too_large")
"""Why a request is refused: it is no HTTP, such as TLS, which this port does not speak; two parsers could read it in
two ways; or its head or the number of its chunks is over the limit."""

SMALL_CHUNKS = 256
"""Chunks of any size that a body may have. No AWS SDK sends chunks; a few hundred small ones take 3 ms to parse."""

CHUNK_SIZE = 512
"""Bytes that chunks beyond `SMALL_CHUNKS` must have on average. h11 takes 10 us for a chunk, so that a read of 256 KiB
holds the event loop for 6 ms at most; with chunks of one byte it would be half a second. HTTP clients send 2 to 64 KiB
at a time."""

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_VERSION = re.compile(rb"HTTP/1\.[01]")
_CHUNK_HEADER = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e]*)?\r\n")


class StrictParser(h11.Connection):
    """h11's parser of requests, with further checks.

    Attributes:
        kind: one of `KINDS`, once `next_event` has refused a request.
        fault: what is wrong with the request, once `next_event` has refused one for a reason of this class.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER)
        self.kind, self.fault = "malformed", ""
        self._start_body(chunked=False)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event, as h11 gives it.

        Raises:
            h11.RemoteProtocolError: the request is malformed or ambiguous.
        """
        if self.their_state is h11.IDLE:
            self._check_head(self.trailing_data[0])
        elif self.their_state is h11.SEND_BODY and self._at_chunk:
            self._check_chunk(self.trailing_data[0])
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
                self.kind = "too_large"
            raise
        if isinstance(event, h11.Request):
            self._start_body(chunked=any(name == b"transfer-encoding" for name, _ in event.headers))
        elif isinstance(event, h11.Data) and self._chunked:
            self._count(event)
        return event

    def _start_body(self, *, chunked: bool) -> None:
        self._chunked = self._at_chunk = chunked
        self._at_end = False
        self._chunks = self._bytes = 0

    def _count(self, event: h11.Data) -> None:
        self._at_chunk = event.chunk_end
        self._chunks += event.chunk_start
        self._bytes += len(event.data)
        if self._chunks > SMALL_CHUNKS + self._bytes // CHUNK_SIZE:
            fault = f"the body has {self._chunks} chunks for {self._bytes} bytes; send larger chunks"
            self._refuse(fault, kind="too_large")

    def _check_head(self, data: bytes) -> None:
        end = _END_OF_HEAD.search(data)
        if end is None:
            return
        head = data[: end.end()]
        if _BARE_LINE_END.search(head):
            self._refuse("lines of the head must end with CR LF")
        request, *fields = head.split(b"\r\n")[:-2]
        if any(field[:1] in {b" ", b"\t"} for field in fields):
            self._refuse("a header must not continue on the next line")
        version = request.rpartition(b" ")[2]
        if not _VERSION.fullmatch(version):
            self._refuse("the version must be HTTP/1.1 or HTTP/1.0", kind="malformed")
        self._check_framing([field.partition(b":") for field in fields], version)

    def _check_framing(self, fields: list[tuple[bytes, bytes, bytes]], version: bytes) -> None:
        lengths = [value for name, _, value in fields if name.lower() == b"content-length"]
        chunked = any(name.lower() == b"transfer-encoding" for name, _, _ in fields)
        if len(lengths) > 1 or any(b"," in length for length in lengths):
            self._refuse("there must be one Content-Length")
        if lengths and chunked:
            self._refuse("there must not be both Content-Length and Transfer-Encoding")
        if chunked and version != b"HTTP/1.1":
            self._refuse("HTTP/1.0 has no Transfer-Encoding")

    def _check_chunk(self, data: bytes) -> None:
        """Check the line before a chunk, and what follows the one before the end."""
        if not self._at_end:
            # h11 checks the end of the chunk before.
            line, end, data = data.lstrip(b"\r\n").partition(b"\n")
            if not end:
                return
            header = _CHUNK_HEADER.fullmatch(line + end)
            if header is None:
                self._refuse("the size of a chunk is malformed")
            self._at_chunk = self._at_end = int(header[1], 16) == 0  # h11 now takes the line
        if self._at_end and not b"\r\n".startswith(data[:2]):
            self._refuse("the body must end after the last chunk, without trailers")

    def _refuse(self, fault: str, *, kind: str = "ambiguous") -> NoReturn:
        self.kind, self.fault = kind, fault
        raise h11.RemoteProtocolError(fault)
