"""A cache whose files are damaged, truncated, deleted or cannot be written: what runs is what was verified."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import visavis
from tests.conftest import PHOTOS
from visavis.settings import Settings

PAIR = [str(PHOTOS / name) for name in ("obama.jpg", "ardern_2018.jpg")]
EMBEDDER = "fb143eea07838aa5-7af4814456097e72-2"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A cache of one's own, without compiled networks."""
    for part in ("files", "ready"):
        shutil.copytree(Settings.from_env().home / part, tmp_path / "home" / part)
    return tmp_path / "home"


def run(home: Path, *words: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """A command on `home`, offline; `limit` is the largest file in bytes that it can write."""
    set_limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    return subprocess.run(
        [sys.executable, "-m", "visavis", *words],
        capture_output=True, text=True, check=False, timeout=120, preexec_fn=set_limit,
        env={**os.environ, "VISAVIS_HOME": str(home), "VISAVIS_OFFLINE": "1"},
    )  # fmt: skip


def compared(home: Path, **options: int) -> tuple[str, list[str]]:
    """What a comparison of two people prints, and its lines on standard error."""
    done = run(home, "compare", *PAIR, "--threshold", "0", **options)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.splitlines()


def zero(file: Path, low: float, high: float) -> None:
    """Set a part of a file to zeros, and keep its size and its time."""
    status, data = file.stat(), bytearray(file.read_bytes())
    a, b = int(len(data) * low), int(len(data) * high)
    data[a:b] = bytes(b - a)
    file.chmod(0o644)
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture(scope="module")
def clean_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An intact cache, without compiled networks until it is used."""
    home = tmp_path_factory.mktemp("clean") / "home"
    for part in ("files", "ready"):
        shutil.copytree(Settings.from_env().home / part, home / part)
    return home


@pytest.fixture(scope="module")
def clean(clean_home: Path) -> str:
    """What a comparison prints with an intact cache."""
    first, again = compared(clean_home), compared(clean_home)
    assert first == again
    return first[0]


@pytest.fixture
def compiled_home(clean: str, clean_home: Path, tmp_path: Path) -> Path:
    """A cache of one's own that a comparison has filled with compiled networks."""
    del clean
    return shutil.copytree(clean_home, tmp_path / "home")


@pytest.mark.parametrize(
    ("file", "low", "high"),
    [
        ("model.bin", 0.5, 0.8),
        ("model.bin", 0.99999, 1.0),
        ("model.xml", 0.5, 0.5001),
        ("SHA256SUMS", 0.0, 0.1),
        ("SHA256SUMS", 0.99, 1.0),
    ],
)
def test_a_damaged_ready_network_is_built_again(home: Path, clean: str, file: str, low: float, high: float) -> None:
    zero(home / "ready" / EMBEDDER / file, low, high)
    assert "damaged" in run(home, "doctor").stdout
    out, err = compared(home)
    assert out == clean
    assert [line for line in err if line.endswith("is damaged; building the network again")] == err
    assert len(err) == 1
    assert run(home, "doctor").returncode == 0


@pytest.mark.parametrize("low", [0.0, 0.3, 0.99999])
def test_a_damaged_compiled_network_is_compiled_again(compiled_home: Path, clean: str, low: float) -> None:
    file = max((compiled_home / "compiled").iterdir(), key=lambda each: each.stat().st_size)
    zero(file, low, min(1.0, low + 0.1))
    doctor = run(compiled_home, "doctor")
    assert (doctor.returncode, str(file) in doctor.stdout) == (2, True)
    out, err = compared(compiled_home)
    assert out == clean
    assert len(err) == 1
    assert f"{file} is damaged" in err[0]
    assert compared(compiled_home) == (clean, [])
    assert run(compiled_home, "models", "verify").returncode == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("kind", ["empty", "short", "folder", "pipe"])
def test_what_is_no_compiled_network_is_not_waited_for(compiled_home: Path, clean: str, kind: str) -> None:
    for file in (compiled_home / "compiled").iterdir():
        data = file.read_bytes()
        file.unlink()
        if kind == "pipe":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        else:
            file.write_bytes(b"" if kind == "empty" else data[:1000])
    out, err = compared(compiled_home)
    assert out == clean
    assert len([line for line in err if "the network is compiled again" in line]) == 3


def test_a_damaged_network_that_cannot_be_built_is_an_error_that_says_what_to_do(home: Path) -> None:
    zero(home / "ready" / EMBEDDER / "model.bin", 0.5, 0.8)
    shutil.rmtree(home / "files")
    done = run(home, "compare", *PAIR)
    assert done.returncode == 2
    assert "is damaged; building the network again" in done.stderr
    assert "run `visavis models fetch` with a network" in done.stderr
    assert done.stdout == ""


def test_on_a_full_disk_networks_are_compiled_with_one_warning(home: Path, clean: str) -> None:
    out, err = compared(home, limit=100_000)
    assert out == clean
    assert len(err) == 1
    assert "compiled networks are not kept" in err[0]
    assert list((home / "compiled").iterdir()) == []


def test_an_engine_goes_on_when_every_file_of_the_cache_is_truncated(home: Path, photo: Callable[[str], bytes]) -> None:
    settings = replace(Settings.from_env(), home=home, offline=True)
    for _ in range(2):  # with networks just compiled, and with those of the cache
        with visavis.open_engine(settings) as engine:
            kept = {file: file.read_bytes() for file in home.rglob("*") if file.is_file() and file.name != ".lock"}
            for file in kept:
                file.chmod(0o644)
                os.truncate(file, 0)
            for shape in ((100, 900, 3), (900, 100, 3), (500, 500, 3)):
                assert engine.analyze(np.zeros(shape, np.uint8)).faces == ()
            assert engine.compare(photo("ardern_2018"), photo("ardern_2022")).matches[0].similarity > 99
            for file, data in kept.items():
                file.write_bytes(data)


def test_processes_that_start_at_once_on_a_damaged_cache_all_work(home: Path, clean: str) -> None:
    for each in (home / "ready").iterdir():
        zero(each / "model.bin", 0.5, 0.6)
    command = [sys.executable, "-m", "visavis", "compare", *PAIR, "--threshold", "0"]
    env = {**os.environ, "VISAVIS_HOME": str(home), "VISAVIS_OFFLINE": "1"}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) for _ in range(3)
    ]
    done = [process.communicate(timeout=120) for process in processes]
    assert [out for out, _ in done] == [clean] * 3
    lines = "".join(err for _, err in done).splitlines()
    assert len(lines) == len(set(lines))
