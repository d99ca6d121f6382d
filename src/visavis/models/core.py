"""OpenVINO's core, which reads and compiles networks and lists devices.

This module contains the choice of a device (docs/adr/0007).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from visavis.errors import EngineClosed, ModelStoreError, SettingsError
from visavis.forks import forks_wait, keep_for_ever, renew_in_children
from visavis.memory_errors import memory_errors
from visavis.models.compiled import CompiledNetworks
from visavis.models.openvino_import import import_openvino
from visavis.models.workarounds import make_core

__all__ = ["CONFIG", "Core", "InferRequest", "devices", "input_shapes"]


CONFIG = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
"""The properties with which every network is compiled on the CPU, except the precision."""

# By default AUTO runs on the CPU until another device has compiled the network, and results would then change within
# one process.
_CONFIG_OF_AUTO = {"ENABLE_STARTUP_FALLBACK": False}

_PRECISION = "INFERENCE_PRECISION_HINT"


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A compiled network with its output tensors, which one thread at a time may use.

    Attributes:
        request: OpenVINO's infer request.
        outputs: the names and the tensor of each output.
    """

    request: Any
    outputs: tuple[tuple[tuple[str, ...], Any], ...]


class Core:
    """OpenVINO's `Core`, which is created when it is first needed, and again in a forked child.

    Args:
        cache: a folder for compiled networks, or None to compile every time.
        device: OpenVINO's name of the device that networks run on, in capitals.
    """

    def __init__(self, cache: Path | None, device: str = "CPU") -> None:
        self._cache = cache
        self._device = device
        self._lock = threading.Lock()
        self._core: Any = None
        self._compiled_networks: CompiledNetworks | None = None
        self._closed = False
        renew_in_children(self)

    def check_device(self) -> None:
        """Check that the machine has the device. The CPU is not checked, because listing devices takes time.

        Raises:
            SettingsError: the machine does not have the device; the message lists the devices that it has.
        """
        if self._device == "CPU":
            return
        with forks_wait():
            available = self._get().available_devices
        if not _is_available(self._device, available):
            raise SettingsError(
                f"this machine has no device {self._device}, or its driver is missing; choose one of: "
                f"{', '.join([*available, 'AUTO'])}"
            )

    def read(self, file: Path, network: bytes, weights: bytes) -> Any:
        """Read a network.

        Args:
            file: where it is from, for the error.
            network: the content of an .xml file of OpenVINO, or of an .onnx file.
            weights: the content of the .bin file; empty with an .onnx file.

        Returns:
            OpenVINO's model.

        Raises:
            ModelStoreError: OpenVINO cannot read the content.
            EngineClosed: the core is closed.
            MemoryError: there is too little memory.
        """
        with forks_wait():
            core = self._get()
            try:
                with memory_errors():
                    return core.read_model(network, weights) if weights else core.read_model(network)
            except RuntimeError as error:
                raise ModelStoreError(
                    f"the network {file} cannot be read: OpenVINO does not understand it; if it is in the cache of "
                    "models, delete its folder, and visavis builds it again"
                ) from error

    def compiled_networks(self) -> CompiledNetworks | None:
        """The cache of compiled networks; None if there is none.

        Only the CPU has one. Whether another device refuses what an older driver has compiled was not tested.
        """
        if self._cache is None or self._device != "CPU":
            return None
        core = self._get()
        with self._lock:
            if self._compiled_networks is None:
                self._compiled_networks = CompiledNetworks(self._cache, _machine(core))
            return self._compiled_networks

    def check_precision(self, precision: str) -> None:
        """Check that networks can run in a precision.

        Args:
            precision: `f32` or `bf16`.

        Raises:
            SettingsError: the precision is bf16, and the device is not the CPU or has no instructions for bf16.
        """
        if precision == "f32":
            return
        if self._device != "CPU":
            raise SettingsError(f"precision {precision} is only for the device CPU; on {self._device} choose f32")
        with forks_wait():
            capabilities = self._get().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision.upper() not in capabilities:
            raise SettingsError(
                f"this processor has no instructions for {precision} (AVX512_BF16 or AMX), so it would be slower than "
                "f32; choose f32"
            )

    def compile(self, network: Any, shape: tuple[int, ...], precision: str = "f32") -> InferRequest:
        """Compile a network for images of one shape.

        Args:
            network: a model that `read` returned. Its first input takes the images. The others take one row of a fixed
                length for each image.
            shape: (n, h, w, channels) of the images.
            precision: `f32` or `bf16`.

        Raises:
            EngineClosed: the core is closed.
            MemoryError: there is too little memory.
        """
        with forks_wait(), memory_errors():
            # The copy shares the weights.
            network = network.clone()
            network.reshape(input_shapes(network, shape))
            core = self._get()
            return _request(core.compile_model(network, self._device, _config(core, self._device, precision)))

    def export(self, request: InferRequest) -> memoryview:
        """The bytes from which `load` makes the same request again."""
        with forks_wait():
            exported = BytesIO()
            request.request.get_compiled_model().export_model(exported)
            return exported.getbuffer()

    def load(self, exported: Any, precision: str) -> InferRequest:
        """Make a request from bytes that `export` returned.

        Args:
            exported: a tensor with the bytes, (n) uint8. Requests share the weights in it.
            precision: `f32` or `bf16`, as when it was compiled.

        Raises:
            RuntimeError: OpenVINO refuses the bytes.
            EngineClosed: the core is closed.
            MemoryError: there is too little memory.
        """
        with forks_wait(), memory_errors():
            core = self._get()
            return _request(core.import_model(exported, self._device, _config(core, self._device, precision)))

    def close(self) -> None:
        """Release the core. Afterwards no network can be read or compiled."""
        with forks_wait(), self._lock:  # locked, because another thread may be creating the core
            self._closed = True
            self._core = None

    def renew(self) -> None:
        """Drop the parent's core in a forked child, without destroying it."""
        self._lock = threading.Lock()
        if self._core is not None:
            keep_for_ever(self._core)
            self._core = None

    def _get(self) -> Any:
        with self._lock:
            if self._closed:
                raise EngineClosed("the engine is closed; open another")
            if self._core is None:
                self._core = self._create()
            return self._core

    def _create(self) -> Any:
        return make_core()


