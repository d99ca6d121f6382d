"""Faults of processes: signals, hangs, closed streams, limits of the machine, and its clock.

Each test injects a fault, looks for the answer that the documentation promises, and then sends a good request.
docs/faults.md lists all faults, also those of other files here.
"""

from __future__ import annotations

import ast
import ctypes
import mmap
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest
from PIL import Image as Pil

import visavis as package
from tests.conftest import encode, linux, posix
from tests.contract.serving import BODY, KEYS, ask, error_of, signed, until
from tests.hostile.commands import AWS, OBJECT, Served, as_image, free_port, linked_home, serve

pytestmark = [posix, pytest.mark.slow]


# Processes


def test_processes_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    port = free_port()
    env = {"TMPDIR": str(tmp_path)}  # the folder of the metrics stays
    with serve(tmp_path, "--processes", "2", port=port, env=env, ends=-signal.SIGKILL) as it:
        it.events("Application startup complete", 2)
        others = it.workers()
        it.answers()
        it.process.kill()
        assert psutil.wait_procs(others, 30)[1] == []
    with serve(tmp_path, port=port) as it:  # the port is free
        it.answers()


@pytest.mark.parametrize("killed", [False, True], ids=["hangs", "killed while its answer is awaited"])
def test_a_process_that_hangs_is_replaced_and_the_others_answer(tmp_path: Path, killed: bool) -> None:
    seconds = 60 if killed else 2
    code = "import sys; from visavis.server import processes; from visavis.cli import main; "
    code += f"processes.HEALTH_SECONDS = {seconds}; sys.exit(main())"
    with serve(tmp_path, "--processes", "2", start=(sys.executable, "-c", code)) as it:
        it.events("Application startup complete", 2)
        victim, other = it.workers()
        victim.suspend()
        it.answers()
        if killed:
            time.sleep(1.5)  # the supervisor asks every half second
            victim.kill()
        it.events("Application startup complete", 3)
        assert victim not in it.workers()
        assert other in it.workers()
        it.answers()


def test_a_server_that_was_suspended_goes_on_with_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    with (
        serve(tmp_path / "alone") as alone,
        serve(tmp_path, "--processes", "2") as several,
        ThreadPoolExecutor(2) as pool,
    ):
        servers = (alone, several)
        several.answers()
        parents = [psutil.Process(it.process.pid) for it in servers]
        family = [process for parent in parents for process in (parent, *parent.children())]
        for process in family:
            process.suspend()
        in_flight = [pool.submit(it.answers) for it in servers]
        time.sleep(2)
        assert not any(one.done() for one in in_flight)
        for process in family:
            process.resume()
        for it, one in zip(servers, in_flight, strict=True):
            one.result(60)
            it.answers()
            assert {line["level"] for line in it.lines()} == {"info"}


def test_a_signal_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    home = linked_home(tmp_path / "home")
    variables = {"VISAVIS_HOME": str(home), "TMPDIR": str(tmp_path / "tmp"), "VISAVIS_OFFLINE": "1"}
    (tmp_path / "tmp").mkdir()

    def start_and_stop(processes: str, seconds: float) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "visavis", "serve", "--port", "0", "--processes", processes],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **variables},
        )  # fmt: skip
        time.sleep(seconds)
        process.terminate()
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in said

    with ThreadPoolExecutor(2) as pool:
        times = (0.2, 0.7, 1.2, 1.7)
        list(pool.map(start_and_stop, ["1", "2"] * len(times), [each for each in times for _ in "12"]))
    assert [*(tmp_path / "tmp").iterdir(), *home.rglob(".visavis-*")] == []
    with serve(tmp_path, env=variables) as it:
        it.answers()
        assert {line["level"] for line in it.lines()} == {"info"}


# Standard streams


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_server_whose_three_streams_are_closed_answers(tmp_path: Path, processes: str) -> None:
    port = free_port()
    command = f'exec "{sys.executable}" -m visavis serve --port {port} --processes {processes} <&- >&- 2>&-'
    process = subprocess.Popen(["sh", "-c", command], text=True)
    try:
        it = Served(port, process, tmp_path / "log")
        until(it.ready, 60)
        it.answers()
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_server_whose_readers_have_gone_answers_and_counts_the_lines(processes: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "visavis", "serve", "--port", "0", "--processes", processes],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        port = next(int(m[1]) for line in process.stdout if (m := re.search(r"http://\S+:(\d+)", line)))
        it = Served(port, process, Path())
        until(it.ready, 60)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        it.answers()
        it.answers()
        until(lambda: it.metric("visavis_log_lines_dropped_total") >= 1)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


# Limits of the machine


