"""What the processes of one server get from their supervisor and share."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from tests.unit.test_credentials import KEY, OTHER, write
from visavis.gateway import plain_response
from visavis.server.credentials import CHECK_SECONDS, CredentialsFile
from visavis.server.metrics import FOLDER, Metrics
from visavis.server.shared_buckets import SharedTokenBuckets


class Clock:
    """A clock that can be sent."""

    now = 0.0

    def __call__(self) -> float:
        return Clock.now


def test_keys_that_are_sent_are_in_force_whatever_the_file_contains(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "keys.toml", KEY)
    keys = CredentialsFile(path, clock=Clock())
    write(path, "[[keys]")
    Clock.now += CHECK_SECONDS
    keys.check()
    sent = pickle.loads(pickle.dumps(keys))
    Clock.now += CHECK_SECONDS
    assert sent.principal_for("AKIDONE") == keys.principal_for("AKIDONE") is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    write(path, OTHER)
    Clock.now += CHECK_SECONDS
    assert sent.principal_for("AKIDONE") is None
    assert sent.principal_for("AKIDTWO") is not None


@pytest.fixture
def metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    """Those of a process that shares the folder `shared`."""
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv(FOLDER, str(tmp_path / "shared"))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    yield Metrics(lambda: 3)
    for opened in gc.get_objects():
        if isinstance(opened, MmapedDict):
            opened.close()  # type: ignore[no-untyped-call]


def numbers(metrics: Metrics) -> list[float]:
    """How many requests were answered, how long they took, and how many wait."""
    text = metrics.render().decode()
    wanted = (r'requests_total\{outcome="OK"\}', r'stage_seconds_sum\{stage="total"\}', "queue_depth")
    return [float(m[1]) if (m := re.search(rf"(?m)^visavis_{name} (\S+)$", text)) else 0.0 for name in wanted]


ANSWER = replace(plain_response(200, b"", "text/plain", datetime.now(UTC)), outcome="OK", seconds={"total": 2.0})


def test_metrics_begin_again_when_their_folder_was_deleted(metrics: Metrics, tmp_path: Path) -> None:
    metrics.record(ANSWER)
    assert numbers(metrics) == [1, 2, 3]
    shutil.rmtree(tmp_path / "shared")
    metrics.record(ANSWER)
    assert numbers(metrics) == [2, 4, 3]  # of this process alone
    (tmp_path / "shared").mkdir()
    assert numbers(metrics) == [0, 0, 3]
    metrics.record(ANSWER)
    assert numbers(metrics) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["counter", "gauge_livesum", "histogram"])
def test_metrics_go_on_when_one_of_their_files_was_deleted(metrics: Metrics, tmp_path: Path, kind: str) -> None:
    metrics.record(ANSWER)
    for times in (1, 2):
        next((tmp_path / "shared").glob(f"{kind}_{os.getpid()}*.db")).unlink()
        metrics.record(ANSWER)
        kept = [1 if kind == "counter" else 1 + times, 2 if kind == "histogram" else 2 + 2 * times, 3]
        assert numbers(metrics) == kept


def test_a_rate_holds_when_its_file_was_deleted_before_the_first_request(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    buckets = SharedTokenBuckets(tmp_path / "shared", 0.001)
    shutil.rmtree(tmp_path / "shared")
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
