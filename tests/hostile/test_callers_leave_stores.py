"""A caller who leaves, or whose time is over, while a store hangs: nobody waits for the store any longer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.serving import BODY, HEADERS, ask, error_of, process, until
from tests.contract.test_s3 import credentials  # noqa: F401 - a fixture
from tests.contract.test_s3_hanging import (
    HANGING,
    HEAD,
    REF,
    after_head,
    fake_store_threads,
    store,
    tls,
)
from visavis.api import s3_connections
from visavis.api.calls import Calls, interrupt_by
from visavis.api.objects import OBJECT_LIMIT, FolderStore, for_request
from visavis.api.s3 import S3Store
from visavis.deadline import Deadline
from visavis.errors import Cancelled, ObjectUnavailable, TimedOut

SOON = 8.0
"""Seconds, less than the 10 of one wait for a store."""
IN_S3 = json.dumps({"Image": {"S3Object": {"Bucket": REF.bucket, "Name": REF.name}}}).encode()
DETECT = {**HEADERS, "X-Amz-Target": "RekognitionService.DetectFaces"}


def call_threads() -> int:
    return sum(thread.name == "visavis-call" for thread in threading.enumerate())


@contextmanager
def leaving(work: Callable[[Deadline], object]) -> Iterator[Deadline]:
    """`work` in a thread, which must be given up when the deadline is cancelled in the block."""
    deadline = Deadline()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work, deadline)
        yield deadline
        with pytest.raises(Cancelled):
            working.result(SOON)
    until(lambda: call_threads() == 0, SOON)


# Calls


def test_a_caller_leaves_a_call_and_its_wait_ends() -> None:
    started, released = threading.Event(), threading.Event()

    def work() -> None:
        interrupt_by(released.set)
        started.set()
        released.wait(60)

    with leaving(lambda deadline: Calls().run(work, time.monotonic() + 60, deadline)) as deadline:
        assert started.wait(SOON)
        assert not released.is_set()
        deadline.cancel()


def test_what_a_call_no_longer_waits_for_is_not_interrupted() -> None:
    started, released, wrong = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        interrupt_by(wrong.set)
        interrupt_by(None)
        started.set()
        released.wait(60)

    calls = Calls()
    deadline = Deadline()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(calls.run, work, time.monotonic() + 60, deadline)
        assert started.wait(SOON)
        deadline.cancel()
        with pytest.raises(Cancelled):
            working.result(SOON)
    assert calls._running == 1
    released.set()
    until(lambda: call_threads() == 0, SOON)
    assert (calls._running, wrong.is_set()) == (0, False)


def test_a_caller_leaves_while_it_waits_for_its_turn() -> None:
    calls = Calls(0)
    calls._moved = time.monotonic() + 60  # as if others started and ended
    with leaving(lambda deadline: calls.run(lambda: None, time.monotonic() + 60, deadline)) as deadline:
        time.sleep(0.2)
        deadline.cancel()


def test_the_time_of_the_callers_work_ends_its_wait_for_a_call() -> None:
    released = threading.Event()

    def work() -> None:
        interrupt_by(released.set)
        released.wait(60)

    with pytest.raises(TimedOut, match=r"longer than 0\.3 seconds"):
        Calls().run(work, time.monotonic() + 60, Deadline(0.3))
    assert released.wait(SOON)
    until(lambda: call_threads() == 0, SOON)


def test_an_interruption_outside_of_a_call_is_nothing() -> None:
    interrupt_by(lambda: pytest.fail("it is called"))


# Stores

HANGS = ["silent", "silent after the status", "silent body", "dripping header", "dripping body"]


def read_for(url: str, deadline: Deadline) -> bytes:
    objects = FolderStore({}, otherwise=S3Store(endpoint_url=url, region="us-east-1", deadline=60))
    return for_request(objects, deadline).read(REF, limit=OBJECT_LIMIT)


@pytest.mark.parametrize("name", HANGS)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_read_ends_when_its_caller_leaves_and_its_connection_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, secure: bool
) -> None:
    context = None
    if secure:
        context = tls(tmp_path / "certificate.pem")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with store(HANGING[name], context) as fake:
        with leaving(lambda deadline: read_for(fake.url, deadline)) as deadline:
            until(lambda: len(fake.asked) == (2 if "body" in name else 1))
            time.sleep(0.1)  # it now waits for the answer
            deadline.cancel()
        until(lambda: fake_store_threads() == 1, SOON)


def test_a_read_ends_when_the_time_for_the_request_is_over() -> None:
    with store(HANGING["silent"]) as fake:
        with pytest.raises(ObjectUnavailable, match="did not arrive before the time for the request was over"):
            read_for(fake.url, Deadline(0.3))
        until(lambda: call_threads() == 0, SOON)


def test_a_connection_is_not_shut_down_once_its_response_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(s3_connections, "interrupt_by", given.append)
    with store(after_head(lambda connection: connection.send(HEAD + b"x" * 1000))) as fake:
        assert read_for(fake.url, Deadline()) == b"x" * 1000
    assert [interrupt is None for interrupt in given] == [False, True, False, True]


# The server


def test_a_worker_is_free_when_its_caller_leaves_while_a_store_hangs() -> None:
    with (
        store(HANGING["silent"]) as fake,
        process("--cli", "--s3-endpoint-url", fake.url, "--workers", "1", "--request-seconds", "60") as (_, url),
    ):
        port = int(url.rpartition(":")[2])
        head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **DETECT}.items())
        for times in (1, 2):  # the read that was left does not count among those that run
            with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
                wire.sendall(f"POST / HTTP/1.1\r\n{head}Content-Length: {len(IN_S3)}\r\n\r\n".encode() + IN_S3)
                until(lambda times=times: len(fake.asked) >= times)  # type: ignore[misc]
            started = time.monotonic()
            assert ask(port, body=BODY, headers=HEADERS).status == 200
            assert time.monotonic() - started < SOON


def test_the_wait_for_a_store_ends_with_the_time_for_the_request() -> None:
    with (
        store(HANGING["silent"]) as fake,
        process("--cli", "--s3-endpoint-url", fake.url, "--request-seconds", "1") as (_, url),
    ):
        started = time.monotonic()
        assert error_of(ask(int(url.rpartition(":")[2]), body=IN_S3, headers=DETECT)) == "InvalidS3ObjectException"
        assert time.monotonic() - started < SOON
