"""What the processes of one server get from their supervisor and share."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import pytest

from tests.unit.test_credentials import KEY, OTHER, write
from visavis.server.credentials import CHECK_SECONDS, CredentialsFile


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
