"""The log of a server: one JSON object a line, with the fields that a record has as `extra`.

What libraries print to `sys.stderr`, warnings, and exceptions that nobody catches become such lines too. Libraries in C
and C++ can still write to the file descriptor. It is not captured, because the message of a crash would be lost.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO, cast

from visavis.server.log_writer import LineWriter

__all__ = ["LEVELS", "JsonLines", "OncePerSecond", "dropped_lines", "log_to"]

LEVELS = ("debug", "info", "warning", "error")
"""The levels of `--log-level`, from all lines to the fewest."""

LONGEST_TEXT = 10_000
"""Characters of a text in a line. Longer ones are cut. The traceback of a request has about 6,000."""

STRAY_LINES, STRAY_SECONDS = 10, 60.0
"""How many warnings of one place in the code, or printed lines, are logged in so many seconds. Others are counted. One
image can cause 60,000 warnings."""

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

log = logging.getLogger(__name__)
_dropped_before = 0
_writer: LineWriter | None = None


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, event, the extra fields, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        # Ray adds fields of its own to every record of the process.
        line |= {name: value for name, value in vars(record).items() if name not in _OWN and name[0] != "_"}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        try:
            return json.dumps({name: _short(value) for name, value in line.items()}, default=_text, allow_nan=False)
        except (ValueError, TypeError, RecursionError):  # a value that is not JSON
            return json.dumps({name: _short(_text(value)) for name, value in line.items()})


def _event(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # any, because the arguments format themselves
        return f"{record.msg} (its arguments do not fit)"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # any, because the class is another library's
        return f"a {type(value).__name__}"


def _short(value: object) -> object:
    """The value; of a long text the beginning and the end, because a traceback ends with its reason."""
    if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
        return value
    half = LONGEST_TEXT // 2
    return f"{value[:half]} ... {len(value) - LONGEST_TEXT} characters ... {value[-half:]}"


def dropped_lines() -> int:
    """How many lines of the log were dropped in this process, because nobody read them or they could not be written."""
    return _dropped_before + (_writer.dropped if _writer else 0)


@contextmanager
def log_to(stream: TextIO, level: str = "info") -> Iterator[None]:
    """Send the log of the process, and all that Python code prints to standard error, to `stream` as JSON lines.

    Args:
        stream: has a file descriptor.
        level: one of `LEVELS`. `debug` applies to visavis alone, because libraries log requests with their signatures
            at that level.
    """
    global _writer, _dropped_before
    stream.flush()
    formatter = JsonLines()
    writer = _writer = LineWriter(os.dup(stream.fileno()), lambda lines: _lost(formatter, lines))
    handler = _Handler(writer)
    handler.setFormatter(formatter)
    logging.basicConfig(level=max(logging.INFO, _number(level)), handlers=[handler], force=True)
    logging.getLogger("visavis").setLevel(_number(level))
    try:
        with warnings.catch_warnings(), _redirected_stderr(), _logged_failures():
            _log_warnings()
            yield
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger("visavis").setLevel(logging.NOTSET)
        writer.close()
        _dropped_before, _writer = dropped_lines(), None


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


class _Handler(logging.Handler):
    """Gives lines to a writer. Nothing that goes wrong there reaches the code that logs."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def filter(self, record: logging.LogRecord) -> Any:
        """Drop what libraries log below INFO, even if something has set their level."""
        return super().filter(record) and (record.levelno >= logging.INFO or record.name.startswith("visavis"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001  # logging would print it to standard error, which is logged
            line = json.dumps({"level": "error", "logger": record.name, "event": f"a line cannot be made: {error!r}"})
        self._writer.write(line.encode("ascii") + b"\n")

    def flush(self) -> None:
        self._writer.flush()


def _lost(formatter: JsonLines, lines: int) -> bytes:
    record = logging.makeLogRecord({"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"})
    record.msg = "log lines were dropped, because they were not read in time or could not be written"
    vars(record)["lines"] = lines
    return formatter.format(record).encode("ascii") + b"\n"


class _Limit:
    """Lets `STRAY_LINES` of each kind pass in `STRAY_SECONDS`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = 0.0
        self._seen: dict[object, int] = {}

    def passes(self, kind: object) -> bool:
        """Whether one more of a kind may pass now. At the end of the time the number of others is logged."""
        with self._lock:
            now, suppressed = time.monotonic(), 0
            if now - self._began >= STRAY_SECONDS:
                suppressed = sum(max(0, n - STRAY_LINES) for n in self._seen.values())
                self._began, self._seen = now, {}
            self._seen[kind] = self._seen.get(kind, 0) + 1
            passes = self._seen[kind] <= STRAY_LINES
        if suppressed:
            log.warning("repeated warnings and printed lines were not logged", extra={"lines": suppressed})
        return passes


def _log_warnings() -> None:
    """Log warnings. The caller restores the state of `warnings`."""
    limit = _Limit()

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        del file, line
        if limit.passes((category, filename, lineno)):
            fields = {"warning": str(message), "category": category.__name__, "at": f"{filename}:{lineno}"}
            log.warning("a library warns", extra=fields)

    warnings.showwarning = show
    if not sys.warnoptions:
        # By default Python remembers every text in order to show it once, and memory grows with the number of texts.
        warnings.simplefilter("always")
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)


@contextmanager
def _redirected_stderr() -> Iterator[None]:
    before = sys.stderr
    sys.stderr = cast("TextIO", _PrintedLines())
    try:
        yield
    finally:
        sys.stderr = before


class _PrintedLines(io.TextIOBase):
    """Logs what is printed to standard error, line by line."""

    def __init__(self) -> None:
        self._limit = _Limit()
        self._begun = threading.local()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2  # for libraries that pass it to a child process

    def write(self, text: str) -> int:
        # A thread prints a line in several parts.
        *lines, rest = (getattr(self._begun, "text", "") + text).split("\n")
        self._begun.text = rest[:LONGEST_TEXT]
        for line in lines:
            if line.strip() and self._limit.passes("printed"):
                log.warning("printed to standard error", extra={"text": line.rstrip("\r")})
        return len(text)


@contextmanager
def _logged_failures() -> Iterator[None]:
    """Log exceptions that Python would print: of threads, and those that cannot be raised. asyncio logs its own."""
    before = threading.excepthook, sys.unraisablehook

    def unraisable(failure: sys.UnraisableHookArgs) -> None:
        if issubclass(failure.exc_type, KeyboardInterrupt):
            before[1](failure)
            return
        log.error("an exception was ignored", extra={"where": _text(failure.object)}, exc_info=failure.exc_value)

    threading.excepthook, sys.unraisablehook = _thread_failed, unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_type is not SystemExit and failure.exc_value is not None:
        name = failure.thread.name if failure.thread else None
        log.error("a thread ended by an exception", extra={"thread_name": name}, exc_info=failure.exc_value)


class OncePerSecond(logging.Filter):
    """Lets a record of a logger pass if none has passed for a second, for events that a caller can cause at any rate.

    A record that passes gets the field `not_logged`: how many before it did not.

    Args:
        clock: returns seconds; must be monotonic.

    Example:
        >>> logging.getLogger("visavis.example").addFilter(OncePerSecond())
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed_at = -1.0
        self._not_logged = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` passes."""
        now = self._clock()
        if now - self._passed_at < 1:
            self._not_logged += 1
            return False
        vars(record)["not_logged"] = self._not_logged
        self._passed_at, self._not_logged = now, 0
        return True
