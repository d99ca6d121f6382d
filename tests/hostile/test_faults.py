"""Faults of the machine around a command: the answer that the documentation promises, and a good request after it.

docs/faults.md lists all faults, also those of other files here.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import json
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest
from PIL import Image as Pil

import visavis as package
from tests.conftest import PHOTOS, encode, linux, posix
from tests.contract.serving import BODY, KEYS, ask, error_of, signed, until
from tests.golden.test_cache_folder import without_rights_over_modes
from tests.hostile.commands import SAME, Served, as_image, free_port, linked_home, serve, visavis
from tests.hostile.test_damaged_cache import EMBEDDER

pytestmark = [posix, pytest.mark.slow]

AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
OBJECT = {"S3Object": {"Bucket": "photos", "Name": "a.jpg"}}


def replace(file: Path, data: bytes) -> None:
    """Give a file of `linked_home` other content, and leave the common cache as it is."""
    file.unlink()
    file.write_bytes(data)


def damage_cache(home: Path) -> None:
    """Cut off the compiled networks, and the network of embeddings, which is then built again."""
    for file in [*home.glob("compiled/*.network"), home / "ready" / EMBEDDER / "model.bin"]:
        replace(file, file.read_bytes()[:1000])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return linked_home(tmp_path / "home")


# The cache


def test_a_server_on_a_damaged_cache_mends_it_says_so_and_answers(home: Path, tmp_path: Path) -> None:
    damage_cache(home)
    variables = {"VISAVIS_HOME": str(home), "VISAVIS_OFFLINE": "1"}
    with serve(tmp_path, env=variables) as it:
        it.answers()
        said = [str(line.get("text", line["event"])) for line in it.lines()]
    assert [line for line in said if line.endswith("is damaged, so the network is compiled again")]
    assert [line for line in said if line.endswith("is damaged; building the network again")], said
    with serve(tmp_path, env=variables) as it:
        it.answers()
        assert {line["level"] for line in it.lines()} == {"info"}


def test_a_running_server_does_not_need_the_cache(home: Path, tmp_path: Path) -> None:
    with serve(tmp_path, env={"VISAVIS_HOME": str(home), "VISAVIS_OFFLINE": "1"}) as it:
        faults: list[Callable[[Path], object]] = [damage_cache, shutil.rmtree, lambda home: home.write_text("a file")]
        for width, fault in zip((900, 1100, 1300), faults, strict=True):
            fault(home)
            it.answers()
            wide = as_image(encode(Pil.new("RGB", (width, 200)), "JPEG"))  # a shape that was not compiled before
            assert error_of(it.compare(wide, wide)) == "InvalidParameterException"
        it.answers()


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[Path]:
    """A file system of its own."""
    folder.mkdir(exist_ok=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=False)
    if done.returncode:
        pytest.skip("this machine does not let root mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Fill the file system of a folder to its last byte, by a file."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler


@linux
def test_a_server_on_a_full_disk_answers_with_one_warning(home: Path, tmp_path: Path) -> None:
    shutil.rmtree(home / "compiled")
    with small_disk(home / "compiled") as disk:
        fill(disk)
        with serve(tmp_path, env={"VISAVIS_HOME": str(home), "VISAVIS_OFFLINE": "1"}) as it:
            it.answers()
            (line,) = it.events("compiled networks are not kept")
    assert (line["level"], "No space left on device" in line["event"]) == ("warning", True)


def test_a_server_answers_from_a_read_only_cache_and_logs_no_warning(home: Path, tmp_path: Path) -> None:
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    start = (*without_rights_over_modes(), sys.executable, "-m", "visavis")
    try:
        with serve(tmp_path, env={"VISAVIS_HOME": str(home)}, start=start) as it:
            it.answers()
            assert {line["level"] for line in it.lines()} == {"info"}
    finally:
        for path in folders:
            path.chmod(0o755)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("none", "is not in {home}, and offline mode forbids fetching it; run `visavis models fetch` with a network"),
        ("file", "VISAVIS_HOME must be a folder, which is created if it does not exist, not '{home}': it is a file"),
        ("below a file", "VISAVIS_HOME must be a folder, which is created if it does not exist, not '{home}'"),
    ],
)
def test_a_server_without_a_cache_does_not_start_and_says_what_to_do(tmp_path: Path, place: str, says: str) -> None:
    home = tmp_path / "home" / "x" if place == "below a file" else tmp_path / "home"
    if place != "none":
        (tmp_path / "home").write_text("a file")
    done = visavis("serve", "--port", "0", VISAVIS_HOME=str(home), VISAVIS_OFFLINE="1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says.format(home=home) in done.stderr


def test_a_cache_that_cannot_be_written_is_named_when_networks_are_missing(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(0o555)
    start = [*without_rights_over_modes(), sys.executable, "-m", "visavis", "serve", "--port", "0"]
    done = subprocess.run(
        start, capture_output=True, text=True, check=False, env={**os.environ, "VISAVIS_HOME": f"{tmp_path}/home/x"}
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{tmp_path}/home/x cannot be written: it is read-only for this user; set VISAVIS_HOME" in done.stderr


# Batches


MANIFEST = f"source,target\n{PHOTOS}/{SAME[0]}.jpg,{PHOTOS}/{SAME[1]}.jpg\n{PHOTOS}/obama.jpg,{PHOTOS}/{SAME[1]}.jpg\n"


def batch(tmp_path: Path, out: Path, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    (tmp_path / "pairs.csv").write_text(MANIFEST)
    return subprocess.run(
        [sys.executable, "-m", "visavis", "batch", str(tmp_path / "pairs.csv"), "-o", str(out)],
        capture_output=True, text=True, check=False, timeout=120, preexec_fn=before,
    )  # fmt: skip


def goes_on(tmp_path: Path, out: Path, after: int) -> None:
    done = batch(tmp_path, out)
    assert done.returncode == 0, done.stderr
    assert ("going on after" in done.stderr) is (after > 0)
    assert f"{2 - after} rows in" in done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["match"] for row in rows] == [True, False]
    assert {path.name for path in out.parent.iterdir()} <= {out.name, "pairs.csv", "lost+found"}


def test_a_batch_that_may_write_no_more_says_how_to_go_on_and_does(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = batch(tmp_path, out, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)))
    assert done.returncode == 2
    assert "0 of 2 rows are done; the same command goes on with the others" in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
    goes_on(tmp_path, out, after=0)


@linux
def test_a_batch_on_a_full_disk_says_how_to_go_on_and_does(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        out, page = disk / "out.jsonl", os.sysconf("SC_PAGESIZE")
        filler = fill(disk)
        done = batch(tmp_path, out)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert done.stderr.endswith("No space left on device\n")
        # There is room for the state, the rows and their counts, but not for joining them.
        os.truncate(filler, filler.stat().st_size - 3 * page)
        done = batch(tmp_path, out)
        assert done.returncode == 2
        assert "2 of 2 rows are done; the same command goes on with the others" in done.stderr
        assert done.stderr.endswith("No space left on device\n")
        assert not out.exists()
        filler.unlink()
        goes_on(tmp_path, out, after=2)


# Processes


def workers(supervisor: psutil.Process) -> list[psutil.Process]:
    return [child for child in supervisor.children() if "spawn_main" in " ".join(child.cmdline())]


def test_processes_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    port = free_port()
    env = {"TMPDIR": str(tmp_path)}  # the folder of the metrics stays
    with serve(tmp_path, "--processes", "2", port=port, env=env, ends=-signal.SIGKILL) as it:
        supervisor = psutil.Process(it.process.pid)
        it.events("Application startup complete", 2)
        others = workers(supervisor)
        it.answers()
        supervisor.kill()
        assert psutil.wait_procs(others, 30)[1] == []
    with serve(tmp_path, port=port) as it:  # the port is free
        it.answers()


@pytest.mark.parametrize("killed", [False, True], ids=["hangs", "killed while its answer is awaited"])
def test_a_process_that_hangs_is_replaced_and_the_others_answer(tmp_path: Path, killed: bool) -> None:
    seconds = 60 if killed else 2
    code = "import sys; from visavis.server import processes; from visavis.cli import main; "
    code += f"processes.HEALTH_SECONDS = {seconds}; sys.exit(main())"
    with serve(tmp_path, "--processes", "2", start=(sys.executable, "-c", code)) as it:
        supervisor = psutil.Process(it.process.pid)
        it.events("Application startup complete", 2)
        victim, other = workers(supervisor)
        victim.suspend()
        it.answers()
        if killed:
            time.sleep(1.5)  # the supervisor asks every half second
            victim.kill()
        it.events("Application startup complete", 3)
        assert victim not in workers(supervisor)
        assert other in workers(supervisor)
        it.answers()


@linux
def test_processes_whose_folder_of_metrics_has_no_room_go_on_and_are_replaced_once_there_is(tmp_path: Path) -> None:
    with small_disk(tmp_path / "tmp") as disk, serve(tmp_path, "--processes", "2", env={"TMPDIR": str(disk)}) as it:
        supervisor = psutil.Process(it.process.pid)
        it.events("Application startup complete", 2)
        before = workers(supervisor)
        filler = fill(disk)
        refused = as_image(b"no image")
        for _ in range(20):  # each on a connection of its own, so that both processes count them
            assert error_of(it.compare(refused, refused)) == "InvalidImageFormatException"
        assert it.metric("visavis_requests_total") == 20
        assert workers(supervisor) == before
        before[0].kill()
        it.events("the process cannot start now, and is started again")
        it.answers()
        filler.unlink()
        it.events("Application startup complete", 3)
        it.answers()
        assert before[1] in workers(supervisor)


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


def test_a_signal_during_the_start_leaves_nothing(home: Path, tmp_path: Path) -> None:
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
    large = as_image(encode(Pil.new("RGB", (8000, 8000), (90, 60, 30)), "PNG"))
    with serve(tmp_path) as it:
        it.answers()
        process = psutil.Process(it.process.pid)
        limit = process.memory_info().vms + 100 * 1024 * 1024  # the large image takes 192 MB
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


# What a running server reads. One server has all of these faults.


@dataclass
class Reading:
    """A server that reads keys, a bucket in a folder, and other buckets from a store whose name is unknown."""

    server: Served
    keys: Path
    bucket: Path


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    folder = tmp_path_factory.mktemp("reading")
    keys, bucket = folder / "keys.toml", folder / "bucket"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    bucket.mkdir()
    shutil.copy(PHOTOS / f"{SAME[0]}.jpg", bucket / "a.jpg")
    words = ("--credentials", str(keys), "--bucket", f"photos={bucket}", "--s3-endpoint-url", "http://store.invalid:1")
    with serve(folder, *words, env=AWS) as it:
        yield Reading(it, keys, bucket)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_address_in_use_ends_a_start_with_one_line_and_the_other_server_answers(
    reading: Reading, processes: str
) -> None:
    port = reading.server.port
    done = visavis("serve", "--port", str(port), "--processes", processes)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"visavis: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    reading.server.answers(key_id="AKIDONE")


def test_a_store_whose_name_is_unknown_costs_only_the_requests_that_read_from_it(reading: Reading) -> None:
    stored = {"S3Object": {"Bucket": "elsewhere", "Name": "a.jpg"}}
    assert error_of(reading.server.compare(stored, key_id="AKIDONE")) == "InvalidS3ObjectException"
    until(lambda: "EndpointConnectionError" in reading.server.log.read_text())
    reading.server.answers(key_id="AKIDONE")


def test_a_folder_of_objects_may_vanish_and_come_back(reading: Reading) -> None:
    it, elsewhere = reading.server, reading.bucket.with_name("elsewhere")
    assert it.compare(OBJECT, key_id="AKIDONE").status == 200
    reading.bucket.rename(elsewhere)
    try:
        assert error_of(it.compare(OBJECT, key_id="AKIDONE")) == "InvalidS3ObjectException"
        it.answers(key_id="AKIDONE")
    finally:
        elsewhere.rename(reading.bucket)
    assert it.compare(OBJECT, key_id="AKIDONE").status == 200


def test_without_its_file_the_old_keys_stay_in_force_until_there_are_new_ones(reading: Reading) -> None:
    it = reading.server
    it.answers(key_id="AKIDTWO")
    reading.keys.unlink()
    time.sleep(1)  # the file is looked at once a second
    it.answers(key_id="AKIDTWO")
    (line,) = it.events("credentials file not reloaded")
    assert line["reason"] == f"{reading.keys}: No such file or directory"
    reading.keys.touch(0o600)
    reading.keys.write_text(KEYS.replace("AKIDTWO", "AKIDNEW"))
    until(lambda: it.compare(key_id="AKIDTWO").status == 400, 30)
    assert error_of(it.compare(key_id="AKIDTWO")) == "UnrecognizedClientException"
    it.answers(key_id="AKIDONE")
