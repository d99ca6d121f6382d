"""Log records as JSON lines, with the fields that a record has as `extra`."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

__all__ = ["JsonLines", "OncePerSecond", "log_to"]

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, event, the extra fields, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        # Ray adds fields of its own to every record of the process.
        line |= {name: value for name, value in vars(record).items() if name not in _OWN and name[0] != "_"}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class OncePerSecond(logging.Filter):
    """Lets a record of a logger pass if none has passed for a second, for events that a caller can cause at any rate.

    Args:
        clock: returns seconds; must be monotonic.

    Example:
        >>> logging.getLogger("visavis.example").addFilter(OncePerSecond())
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed_at = -1.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` passes."""
        del record
        now = self._clock()
        if now - self._passed_at < 1:
            return False
        self._passed_at = now
        return True


def log_to(stream: TextIO, level: int = logging.INFO) -> None:
    """Send the log of the process to `stream` as JSON lines, and to nowhere else."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
