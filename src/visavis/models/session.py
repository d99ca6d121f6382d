"""Running a network: the protocol that stages depend on, and sessions of OpenVINO that several threads share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.errors import EngineClosed, ModelStoreError
from visavis.forks import forks_wait, keep_for_ever, renew_in_children
from visavis.models.core import Core, Lane

__all__ = ["OpenVinoSession", "Runtime", "Session"]


class Session(Protocol):
    """A network that takes pictures."""

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run on `pictures` (n, h, w, 3) uint8 RGB; returns the outputs by name, the caller's to keep.

        May be called from several threads at once.
        """
        ...


class Runtime:
    """OpenVINO on one device, set up once for all networks.

    On the CPU every inference runs on one thread, so that the same picture gives the same numbers whatever else is
    going on. For several at once a network is compiled several times: streams inside one compilation, which OpenVINO
    offers for that, make two threads a fifth to a third slower than two of them need be (docs/adr/0003).

    In a forked child everything is compiled anew at first use (docs/adr/0005).

    Args:
        lanes: how many inferences of one network may run at once; each needs a compilation, with weights of its own.
        cache: a folder for compiled networks, or None to compile every time. One that cannot be written is done
            without.
        device: where networks run, as OpenVINO names it, in capitals.
    """

    def __init__(self, *, lanes: int, cache: Path | None, device: str = "CPU") -> None:
        self._core = Core(cache, device)
        self._lanes = lanes
        self._sessions: list[OpenVinoSession] = []

    def check_device(self) -> None:
        """Check that the machine has the device.

        Raises:
            SettingsError: it is not there; the text lists those that are.
        """
        self._core.check_device()

    def session(self, network: Path, *, shapes: int = 1) -> OpenVinoSession:
        """A session for a ready network; `shapes` is how many input shapes are kept compiled at once."""
        session = OpenVinoSession(self._core, network, shapes=shapes, lanes=self._lanes)
        self._sessions.append(session)
        return session

    def close(self) -> None:
        """Release every compiled network, with its memory and threads. No inference may be under way."""
        self._core.close()
        for session in self._sessions:
            session.close()


class OpenVinoSession:
    """A ready network, compiled for each input shape it meets and kept for the most recent ones."""

    def __init__(self, core: Core, network: Path, *, shapes: int, lanes: int) -> None:
        self._core = core
        self._file = network
        self._shapes = shapes
        self._most = lanes
        self._network: Any = None
        self._lanes: OrderedDict[tuple[int, ...], _Lanes] = OrderedDict()
        self._lock = threading.Lock()
        self._preparing: list[threading.Thread] = []
        renew_in_children(self)

    def load(self) -> None:
        """Read the network's file now; after this the file is not needed any more.

        Raises:
            ModelStoreError: it cannot be read.
        """
        self._loaded()

    def prepare(self) -> None:
        """Compile one more lane, if there may be one, of a network that takes one shape."""
        _, *picture = self._loaded().input(0).partial_shape
        with self._lanes_for((1, *(side.get_length() for side in picture))) as lanes:
            lanes.add()

    def prepare_in_background(self) -> None:
        """The same, without waiting for it. What fails there fails again in the first run, and is reported then."""

        def work() -> None:
            with suppress(RuntimeError, EngineClosed, ModelStoreError):
                self.prepare()

        thread = threading.Thread(target=work, name="visavis-compile")
        self._preparing.append(thread)
        thread.start()

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        with self._lanes_for(pictures.shape) as lanes:
            return lanes.run(pictures)

    def close(self) -> None:
        """Release what was compiled."""
        for thread in self._preparing:
            thread.join()
        with self._lock:
            lanes, self._lanes = self._lanes, OrderedDict()
            self._network = None
        with forks_wait():
            for dropped in lanes.values():
                dropped.clear()

    def renew(self) -> None:
        self._lock = threading.Lock()
        self._preparing = []
        for lanes in self._lanes.values():
            lanes.abandon()
        self._lanes = OrderedDict()

    def _loaded(self) -> Any:
        with self._lock:
            if self._network is None:
                self._network = self._core.read(self._file)
            return self._network

    @contextmanager
    def _lanes_for(self, shape: tuple[int, ...]) -> Iterator[_Lanes]:
        """Lanes that nobody drops before the block ends."""
        network = self._loaded()
        with self._lock:
            if shape not in self._lanes:
                # Bound to the parts it needs and not to this session: a cycle would keep the networks in memory.
                self._lanes[shape] = _Lanes(partial(self._core.compile, network, shape), self._most)
            self._lanes.move_to_end(shape)
            lanes = self._lanes[shape]
            lanes.users += 1
        try:
            yield lanes
        finally:
            with self._lock:
                lanes.users -= 1
                surplus = self._surplus()
            if surplus:
                with forks_wait():  # destroying a network is work inside OpenVINO, too
                    for dropped in surplus:
                        dropped.clear()

    def _surplus(self) -> list[_Lanes]:
        """Take out the lanes used longest ago, but for those in use: what a fork must wait for is done in one place."""
        unused = [shape for shape, lanes in self._lanes.items() if not lanes.users]
        return [self._lanes.pop(shape) for shape in unused[: max(0, len(self._lanes) - self._shapes)]]


class _Lanes:
    """Lanes of one network for one shape, made by `compile_` when all are in use, until there are `most`."""

    def __init__(self, compile_: Callable[[], Lane], most: int) -> None:
        self._compile = compile_
        self._most = most
        self._made = 0
        self._all: list[Lane] = []
        self._idle: list[Lane] = []
        self._changed = threading.Condition()
        self.users = 0  # under the session's lock

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        lane = self._take()
        try:
            # TBB, which OpenVINO runs on, takes locks at the beginning and at the end.
            with forks_wait():
                lane.request.infer({0: np.ascontiguousarray(pictures)}, share_inputs=True)
            outputs: dict[str, NDArray[np.float32]] = {}
            for names, tensor in lane.outputs:
                outputs |= dict.fromkeys(names, np.array(tensor.data))
            return outputs
        finally:
            self._give(lane)

    def add(self) -> None:
        with self._changed:
            if self._made == self._most:
                return
            self._made += 1
        self._give(self._new())

    def clear(self) -> None:
        """Destroy what was compiled. Nobody uses it."""
        self._all.clear()
        self._idle.clear()

    def abandon(self) -> None:
        """Keep what the parent compiled, in a forked child: it can neither be used nor destroyed there."""
        for lane in self._all:
            keep_for_ever(lane)

    def _take(self) -> Lane:
        with self._changed:
            while not self._idle and self._made == self._most:
                self._changed.wait()
            if self._idle:
                # The one used last: what it touches is still in the processor's cache.
                return self._idle.pop()
            self._made += 1
        return self._new()

    def _new(self) -> Lane:
        try:
            lane = self._compile()
        except BaseException:
            with self._changed:
                self._made -= 1
                self._changed.notify()
            raise
        self._all.append(lane)
        return lane

    def _give(self, lane: Lane) -> None:
        with self._changed:
            self._idle.append(lane)
            self._changed.notify()
