"""The bytes of a credentials file to keys and callers."""

from __future__ import annotations

import tempfile
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from visavis.aws.policy import Verdict
from visavis.errors import SettingsError
from visavis.gateway import Principal
from visavis.server.credentials import CredentialsFile, parse_keys

__all__ = ["run"]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECRET = 8
"""Characters from which a text is looked for in errors: shorter ones are in them by chance."""


@cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is deleted when the process ends."""
    return tempfile.TemporaryDirectory(prefix="visavis-fuzz-")


def run(data: bytes) -> None:
    path = Path(folder().name, "keys.toml")
    path.write_bytes(data)
    document = document_of(data)
    try:
        file = CredentialsFile(path, allow_readable=True)
    except SettingsError as error:
        check_error(error, document)
        return
    assert document is not None
    tables = document["keys"]
    assert len(file) == len(tables) > 0
    for table in tables:
        found = file.principal_for(table["access_key_id"])
        assert found is not None
        check(found, table)
    assert parse_keys(data.decode(), "text") == {
        table["access_key_id"]: file.principal_for(table["access_key_id"]) for table in tables
    }


def document_of(data: bytes) -> Any:
    """The TOML document; None if it is none."""
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def secrets_in(value: Any, name: str = "") -> list[str]:
    """The texts of all fields for secrets that are long enough to be looked for."""
    match value:
        case dict():
            return [secret for key, inner in value.items() for secret in secrets_in(inner, key)]
        case list():
            return [secret for inner in value for secret in secrets_in(inner, name)]
        case str() if name in ("secret_access_key", "session_token") and len(value) >= SECRET:
            return [value]
    return []


def check_error(error: SettingsError, document: Any) -> None:
    for secret in secrets_in(document):
        assert secret not in str(error), "an error repeats a secret"


def check(found: Principal, table: dict[str, Any]) -> None:
    """A key has what its table says, and does not show its secret."""
    assert found.secret_access_key == table["secret_access_key"]
    assert found.session_token == table.get("session_token")
    assert found.secret_access_key.isascii()
    assert found.secret_access_key.isprintable()
    assert found.expires == table.get("expires")
    assert found.expires is None or found.expires.tzinfo is not None
    if found.expires is not None:
        assert found.expires <= NOW or found.expires > NOW
    account, user = table.get("account_id", "000000000000"), table.get("user", table["access_key_id"])
    assert found.caller.arn == f"arn:aws:iam::{account}:user/{user}"
    assert found.caller.arn.isprintable()
    verdict = found.caller.verdict("rekognition:CompareFaces")
    if "policy" not in table:
        assert verdict is Verdict.ALLOWED
    if len(found.secret_access_key) >= SECRET:
        for shown in (repr(found), str(found)):
            assert found.secret_access_key not in shown.replace(found.caller.arn, "").replace(found.access_key_id, "")
