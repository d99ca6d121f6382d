"""Faults of files: the cache, disks, and the keys and buckets that a running server reads.

Each test injects a fault, looks for the answer that the documentation promises, and then sends a good request.
docs/faults.md lists all faults, also those of other files here.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image as Pil

from tests.conftest import PHOTOS, encode, linux, posix
from tests.contract.serving import KEYS, error_of, until
from tests.golden.test_cache_folder import without_rights_over_modes
from tests.hostile.commands import AWS, OBJECT, SAME, Served, as_image, linked_home, serve, visavis
from tests.hostile.test_damaged_cache import EMBEDDER

pytestmark = [posix, pytest.mark.slow]


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


@linux
def test_processes_whose_folder_of_metrics_has_no_room_go_on_and_are_replaced_once_there_is(tmp_path: Path) -> None:
    with small_disk(tmp_path / "tmp") as disk, serve(tmp_path, "--processes", "2", env={"TMPDIR": str(disk)}) as it:
        it.events("Application startup complete", 2)
        before = it.workers()
        filler = fill(disk)
        refused = as_image(b"no image")
        for _ in range(20):  # each on a connection of its own, so that both processes count them
            assert error_of(it.compare(refused, refused)) == "InvalidImageFormatException"
        assert it.metric("visavis_requests_total") == 20
        assert it.workers() == before
        before[0].kill()
        it.events("the process cannot start now, and is started again")
        it.answers()
        filler.unlink()
        it.events("Application startup complete", 3)
        it.answers()
        assert before[1] in it.workers()


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
