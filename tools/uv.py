"""Gives uv, which resolves dependencies for all systems at once, to `tools.lock` and `tools.lowest`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Uv:
    """uv in an environment of its own.

    Args:
        folder: for the environment; an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        environment = folder / "uv"
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        scripts = environment / ("Scripts" if os.name == "nt" else "bin")
        lock = ROOT / "locks/release.lock"
        what = ["--require-hashes", "-r", str(lock)] if lock.exists() else ["uv"]
        pip = [str(scripts / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, *what], check=True)
        self._program = scripts / "uv"

    def __call__(self, *arguments: str | Path) -> None:
        """Run uv in the root of the repository."""
        # Without the user's configuration, which may name an index. UV_DEFAULT_INDEX in the environment counts.
        subprocess.run([self._program, "--no-config", "--quiet", *arguments], check=True, cwd=ROOT)

    def compile(self, output: Path, *arguments: str | Path) -> None:
        """Resolve dependencies for Python 3.11 and later, and write their versions to `output`."""
        self("pip", "compile", "--upgrade", "--python-version", "3.11", "--output-file", output, *arguments)
