"""The audit of the locked packages, against a vulnerability service in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools import audit

VULNERABILITY = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-1"],
    "summary": "",
    "affected": [
        {
            "package": {"name": "pillow", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "12.0"}]}],
        }
    ],
}


@contextmanager
def service(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """The URL of a service that knows one vulnerability, in pillow before 12.0, and the packages it was asked about."""
    asked = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(f"{query['package']['name']}=={query['version']}")
            vulnerable = query["package"]["name"] == "pillow" and int(query["version"].split(".")[0]) < 12
            body = json.dumps({"vulns": [VULNERABILITY]} if vulnerable else {}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        finally:
            server.shutdown()
            thread.join()


def lock(folder: Path, *packages: str) -> Path:
    path = folder / "some.lock"
    path.write_text("".join(f"{package} \\\n    --hash=sha256:{64 * '0'}\n" for package in packages))
    return path


def test_every_package_of_the_lock_files_is_asked_about() -> None:
    with service() as (url, asked):
        assert [line for file in audit.FILES for line in audit.audit(file, f"--osv-url={url}")] == []
    assert len(asked) > 100
    assert {"pillow", "uvicorn", "twine"} <= {one.split("==")[0] for one in asked}


def test_a_known_vulnerability_is_named_with_the_release_that_fixes_it(tmp_path: Path) -> None:
    with service() as (url, _):
        found = audit.audit(lock(tmp_path, "pillow==11.1.0", "idna==3.20"), f"--osv-url={url}")
    assert found == ["pillow 11.1.0: CVE-2026-1, GHSA-aaaa-bbbb-cccc, fixed in 12.0"]


def test_an_answered_vulnerability_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.ANSWERED, "CVE-2026-1", "the function is not called")
    with service() as (url, _):
        assert audit.audit(lock(tmp_path, "pillow==11.1.0"), f"--osv-url={url}") == []


def test_a_service_that_fails_or_is_not_there_is_no_answer(tmp_path: Path) -> None:
    file = lock(tmp_path, "pillow==11.1.0")
    with service(status=503) as (url, _), pytest.raises(audit.Unanswered):
        audit.audit(file, f"--osv-url={url}")
    with pytest.raises(audit.Unanswered):
        audit.audit(file, "--osv-url=http://127.0.0.1:1/v1/query")


def test_a_lock_file_that_cannot_be_read_is_an_error_and_not_a_missing_answer(tmp_path: Path) -> None:
    with service() as (url, _), pytest.raises(RuntimeError, match="duplicate"):
        audit.audit(lock(tmp_path, "idna==3.20", "idna==3.19"), f"--osv-url={url}")


@pytest.mark.parametrize("required", [False, True])
def test_without_an_answer_only_a_required_audit_fails(
    required: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unanswered(*_: object) -> list[str]:
        raise audit.Unanswered("no network")

    monkeypatch.setattr(audit, "audit", unanswered)
    monkeypatch.setattr("sys.argv", ["audit", *(["--require"] if required else [])])
    if required:
        with pytest.raises(SystemExit, match="no network"):
            audit.main()
    else:
        audit.main()
        assert "did not answer: no network" in capsys.readouterr().out


def test_a_vulnerability_fails_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "audit", lambda *_: ["pillow 11.1.0: GHSA-aaaa-bbbb-cccc"])
    monkeypatch.setattr("sys.argv", ["audit"])
    with pytest.raises(SystemExit, match="pillow 11"):
        audit.main()
