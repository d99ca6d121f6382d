from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from visavis.calibration import Calibration, load_calibration
from visavis.cli import main
from visavis.errors import CalibrationMismatch, ManifestError, ModelCorrupt, ModelUnavailable, ModelUnfit, SettingsError
from visavis.evaluate import calibrating
from visavis.evaluate.data.embeddings import Acquired
from visavis.files import sha256_of
from visavis.models.manifest import load_manifest
from visavis.models.model_file import Build
from visavis.models.session import OpenVinoRuntime
from visavis.models.store import ModelStore
from visavis.models.user_provided import INPUTS, add_embedder, calibration_file, remove_embedder
from visavis.runtime import chosen_embedder, open_calibration, open_store
from visavis.settings import Settings

SFACE = INPUTS["rgb-0-255"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", data_home=tmp_path / "data", offline=True, embedder="arc")


@pytest.fixture
def embedders(tmp_path: Path) -> Path:
    return tmp_path / "data/embedders"


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    return open_store(settings)


def make_onnx(
    folder: Path,
    *,
    shape: tuple[int | str, ...] = ("n", 3, 112, 112),
    dimensions: int = 64,
    weight: float = 0.01,
    axes: tuple[int, int] = (2, 3),
    outputs: int = 1,
) -> Path:
    """A network that gives each colour's mean, standard_deviation over `dimensions` numbers."""
    weights = np.repeat(np.eye(3, dtype=np.float32) * weight, -(-dimensions // 3), axis=1)[:, :dimensions]
    nodes = [
        helper.make_node("ReduceMean", ["data", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["vector0"]),
        *(helper.make_node("Identity", ["vector0"], [f"vector{i}"]) for i in range(1, outputs)),
    ]
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"vector{i}", TensorProto.FLOAT, None) for i in range(outputs)],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(axes, np.int64), "axes")],
    )  # fmt: skip
    file = folder / f"tiny-{dimensions}-{weight}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), file)
    return file


def calibration_for(sha256: str) -> Calibration:
    """The shipped curve, said to be fitted on another embedder."""
    return replace(load_calibration(), model_sha256=sha256)


def everything_under(*roots: Path) -> list[str]:
    return sorted(str(p) for root in roots for p in root.rglob("*") if p.is_file() and p.name != ".lock")


def test_an_added_network_is_recorded_with_its_hash_and_stands_ready(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    model = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE, licence="MIT")
    recorded = tomllib.loads((embedders / "arc/embedder.toml").read_text())
    assert recorded["sha256"] == model.sha256
    assert recorded["template"] == "arcface112"
    assert sha256_of(embedders / "arc/model.onnx") == model.sha256
    assert chosen_embedder(settings) == model
    assert [s.ready for s in open_store(settings).status() if s.model.user_provided] == [True]


def colour_means(settings: Settings, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    network = OpenVinoRuntime(concurrency=1, cache=None).session(open_store(settings).ready("arc"))
    (vector,) = network.run(image[None]).values()
    return vector[0, [0, 22, 44]]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("rgb-0-255", (10, 20, 30)), ("bgr-0-255", (30, 20, 10)), ("rgb-unit", (10 / 255, 20 / 255, 30 / 255)),
     ("bgr-127.5-128", (-97.5 / 128, -107.5 / 128, -117.5 / 128))],
)  # fmt: skip
def test_the_network_is_fed_what_was_named(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path, given: str, wanted: tuple[float, ...]
) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path, weight=1), name="arc", build=INPUTS[given])
    image = np.full((112, 112, 3), (10, 20, 30), np.uint8)
    assert colour_means(settings, image) == pytest.approx(wanted, abs=1e-3)


def test_channels_may_come_last(settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path) -> None:
    file = make_onnx(tmp_path, shape=(1, 112, 112, 3), axes=(1, 2), weight=1)
    add_embedder(store, embedders, file, name="arc", build=replace(SFACE, layout="NHWC"))
    image = np.full((112, 112, 3), (10, 20, 30), np.uint8)
    assert colour_means(settings, image) == pytest.approx((10, 20, 30), abs=1e-3)


