"""Running a network: the protocol that stages depend on, and OpenVINO behind it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["OpenVinoSession", "Runtime", "Session"]


class Session(Protocol):
    """A network that takes pictures."""

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run on `pictures` (n, h, w, 3) uint8 RGB; returns the outputs by name, the caller's to keep.

        May be called from several threads at once.
        """
        ...


class Runtime:
    """OpenVINO on the processor, set up once for all networks.

    Args:
        threads: how many inferences may run at once; each runs on one thread, so that the same picture gives the same
            numbers whatever else is going on.
        cache: a folder for compiled networks, or None to compile every time.
    """

    def __init__(self, *, threads: int, cache: Path | None) -> None:
        import openvino

        self._core = openvino.Core()
        if cache is not None:
            self._core.set_property({"CACHE_DIR": str(cache)})
        self._config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            # f32 everywhere: left to itself the runtime picks bf16 where the processor has it, and answers would
            # then differ from machine to machine.
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }

    def session(self, network: Path, *, shapes: int = 1) -> OpenVinoSession:
        """A session for a ready network; `shapes` is how many input shapes are kept compiled at once."""
        return OpenVinoSession(self._core, network, self._config, shapes=shapes)


class OpenVinoSession:
    """A ready network, compiled for each input shape it meets and kept for the most recent ones."""

    def __init__(self, core: Any, network: Path, config: dict[str, Any], *, shapes: int) -> None:
        self._core = core
        self._network = network
        self._config = config
        self._shapes = shapes
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._lock = threading.Lock()
        self._requests = threading.local()
        if shapes == 1:
            # A network of one shape is made ready at once, so that the first picture does not wait for it.
            _, *picture = core.read_model(network).input(0).partial_shape
            self._compile((1, *(side.get_length() for side in picture)))

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        request = self._request(pictures.shape)
        request.infer({0: np.ascontiguousarray(pictures)}, share_inputs=True)
        outputs: dict[str, NDArray[np.float32]] = {}
        for i, output in enumerate(request.model_outputs):
            # Compiling may give an output a second name; it goes by each.
            outputs |= dict.fromkeys(output.names, np.array(request.get_output_tensor(i).data))
        return outputs

    def _request(self, shape: tuple[int, ...]) -> Any:
        compiled = self._compile(shape)
        # An inference request serves one thread at a time, so every thread has its own, for as long as its
        # network is kept.
        mine: OrderedDict[tuple[int, ...], tuple[Any, Any]] = self._requests.__dict__.setdefault(
            "by_shape", OrderedDict()
        )
        network, request = mine.get(shape, (None, None))
        if network is not compiled:
            request = compiled.create_infer_request()
            mine[shape] = (compiled, request)
            while len(mine) > self._shapes:
                mine.popitem(last=False)
        mine.move_to_end(shape)
        return request

    def _compile(self, shape: tuple[int, ...]) -> Any:
        with self._lock:
            compiled = self._compiled.get(shape)
            if compiled is None:
                network = self._core.read_model(self._network)
                network.reshape(list(shape))
                compiled = self._core.compile_model(network, "CPU", self._config)
                self._compiled[shape] = compiled
                while len(self._compiled) > self._shapes:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(shape)
            return compiled
