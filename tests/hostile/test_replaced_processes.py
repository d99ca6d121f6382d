"""What a process of `visavis serve --processes` that replaces another needs, gone or damaged when it starts."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import posix
from tests.contract.serving import KEYS, error_of
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
