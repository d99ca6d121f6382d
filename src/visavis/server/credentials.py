"""Access keys from a TOML file, which is read again when it changes.

    [[keys]]
    access_key_id = "AKIAIOSFODNN7EXAMPLE"
    secret_access_key = "..."
    session_token = "..."                       # only for temporary keys
    expires = 2030-01-01T00:00:00Z              # default: never
    user = "door"                               # appears in texts of denials; default: the key's id
    account_id = "123456789012"                 # default: 000000000000
    policy = [{ Effect = "Allow", Action = "rekognition:CompareFaces", Resource = "*" }]   # default: allow everything

No error and no log line contains a secret.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from visavis.aws.policy import Caller, Policy
from visavis.errors import SettingsError
from visavis.files import open_regular
from visavis.gateway import Principal

__all__ = ["CredentialsFile", "parse_keys"]

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
"""Seconds between two checks whether the file changed."""

LARGEST_FILE = 1_000_000
"""Bytes of the largest file that is read, about 4,000 keys with a policy. Other files are no credentials."""

_FIELDS = {"access_key_id", "secret_access_key", "session_token", "expires", "user", "account_id", "policy"}
_NO_ACCOUNT = "000000000000"


class CredentialsFile:
    """The keys in a file. Safe to share between threads.

    If a changed file has a fault, the old keys stay in force and the log says what is wrong. It can be sent to another
    process with its keys, which are then in force there too, whatever the file contains.
    """

    def __init__(
        self, path: Path, *, allow_readable: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read `path`.

        Args:
            path: a TOML file of the form that this module's docstring shows.
            allow_readable: accept a file that other users can read. Mounted secrets often are.
            clock: returns seconds; must be monotonic.

        Raises:
            SettingsError: the file is missing or malformed, or other users can access it.
        """
        self._path = path
        self._allow_readable = allow_readable
        self._clock = clock
        self._lock = threading.Lock()
        self._checked_at = clock()
        self._last_stamp, self._keys = self._load()

    def __len__(self) -> int:
        return len(self._keys)

    def __getstate__(self) -> dict[str, object]:
        with self._lock:
            return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def principal_for(self, access_key_id: str) -> Principal | None:
        """The key with this id; None without one."""
        with self._lock:
            self._check()
            return self._keys.get(access_key_id)

    def check(self) -> None:
        """Read the file again if it has changed, as each call of `principal_for` does, at most once a second."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        if self._clock() - self._checked_at >= CHECK_SECONDS:
            self._checked_at = self._clock()
            self._reload()

    def _reload(self) -> None:
        stamp = self._current_stamp()
        if stamp == self._last_stamp:
            return
        try:
            self._last_stamp, self._keys = self._load()
        except SettingsError as error:
            self._last_stamp = stamp  # so that a fault is logged once, and not at every check
            # A traceback is not needed, because the reason names the file, the table and the field.
            log.error("credentials file not reloaded, old keys stay in force", extra={"reason": str(error)})  # noqa: TRY400
        else:
            log.info("credentials file reloaded", extra={"keys": len(self._keys)})

    def _current_stamp(self) -> tuple[int, ...]:
        try:
            return _stamp(self._path.stat())
        except OSError:
            return ()

    def _load(self) -> tuple[tuple[int, ...], dict[str, Principal]]:
        try:
            with open_regular(self._path) as file:
                status = os.fstat(file.fileno())
                data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise SettingsError(f"{self._path}: {error.strerror or error}") from error
        # Windows does not have these bits, and every file would seem accessible.
        if os.name == "posix" and status.st_mode & 0o077 and not self._allow_readable:
            raise SettingsError(
                f"{self._path} contains secrets, but other users can access it (mode {status.st_mode & 0o777:04o}): "
                f"run `chmod 600 {self._path}`, or accept that with --allow-readable-credentials"
            )
        if len(data) > LARGEST_FILE:
            raise SettingsError(f"{self._path} has more than {LARGEST_FILE} bytes, the limit for access keys")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SettingsError(f"{self._path} is not UTF-8") from error
        return _stamp(status), parse_keys(text, str(self._path))


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode)


def parse_keys(text: str, where: str) -> dict[str, Principal]:
    """The keys in a TOML document, by access key id.

    Args:
        text: the document, of the form that this module's docstring shows.
        where: the file's name in errors.

    Raises:
        SettingsError: a field is missing, unknown or malformed, or a key is given twice.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number with too many digits
        # The message quotes at most one character of the file, so it cannot contain a secret.
        raise SettingsError(f"{where} is not TOML: {error}") from error
    tables = document.get("keys")
    if set(document) != {"keys"} or not isinstance(tables, list) or not tables:
        raise SettingsError(f"{where} must contain at least one [[keys]] table and nothing else")
    keys: dict[str, Principal] = {}
    for index, table in enumerate(tables):
        principal = _principal(table, f"{where}: keys[{index}]")
        if principal.access_key_id in keys:
            raise SettingsError(f"{where}: keys[{index}]: access_key_id {principal.access_key_id} is given twice")
        keys[principal.access_key_id] = principal
    return keys


def _principal(table: object, where: str) -> Principal:
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where} must be a table")
    unknown = sorted(set(table) - _FIELDS)
    if unknown:
        raise SettingsError(f"{where} has unknown fields: {', '.join(unknown)}")
    key_id = _text(table, "access_key_id", where, r"[A-Za-z0-9_-]{1,128}", "1 to 128 letters, digits, - or _")
    user = _text(table, "user", where, r"[\w+=,.@/-]{1,512}", "a name as IAM allows", default=key_id)
    account = _text(table, "account_id", where, r"[0-9]{12}", "12 digits in quotes", default=_NO_ACCOUNT)
    try:
        policy = Policy.parse(table["policy"]) if "policy" in table else None
    except SettingsError as error:
        raise SettingsError(f"{where}: policy: {error}") from error
    return Principal(
        access_key_id=key_id,
        secret_access_key=_text(table, "secret_access_key", where, r"[!-~]+", "a text without spaces"),
        session_token=_text(table, "session_token", where, r"[!-~]+", "a text without spaces", default="") or None,
        expires=_moment(table, "expires", where),
        caller=Caller(key_id, f"arn:aws:iam::{account}:user/{user}", policy),
    )


def _text(
    table: Mapping[str, object], name: str, where: str, pattern: str, form: str, *, default: str | None = None
) -> str:
    value = table.get(name, default)
    if value is None:
        raise SettingsError(f"{where} lacks {name}")
    if name in table and (not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII)):
        raise SettingsError(f"{where}: {name} must be {form}")
    return str(value)


def _moment(table: Mapping[str, object], name: str, where: str) -> datetime | None:
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise SettingsError(f"{where}: {name} must be a date and time with a time zone, such as 2030-01-01T00:00:00Z")
    return value