def test_a_server_with_few_descriptors_answers_though_others_hold_connections(tmp_path: Path) -> None:
    with serve(tmp_path, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))) as it:
        held = [socket.create_connection(("127.0.0.1", it.port)) for _ in range(100)]
        it.answers()
        assert it.events("too many connections")
        for one in held:
            one.close()
        it.answers()


@linux
def test_an_image_for_which_there_is_no_memory_is_refused_and_a_portrait_is_answered(tmp_path: Path) -> None:
    large = as_image(encode(Pil.new("RGB", (7000, 7000), (90, 60, 30)), "PNG"))
    with serve(tmp_path) as it:
        it.answers()
        process = psutil.Process(it.process.pid)
        limit = process.memory_info().vms + 100 * 1024 * 1024  # the large image takes 147 MB
        process.rlimit(psutil.RLIMIT_AS, (limit, limit))
        assert error_of(it.compare(large, large)) == "ThrottlingException"
        it.answers()


# The clock


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long *offset;

__attribute__((constructor)) static void open_offset(void) {
    offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, open(getenv("CLOCK_OFFSET"), O_RDONLY), 0);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    int status = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return status;
}

time_t time(time_t *where) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where) *where = exact.tv_sec;
    return exact.tv_sec;
}
"""


class Clock:
    """The wall clock of a child process, which a test can set. The monotonic clock is the machine's."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("setting the clock of a process needs a C compiler")
        (folder / "shim.c").write_text(SHIM)
        library, offset = folder / "shim.so", folder / "offset"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "shim.c", "-ldl"], check=True)
        offset.write_bytes(bytes(mmap.PAGESIZE))
        with offset.open("r+b") as file:
            self._offset = ctypes.c_long.from_buffer(mmap.mmap(file.fileno(), mmap.PAGESIZE))
        self.env = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}

    def jump(self, by: timedelta) -> None:
        self._offset.value += int(by.total_seconds())

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._offset.value)


def signing_at(clock: Clock, before: timedelta = timedelta(0)) -> Any:
    """Lets botocore sign with the time of a clock, or an earlier one."""
    return patch("botocore.auth.get_current_datetime", lambda: (clock.now() - before).replace(tzinfo=None))


def call(port: int, key_id: str) -> str:
    """The code of the error that a signed request gets. Its images are none."""
    body = BODY.replace(b"ZmFjZXM9Mg==", b"AAAA")
    return error_of(ask(port, body=body, headers=signed(f"http://127.0.0.1:{port}/", body, key_id=key_id)))


@linux
def test_a_clock_that_jumps_by_a_day_changes_only_which_signatures_are_valid(tmp_path: Path) -> None:
    clock, keys, right = Clock(tmp_path), tmp_path / "keys.toml", "InvalidImageFormatException"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    silent = socket.create_server(("127.0.0.1", 0))
    store = f"http://127.0.0.1:{silent.getsockname()[1]}"
    words = ("--credentials", str(keys), "--tps", "0.5", "--s3-endpoint-url", store, "--s3-seconds", "3")
    with serve(tmp_path, *words, env=clock.env | AWS) as it, ThreadPoolExecutor(1) as pool, signing_at(clock):
        for day in (timedelta(days=1), timedelta(days=-1)):
            began = time.monotonic()
            read = pool.submit(lambda: (it.compare(OBJECT, OBJECT, key_id="AKIDTWO"), time.monotonic()))
            connection, _ = silent.accept()
            assert call(it.port, "AKIDONE") == right
            clock.jump(day)
            # Neither the next token has come, nor the deadline of the read.
            assert call(it.port, "AKIDONE") == "ProvisionedThroughputExceededException"
            with signing_at(clock, before=day):
                assert call(it.port, "AKIDONE") == "InvalidSignatureException"
            reply, ended = read.result(30)
            assert (error_of(reply), ended - began > 2.9) == ("InvalidS3ObjectException", True)
            connection.close()
        assert call(it.port, "AKIDONE") == right
        keys.write_text(KEYS.replace("AKIDTWO", "AKIDNEW"))
        time.sleep(1)  # the file is looked at once a second
        call(it.port, "AKIDONE")
        assert it.events("credentials file reloaded")
        times = [datetime.fromisoformat(line["time"]) for line in it.lines()]
        assert max(times) - min(times) > timedelta(hours=23)
    silent.close()


WALL_CLOCK = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today"}
READERS = {
    "cli/compare.py", "comparison_report/page.py", "evaluate/fitting/fit.py",  # the date of a report or a scale
    "gateway_client.py", "server/endpoint.py",  # of a signature
    "server/app.py", "server/cors.py", "server/page/__init__.py",  # the header Date
}  # fmt: skip


def test_the_wall_clock_is_read_for_dates_and_signatures_only() -> None:
    root = Path(package.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK
    }
    assert found <= READERS
