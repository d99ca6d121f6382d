"""OpenVINO's core: reads and compiles networks, and lists devices.

Its traps in a process that forks, has threads or closes engines are handled here (docs/adr/0003, 0005, 0006), and so
are its devices (docs/adr/0007).
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

__all__ = ["CONFIG", "Core", "InferRequest", "devices"]


# f32 everywhere, because by default OpenVINO uses bf16 or f16 where the device has it, and answers would then differ
# between machines.
_PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}

CONFIG = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, **_PRECISION, "ENABLE_CPU_PINNING": False}
"""The properties that every network is compiled with on the CPU."""

# AUTO passes the precision to the device that it chooses. By default it runs on the CPU until another device has
# compiled the network, and answers would then change within one process.
_CONFIG_OF_AUTO = {**_PRECISION, "ENABLE_STARTUP_FALLBACK": False}


@dataclass(frozen=True, slots=True)
class InferRequest:
    """OpenVINO's infer request of a compiled network, for one thread at a time, with the tensors of its outputs.

    outputs: for each output its names and its tensor
    """

    request: Any
    outputs: tuple[tuple[tuple[str, ...], Any], ...]


class Core:
    """OpenVINO's own `Core`, made when first needed, and again in a forked child.

    Args:
        cache: a folder for compiled networks, or None to compile every time.
        device: where networks run, as OpenVINO names it, in capitals.
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
            SettingsError: it does not; the message lists the devices that it has.
        """
        if self._device == "CPU":
            return
        with forks_wait():
            there = self._get().available_devices
        if not _is_there(self._device, there):
            raise SettingsError(
                f"device {self._device} is not on this machine, or its driver is missing; OpenVINO finds: "
                f"{', '.join([*there, 'AUTO'])}"
            )

    def read(self, network: Path) -> Any:
        """Read a network from a file.

        Raises:
            ModelStoreError: it cannot be read.
        """
        with forks_wait():
            core = self._get()
            try:
                return core.read_model(network)
            except RuntimeError as error:
                raise ModelStoreError(
                    f"the network {network} cannot be read: it is missing or damaged; if it is in the cache of models, "
                    "delete its folder, and it is made again"
                ) from error

    def compile(self, network: Any, shape: tuple[int, ...]) -> InferRequest:
        """Compile a network that `read` returned, for images of one shape (n, h, w, 3)."""
        with forks_wait():
            # The copy shares the weights.
            network = network.clone()
            network.reshape(list(shape))
            core = self._get()
            request = core.compile_model(network, self._device, _config(core, self._device)).create_infer_request()
            # Compiling may give an output a second name, and stages may use either.
            names = (tuple(output.names) for output in request.model_outputs)
            return InferRequest(request, tuple((n, request.get_output_tensor(i)) for i, n in enumerate(names)))

    def close(self) -> None:
        with forks_wait(), self._lock:  # with the lock, because a thread may be making the core
            self._closed = True
            self._core = None

    def renew(self) -> None:
        self._lock = threading.Lock()
        if self._core is not None:
            keep_for_ever(self._core)
            self._core = None

    def _get(self) -> Any:
        with self._lock:
            if self._closed:
                raise EngineClosed("the engine is closed; open another")
            if self._core is None:
                self._core = self._made()
            return self._core

    def _made(self) -> Any:
        openvino = import_openvino()
        _warm_up_numpy_bindings(openvino)
        _return_large_blocks()
        before_forks(_end_idle_threads)
        core = openvino.Core()
        if self._cache is not None and _writable(self._cache):
            core.set_property({"CACHE_DIR": str(self._cache)})
        return core


def devices() -> list[tuple[str, str]]:
    """The devices that OpenVINO finds on this machine, each with its full name; AUTO is not among them."""
    with forks_wait():
        core = import_openvino().Core()
        return [(name, _full_name(core, name)) for name in core.available_devices]


def _full_name(core: Any, device: str) -> str:
    with suppress(RuntimeError):  # a driver without this property
        return str(core.get_property(device, "FULL_DEVICE_NAME"))
    return "name unknown"


def _is_there(device: str, there: Sequence[str]) -> bool:
    """Whether `device` is in the list `there`. A single GPU is listed as GPU, several as GPU.0, GPU.1 and so on."""
    same = {"GPU": "GPU.0", "GPU.0": "GPU"}.get(device)
    return device == "AUTO" or device in there or same in there


def _config(core: Any, device: str) -> dict[str, Any]:
    """The properties that a network is compiled with on `device`, which may refuse one that it does not know."""
    if device == "CPU":
        return CONFIG
    if device == "AUTO":
        return _CONFIG_OF_AUTO
    known = core.get_property(device, "SUPPORTED_PROPERTIES")
    return {name: value for name, value in _PRECISION.items() if name in known}


_warming_up = threading.Lock()


def _warm_up_numpy_bindings(openvino: Any) -> None:
    """Make OpenVINO's bindings look up NumPy now, in one thread.

    They do it on the first array that they receive, inside a C++ `call_once` that releases the GIL in between, so two
    threads with their first arrays at the same time wait for each other for ever (seen with OpenVINO 2026.4).
    """
    with _warming_up:
        tensor = openvino.Tensor(np.zeros(1, np.uint8), shared_memory=True)
        tensor.get_element_type().to_dtype()
        np.array(tensor.data)


def _end_idle_threads() -> None:
    """End OpenVINO's idle threads, which belonged to networks that were released.

    OpenVINO keeps them for the next network that is compiled, and in a forked child it would give work to threads that
    do not exist there. Destroying a CPU plugin, which belongs to a `Core`, ends all idle threads; it takes 2 ms.
    """
    core = import_openvino().Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")  # loads the plugin


_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 4 << 20  # bytes


def _return_large_blocks() -> None:
    """Make glibc return freed blocks of 4 MB and more to the system.

    By default freeing a large block raises the size up to which freed blocks stay in the process. Weights then stay and
    fragment the heap: 20 engines opened and closed one after another took 430 MB instead of 135 (docs/adr/0006). Does
    nothing without glibc.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.W_OK | os.X_OK) and folder.is_dir()
