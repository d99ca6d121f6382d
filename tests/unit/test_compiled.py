"""The cache of compiled networks, and how a network is read, compiled and taken from it. No ready network is needed."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visavis.errors import ModelCorrupt, ModelStoreError
from visavis.files import sha256_of
from visavis.models import compiled as module
from visavis.models.checksums import CHECKSUMS, read_checked, write_checksums
from visavis.models.compiled import CompiledNetworks, damaged_networks
from visavis.models.core import Core
from visavis.models.network import Compiler, Network
from visavis.models.session import OpenVinoRuntime
from visavis.vision.expression import NETWORK

SHAPE = (1, 64, 64, 1)
IMAGE, MEASURES = np.full(SHAPE, 90, np.uint8), np.ones((1, 17), np.float32)


def outputs(cache: Path | None, *, concurrency: int = 1) -> list[float]:
    runtime = OpenVinoRuntime(concurrency=concurrency, cache=cache)
    session = runtime.session(NETWORK)
    for _ in range(concurrency):
        session.prepare(SHAPE)
    logits = session.run(IMAGE, MEASURES)["logits"].ravel().tolist()
    runtime.close()
    return logits


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_compiled_network_is_kept_and_gives_the_same_numbers(tmp_path: Path, concurrency: int) -> None:
    wanted = outputs(None)
    assert outputs(tmp_path, concurrency=concurrency) == wanted
    (kept,) = files(tmp_path)
    before = (tmp_path / kept).stat().st_mtime_ns
    assert outputs(tmp_path, concurrency=concurrency) == wanted
    assert files(tmp_path) == [kept]
    assert (tmp_path / kept).stat().st_mtime_ns == before


def test_a_name_depends_on_network_shape_precision_and_machine(tmp_path: Path) -> None:
    cache = CompiledNetworks(tmp_path, "a machine")
    names = {cache.name_of(*each) for each in (("1", (1,), "f32"), ("2", (1,), "f32"), ("1", (2,), "f32"))}
    names |= {cache.name_of("1", (1,), "bf16"), CompiledNetworks(tmp_path, "another").name_of("1", (1,), "f32")}
    assert len(names) == 5


def test_other_devices_have_no_cache(tmp_path: Path) -> None:
    assert Core(tmp_path, "GPU").compiled_networks() is None
    assert Core(None).compiled_networks() is None


def test_what_openvino_refuses_is_compiled_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = Core(tmp_path).compiled_networks()
    assert cache is not None
    name = cache.name_of(Network(Core(None), NETWORK, None).sha256(), SHAPE, "f32")
    cache.write(name, memoryview(b"not compiled"))
    assert damaged_networks(tmp_path) == []
    assert outputs(tmp_path) == outputs(None)
    assert "OpenVINO refuses a network" in caplog.text


def test_a_file_that_cannot_be_opened_is_logged_and_named_as_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = CompiledNetworks(tmp_path, "")
    cache.write("a", memoryview(b"content"))

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "_read", refuse)
    assert cache.read("a") is None
    assert "a.network cannot be read (Permission denied)" in caplog.text
    assert damaged_networks(tmp_path) == [tmp_path / "a.network"]


def test_a_read_only_folder_is_no_warning_and_a_full_disk_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    full = CompiledNetworks(tmp_path / "gone", "")
    (tmp_path / "gone").rmdir()
    for _ in range(2):
        full.write("a", memoryview(b"content"))
    monkeypatch.setattr("os.access", lambda *_: False)
    assert not CompiledNetworks(tmp_path, "").writable
    (tmp_path / "file").touch()
    assert not CompiledNetworks(tmp_path / "file", "").writable
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]


def test_a_network_without_checksums_is_refused_or_restored_once(tmp_path: Path) -> None:
    file = tmp_path / "model.xml"
    file.write_bytes(b"<net/>")
    core = SimpleNamespace(read=lambda path, network, weights: (path, network, weights))
    with pytest.raises(ModelStoreError, match="SHA256SUMS cannot be read"):
        Network(core, file).model()  # type: ignore[arg-type]
    restored: list[bool] = []

    def restore() -> None:
        restored.append(True)
        write_checksums(tmp_path)

    network: Any = Network(core, file, restore)  # type: ignore[arg-type]
    assert network.model() == network.model() == (file, b"<net/>", b"")
    assert restored == [True]
    kept = network.sha256()
    (tmp_path / CHECKSUMS).unlink()
    assert network.sha256() == kept


def test_a_network_that_does_not_have_its_sha256_is_not_read() -> None:
    core: Any = SimpleNamespace(read=lambda path, network, weights: (path, len(network), weights))
    right = sha256_of(NETWORK)
    assert Network(core, NETWORK, wanted=right).model() == (NETWORK, NETWORK.stat().st_size, b"")
    with pytest.raises(ModelCorrupt, match=r"expression.onnx is damaged: its SHA-256 is not 000000"):
        Network(core, NETWORK, wanted="0" * 64).model()


@pytest.mark.parametrize("sums", ["", "0" * 64 + "  ../model.xml\n", "0" * 64 + "  model.xml\n", "\0\n"])
def test_wrong_checksums_are_refused(tmp_path: Path, sums: str) -> None:
    (tmp_path / "model.xml").write_bytes(b"<net/>")
    (tmp_path / CHECKSUMS).write_text(sums)
    with pytest.raises(ModelCorrupt, match="is damaged"):
        read_checked(tmp_path)


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHECKSUMS).mkdir()
    with pytest.raises(ModelCorrupt, match="SHA256SUMS cannot be read: it is not a regular file"):
        read_checked(tmp_path)


def test_a_model_stays_only_if_it_is_pinned_until_it_is_released() -> None:
    reads: list[Path] = []

    def read(path: Path, *_: bytes) -> object:
        reads.append(path)
        return object()

    core: Any = SimpleNamespace(read=read)
    network = Network(core, NETWORK)
    for pin in (False, True):
        network.model(pin=pin)
        network.forget()
    network.model()
    assert len(reads) == 2
    network.release()
    network.model()
    assert len(reads) == 3


def test_what_was_loaded_is_loaded_again_after_a_fork_without_the_cache(tmp_path: Path) -> None:
    core = Core(tmp_path)
    compiler = Compiler(core, Network(core, NETWORK), SHAPE, "f32", several=True)
    compiler()
    for file in tmp_path.iterdir():
        file.unlink()
    compiler.renew()
    assert compiler().outputs
    assert files(tmp_path) == []
    core.close()
