"""Running a network: the protocol that stages depend on, and OpenVINO behind it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIG", "OpenVinoSession", "Runtime", "Session"]


CONFIG = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    # f32 everywhere: left to itself the runtime picks bf16 where the processor has it, and answers would then differ
    # from machine to machine.
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": False,
}
"""What every network is compiled with."""


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

    Every inference runs on one thread, so that the same picture gives the same numbers whatever else is going on. For
    several at once a network is compiled several times: streams inside one compilation, which OpenVINO offers for
    that, make two threads a fifth to a third slower than two of them need be (docs/adr/0003).

    Args:
        lanes: how many inferences of one network may run at once; each needs a compilation, with weights of its own.
        cache: a folder for compiled networks, or None to compile every time.
    """

    def __init__(self, *, lanes: int, cache: Path | None) -> None:
        import openvino

        _settle_bindings()
        self._core = openvino.Core()
        if cache is not None:
            self._core.set_property({"CACHE_DIR": str(cache)})
        self._lanes = lanes

    def session(self, network: Path, *, shapes: int = 1) -> OpenVinoSession:
        """A session for a ready network; `shapes` is how many input shapes are kept compiled at once."""
        return OpenVinoSession(self._core, network, shapes=shapes, lanes=self._lanes)


class OpenVinoSession:
    """A ready network, compiled for each input shape it meets and kept for the most recent ones."""

    def __init__(self, core: Any, network: Path, *, shapes: int, lanes: int) -> None:
        self._core = core
        self._network = network
        self._shapes = shapes
        self._most = lanes
        self._lanes: OrderedDict[tuple[int, ...], _Lanes] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Compile one more lane, if there may be one, of a network that takes one shape."""
        _, *picture = self._core.read_model(self._network).input(0).partial_shape
        self._lanes_for((1, *(side.get_length() for side in picture))).add()

    def prepare_in_background(self) -> None:
        """The same, without waiting for it. What fails there fails again in the first run, and is heard of then."""

        def work() -> None:
            with suppress(RuntimeError):
                self.prepare()

        threading.Thread(target=work, name="visavis-compile").start()

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        with self._lanes_for(pictures.shape).taken() as lane:
            lane.request.infer({0: np.ascontiguousarray(pictures)}, share_inputs=True)
            outputs: dict[str, NDArray[np.float32]] = {}
            for names, tensor in lane.outputs:
                outputs |= dict.fromkeys(names, np.array(tensor.data))
            return outputs

    def _lanes_for(self, shape: tuple[int, ...]) -> _Lanes:
        with self._lock:
            if shape not in self._lanes:
                self._lanes[shape] = _Lanes(lambda: self._compile(shape), self._most)
                while len(self._lanes) > self._shapes:
                    self._lanes.popitem(last=False)
            self._lanes.move_to_end(shape)
            return self._lanes[shape]

    def _compile(self, shape: tuple[int, ...]) -> _Lane:
        network = self._core.read_model(self._network)
        network.reshape(list(shape))
        request = self._core.compile_model(network, "CPU", CONFIG).create_infer_request()
        # Compiling may give an output a second name; it goes by each.
        names = (tuple(output.names) for output in request.model_outputs)
        return _Lane(request, tuple((n, request.get_output_tensor(i)) for i, n in enumerate(names)))


@dataclass(frozen=True, slots=True)
class _Lane:
    """A compiled network's place to run, for one thread at a time, and the tensors that its outputs come in."""

    request: Any
    outputs: tuple[tuple[tuple[str, ...], Any], ...]


class _Lanes:
    """Lanes of one network for one shape, made by `compile_` when all are in use, until there are `most`."""

    def __init__(self, compile_: Callable[[], _Lane], most: int) -> None:
        self._compile = compile_
        self._most = most
        self._made = 0
        self._idle: list[_Lane] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self) -> Iterator[_Lane]:
        lane = self._take()
        try:
            yield lane
        finally:
            self._give(lane)

    def add(self) -> None:
        with self._changed:
            if self._made == self._most:
                return
            self._made += 1
        self._give(self._new())

    def _take(self) -> _Lane:
        with self._changed:
            while not self._idle and self._made == self._most:
                self._changed.wait()
            if self._idle:
                # The one used last: what it touches is still in the processor's cache.
                return self._idle.pop()
            self._made += 1
        return self._new()

    def _new(self) -> _Lane:
        try:
            return self._compile()
        except BaseException:
            with self._changed:
                self._made -= 1
                self._changed.notify()
            raise

    def _give(self, lane: _Lane) -> None:
        with self._changed:
            self._idle.append(lane)
            self._changed.notify()
