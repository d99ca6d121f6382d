"""A connection, which ends in bounded time whatever its peer does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from visavis.server.connection_limit import Connections
from visavis.server.logs import OncePerSecond
from visavis.server.metrics import Metrics
from visavis.server.strict_http import StrictParser

__all__ = ["Connection"]

log = logging.getLogger(__name__)
log.addFilter(OncePerSecond())

_uvicorns_log = logging.getLogger("uvicorn.error.connection")
# uvicorn warns of each malformed request, and twice of each that asks for another protocol.
_uvicorns_log.setLevel(logging.ERROR)

LINGER_SECONDS = 30.0
LINGER_IDLE_SECONDS = 5.0
"""The longest times for which a refused request is read on, in all and without a byte, as in nginx.

A connection that is closed with unread bytes is reset, and the client then does not see the response.
"""

LINGER_BYTES = 64 * 1024 * 1024
"""Bytes that are read on, more than four times the largest body."""


class Connection(H11Protocol):
    """uvicorn's connection over a stricter parser, with limits on the time that a peer may take.

    Attributes:
        all: the connections of the process.
    """

    conn: StrictParser
    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # None before the first request

    def __init__(self, connections: Connections, **uvicorns: Any) -> None:
        """Prepare a connection.

        Args:
            connections: the connections of the process.
            **uvicorns: arguments of `H11Protocol`.
        """
        super().__init__(**uvicorns)
        self.logger = _uvicorns_log
        self.conn = StrictParser()
        self.all = connections
        config = connections.config
        self._since = self.loop.time()
        self._inner: asyncio.Transport | None = None
        self._refused = self._lingering = False
        self._discarded = self._heard = self._unsent = 0
        self._head = _Alarm(self.loop, config.head_seconds, self._end)
        self._writing = _Alarm(self.loop, config.rate_seconds, self._check_writing)
        self._linger = _Alarm(self.loop, LINGER_IDLE_SECONDS, self._check_lingering)

    @property
    def rank(self) -> tuple[int, float] | None:
        """The order in which connections are closed for others, lowest first; None for one that must not be closed."""
        if self._inner is None:
            return None
        cycle = self.cycle
        if self._lingering:
            kind = 0
        elif cycle is None or cycle.response_complete:
            kind = 1
        elif self.flow.write_paused:
            kind = 2
        elif cycle.more_body:
            kind = 3
        else:
            return None
        return kind, self._since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        """Start the time for the first request."""
        self._inner = transport
        # `pause_writing` is then called as soon as the peer does not take all that is sent.
        transport.set_write_buffer_limits(high=0)
        super().connection_made(_Transport(transport, self.close_gently))  # type: ignore[arg-type]  # has what is used
        self.all.add(self)
        self._head.set(True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        for alarm in (self._head, self._writing, self._linger):
            alarm.set(False)
        self.all.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, or discard it after a refusal."""
        if not self._lingering:
            super().data_received(data)
            return
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self.abort()

    def handle_events(self) -> None:
        """Start the request that is complete, and limit the time for one that is not."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._since = self.loop.time()
        between = self.conn.their_state is h11.IDLE
        self._head.set(between and not self._lingering and (self.cycle is None or bool(self.conn.trailing_data[0])))

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the body of this one was not read."""
        self._since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request, and say why."""
        self._refused = True
        metrics: Metrics = self.app_state["metrics"]
        metrics.count_refused(self.conn.kind)
        fields = {"kind": self.conn.kind, "reason": self.conn.fault or None, "client": self.client and self.client[0]}
        log.warning("a request that is not valid HTTP is refused", extra=fields)
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            text = f"{msg} {self.conn.fault}".rstrip().encode()
            headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(text))}
            response = h11.Response(
                status_code=400, reason=b"Bad Request", headers=[*headers.items(), ("connection", "close")]
            )
            for event in (response, h11.Data(data=text), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def pause_writing(self) -> None:
        """Limit the time that the peer may take for the rest."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """All was sent."""
        super().resume_writing()
        self._writing.set(False)

    def _watch_writing(self) -> None:
        self._unsent = self.open_transport.get_write_buffer_size()
        self._writing.set(True)

    def _check_writing(self) -> None:
        config = self.all.config
        if self._unsent - self.open_transport.get_write_buffer_size() < config.least_rate * config.rate_seconds:
            self.abort()
        else:
            self._watch_writing()

    @property
    def open_transport(self) -> asyncio.Transport:
        """Asyncio's transport of the connection, once it is made."""
        assert self._inner is not None
        return self._inner

    def abort(self) -> None:
        """Close the connection now, whatever was not sent."""
        self.open_transport.abort()

    def _end(self) -> None:
        self.open_transport.close()

    def close_gently(self) -> None:
        """Close the connection. If the peer is still sending, read on for a while, so that it sees the response."""
        transport = self.open_transport
        if self._lingering or transport.is_closing():
            return
        their_state = self.conn.their_state
        unread = their_state is h11.SEND_BODY or (their_state is not h11.IDLE and bool(self.conn.trailing_data[0]))
        if not self._refused and not unread:
            transport.close()
            return
        self._lingering = True
        self._since = self.loop.time()
        with contextlib.suppress(OSError):  # the peer may be gone
            transport.write_eof()
        transport.resume_reading()
        self._linger.set(True)

    def _check_lingering(self) -> None:
        if self._discarded == self._heard or self.loop.time() - self._since > LINGER_SECONDS:
            self.abort()
        else:
            self._heard = self._discarded
            self._linger.set(True)


class _Transport:
    """A transport that is closed by a function of the connection, and is otherwise the one given."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self._closed = False
        self._close = close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        self._closed = True
        self._close()

    def is_closing(self) -> bool:
        return self._closed or self._transport.is_closing()


class _Alarm:
    """Calls a function some time after it was set, unless it is set back before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, on: bool) -> None:
        """Start the time if it does not run, or stop it."""
        if not on and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif on and self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._ring()
