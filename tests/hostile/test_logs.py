"""The log of a server: JSON whatever happens, and no reader of it can stop the server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import full_device, posix
from visavis.server import log_writer, logs
from visavis.server.log_writer import LineWriter
from visavis.server.logs import JsonLines, dropped_lines, log_to

Logged = Callable[..., list[dict[str, Any]]]
log = logging.getLogger("visavis.test")


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    """Runs a function while the log goes to a file, and returns the lines, each of which must be JSON."""

    def run(work: Callable[[], object], level: str = "info") -> list[dict[str, Any]]:
        path = tmp_path / "log"
        with path.open("w") as stream, log_to(stream, level):
            work()
        return [json.loads(line) for line in path.read_text("ascii").splitlines()]

    before = logging.getLogger().handlers[:], logging.getLogger().level
    yield run
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)


class Unprintable:
    """A value of another library that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "work",
    [
        lambda: log.info("a\nb\r\x1b[31m\u2028\ud800 %s", "c\n{}"),
        lambda: log.info("%d and %d", "x"),  # noqa: PLE1206
        lambda: log.info("%s", Unprintable()),
        lambda: log.info("e", extra={"value": Unprintable(), "number": float("nan"), "bytes": b"\xff", "set": {1}}),
        lambda: log.info("e", extra={"text": "x" * 1_000_000}),
        lambda: sys.stderr.write("printed\nlines\r\n{\n"),
        lambda: sys.stderr.write("in parts, ") and sys.stderr.write("with\x00 control\n"),
    ],
)
def test_every_line_is_one_json_object_of_bounded_size(logged: Logged, work: Callable[[], object]) -> None:
    lines = logged(work)
    assert lines
    for line in lines:
        assert {"time", "level", "logger", "event"} <= line.keys()
        assert len(json.dumps(line)) < 2 * logs.LONGEST_TEXT


def test_a_value_within_itself_is_logged(logged: Logged) -> None:
    ring: list[object] = []
    ring.append(ring)
    (line,) = logged(lambda: log.info("e", extra={"ring": ring}))
    assert line["event"] == "e"


