"""The folder of a user's embedder: copied by hand, changed by hand, and kept out of the cache."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.test_user_models import SFACE, calibration_for, colour_means, make_onnx
from visavis.errors import CalibrationMismatch, ManifestError, ModelCorrupt, SettingsError
from visavis.models.manifest import load_manifest
from visavis.models.store import ModelStore
from visavis.models.user_provided import add_embedder, calibration_file
from visavis.runtime import chosen_embedder, open_calibration, open_store
from visavis.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", data_home=tmp_path / "data", offline=True, embedder="arc")


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    return open_store(settings)


@pytest.fixture
def embedders(tmp_path: Path) -> Path:
    return tmp_path / "data/embedders"


def test_a_folder_that_was_copied_by_hand_is_an_embedder_named_after_it(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    calibration_for(arc.sha256).write(calibration_file(arc))
    there = Settings(tmp_path / "home2", data_home=tmp_path / "data2", embedder="copied")
    shutil.copytree(embedders / "arc", tmp_path / "data2/embedders/copied")
    assert chosen_embedder(there).sha256 == arc.sha256
    assert open_calibration(there).model_sha256 == arc.sha256
    assert open_store(there).ready("copied").is_file()


def test_a_folder_with_the_name_of_a_shipped_model_is_named(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    (embedders / "arc").rename(embedders / "mesh")
    with pytest.raises(ManifestError, match=r"mesh/embedder.toml: 'mesh' is the name of a model that ships"):
        open_store(settings)


def test_a_copied_file_that_is_not_the_described_one_is_refused(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    shutil.copyfile(make_onnx(tmp_path, dimensions=128), embedders / "arc/model.onnx")
    with pytest.raises(ModelCorrupt, match=rf"its SHA-256 is .* it should be {arc.sha256}"):
        open_store(replace(settings, home=tmp_path / "home2")).ready("arc")


def test_another_description_gives_another_network_and_needs_another_calibration(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path, weight=1), name="arc", build=SFACE)
    provenance = {"input": "rgb-0-255, NCHW"}
    replace(calibration_for(arc.sha256), provenance=provenance).write(calibration_file(arc))
    assert open_calibration(settings).provenance == provenance
    file = embedders / "arc/embedder.toml"
    file.write_text(file.read_text().replace("RGB", "BGR"))
    image = np.full((112, 112, 3), (10, 20, 30), np.uint8)
    assert colour_means(settings, image) == pytest.approx((30, 20, 10), abs=1e-3)
    with pytest.raises(CalibrationMismatch, match=r"fitted on rgb-0-255, NCHW, and embedder.toml says bgr-0-255, NCHW"):
        open_calibration(settings)


def test_without_a_data_folder_there_are_only_the_models_that_ship(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    nowhere = replace(settings, data_home=None)
    assert open_store(nowhere).manifest == load_manifest()
    with pytest.raises(SettingsError, match="VISAVIS_DATA_HOME"):
        add_embedder(store, nowhere.embedders, make_onnx(tmp_path), name="two", build=SFACE)


def test_the_cache_can_be_deleted_without_losing_an_embedder(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    shutil.rmtree(settings.home)
    assert open_store(settings).ready("arc").is_file()
