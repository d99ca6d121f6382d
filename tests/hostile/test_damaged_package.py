"""A network in the package that is not the one that was verified: nothing runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import visavis
from tests.conftest import PHOTOS

pytestmark = pytest.mark.slow

NETWORK = "vision/data/expression.onnx"


def flip(file: Path) -> None:
    """Change a weight, so that OpenVINO still reads the network."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit": flip,
    "cut off": lambda file: os.truncate(file, 1000),
    "missing": lambda file: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_changed_network_in_the_package_is_not_run_and_is_reported(tmp_path: Path, damage: str) -> None:
    package = tmp_path / "visavis"
    shutil.copytree(Path(visavis.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    DAMAGES[damage](package / NETWORK)
    says = f"{package / NETWORK} " + ("cannot be read" if damage == "missing" else "is damaged: its SHA-256 is ")
    photo = str(PHOTOS / "obama.jpg")
    for words in (["compare", photo, photo], ["serve", "--port", "0"], ["models", "verify"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", "visavis", *words],
            capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        said = done.stdout if words == ["doctor"] else done.stderr
        assert (done.returncode, says in said, "Traceback" in done.stderr) == (2, True, False), done
        assert said.rstrip().endswith("install visavis again")
