"""What a process of `visavis serve --processes` that replaces another needs, gone or damaged when it starts."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import posix
from tests.contract.serving import KEYS, error_of, until
from tests.hostile.commands import Served, serve

pytestmark = [posix, pytest.mark.slow]


def workers(it: Served) -> list[psutil.Process]:
    return [child for child in psutil.Process(it.process.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def replace_all(it: Served) -> None:
    """Kill each process of a server, once the one before has been replaced."""
    for count, victim in enumerate(workers(it), start=len(it.events("Application startup complete")) + 1):
        victim.kill()
        it.events("Application startup complete", count)


def put(file: Path, text: str) -> None:
    """Write a file of keys in one step."""
    new = file.with_suffix(".new")
    new.touch(0o600)
    new.write_text(text)
    new.replace(file)


@pytest.mark.parametrize("fault", ["malformed", "missing"])
def test_processes_that_replace_others_start_with_the_last_keys_that_were_good(tmp_path: Path, fault: str) -> None:
    keys = tmp_path / "keys.toml"
    put(keys, KEYS)
    with serve(tmp_path, "--processes", "2", "--credentials", str(keys)) as it:
        it.events("Application startup complete", 2)
        put(keys, KEYS.replace("AKIDTWO", "AKIDNEW"))
        it.events("credentials file reloaded")  # by the supervisor, because nobody has sent a request
        if fault == "missing":
            keys.unlink()
        else:
            put(keys, KEYS[:40])
        it.events("credentials file not reloaded, old keys stay in force")
        replace_all(it)
        time.sleep(1)  # the file is looked at once a second
        for _ in range(4):  # each on a connection of its own, so that both processes answer
            it.answers(key_id="AKIDONE")
            assert error_of(it.compare(key_id="AKIDTWO")) == "UnrecognizedClientException"
        assert len(it.events("credentials file not reloaded")) == 1
        put(keys, KEYS)
        time.sleep(1)
        it.answers(key_id="AKIDTWO")
        assert it.process.poll() is None


def test_nobody_notices_that_the_folder_of_metrics_was_deleted_and_metrics_begin_again(tmp_path: Path) -> None:
    words = ("--processes", "2", "--tps", "1000")
    with serve(tmp_path, *words, env={"TMPDIR": str(tmp_path)}) as it:
        it.events("Application startup complete", 2)
        it.answers()
        for _ in range(2):
            (folder,) = tmp_path.glob("visavis-metrics-*")
            shutil.rmtree(folder.rename(tmp_path / "deleted"))
            for _ in range(6):  # each on a connection of its own, so that both processes answer
                assert it.metric("visavis_queue_depth") == 0
                it.answers()
            until(folder.is_dir)
            for _ in range(6):
                it.answers()
            assert 1 <= it.metric("visavis_requests_total") <= 12
            replace_all(it)
            it.answers()
        assert {line["level"] for line in it.lines()} == {"info"}
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
