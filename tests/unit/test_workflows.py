"""What GitHub and the other tools of a repository read is well formed, and runs no action that can change."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.y*ml"))
OTHERS = [ROOT / ".github/dependabot.yml", ROOT / ".pre-commit-config.yaml"]

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
"""An action by its commit, and the release that the commit was when it was chosen."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def uses(path: Path) -> list[str]:
    """What follows each `uses:`, with the comment on its line."""
    return re.findall(r"^[\s-]*uses:\s*(.+?)\s*$", path.read_text("utf-8"), re.MULTILINE)


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield f"{path.stem}: {name}", job


def test_there_are_workflows_and_forms() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "release"}
    assert {path.stem for path in FORMS} >= {"bug", "wrong-answer", "feature"}


@pytest.mark.parametrize("path", [*WORKFLOWS, *FORMS, *OTHERS], ids=name_of)
def test_every_file_is_yaml(path: Path) -> None:
    assert isinstance(load(path), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_every_action_is_named_by_a_whole_commit_and_its_release(path: Path) -> None:
    loose = [use for use in uses(path) if not use.startswith("./") and not PINNED.fullmatch(use)]
    assert loose == []


def test_one_action_is_the_same_commit_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for use in uses(path):
            if not use.startswith("./"):
                action, commit = use.split("@")
                found.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in found.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_nothing_is_permitted_but_what_a_job_asks_for(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow


@pytest.mark.parametrize(("name", "job"), [pytest.param(name, job, id=name) for name, job in jobs()])
def test_every_job_that_runs_has_a_time_limit(name: str, job: dict[str, Any]) -> None:
    assert ("uses" in job) != ("timeout-minutes" in job)


def test_only_publishing_may_ask_for_an_identity_and_only_announcing_may_write() -> None:
    asked = {name: job.get("permissions", {}) for name, job in jobs()}
    more = {name: rights for name, rights in asked.items() if set(rights.items()) - {("contents", "read")}}
    assert more == {"release: publish": {"id-token": "write"}, "release: announce": {"contents": "write"}}


def test_what_is_published_has_passed_ci_and_a_protected_environment() -> None:
    publish = load(ROOT / ".github/workflows/release.yml")["jobs"]["publish"]
    assert set(publish["needs"]) == {"ci", "build"}
    assert publish["environment"]["name"] == "pypi"


def test_no_text_of_an_event_is_pasted_into_a_shell() -> None:
    pasted = [
        (name, step["run"]) for name, job in jobs() for step in job.get("steps", []) if "${{" in step.get("run", "")
    ]
    assert pasted == []


def test_ci_runs_every_python_that_the_package_names_on_three_systems() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    named = sorted(m[1] for c in classifiers if (m := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", c)))
    ci = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert ci["check"]["strategy"]["matrix"]["python"] == named
    assert ci["test"]["strategy"]["matrix"]["python"] == named
    systems = {ci["check"]["runs-on"], *ci["test"]["strategy"]["matrix"]["os"]}
    assert {re.split(r"-", system)[0] for system in systems} == {"ubuntu", "macos", "windows"}


def test_all_jobs_of_ci_are_required() -> None:
    ci = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert set(ci["required"]["needs"]) == set(ci) - {"required"}
    assert ci["required"]["if"] == "always()"


def test_ci_installs_what_is_locked_and_requires_the_answer_of_the_audit() -> None:
    ci = load(ROOT / ".github/workflows/ci.yml")
    assert "LOCKED" in ci["env"]
    (check,) = [step["run"] for step in ci["jobs"]["check"]["steps"] if "run" in step]
    assert check.startswith("make check ")
    assert "AUDIT=--require" in check
    assert [step["run"] for step in ci["jobs"]["lowest"]["steps"] if "run" in step] == ["make lowest PYTHON=python"]


def test_check_looks_for_vulnerabilities() -> None:
    (needs,) = re.findall(r"(?m)^check: (.+)$", (ROOT / "Makefile").read_text("utf-8"))
    assert {"bandit", "audit"} <= set(needs.split())


def test_the_list_of_packages_is_attached_to_a_release_and_not_uploaded_as_a_package() -> None:
    jobs = load(ROOT / ".github/workflows/release.yml")["jobs"]
    downloads = {
        name: [step["with"]["name"] for step in job["steps"] if "download-artifact" in step.get("uses", "")]
        for name, job in jobs.items()
        if "steps" in job
    }
    assert downloads["publish"] == ["dist"]
    assert downloads["announce"] == ["dist", "sbom"]
