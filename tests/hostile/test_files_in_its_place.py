"""Files that a server or a command reads, replaced by what blocks, never ends, or breaks a parser."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import posix
from visavis.calibration import Calibration
from visavis.errors import CalibrationMismatch, ManifestError, ModelStoreError, SettingsError, VisavisError
from visavis.files import open_regular, sha256_of
from visavis.models.user_provided import read_models
from visavis.server.credentials import LARGEST_FILE, CredentialsFile

KEY = b'[[keys]]\naccess_key_id = "AKIDONE"\nsecret_access_key = "s3cr3t"\n'

REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: None,
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to itself": lambda path: path.symlink_to(path),
    "too large": lambda path: path.write_bytes(KEY + b"#" * LARGEST_FILE),
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(KEY[:40]),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe" + KEY),
    "a NUL": lambda path: path.write_bytes(b"a = '\0'"),
    "nested": lambda path: path.write_bytes(b"a=" + b"[" * 3000),
    "a huge number": lambda path: path.write_bytes(b"a=" + b"9" * 5000),
    "open to others": lambda path: path.write_bytes(KEY),
}


def in_time(work: Callable[[], object]) -> None:
    """Call `work` in a thread, and fail if it blocks."""
    failures: list[BaseException] = []

    def call() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised below
            failures.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it blocks"
    if failures:
        raise failures[0]


def put(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    REPLACEMENTS[kind](path)
    if path.is_file():
        path.chmod(0o644 if kind == "open to others" else 0o600)


@posix
@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_the_old_keys_stay_in_force_with_one_line_for_each_change(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, now = tmp_path / "keys.toml", [0.0]
    path.write_bytes(KEY)
    path.chmod(0o600)
    keys = CredentialsFile(path, clock=lambda: now[0])
    put(path, kind)

    def ask() -> None:
        for _ in range(3):
            now[0] += 1
            assert keys.principal_for("AKIDONE") is not None

    in_time(ask)
    (record,) = caplog.records
    assert record.getMessage() == "credentials file not reloaded, old keys stay in force"
    reason = vars(record)["reason"]
    assert str(path) in reason
    assert "s3cr3t" not in reason
    assert len(reason) < 500


@posix
@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_a_server_does_not_start_with_such_a_file(tmp_path: Path, kind: str) -> None:
    put(tmp_path / "keys.toml", kind)
    with pytest.raises(SettingsError, match=r"keys\.toml"):
        in_time(lambda: CredentialsFile(tmp_path / "keys.toml"))


@posix
@pytest.mark.parametrize("kind", sorted(REPLACEMENTS.keys() - {"deleted"}))
def test_the_description_of_an_embedder_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "arc").mkdir()
    put(tmp_path / "arc/embedder.toml", kind)
    if kind == "a link to itself":
        pytest.skip("which files glob lists then depends on the version of Python")
    with pytest.raises((ManifestError, ModelStoreError), match=r"embedder\.toml"):
        in_time(lambda: read_models(tmp_path))


@posix
@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_a_calibration_is_refused(tmp_path: Path, kind: str) -> None:
    put(tmp_path / "calibration.json", kind)
    with pytest.raises((VisavisError, OSError), match=r"calibration"):
        in_time(lambda: Calibration.read(tmp_path / "calibration.json"))


@pytest.mark.parametrize(
    "text", ["[" * 9000, '{"curve":[[%s,0]],"fnmr":[]}' % ("9" * 400), '{"curve":[[%s,0]],"fnmr":[]}' % ("9" * 5000)]
)
def test_json_that_breaks_a_parser_is_no_calibration(text: str) -> None:
    with pytest.raises(CalibrationMismatch, match="this is not a file of `visavis calibrate`"):
        Calibration.from_json(text)


@posix
def test_a_pipe_is_neither_opened_nor_hashed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/dev/fd").iterdir()))
    for work in (open_regular, sha256_of):
        with pytest.raises(OSError, match="not a regular file"):
            in_time(partial(work, tmp_path / "pipe"))
    assert len(list(Path("/dev/fd").iterdir())) == before
