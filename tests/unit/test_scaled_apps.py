"""What stands around the app in a process of several, and in a replica of Ray."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from visavis.scale import ray as scale
from visavis.server import processes
from visavis.server.metrics import Metrics


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


def test_metrics_of_several_processes_forget_those_that_were_killed(tmp_path: Path) -> None:
    metrics = Metrics(lambda: 0)
    metrics._folder = str(tmp_path)
    dead = tmp_path / "gauge_livesum_99999999.db"
    dead.touch()  # prometheus_client cannot read an empty file
    assert metrics.render() == b""
    assert not dead.exists()