def _request(compiled: Any) -> InferRequest:
    request = compiled.create_infer_request()
    # Compiling may give an output a second name, and stages may use either.
    names = (tuple(output.names) for output in request.model_outputs)
    return InferRequest(request, tuple((n, request.get_output_tensor(i)) for i, n in enumerate(names)))


def input_shapes(network: Any, shape: tuple[int, ...]) -> dict[int, list[int]]:
    """The shape of each input of a network, by its index, for images of one shape."""
    rows = {i: int(taken.partial_shape[1].get_length()) for i, taken in enumerate(network.inputs) if i > 0}
    return {0: list(shape)} | {i: [shape[0], length] for i, length in rows.items()}


def devices() -> list[tuple[str, str]]:
    """List the devices of this machine, each with its full name. AUTO is not in the list.

    Example:
        >>> "CPU" in [name for name, _ in devices()]
        True
    """
    with forks_wait():
        core = import_openvino().Core()
        return [(name, _full_name(core, name)) for name in core.available_devices]


def _full_name(core: Any, device: str) -> str:
    with suppress(RuntimeError):  # some drivers do not have this property
        return str(core.get_property(device, "FULL_DEVICE_NAME"))
    return "name unknown"


def _is_available(device: str, available: Sequence[str]) -> bool:
    """Whether `device` is available. A single GPU is listed as GPU, several as GPU.0, GPU.1 and so on."""
    same = {"GPU": "GPU.0", "GPU.0": "GPU"}.get(device)
    return device == "AUTO" or device in available or same in available


def _config(core: Any, device: str, precision: str) -> dict[str, Any]:
    """The properties with which a network is compiled on `device`. Devices refuse properties that they do not have.

    The precision is always set, because by default OpenVINO uses bf16 or f16 where the device has it, and results would
    then differ between machines. AUTO passes it to the device that it chooses.
    """
    if device in ("CPU", "AUTO"):
        return {**(CONFIG if device == "CPU" else _CONFIG_OF_AUTO), _PRECISION: precision}
    return {_PRECISION: precision} if _PRECISION in core.get_property(device, "SUPPORTED_PROPERTIES") else {}


def _machine(core: Any) -> str:
    """What a compiled network depends on besides the network and its shape.

    Different processors may have one name, above all in virtual machines, so their instructions are included.
    """
    version = import_openvino().get_version()
    names = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    instructions = ""
    with suppress(OSError), open("/proc/cpuinfo", encoding="latin-1") as lines:  # noqa: PTH123
        instructions = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{version} {names} {sorted(CONFIG.items())} {instructions}"
