"""Accepts connections one at a time, and only while there is room for them.

asyncio accepts as many as wait, whatever is open. Once descriptors run out, it logs a line for each attempt, of which
there are ten thousand a second, and nobody gets in until others leave.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable

from visavis.server.connections import Connection
from visavis.server.logs import OncePerSecond

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as PlatformLoop
else:
    from asyncio import SelectorEventLoop as PlatformLoop

__all__ = ["Loop"]

log = logging.getLogger(__name__)
log.addFilter(OncePerSecond())

BATCH = 16
"""Connections that are accepted before others get their turn. Accepting one takes 50 us."""

PAUSE = 0.05
"""Seconds between attempts while there is no room."""


class Loop(PlatformLoop):
    """asyncio's event loop, whose servers accept a connection only if there is room for it."""

    async def create_server(  # type: ignore[override]  # the part that uvicorn uses
        self, protocol_factory: Callable[[], Connection], *, sock: socket.socket, **_: object
    ) -> _Acceptor:
        """Serve the connections to a listening socket.

        Args:
            protocol_factory: makes the protocol of a connection.
            sock: the listening socket.
        """
        return _Acceptor(self, protocol_factory, sock)


class _Acceptor:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol_factory: Callable[[], Connection], listener: socket.socket
    ) -> None:
        listener.setblocking(False)
        self._loop = loop
        self._make = protocol_factory
        self._listener = listener
        self._opening: set[asyncio.Task[None]] = set()
        self._accepting = loop.create_task(self._accept_all())

    def close(self) -> None:
        """Accept no more connections."""
        self._accepting.cancel()

    async def wait_closed(self) -> None:
        """Wait until no more connections are accepted."""
        await asyncio.gather(self._accepting, return_exceptions=True)

    async def _accept_all(self) -> None:
        accepted = 0
        while True:
            connection = self._make()
            while not connection.all.make_room():
                await asyncio.sleep(PAUSE)
            try:
                opened, _ = await self._loop.sock_accept(self._listener)
            except OSError as error:
                log.warning("no connection can be accepted", extra={"reason": error.strerror})
                connection.all.close_some()
                await asyncio.sleep(PAUSE)
                continue
            connection.all.add(connection)
            task = self._loop.create_task(self._open(connection, opened))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
            accepted += 1
            if accepted % BATCH == 0:
                await asyncio.sleep(0)

    async def _open(self, connection: Connection, opened: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, opened)
        except OSError:
            connection.all.remove(connection)
            opened.close()
