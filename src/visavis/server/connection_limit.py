"""How many connections a process may have open, and which one is closed for another."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from visavis.server.config import ServerConfig
from visavis.server.logs import OncePerSecond

if TYPE_CHECKING:
    from visavis.server.connections import Connection

__all__ = ["Connections", "descriptors_left"]

log = logging.getLogger(__name__)
log.addFilter(OncePerSecond())

RESERVE = 32
"""Descriptors that are kept for files, logs and S3. boto3's pool has 10 connections for each store."""


class Connections:
    """The open connections of one process, and how many there may be. It can be sent to another process while empty."""

    def __init__(self, config: ServerConfig) -> None:
        """Start with none; `config` has the limits."""
        self.config = config
        self._open: set[Connection] = set()
        self._most: int | None = None

    def add(self, connection: Connection) -> None:
        """Count a connection."""
        self._open.add(connection)

    def remove(self, connection: Connection) -> None:
        """Count a connection no more."""
        self._open.discard(connection)

    def make_room(self) -> bool:
        """Whether one more connection may be opened. If not, idle or slow ones are closed for it."""
        if self._most is None:
            self._most = max(1, min(self.config.connections, descriptors_left() - RESERVE))
        if len(self._open) < self._most:
            return True
        if self.close_some():
            log.warning("too many connections: those that were idle longest are closed", extra={"most": self._most})
        return len(self._open) < self._most

    def close_some(self) -> bool:
        """Close the connections that are missed least: those refused, idle, not reading or sending slowly.

        A tenth of all is closed at a time, of one kind, because it takes 2 ms to find them among 1,000.

        Returns:
            Whether there was one. Requests that wait or are processed are never closed.
        """
        ranked = sorted(
            ((rank, connection) for connection in self._open if (rank := connection.rank) is not None),
            key=lambda pair: pair[0],
        )
        for (kind, _), connection in ranked[: len(self._open) // 10 + 1]:
            if kind != ranked[0][0][0]:
                break
            connection.abort()
            self.remove(connection)
        return bool(ranked)


def descriptors_left() -> int:
    """How many more files and sockets this process may open.

    Example:
        >>> descriptors_left() > 0
        True
    """
    if sys.platform == "win32":
        return 2**31
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    # The system gives the lowest free number, and a process that starts has few gaps.
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    return most - lowest
