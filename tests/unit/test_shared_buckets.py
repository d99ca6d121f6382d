"""Token buckets of several processes: one rate for all of them."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import posix
from tests.unit.test_token_buckets import Clock
from visavis.server import shared_buckets
from visavis.server.shared_buckets import SharedTokenBuckets


def test_a_bucket_empties_at_once_and_fills_with_time(tmp_path: Path) -> None:
    clock = Clock()
    buckets = SharedTokenBuckets(tmp_path, 2, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    clock.now = 0.5
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    clock.now = 100
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]


def test_keys_do_not_take_from_each_other(tmp_path: Path) -> None:
    buckets = SharedTokenBuckets(tmp_path, 1, clock=Clock())
    assert [buckets.take("a"), buckets.take("a"), buckets.take("b")] == [True, False, True]


def test_keys_of_one_set_gain_nothing_by_taking_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_buckets, "SETS", 1)
    clock = Clock()
    buckets = SharedTokenBuckets(tmp_path, 2, clock=clock)
    keys = [str(number) for number in range(shared_buckets.WAYS + 1)]
    assert sum(buckets.take(key) for _ in range(50) for key in keys) == 2 * shared_buckets.WAYS
    clock.now = 1.0  # every bucket is full again
    assert all(buckets.take(key) for key in keys[: shared_buckets.WAYS])
    assert buckets.take("another")
    assert [buckets.take(keys[1]), buckets.take(keys[1])] == [True, False]


def test_another_process_sees_what_was_taken(tmp_path: Path) -> None:
    one = SharedTokenBuckets(tmp_path, 0.001)
    other = pickle.loads(pickle.dumps(one))
    assert [one.take("a"), other.take("a"), other.take("b"), one.take("b")] == [True, False, True, False]


def _hold(buckets: SharedTokenBuckets, held: object) -> None:
    buckets._locks[1].acquire()
    held.set()  # type: ignore[attr-defined]
    time.sleep(60)


@posix
def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    buckets = SharedTokenBuckets(tmp_path, 1)
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(buckets, held))
    holder.start()
    assert held.wait(60)
    holder.kill()
    holder.join()
    assert holder.exitcode == -signal.SIGKILL
    assert buckets.take("a")