def test_several_are_kept_and_each_is_removed_without_a_trace(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    add_embedder(store, embedders, make_onnx(tmp_path, dimensions=128), name="other", build=SFACE)
    calibration_for(arc.sha256).write(calibration_file(arc))
    remove_embedder(open_store(settings), "arc")
    assert [name for name, m in open_store(settings).manifest.models.items() if m.user_provided] == ["other"]
    remove_embedder(open_store(settings), "other")
    assert everything_under(tmp_path / "home", embedders) == []


def test_a_calibration_does_not_outlive_its_model(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    calibration_for(arc.sha256).write(calibration_file(arc))
    remove_embedder(open_store(settings), "arc")
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=INPUTS["bgr-unit"])
    with pytest.raises(CalibrationMismatch):
        open_calibration(settings)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sface", "ships with visavis"),
        ("robust-sface", "ships with visavis"),
        ("a" * 33, "at most 32"),
        *((name, "lowercase letters") for name in ("Arc", "../arc", "", "-arc")),
    ],
)
def test_a_name_that_will_not_do_is_refused(
    store: ModelStore, embedders: Path, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ModelUnfit, match=said):
        add_embedder(store, embedders, make_onnx(tmp_path), name=name, build=SFACE)
    assert everything_under(store.root, embedders) == []


def test_a_name_or_file_that_is_here_already_is_refused(store: ModelStore, embedders: Path, tmp_path: Path) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    with pytest.raises(ModelUnfit, match="choose another name, or remove it with `visavis models remove arc`"):
        add_embedder(store, embedders, make_onnx(tmp_path, dimensions=128), name="arc", build=SFACE)
    with pytest.raises(ModelUnfit, match="this file is already added as the model 'arc'"):
        add_embedder(store, embedders, make_onnx(tmp_path), name="two", build=SFACE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shape": (1, 3, 160, 160)}, r"takes \(1, 3, 160, 160\), not \(1, 3, 112, 112\)"),
        ({"shape": (1, 1, 112, 112)}, r"takes \(1, 1, 112, 112\)"),
        ({"shape": (8, 3, 112, 112)}, r"takes \(8, 3, 112, 112\)"),
        ({"shape": ("n", 3, "h", "w")}, r"takes \(n, 3, n, n\)"),
        ({"shape": (1, 112, 112, 3), "axes": (1, 2)}, "its layout seems to be NHWC"),
        ({"outputs": 2}, "1 inputs and 2 outputs"),
        ({"dimensions": 63}, r"output is \(1, 63\), not \(1, d\) with d from 64 to 4096"),
        ({"dimensions": 4097}, r"output is \(1, 4097\)"),
        ({"weight": 0.0}, "must be finite and not zero"),
        ({"weight": float("nan")}, "must be finite"),
    ],
)
def test_a_network_that_cannot_be_an_embedder_is_refused_and_leaves_nothing(
    store: ModelStore, embedders: Path, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ModelUnfit, match=said):
        add_embedder(store, embedders, make_onnx(tmp_path, **options), name="arc", build=SFACE)  # type: ignore[arg-type]
    assert everything_under(store.root, embedders) == []


def test_what_is_no_onnx_file_is_refused(store: ModelStore, embedders: Path, tmp_path: Path) -> None:
    (tmp_path / "words.onnx").write_text("these are words, and no network at all")
    with pytest.raises(ModelUnfit, match=r"words.onnx is not an ONNX file"):
        add_embedder(store, embedders, tmp_path / "words.onnx", name="arc", build=SFACE)


