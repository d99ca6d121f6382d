"""Makes OpenVINO's core, with workarounds for processes that have threads, fork or close engines.

The reasons are in docs/adr/0003, 0005 and 0006.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import numpy as np

from visavis.forks import before_forks
from visavis.models.openvino_import import import_openvino

__all__ = ["make_core"]


def make_core() -> Any:
    """Make an `openvino.Core`."""
    openvino = import_openvino()
    _warm_up_numpy_bindings(openvino)
    _return_large_blocks()
    before_forks(_end_idle_threads)
    return openvino.Core()


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
