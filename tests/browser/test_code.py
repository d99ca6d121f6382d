"""The code that the page offers to copy: it runs as it stands, and gives the numbers that the page shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.browser import Visit

from tests.browser.test_page import ARDERN, GROUP, Open, compared, file, rows
from tests.conftest import posix
from tests.contract.serving import Running

pytestmark = [pytest.mark.slow, posix]


def copied(visit: Visit, tab: str) -> str:
    visit.page.get_by_role("tab", name=tab).click()
    visit.page.get_by_role("button", name="Copy").click()
    return str(visit.page.evaluate("navigator.clipboard.readText()"))


def run(code: str, folder: Path, *command: str, **variables: str) -> str:
    environment = os.environ | {"AWS_EC2_METADATA_DISABLED": "true"} | variables
    done = subprocess.run([*command, code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the photos of the comparison, under the names that the page knows."""
    for path in (ARDERN, GROUP):
        shutil.copy(path, tmp_path)
    return tmp_path


def opened_with_clipboard(visit: Open, server: Running, path: str = "/") -> Visit:
    return visit(server, path, permissions=["clipboard-read", "clipboard-write"])


def best(visit: Visit) -> str:
    return rows(visit)[0][1]


def test_the_copied_boto3_gives_what_the_page_shows(open_server: Running, visit: Open, folder: Path) -> None:
    opened = compared(opened_with_clipboard(visit, open_server), ARDERN, GROUP)
    printed = run(copied(opened, "boto3"), folder, sys.executable, "-c")
    assert printed.startswith(best(opened))
    assert printed.count("\n") == 1


def test_the_copied_curl_gives_what_the_page_shows(open_server: Running, visit: Open, folder: Path) -> None:
    opened = compared(opened_with_clipboard(visit, open_server), ARDERN, GROUP)
    printed = run(copied(opened, "curl"), folder, "bash", "-euo", "pipefail", "-c")
    assert f'"FaceMatches":[{{"Similarity":{best(opened)}' in printed


def test_the_copied_command_of_the_aws_cli_gives_what_the_page_shows(
    open_server: Running, visit: Open, folder: Path
) -> None:
    opened = compared(opened_with_clipboard(visit, open_server), ARDERN, GROUP)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    printed = run(copied(opened, "AWS CLI"), folder, "bash", "-c", PATH=path)
    assert f'"Similarity": {best(opened)}' in printed


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to read the JavaScript")
def test_the_copied_javascript_is_a_module(open_server: Running, visit: Open, folder: Path) -> None:
    opened = compared(opened_with_clipboard(visit, open_server), ARDERN, GROUP)
    (folder / "compare.mjs").write_text(copied(opened, "JavaScript"))
    run("compare.mjs", folder, "node", "--check")


def test_the_code_has_the_threshold_and_the_filter_of_the_page(open_server: Running, visit: Open) -> None:
    opened = compared(opened_with_clipboard(visit, open_server), ARDERN, GROUP)
    opened.page.get_by_label("Leave out faces of quality below").select_option("AUTO")
    opened.answered()
    opened.page.locator("#threshold").fill("92.5")
    opened.says("match")
    for tab, threshold, quality in (
        ("boto3", "SimilarityThreshold=92.5,", 'QualityFilter="AUTO"'),
        ("AWS CLI", "--similarity-threshold 92.5", "--quality-filter AUTO"),
        ("JavaScript", "SimilarityThreshold: 92.5,", 'QualityFilter: "AUTO"'),
        ("curl", '"SimilarityThreshold":92.5,', '"QualityFilter":"AUTO"'),
    ):
        code = copied(opened, tab)
        assert threshold in code
        assert quality in code


def test_the_response_is_shown_as_the_server_sent_it(open_server: Running, visit: Open) -> None:
    opened = visit(open_server, permissions=["clipboard-read", "clipboard-write"])
    bodies: list[str] = []
    opened.page.on("response", lambda r: bodies.append(r.text()) if r.request.method == "POST" else None)
    compared(opened, ARDERN, GROUP)
    squeeze: Callable[[str], str] = lambda text: "".join(text.split())  # noqa: E731
    assert squeeze(copied(opened, "Response")) == squeeze(bodies[0])


NAMES = ['it\'s $(touch x) "q" `y`.jpg', "-rf.jpg", "s3:photo.jpg", "zwölf 十二.jpg", "a\\nb.jpg"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("tab", "command"), [("curl", ("bash", "-euc")), ("boto3", (sys.executable, "-c"))])
def test_names_of_files_are_quoted(
    open_server: Running, visit: Open, folder: Path, name: str, tab: str, command: tuple[str, ...]
) -> None:
    opened = opened_with_clipboard(visit, open_server)
    opened.choose("source", file(name, ARDERN.read_bytes()))
    opened.choose("target", GROUP)
    opened.answered()
    shutil.copy(ARDERN, folder / name)
    assert best(opened) in run(copied(opened, tab), folder, *command)
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, ARDERN.name, GROUP.name])


@pytest.mark.parametrize(("tab", "command"), [("curl", ("bash", "-euc")), ("boto3", (sys.executable, "-c"))])
def test_code_for_a_server_with_credentials_takes_the_key_from_the_environment(
    keyed_server: Running, visit: Open, folder: Path, tab: str, command: tuple[str, ...]
) -> None:
    from tests.browser.test_access import give_key

    opened = opened_with_clipboard(visit, keyed_server, "/faces/")
    opened.choose("source", ARDERN)
    opened.choose("target", GROUP)
    give_key(opened, "AKIDONE", "secret-one")
    opened.answered()
    code = copied(opened, tab)
    assert "secret-one" not in code
    assert "AKIDONE" not in code
    printed = run(code, folder, *command, AWS_ACCESS_KEY_ID="AKIDONE", AWS_SECRET_ACCESS_KEY="secret-one")
    assert best(opened) in printed
