"""The lock files have every dependency of pyproject.toml, within its bounds, with hashes and without a host."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from tools.lock import LOCKS, PARTS, Locked, read

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = DOCUMENT["project"]
EXTRAS = PROJECT["optional-dependencies"]
GROUPS = DOCUMENT["dependency-groups"]

PYTHONS = ("3.11.9", "3.12.9", "3.13.9", "3.14.1")
PLATFORMS = ({"sys_platform": "linux", "os_name": "posix"}, {"sys_platform": "win32", "os_name": "nt"})


@cache
def locked(name: str) -> list[Locked]:
    return read(LOCKS / f"{name}.lock")


def version_of(name: str, package: str, environment: dict[str, str]) -> Version | None:
    """The version of a package in a file for an environment."""
    versions = [
        one.version
        for one in locked(name)
        if one.name == canonicalize_name(package) and (not one.marker or Marker(one.marker).evaluate(environment))
    ]
    return Version(*versions) if versions else None


def direct(texts: list[str]) -> Iterator[Requirement]:
    """The dependencies, those of this project's extras too."""
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            for extra in requirement.extras:
                yield from direct(EXTRAS[extra])
        else:
            yield requirement


def group(name: str) -> Iterator[str]:
    """The dependencies of a group, with those of the groups that it includes."""
    for entry in GROUPS[name]:
        yield from [entry] if isinstance(entry, str) else group(entry["include-group"])


def needed(name: str) -> Iterator[Requirement]:
    return direct([*group(name)] if name in GROUPS else [*PROJECT["dependencies"], *EXTRAS[name]])


NAMES = [*EXTRAS, *GROUPS]


def test_every_extra_has_a_file() -> None:
    assert {path.stem for path in LOCKS.glob("*.lock")} == set(NAMES)
    assert {*PARTS, "dev"} == set(EXTRAS)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_every_dependency_within_its_bounds(name: str) -> None:
    for python in PYTHONS:
        for platform in PLATFORMS:
            environment = {"python_full_version": python, "python_version": python.rpartition(".")[0], **platform}
            for requirement in needed(name):
                version = version_of(name, requirement.name, environment)
                assert version is not None, f"make lock: {requirement.name} is missing for Python {python}"
                assert version in requirement.specifier, f"make lock: {requirement} is locked at {version}"


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_hashes(name: str) -> None:
    assert locked(name)
    assert [one.name for one in locked(name) if not one.sha256] == []


@pytest.mark.parametrize(
    "line", ["--index-url https://example.com/simple", "pillow @ file:///opt/pillow.whl", "pillow>=13", "-e ."]
)
def test_a_line_that_names_a_host_or_no_version_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    path.write_text(f"pillow==13.0.0 \\\n    --hash=sha256:{64 * '0'}\n{line}\n")
    with pytest.raises(ValueError, match="neither"):
        read(path)


@pytest.mark.parametrize("name", [*PARTS, "build"])
def test_a_package_has_the_same_version_in_every_file(name: str) -> None:
    # Markers are not compared, because another extra may restrict those of `dev`.
    versions = {(one.name, one.version) for one in locked("dev")}
    shared = {(one.name, one.version) for one in locked(name) if one.name in dict(versions)}
    assert shared
    assert shared <= versions


def test_the_image_is_built_from_the_lock_files() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text("utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip install ([^&;]+)", text)
    assert len(installs) == 3
    assert all("--require-hashes" in options or "--no-index" in options for options in installs)
    assert "!locks" in (ROOT / "deploy/Dockerfile.dockerignore").read_text("utf-8").splitlines()
