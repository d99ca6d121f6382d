"""Where networks run: what OpenVINO is asked and told for each device, and what is refused. Only a CPU is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visavis.cli import main
from visavis.errors import SettingsError
from visavis.models import core as module
from visavis.models.core import CONFIG, Core
from visavis.models.session import OpenVinoRuntime
from visavis.models.store import ModelStore
from visavis.runtime import open_analyzer
from visavis.settings import Settings
from visavis.vision.expression import NETWORK

NAMES = {"CPU": "A processor", "GPU.0": "A card", "GPU.1": "Another card"}


class Fake:
    """Stands in for `openvino.Core`: devices by name, of which only the GPUs know of precision.

    capabilities: of the CPU
    """

    def __init__(self, *there: str, capabilities: Sequence[str] = ("FP32", "INT8")) -> None:
        self.there = list(there)
        self.capabilities = list(capabilities)
        self.listed = 0
        self.compiled: list[tuple[str, dict[str, Any]]] = []

    @property
    def available_devices(self) -> list[str]:
        self.listed += 1
        return self.there

    def get_property(self, device: str, name: str) -> Any:
        if name == "FULL_DEVICE_NAME":
            if device == "NPU":
                raise RuntimeError("Unsupported configuration key: FULL_DEVICE_NAME")
            return NAMES[device]
        if name == "OPTIMIZATION_CAPABILITIES":
            assert device == "CPU"
            return self.capabilities
        assert name == "SUPPORTED_PROPERTIES"
        known = {"NUM_STREAMS": "RW", "INFERENCE_NUM_THREADS": "RW"}
        return {**known, "INFERENCE_PRECISION_HINT": "RW"} if device.startswith("GPU") else known

    def compile_model(self, network: Any, device: str, config: dict[str, Any]) -> Any:
        self.compiled.append((device, config))
        return SimpleNamespace(create_infer_request=lambda: SimpleNamespace(model_outputs=[]))


class Network:
    inputs = ("images",)

    def clone(self) -> Network:
        return self

    def reshape(self, shapes: dict[int, list[int]]) -> None:
        pass


def core_on(fake: Fake, device: str, monkeypatch: pytest.MonkeyPatch) -> Core:
    monkeypatch.setattr(Core, "_create", lambda _: fake)
    return Core(None, device)


@pytest.mark.parametrize(
    ("device", "there"),
    [
        ("GPU", ["CPU", "GPU"]),
        ("GPU.0", ["CPU", "GPU"]),
        ("GPU", ["CPU", "GPU.0", "GPU.1"]),
        ("GPU.1", ["CPU", "GPU.0", "GPU.1"]),
        ("NPU", ["CPU", "NPU"]),
        ("AUTO", ["CPU"]),
    ],
)
def test_a_device_that_is_there_is_taken(device: str, there: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    core_on(Fake(*there), device, monkeypatch).check_device()


@pytest.mark.parametrize(
    ("device", "there", "listed"),
    [
        ("GPU", ["CPU"], "CPU, AUTO"),
        ("NPU", ["CPU", "GPU"], "CPU, GPU, AUTO"),
        ("GPU.1", ["CPU", "GPU"], "CPU, GPU, AUTO"),
        ("GPU.2", ["CPU", "GPU.0", "GPU.1"], "CPU, GPU.0, GPU.1, AUTO"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    device: str, there: list[str], listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError) as error:
        core_on(Fake(*there), device, monkeypatch).check_device()
    assert str(error.value) == (
        f"this machine has no device {device}, or its driver is missing; choose one of: {listed}"
    )


def test_devices_are_not_listed_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake("CPU")
    core = core_on(fake, "CPU", monkeypatch)
    core.check_device()
    core.compile(Network(), (1, 8, 8, 3))
    assert fake.listed == 0
    assert core._core is fake


@pytest.mark.parametrize(
    ("device", "config"),
    [
        ("CPU", {**CONFIG, "INFERENCE_PRECISION_HINT": "f32"}),
        ("GPU", {"INFERENCE_PRECISION_HINT": "f32"}),
        ("GPU.1", {"INFERENCE_PRECISION_HINT": "f32"}),
        ("NPU", {}),
        ("AUTO", {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_STARTUP_FALLBACK": False}),
    ],
)
def test_threads_are_set_on_the_cpu_only_and_f32_wherever_it_is_known(
    device: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake("CPU")
    core_on(fake, device, monkeypatch).compile(Network(), (1, 8, 8, 3))
    assert fake.compiled == [(device, config)]
    assert CONFIG == {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}


def test_a_network_runs_in_bf16_where_that_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake("CPU", capabilities=("FP32", "BF16"))
    core = core_on(fake, "CPU", monkeypatch)
    core.check_precision("bf16")
    core.compile(Network(), (1, 8, 8, 3), "bf16")
    assert fake.compiled == [("CPU", {**CONFIG, "INFERENCE_PRECISION_HINT": "bf16"})]


def test_bf16_is_refused_where_the_processor_has_no_instructions_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    core = core_on(Fake("CPU"), "CPU", monkeypatch)
    core.check_precision("f32")
    with pytest.raises(SettingsError, match=r"this processor has no instructions for bf16 .* choose f32"):
        core.check_precision("bf16")


@pytest.mark.parametrize("device", ["GPU", "AUTO"])
def test_bf16_is_for_the_cpu_only(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core = core_on(Fake("CPU", "GPU", capabilities=("BF16",)), device, monkeypatch)
    core.check_precision("f32")
    with pytest.raises(SettingsError, match=f"precision bf16 is only for the device CPU; on {device} choose f32"):
        core.check_precision("bf16")


def test_an_engine_opens_in_no_precision_that_the_processor_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Core, "_create", lambda _: Fake("CPU"))
    for once in (False, True):
        with pytest.raises(SettingsError, match="no instructions for bf16"):
            open_analyzer(Settings(tmp_path, offline=True, precision="bf16"), once=once)


def test_an_engine_opens_on_no_device_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Core, "_create", lambda _: Fake("CPU"))
    for once in (False, True):
        with pytest.raises(SettingsError, match=r"this machine has no device NPU.*choose one of: CPU, AUTO"):
            open_analyzer(Settings(tmp_path, offline=True, device="npu"), once=once)


def test_auto_runs_a_network_to_the_numbers_of_the_cpu_where_only_that_is_there() -> None:
    if [name for name, _ in module.devices()] != ["CPU"]:
        pytest.skip("AUTO may choose another device here")
    noise, measures = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 1), np.uint8), np.ones((1, 17), np.float32)
    outputs = []
    for device in ("CPU", "AUTO"):
        runtime = OpenVinoRuntime(concurrency=1, cache=None, device=device)
        runtime.check_device()
        session = runtime.session(NETWORK)
        session.run(noise // 2, measures)
        outputs.append(session.run(noise, measures))
        runtime.close()
    cpu, auto = outputs
    assert {name: out.tolist() for name, out in auto.items()} == {name: out.tolist() for name, out in cpu.items()}


def test_devices_are_listed_with_their_full_names(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(Core=lambda: Fake("CPU", "GPU.0", "GPU.1", "NPU"))
    monkeypatch.setattr(module, "import_openvino", lambda: fake)
    assert module.devices() == [*NAMES.items(), ("NPU", "name unknown")]


def test_doctor_lists_the_devices_and_finds_the_chosen_one_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "devices", lambda: [("CPU", "A processor"), ("GPU", "A card")])
    monkeypatch.setattr(Core, "_create", lambda _: Fake("CPU", "GPU"))
    monkeypatch.setattr(ModelStore, "verify", lambda _: [])
    monkeypatch.setenv("VISAVIS_DEVICE", "gpu")
    assert main(["doctor", "--home", "here", "--data-home", "there"]) == 0
    said = capsys.readouterr().out
    assert "devices    CPU (A processor), GPU (A card)\n" in said
    assert "data       there\ncache      here\n" in said
    monkeypatch.setenv("VISAVIS_DEVICE", "NPU")
    assert main(["doctor"]) == 2
    assert "chosen     this machine has no device NPU" in capsys.readouterr().out
