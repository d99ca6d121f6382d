"""The credentials file: its content, its permissions and its changes."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from visavis.aws.policy import Verdict
from visavis.errors import SettingsError
from visavis.server.credentials import CredentialsFile, parse_keys

KEY = '[[keys]]\naccess_key_id = "AKIDONE"\nsecret_access_key = "s3cr3t"\n'
OTHER = '[[keys]]\naccess_key_id = "AKIDTWO"\nsecret_access_key = "0th3r"\n'

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Replace the file at `path` as an editor does: write another file and rename it, so that the inode changes."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.chmod(mode)
    beside.replace(path)
    return path


def test_a_key_with_nothing_more_may_do_everything_for_ever() -> None:
    key = parse_keys(KEY, "keys.toml")["AKIDONE"]
    assert (key.secret_access_key, key.session_token, key.expires) == ("s3cr3t", None, None)
    assert key.caller.arn == "arn:aws:iam::000000000000:user/AKIDONE"
    assert key.caller.policy is None


def test_every_field_is_read() -> None:
    text = (
        KEY + 'session_token = "t0k3n/+="\nuser = "door"\naccount_id = "123456789012"\nexpires = 2030-01-01T00:00:00Z\n'
        'policy = [{ Effect = "Deny", Action = "rekognition:CompareFaces", Resource = "*" }]\n'
    )
    key = parse_keys(text, "keys.toml")["AKIDONE"]
    assert (key.session_token, key.expires) == ("t0k3n/+=", datetime(2030, 1, 1, tzinfo=UTC))
    assert key.caller.arn == "arn:aws:iam::123456789012:user/door"
    assert key.caller.verdict("rekognition:CompareFaces") is Verdict.DENIED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one"),
        ("keys = []", "at least one"),
        ("keys = 5", "at least one"),
        ("keys = [5]", "keys[0] must be a table"),
        (KEY + "[other]\n", "nothing else"),
        ("[[keys]", "is not TOML"),
        ("a=" + "[" * 3000 + "]" * 3000, "is not TOML: maximum recursion depth"),
        ("a=" + "{a=" * 3000 + "1" + "}" * 3000, "is not TOML: maximum recursion depth"),
        ("a=" + "9" * 5000, "is not TOML: "),
        (KEY.replace('"s3cr3t"', "0x" + "f" * 9000), "keys[0]: secret_access_key must be"),
        (".".join(["a"] * 5000) + "=1", "nothing else"),
        (KEY + "expires = 2030-13-01T00:00:00Z", "is not TOML"),
        ('[[keys]]\nsecret_access_key = "s3cr3t"', "keys[0] lacks access_key_id"),
        ('[[keys]]\naccess_key_id = "A"', "keys[0] lacks secret_access_key"),
        (KEY.replace('"s3cr3t"', '""'), "keys[0]: secret_access_key must be"),
        (KEY.replace('"s3cr3t"', '"s3cr3t "'), "keys[0]: secret_access_key must be"),
        (KEY.replace('"s3cr3t"', "5"), "keys[0]: secret_access_key must be"),
        (KEY.replace("AKIDONE", "AKID/ONE"), "keys[0]: access_key_id must be"),
        (KEY + OTHER + "secret = 1", "keys[1] has unknown fields: secret"),
        (KEY + "account_id = 123456789012", "keys[0]: account_id must be 12 digits in quotes"),
        (KEY + "user = 'a b'", "keys[0]: user must be"),
        (KEY + "session_token = ''", "keys[0]: session_token must be"),
        (KEY + "expires = 2030-01-01T00:00:00", "keys[0]: expires must be a date and time with a time zone"),
        (KEY + "expires = 'never'", "keys[0]: expires must be a date and time with a time zone"),
        (KEY + "policy = 'all'", "keys[0]: policy: "),
        (KEY + "policy = [{ Effect = 'Allow', NotAction = 'x:y', Resource = '*' }]", "keys[0]: policy: "),
        (KEY + KEY, "keys[1]: access_key_id AKIDONE is given twice"),
    ],
)
def test_a_fault_is_named_by_file_table_and_field_and_shows_no_secret(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_keys(text, "keys.toml")
    message = str(caught.value)
    assert message.startswith("keys.toml")
    assert says in message
    assert "s3cr3t" not in message
    assert "0th3r" not in message


def test_a_file_that_is_missing_or_a_folder_or_not_text_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    binary.chmod(0o600)
    for path, says in ((tmp_path / "none", "No such file"), (tmp_path, "not a regular file"), (binary, "not UTF-8")):
        with pytest.raises(SettingsError, match=says):
            CredentialsFile(path, allow_readable=True)


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_file_that_others_may_use_is_refused_unless_told_otherwise(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "keys.toml", KEY, mode)
    with pytest.raises(SettingsError, match=f"mode {mode:04o}.*chmod 600.*--allow-readable-credentials"):
        CredentialsFile(path)
    assert len(CredentialsFile(path, allow_readable=True)) == 1


def test_a_change_is_seen_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    path = write(tmp_path / "keys.toml", KEY)
    file = CredentialsFile(path, clock=clock)
    assert file.principal_for("AKIDTWO") is None
    write(path, OTHER)
    clock.now = 0.9
    assert file.principal_for("AKIDONE") is not None
    clock.now = 1.0
    assert file.principal_for("AKIDONE") is None
    assert file.principal_for("AKIDTWO") is not None


@posix
@pytest.mark.parametrize(
    ("text", "mode"), [("[[keys]", 0o600), (OTHER, 0o644), (None, 0o600)], ids=["broken", "open to others", "gone"]
)
def test_a_change_for_the_worse_keeps_the_old_keys_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None, mode: int
) -> None:
    clock = Clock()
    path = write(tmp_path / "keys.toml", KEY)
    file = CredentialsFile(path, clock=clock)
    if text is None:
        path.unlink()
    else:
        write(path, text, mode)
    for second in (1, 2, 3):
        clock.now = second
        assert file.principal_for("AKIDONE") is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert str(path) in vars(caplog.records[0])["reason"]


@posix
def test_a_file_put_right_is_read_again(tmp_path: Path) -> None:
    clock = Clock()
    path = write(tmp_path / "keys.toml", KEY)
    file = CredentialsFile(path, clock=clock)
    write(path, OTHER, 0o644)
    clock.now = 1
    assert file.principal_for("AKIDTWO") is None
    path.chmod(0o600)
    clock.now = 2
    assert file.principal_for("AKIDTWO") is not None
