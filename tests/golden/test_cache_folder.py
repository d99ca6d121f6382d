"""The cache folder may be read-only, or vanish while an engine is open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import visavis
from tests.conftest import PHOTOS
from visavis import runtime
from visavis.models.core import Core
from visavis.models.network import Network
from visavis.runtime import open_store
from visavis.settings import Settings
from visavis.vision.expression import NETWORK
from visavis.vision.iris import EYES

Photo = Callable[[str], bytes]
PAIR = [PHOTOS / f"ardern_{year}.jpg" for year in (2018, 2022)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A cache of one's own, without compiled networks."""
    home = tmp_path / "home"
    for part in ("files", "ready"):
        shutil.copytree(Settings.from_env().home / part, home / part)
    return home


def similarity(engine: visavis.Engine, photo: Photo) -> float:
    return engine.compare(photo("ardern_2018"), photo("ardern_2022")).matches[0].similarity


def without_rights_over_modes() -> list[str]:
    """Words before a command that make file modes hold for it, even for root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write to read-only folders, and there is no setpriv to take that away")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
@pytest.mark.parametrize("compiled", [False, True], ids=["without compiled/", "with compiled/"])
def test_a_read_only_cache_is_enough(home: Path, compiled: bool) -> None:
    if compiled:
        (home / "compiled").mkdir()
    for path in (home, *home.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [*without_rights_over_modes(), sys.executable, "-m", "visavis", "compare", *(str(p) for p in PAIR)],
        capture_output=True, text=True, check=False, env={**os.environ, "VISAVIS_HOME": str(home)},
    )  # fmt: skip
    for path in (home, *home.rglob("*")):
        path.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert "match" in done.stdout
    assert (home / "compiled").exists() is compiled


def test_a_cache_whose_place_for_compiled_networks_is_taken_is_enough(home: Path, photo: Photo) -> None:
    (home / "compiled").write_text("a file")
    with visavis.open_engine(Settings(home, offline=True), once=True) as engine:
        assert similarity(engine, photo) > 99


def test_shapes_that_were_not_seen_before_are_compiled_after_the_cache_was_deleted(home: Path, photo: Photo) -> None:
    with visavis.open_engine(replace(Settings.from_env(), home=home, offline=True)) as engine:
        shutil.rmtree(home)
        assert similarity(engine, photo) > 99
        for shape in ((100, 900, 3), (900, 100, 3), (500, 500, 3)):
            assert engine.analyze(np.zeros(shape, np.uint8)).faces == ()
        assert not home.exists()


def test_the_shapes_that_are_compiled_ahead_are_those_of_the_networks() -> None:
    store, core = open_store(Settings.from_env()), Core(None)
    inputs = {
        NETWORK: runtime._EXPRESSION_INPUT,
        store.ready("iris"): runtime._IRIS_INPUT,
        store.ready("mesh"): runtime._MESH_INPUT,
        store.ready("sface"): runtime._EMBEDDER_INPUT,
    }
    for file, shape in inputs.items():
        _, *sides = Network(core, file).model().input(0).partial_shape
        assert tuple(side.get_length() for side in sides) == shape[1:]
    assert runtime._IRIS_INPUT[0] == EYES
