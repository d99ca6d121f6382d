"""What stands around the app in a process of several, and in a replica of Ray."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from visavis.errors import SettingsError
from visavis.scale import ray as scale
from visavis.server import metrics as metrics_module
from visavis.server import processes
from visavis.server.metrics import FILE_SIZE, Metrics
from visavis.server.opening import ServiceOptions
from visavis.settings import Settings


class App:
    """Sends one message."""

    def __init__(self, message: dict[str, Any], running: int = 0) -> None:
        self.message = message
        self.state = SimpleNamespace(endpoint=SimpleNamespace(queue=SimpleNamespace(running=running)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send(self.message)


def sent_by(app: Any, kind: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({"type": kind}, None, send))
    return sent


def test_a_replica_sends_no_date_because_rays_proxy_does() -> None:
    start = {"type": "http.response.start", "headers": [(b"date", b"now"), (b"content-length", b"3")]}
    assert sent_by(scale._WithoutDate(App(start)), "http")[0]["headers"] == [(b"content-length", b"3")]
    body = {"type": "http.response.body", "body": b"abc"}
    assert sent_by(scale._WithoutDate(App(body)), "http") == [body]


@pytest.mark.parametrize(("kind", "running", "ended"), [("lifespan", 1, [0]), ("lifespan", 0, []), ("http", 1, [])])
def test_a_process_ends_although_requests_are_unfinished(
    monkeypatch: pytest.MonkeyPatch, kind: str, running: int, ended: list[int]
) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(os, "_exit", statuses.append)
    app = processes._Ending(App({"type": "lifespan.shutdown.complete"}, running))
    assert len(sent_by(app, kind)) == 1
    assert statuses == ended


@pytest.mark.parametrize(
    ("error", "status"), [(OSError(28, "No space left on device"), 1), (SettingsError("a wrong key"), 3)]
)
def test_a_process_that_cannot_start_is_tried_again_only_if_that_may_help(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, status: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(processes, "open_app_for_process", fail)
    monkeypatch.setattr(processes, "hang_up_as_terminate", lambda: None)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as ended:
        processes._Process(ServiceOptions(settings=Settings.from_env({})), None, None)()
    assert ended.value.code == status
    assert str(error) in caplog.text


def test_the_files_of_metrics_take_their_room_once(tmp_path: Path) -> None:
    metrics_module._allocate_files(tmp_path, "123")
    files = sorted(tmp_path.iterdir())
    assert [file.name.partition("_")[0] for file in files] == ["counter", "gauge", "histogram"]
    assert {len(file.read_bytes()) for file in files} == {FILE_SIZE}
    files[0].write_bytes(b"counted")
    metrics_module._allocate_files(tmp_path, "123")
    assert files[0].read_bytes() == b"counted"


def test_metrics_of_several_processes_forget_those_that_were_killed(tmp_path: Path) -> None:
    metrics = Metrics(lambda: 0)
    metrics._folder = tmp_path
    dead = tmp_path / "gauge_livesum_99999999.db"
    dead.touch()  # prometheus_client cannot read an empty file
    assert metrics.render() == b""
    assert not dead.exists()
