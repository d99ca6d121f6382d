"""Tests that visavis works with the lowest version of every direct dependency. Run it with `make lowest`.

It finds versions for Python 3.11 in which every direct dependency has its lower bound of pyproject.toml, installs them
into an environment of their own, fetches and builds the networks there, and runs tests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools.uv import ROOT, Uv

TESTS = (
    "tests/unit",
    "tests/contract/test_boto3.py",
    "tests/contract/test_s3.py",
    "tests/contract/test_server.py",
    "tests/hostile",
    "tests/golden/test_batch.py",
    "tests/golden/test_cli.py",
    "tests/golden/test_engine.py",
    "tests/golden/test_pinned_faces.py",
)
"""Everything that calls a dependency: decoders, networks, HTTP, S3, files of tables, plots."""

APART = ("bandit", "cyclonedx-python-lib", "pip-audit")
"""What `make check` and `make sbom` use besides. What these depend on would raise the versions of visavis' own
dependencies. Their lower bounds are the versions that they ran with when they were chosen."""

PYTEST = ("-q", "-p", "no:cacheprovider", "-m", "not slow", "-o", "filterwarnings=default")
"""Warnings are no errors here, because old releases of others warn about new releases of others."""


def direct() -> list[Requirement]:
    """The direct dependencies of all extras, and those for building, without `APART`."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = document["project"]
    texts = [*project["dependencies"], *document["dependency-groups"]["build"]]
    texts += [text for extra in project["optional-dependencies"].values() for text in extra]
    return [found for found in map(Requirement, texts) if found.name not in {project["name"], *APART}]


def at_lower_bound(requirement: Requirement) -> str:
    """The requirement of the lowest version: `numpy==2.0.*` for `numpy>=2.0`."""
    (bound,) = [one.version for one in requirement.specifier if one.operator == ">="]
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}=={bound}.*"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", default=TESTS, help="files of tests; default: those that matter")
    tests = parser.parse_args().tests
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uv, environment = Uv(folder), folder / "environment"
        wanted, versions = folder / "direct.txt", folder / "lowest.txt"
        wanted.write_text("\n".join(map(at_lower_bound, direct())))
        # uv fails, and says why, if a bound is lower than what the other dependencies allow.
        uv.compile(versions, "--resolution", "lowest-direct", "--no-header", "--no-annotate", wanted)
        names = {canonicalize_name(one.name) for one in direct()}
        print(*(line for line in versions.read_text().splitlines() if line.split("==")[0] in names))
        uv("venv", "--python", "3.11", environment)
        python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        uv("pip", "sync", "--python", python, versions)
        uv("pip", "install", "--python", python, "--no-deps", "--no-build-isolation", "--editable", ".")
        home = os.environ | {"VISAVIS_HOME": str(folder / "home")}
        subprocess.run([python, "-m", "visavis", "models", "fetch"], check=True, env=home, stdout=subprocess.DEVNULL)
        done = subprocess.run([python, "-m", "pytest", *PYTEST, *tests], check=False, env=home, cwd=ROOT)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
