"""Asks a vulnerability service (OSV) about the versions in locks/. Run it with `make audit`.

Without an answer of the service nothing is known. Then it says so and ends without an error, because a clone must pass
`make check` without a network. With `--require` that is an error, as in CI.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

FILES = [ROOT / "locks/dev.lock", ROOT / "locks/release.lock"]
"""Between them they have every package."""

ANSWERED: dict[str, str] = {}
"""The id of a vulnerability -> why it does not concern visavis, and when that was last looked at."""

HOW = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", "--vulnerability-service=osv")
"""The files are complete, so pip has nothing to resolve. Only packages for this system and Python are asked about."""

NO_ANSWER = ("requests.exceptions.", "pip_audit._service.", "Could not connect")
"""What pip-audit prints if the service cannot be reached, or answers with an error."""


class Unanswered(Exception):
    """The service gave no answer, or not for every package."""


def audit(file: Path, *further: str) -> list[str]:
    """The known vulnerabilities of the packages in `file`, one line each.

    Args:
        file: of requirements, with hashes.
        *further: arguments of pip-audit.

    Raises:
        Unanswered: the service gave no answer, or not for every package.
        RuntimeError: pip-audit failed for another reason.
    """
    command = [sys.executable, "-m", "pip_audit", *HOW, f"--requirement={file}", *further]
    command += [f"--ignore-vuln={one}" for one in ANSWERED]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if not done.stdout:
        words = done.stderr.strip().splitlines()[-1]
        raise (Unanswered if any(sign in done.stderr for sign in NO_ANSWER) else RuntimeError)(words)
    dependencies: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    if unknown := [one["name"] for one in dependencies if "skip_reason" in one]:
        raise Unanswered(f"it does not know {len(unknown)} of {len(dependencies)} packages, such as {unknown[0]}")
    return [
        f"{one['name']} {one['version']}: {', '.join([found['id'], *found['aliases']])}, "
        f"fixed in {', '.join(found['fix_versions']) or 'no release'}"
        for one in dependencies
        for found in one["vulns"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require", action="store_true", help="fail if the service does not answer")
    require = parser.parse_args().require
    try:
        found = [line for file in FILES for line in audit(file)]
    except Unanswered as error:
        text = f"audit: known vulnerabilities were not looked for, because the service did not answer: {error}"
        if require:
            raise SystemExit(text) from error
        print(text)
        return
    if found:
        raise SystemExit("\n".join(["audit: known vulnerabilities:", *found]))
    print("audit: no known vulnerabilities in locks/")


if __name__ == "__main__":
    main()