def test_a_record_that_cannot_be_formatted_is_named(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("why")

    monkeypatch.setattr(JsonLines, "format", fail)
    (line,) = logged(lambda: log.info("e"))
    assert line["event"] == "a line cannot be made: RuntimeError('why')"


def test_exceptions_of_threads_tasks_and_finalizers_are_json(logged: Logged) -> None:
    class Bad:
        def __del__(self) -> None:
            raise KeyError("finalizer")

    async def task() -> None:
        async def fail() -> None:
            raise ValueError("task")

        kept = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(0.01)
        del kept

    def work() -> None:
        def fail() -> None:
            raise ValueError("thread\nline")

        thread = threading.Thread(target=fail, name="a thread")
        thread.start()
        thread.join()
        quiet = threading.Thread(target=sys.exit)
        quiet.start()
        quiet.join()
        Bad()
        asyncio.run(task())

    lines = logged(work)
    assert [line["event"] for line in lines[:2]] == ["a thread ended by an exception", "an exception was ignored"]
    assert "ValueError: thread" in lines[0]["traceback"]
    assert "KeyError: 'finalizer'" in lines[1]["traceback"]
    assert any("ValueError: task" in line.get("traceback", "") for line in lines[2:])


def test_of_60000_warnings_ten_are_logged_and_none_is_remembered(logged: Logged) -> None:
    registry: dict[str, object] = {}

    def work() -> None:
        for i in range(60_000):
            warnings.warn_explicit(f"entry {i}", UserWarning, "plugin.py", 7, registry=registry)  # type: ignore[arg-type]
        warnings.warn_explicit("old", DeprecationWarning, "plugin.py", 8)

    lines = logged(work)
    assert [line["warning"] for line in lines] == [f"entry {i}" for i in range(10)]
    assert lines[0]["at"] == "plugin.py:7"
    assert len(registry) <= 1


def test_how_many_were_not_logged_is_told_later(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("visavis.server.logs.time.monotonic", lambda: now[0])

    def work() -> None:
        for i in range(25):
            sys.stderr.write(f"line {i}\n")
        now[0] += logs.STRAY_SECONDS
        sys.stderr.write("later\n")

    lines = logged(work)
    assert len(lines) == logs.STRAY_LINES + 2
    assert lines[-2]["lines"] == 15
    assert lines[-1]["text"] == "later"


def test_the_level_is_that_of_visavis_and_libraries_log_no_requests(logged: Logged) -> None:
    library = logging.getLogger("botocore.auth")

    def work() -> None:
        library.setLevel(logging.DEBUG)
        library.debug("Signature: 0123")
        library.info("library")
        for level in ("debug", "info", "warning", "error"):
            getattr(log, level)(level)

    try:
        assert [line["event"] for line in logged(work, "debug")] == ["library", "debug", "info", "warning", "error"]
        assert [line["event"] for line in logged(work, "warning")][-2:] == ["warning", "error"]
        assert [line["event"] for line in logged(work, "error")][-1:] == ["error"]
    finally:
        library.setLevel(logging.NOTSET)


def pipe_full_of_zeros() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, bytes(4096))
    return read, write


@posix
@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_that_nobody_reads_stops_nobody(monkeypatch: pytest.MonkeyPatch, blocking: bool) -> None:
    monkeypatch.setattr(log_writer, "FLUSH_SECONDS", 0.3)
    monkeypatch.setattr(log_writer, "MOST_BYTES", 10_000)
    read, write = pipe_full_of_zeros()
    os.set_blocking(write, blocking)
    writer = LineWriter(write, lambda lines: f"lost {lines}\n".encode())
    began = time.monotonic()
    for _ in range(1000):
        writer.write(b"x" * 99 + b"\n")
    assert writer.dropped == 900
    writer.flush()
    assert time.monotonic() - began < 20
    found = b""
    while b"lost" not in found:
        found += os.read(read, 65_536)
    writer.close()
    text = found.lstrip(b"\0").decode()
    assert text.startswith("x" * 99 + "\nlost 900\n")
    os.close(read)


@posix
def test_lines_for_a_reader_who_has_gone_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream, log_to(stream):
        before = dropped_lines()
        for _ in range(3):
            log.info("to nobody")
        logging.getLogger().handlers[0].flush()
        assert dropped_lines() - before == 3
    assert dropped_lines() - before == 3


@full_device
def test_lines_for_a_full_disk_are_counted() -> None:
    with open("/dev/full", "w") as stream, log_to(stream):  # noqa: PTH123
        before = dropped_lines()
        log.info("no space")
        logging.getLogger().handlers[0].flush()
        assert dropped_lines() - before == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_forked_child_writes_its_own_lines(tmp_path: Path) -> None:
    code = f"""
import logging, os, sys
from visavis.server.logs import log_to
with open({str(tmp_path / "log")!r}, "w") as stream, log_to(stream):
    logging.info("parent")
    if not os.fork():
        logging.info("child")
        logging.shutdown()
        os._exit(0)
    os.wait()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(events) == ["child", "parent"]


@posix
def test_a_server_whose_log_nobody_reads_answers_counts_and_stops(tmp_path: Path) -> None:
    code = """
import logging, os, sys, threading
from tests.contract.serving import make_gateway
from visavis.server import log_writer
from visavis.server.app import build_app
from visavis.server.logs import log_to
from visavis.server.run import serve
log_writer.MOST_BYTES = 2_000
with log_to(sys.stderr):
    serve(build_app(make_gateway(keys=False)), port=0, announce=lambda line: print(line, flush=True))
"""
    import urllib.request

    read, write = pipe_full_of_zeros()
    os.set_blocking(write, True)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=write, text=True) as server:
        try:
            assert server.stdout is not None
            url = next(line.split()[-1] for line in server.stdout if "listening" in line)
            for _ in range(20):
                request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
                with suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(request, timeout=20)
            with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
                text = answer.read().decode()
            count = next(line for line in text.splitlines() if line.startswith("visavis_log_lines_dropped_total"))
            assert float(count.split()[-1]) > 5
            server.terminate()
            assert server.wait(30) == 0
        finally:
            server.kill()
    os.close(read)
    os.close(write)
