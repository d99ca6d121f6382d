"""Writes locks/: the versions and SHA-256 of all packages that each extra needs. Run it with `make lock`.

A package has the same version in all files but `release.lock`, whose packages do not fit `dev.lock`.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.uv import ROOT, Uv

LOCKS = ROOT / "locks"

PARTS = ("server", "batch", "evaluate", "ray")
"""The extras that have files of their own; `dev` contains them all."""

AGE = "7 days"
"""Files that were uploaded later are left out, because most malicious releases are noticed sooner."""

HOW = (
    "--universal",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--exclude-newer",
    AGE,
    "--custom-compile-command",
    "make lock",
)


_PINNED = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z,-]+\])?==(?P<version>[\w.+!-]+)( ; (?P<marker>[^\\]+))? \\")
_HASH = re.compile(r"    --hash=sha256:([0-9a-f]{64})( \\)?")


@dataclass(frozen=True, slots=True)
class Locked:
    """A package in a lock file.

    Attributes:
        name: its canonical name.
        version: its version.
        marker: the environment that it is for; empty for every one.
        sha256: of its files.
    """

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]


def read(path: Path) -> list[Locked]:
    """The packages in a lock file.

    Raises:
        ValueError: a line is something else, such as the address of an index.
    """
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        if pinned := _PINNED.fullmatch(line):
            found.append((pinned, []))
        elif found and (digest := _HASH.fullmatch(line)):
            found[-1][1].append(digest[1])
        else:
            raise ValueError(f"{path.name} has a line that is neither a version nor a hash: {line}")
    return [Locked(one["name"], one["version"], one["marker"] or "", tuple(hashes)) for one, hashes in found]


def main() -> None:
    LOCKS.mkdir(exist_ok=True)
    everything = LOCKS / "dev.lock"
    with tempfile.TemporaryDirectory() as folder:
        uv = Uv(Path(folder))
        uv.compile(everything, *HOW, "--all-extras", "pyproject.toml")
        for part in PARTS:
            uv.compile(LOCKS / f"{part}.lock", *HOW, "--constraints", everything, "--extra", part, "pyproject.toml")
        uv.compile(LOCKS / "build.lock", *HOW, "--constraints", everything, "--group", "build")
        uv.compile(LOCKS / "release.lock", *HOW, "--group", "release")


if __name__ == "__main__":
    main()
