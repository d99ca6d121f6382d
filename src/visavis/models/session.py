"""Running a network: the protocol that stages depend on, and OpenVINO behind it."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["OpenVinoSession", "Readiness", "Runtime", "Session"]

Readiness = Literal["when used", "soon", "now"]
"""When a network is compiled: by its first run, in the background from now on, or before the session is there."""


class Session(Protocol):
    """A network that takes pictures."""

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run on `pictures` (n, h, w, 3) uint8 RGB; returns the outputs by name, the caller's to keep.

        May be called from several threads at once.
        """
        ...


_settling = threading.Lock()


def _settle_bindings() -> None:
    """Have OpenVINO's bindings look numpy up now, in one thread.

    They do it on the first array they meet, inside a C++ `call_once` that lets go of the interpreter's lock half way:
    two threads that meet their first arrays at once wait for each other for ever (seen with OpenVINO 2026.4).
    """
    import openvino

    with _settling:
        tensor = openvino.Tensor(np.zeros(1, np.uint8), shared_memory=True)
        tensor.get_element_type().to_dtype()
        np.array(tensor.data)


class Runtime:
    """OpenVINO on the processor, set up once for all networks.

    Args:
        threads: how many inferences may run at once; each runs on one thread, so that the same picture gives the same
            numbers whatever else is going on.
        cache: a folder for compiled networks, or None to compile every time.
    """

    def __init__(self, *, threads: int, cache: Path | None) -> None:
        import openvino

        _settle_bindings()
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

    def session(self, network: Path, *, shapes: int = 1, ready: Readiness = "when used") -> OpenVinoSession:
        """A session for a ready network.

        Args:
            shapes: how many input shapes are kept compiled at once.
            ready: when it is compiled; a network of several shapes is compiled when used.
        """
        session = OpenVinoSession(self._core, network, self._config, shapes=shapes)
        if ready == "now":
            session.prepare()
        elif ready == "soon":
            threading.Thread(target=session.prepare_quietly, name="visavis-compile").start()
        return session


class OpenVinoSession:
    """A ready network, compiled for each input shape it meets and kept for the most recent ones."""

    def __init__(self, core: Any, network: Path, config: dict[str, Any], *, shapes: int) -> None:
        self._core = core
        self._network = network
        self._config = config
        self._shapes = shapes
        self._compiled: OrderedDict[tuple[int, ...], Future[Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._requests = threading.local()

    def prepare(self) -> None:
        """Compile the network's one shape, so that the first run does not wait for it."""
        if self._shapes > 1:
            return
        _, *picture = self._core.read_model(self._network).input(0).partial_shape
        self._compiled_for((1, *(side.get_length() for side in picture)))

    def prepare_quietly(self) -> None:
        """The same in the background: what fails here fails again in the first run, where somebody hears of it."""
        with contextlib.suppress(RuntimeError):
            self.prepare()

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        request = self._request(pictures.shape)
        request.slot.infer({0: np.ascontiguousarray(pictures)}, share_inputs=True)
        outputs: dict[str, NDArray[np.float32]] = {}
        for names, tensor in request.outputs:
            outputs |= dict.fromkeys(names, np.array(tensor.data))
        return outputs

    def _request(self, shape: tuple[int, ...]) -> _Request:
        compiled = self._compiled_for(shape)
        # An inference request serves one thread at a time, so every thread has its own, for as long as its
        # network is kept.
        mine: OrderedDict[tuple[int, ...], _Request] = self._requests.__dict__.setdefault("by_shape", OrderedDict())
        if shape not in mine or mine[shape].network is not compiled:
            mine[shape] = _Request.of(compiled)
            while len(mine) > self._shapes:
                mine.popitem(last=False)
        mine.move_to_end(shape)
        return mine[shape]

    def _compiled_for(self, shape: tuple[int, ...]) -> Any:
        """The network for an input shape; who asks while another thread compiles it waits for that, and nobody else."""
        with self._lock:
            compiled = self._compiled.get(shape)
            ours = compiled is None
            if compiled is None:
                compiled = self._compiled[shape] = Future()
                while len(self._compiled) > self._shapes:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(shape)
        if ours:
            try:
                compiled.set_result(self._compile(shape))
            except BaseException as error:  # noqa: BLE001  # raised below, and in whoever waits
                with self._lock:
                    self._compiled.pop(shape, None)
                compiled.set_exception(error)
        return compiled.result()

    def _compile(self, shape: tuple[int, ...]) -> Any:
        network = self._core.read_model(self._network)
        network.reshape(list(shape))
        return self._core.compile_model(network, "CPU", self._config)


@dataclass(frozen=True, slots=True)
class _Request:
    """One thread's place to run a compiled network in, with the tensors that its outputs come in, each by its names."""

    network: Any
    slot: Any
    outputs: tuple[tuple[tuple[str, ...], Any], ...]

    @classmethod
    def of(cls, network: Any) -> _Request:
        request = network.create_infer_request()
        # Compiling may give an output a second name; it goes by each.
        names = (tuple(output.names) for output in request.model_outputs)
        return cls(network, request, tuple((n, request.get_output_tensor(i)) for i, n in enumerate(names)))
