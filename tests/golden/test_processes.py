"""A server of several processes: one address, one rate, one set of metrics, and no process that others depend on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import visavis
from tests.conftest import PHOTOS, posix

pytestmark = [posix, pytest.mark.slow]


@contextmanager
def serving(tmp_path: Path, *words: str) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a server of two processes, and its supervisor."""
    command = [sys.executable, "-m", "visavis", "serve", "--port", "0", "--processes", "2", *words]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    log = (tmp_path / "log").open("w")
    with log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            url = next(m[0] for line in process.stdout if (m := re.search(r"http://\S+", line)))
            yield url, psutil.Process(process.pid)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def client_of(url: str) -> Any:
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, read_timeout=60)
    return boto3.client("rekognition", endpoint_url=url, region_name="us-east-1", config=config)


def ask(client: Any) -> Any:
    image = {"Bytes": (PHOTOS / "obama.jpg").read_bytes()}
    response = client.compare_faces(SourceImage=image, TargetImage=image)
    del response["ResponseMetadata"]
    return response


def workers(supervisor: psutil.Process) -> set[int]:
    return {child.pid for child in supervisor.children() if "spawn_main" in " ".join(child.cmdline())}


def answered(url: str) -> float:
    metrics = urllib.request.urlopen(f"{url}/metrics").read().decode()
    return sum(
        float(count) for count in re.findall(r'^visavis_requests_total\{outcome="OK"\} (\S+)$', metrics, re.MULTILINE)
    )


def wait_for(fact: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_killed_process_costs_only_its_own_requests(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, supervisor):
        expected = ask(visavis.client())
        before = workers(supervisor)
        outcomes: Counter[str] = Counter()
        stop = threading.Event()

        def call() -> None:
            client = client_of(url)
            while not stop.is_set():
                try:
                    outcomes["right" if ask(client) == expected else "wrong"] += 1
                except (BotoCoreError, ClientError) as error:
                    outcomes[type(error).__name__] += 1

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        wait_for(lambda: outcomes["right"] > 8)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        seen = outcomes["right"]
        wait_for(lambda: outcomes["right"] > seen + 8)
        wait_for(lambda: len(workers(supervisor)) == 2)
        stop.set()
        for caller in callers:
            caller.join()
        assert workers(supervisor) - before
        assert outcomes["wrong"] == 0
        # Each caller had at most one request in the process.
        assert outcomes.total() - outcomes["right"] <= 4
        assert answered(url) >= outcomes["right"]
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_processes_are_replaced_one_after_the_other_without_losing_a_request(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, supervisor):
        before = workers(supervisor)
        supervisor.send_signal(signal.SIGHUP)
        until = time.monotonic() + 60
        while workers(supervisor) & before or len(workers(supervisor)) < 2:
            assert time.monotonic() < until
            ask(client_of(url))


def test_a_rate_holds_for_all_processes_together(tmp_path: Path) -> None:
    with serving(tmp_path, "--tps", "0.01") as (url, _):
        codes = []
        for _ in range(6):  # each on a connection of its own
            try:
                ask(client_of(url))
                codes.append("OK")
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])
        assert Counter(codes) == {"OK": 1, "ProvisionedThroughputExceededException": 5}


def test_processes_that_cannot_start_end_the_server(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "visavis", "serve", "--port", "0", "--processes", "2", "--credentials"]
    done = subprocess.run([*command, str(tmp_path / "none")], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--credentials must be a file" in done.stderr
    broken = tmp_path / "keys.toml"
    broken.write_text("[[")
    broken.chmod(0o600)
    done = subprocess.run([*command, str(broken)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "keys.toml" in done.stderr
