"""Build the wheel, install it into a separate folder, and run the unit tests against it.

This finds files that are missing from the wheel, such as package data. Arguments are options of pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
        (wheel,) = folder.glob("*.whl")
        # The dependencies come from this environment, and only visavis comes from the wheel.
        subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
        (folder / "tests").symlink_to(ROOT / "tests")
        (folder / "examples").symlink_to(ROOT / "examples")
        environment = os.environ | {"PYTHONPATH": f"{folder / 'site'}{os.pathsep}{folder}"}
        where = "import visavis; print(visavis.__file__)"
        found = subprocess.run(
            [sys.executable, "-c", where], check=True, capture_output=True, text=True, env=environment, cwd=folder
        ).stdout.strip()
        if not found.startswith(str(folder)):
            raise SystemExit(f"the tests must run against the wheel, and not against {found}")
        same = "import visavis, importlib.metadata as m, sys; sys.exit(m.version('visavis') != visavis.__version__)"
        if subprocess.run([sys.executable, "-c", same], check=False, env=environment, cwd=folder).returncode:
            raise SystemExit("the version in the wheel's metadata must be visavis.__version__, and it is not")
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit"]
        options = ["--rootdir", str(folder), "-c", str(ROOT / "pyproject.toml"), "--override-ini", "testpaths="]
        options += sys.argv[1:]
        done = subprocess.run([*tests, *options], check=False, env=environment, cwd=folder)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