def test_weights_in_other_files_are_not_followed(store: ModelStore, embedders: Path, tmp_path: Path) -> None:
    file = tmp_path / "outside.onnx"
    onnx.save(
        onnx.load(make_onnx(tmp_path)), file, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    with pytest.raises(ModelUnfit, match="keeps its weights in other files"):
        add_embedder(store, embedders, file, name="arc", build=SFACE)


def test_without_a_calibration_of_its_own_it_is_refused_with_the_way_out(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    with pytest.raises(CalibrationMismatch, match="`visavis calibrate FOLDER --embedder arc`"):
        open_calibration(settings)


def test_the_calibration_of_another_is_refused(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    calibration_for(load_manifest()["sface"].network_sha256).write(calibration_file(arc))
    with pytest.raises(CalibrationMismatch, match="was fitted on the embedder fb143eea0783"):
        open_calibration(settings)
    calibration_file(arc).write_text("{}")
    with pytest.raises(CalibrationMismatch, match="is not a file of `visavis calibrate`"):
        open_calibration(settings)


def test_with_its_own_calibration_it_is_taken(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    calibration_for(arc.sha256).write(calibration_file(arc))
    assert open_calibration(settings).model_sha256 == arc.sha256


def test_a_file_that_changed_is_found_by_verify(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    arc = add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    again = open_store(settings)
    again.file("arc").write_bytes(b"another network")
    with pytest.raises(ModelCorrupt, match=rf"its SHA-256 is .* it should be {arc.sha256}.*models remove arc"):
        again._verified(arc)
    again.file("arc").unlink()
    again.discard_ready(arc)
    with pytest.raises(ModelUnavailable, match=r"arc/model.onnx is missing. Put the file back, or run `visavis models"):
        again.ready("arc")


@pytest.mark.parametrize("name", ["nobody", "mesh"])
def test_an_embedder_that_is_none_is_named(settings: Settings, name: str) -> None:
    with pytest.raises(SettingsError, match=f"no embedder is named '{name}'; choose one of: sface, robust-sface"):
        chosen_embedder(replace(settings, embedder=name))


def test_a_description_that_was_spoilt_is_named(
    settings: Settings, store: ModelStore, embedders: Path, tmp_path: Path
) -> None:
    add_embedder(store, embedders, make_onnx(tmp_path), name="arc", build=SFACE)
    file = embedders / "arc/embedder.toml"
    file.write_text(file.read_text().replace("arcface112", "facenet160"))
    with pytest.raises(ManifestError, match=r"arc/embedder.toml: embedder 'arc': template must be one of arcface112"):
        open_store(settings)


def test_what_ships_is_not_removed(store: ModelStore) -> None:
    with pytest.raises(ModelUnfit, match="only embedders that you added"):
        remove_embedder(store, "mesh")


def visavis(*words: object) -> int:
    return main([str(word) for word in words])


def test_the_commands_add_list_and_remove(
    settings: Settings,
    embedders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VISAVIS_HOME", str(settings.home))
    monkeypatch.setenv("VISAVIS_DATA_HOME", str(settings.data_home))
    add = ["models", "add", make_onnx(tmp_path), "--name", "arc", "--template", "arcface112"]
    assert visavis(*add) == 2
    assert "the network's input must be described" in capsys.readouterr().err
    assert visavis(*add, "--input", "rgb-unit", "--colour", "BGR") == 2
    assert "give either it or --colour, --mean and --scale" in capsys.readouterr().err
    assert visavis(*add, "--colour", "BGR", "--mean", 127.5, "--scale", 100) == 0
    assert "visavis calibrate FOLDER --embedder arc" in capsys.readouterr().out
    assert open_store(settings).manifest["arc"].build == Build("onnx", "NCHW", "BGR", 127.5, 100.0)
    assert visavis("models", "list") == 0
    assert "BGR, mean 127.5, scale 100, NCHW; not calibrated yet" in capsys.readouterr().out
    assert visavis("models", "list", "--data-home", tmp_path / "other") == 0
    assert "not calibrated yet" not in capsys.readouterr().out
    assert visavis("models", "remove", "arc", "--data-home", tmp_path / "other") == 2
    monkeypatch.delenv("VISAVIS_DATA_HOME")
    assert visavis("models", "remove", "arc", "--data-home", str(settings.data_home)) == 0
    assert everything_under(tmp_path / "home", embedders) == []


def test_a_folder_too_small_to_calibrate_on_is_refused_before_anything_is_taken(
    settings: Settings,
    embedders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VISAVIS_HOME", str(settings.home))
    monkeypatch.setenv("VISAVIS_DATA_HOME", str(settings.data_home))
    for person in ("ann", "bob"):
        (tmp_path / "few" / person).mkdir(parents=True)
        (tmp_path / "few" / person / "a.jpg").write_bytes(b"")
    words = ["--name", "arc", "--template", "arcface112", "--input", "rgb-unit", "--calibrate", tmp_path / "few"]
    assert visavis("models", "add", make_onnx(tmp_path), *words) == 2
    assert "too few impostor pairs" in capsys.readouterr().err
    assert everything_under(tmp_path / "home", embedders) == []


@pytest.mark.slow
def test_a_folder_given_with_the_network_calibrates_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    people = 780
    for k in range(people):
        (tmp_path / "crowd" / f"p{k}").mkdir(parents=True)
        (tmp_path / "crowd" / f"p{k}/a.jpg").touch()
    vectors = np.random.default_rng(2).normal(size=(people, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    monkeypatch.setattr(
        calibrating, "embed_images", lambda *_, **__: Acquired(vectors, np.full(people, 100.0), ("",) * people)
    )
    monkeypatch.setenv("VISAVIS_HOME", str(settings.home))
    monkeypatch.setenv("VISAVIS_DATA_HOME", str(settings.data_home))
    words = ["--name", "arc", "--template", "arcface112", "--input", "rgb-unit", "--calibrate", tmp_path / "crowd"]
    assert visavis("models", "add", make_onnx(tmp_path), *words) == 0
    calibration = open_calibration(settings)
    assert calibration.model_sha256 == open_store(settings).manifest["arc"].sha256
    assert (calibration.provenance["embedder"], calibration.provenance["input"]) == ("arc", "rgb-unit, NCHW")
    assert calibration.similarity(3.09 / 8) == pytest.approx(80, abs=1.5)
    capsys.readouterr()
    assert visavis("models", "list") == 0
    assert capsys.readouterr().out.endswith("; calibrated\n")
