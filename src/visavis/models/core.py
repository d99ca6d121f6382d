"""OpenVINO's core, which reads and compiles networks and lists devices.

This module contains the workarounds for processes that have threads, fork or close engines (docs/adr/0003, 0005, 0006),
and the choice of a device (docs/adr/0007).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visavis.errors import EngineClosed, ModelStoreError, SettingsError
from visavis.forks import before_forks, forks_wait, keep_for_ever, renew_in_children
from visavis.models.openvino_import import import_openvino

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

    def read(self, network: Path) -> Any:
        """Read a network from a file.

        Args:
            network: the .xml file of a ready network, with its .bin file in the same folder, or an .onnx file.

        Returns:
            OpenVINO's model.

        Raises:
            ModelStoreError: the file cannot be read.
            EngineClosed: the core is closed.
        """
        with forks_wait():
            core = self._get()
            try:
                return core.read_model(network)
            except RuntimeError as error:
                raise ModelStoreError(
                    f"the network {network} cannot be read: it is missing or damaged; if it is in the cache of models, "
                    "delete its folder, and visavis builds it again"
                ) from error

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
        """
        with forks_wait():
            # The copy shares the weights.
            network = network.clone()
            network.reshape(input_shapes(network, shape))
            core = self._get()
            config = _config(core, self._device, precision)
            request = core.compile_model(network, self._device, config).create_infer_request()
            # Compiling may give an output a second name, and stages may use either.
            names = (tuple(output.names) for output in request.model_outputs)
            return InferRequest(request, tuple((n, request.get_output_tensor(i)) for i, n in enumerate(names)))

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
        openvino = import_openvino()
        _warm_up_numpy_bindings(openvino)
        _return_large_blocks()
        before_forks(_end_idle_threads)
        core = openvino.Core()
        if self._cache is not None and _writable(self._cache):
            core.set_property({"CACHE_DIR": str(self._cache)})
        return core


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


_warming_up = threading.Lock()


def _warm_up_numpy_bindings(openvino: Any) -> None:
    """Make OpenVINO's bindings import NumPy now, in one thread.

    Otherwise they import it when they receive their first array, inside a C++ `call_once` that releases the GIL in
    between. Two threads that pass their first arrays at the same time then deadlock (seen with OpenVINO 2026.4).
    """
    with _warming_up:
        tensor = openvino.Tensor(np.zeros(1, np.uint8), shared_memory=True)
        tensor.get_element_type().to_dtype()
        np.array(tensor.data)


def _end_idle_threads() -> None:
    """End OpenVINO's idle threads, which belonged to networks that were released.

    OpenVINO keeps these threads and uses them for the next network that it compiles. In a forked child they do not
    exist, but OpenVINO would still give them work. Destroying a CPU plugin, which belongs to a `Core`, ends all idle
    threads. It takes 2 ms.
    """
    core = import_openvino().Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")  # loads the plugin


_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 4 << 20  # bytes


def _return_large_blocks() -> None:
    """Make glibc return freed blocks of 4 MB and more to the system.

    By default freeing a large block raises the size up to which freed blocks stay in the process. Freed weights then
    stay and fragment the heap: 20 engines opened and closed one after another took 430 MB instead of 135
    (docs/adr/0006). Without glibc this function does nothing.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.W_OK | os.X_OK) and folder.is_dir()
