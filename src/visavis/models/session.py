"""Runs networks: the protocol that stages depend on, and OpenVINO sessions that several threads share."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.errors import EngineClosed, ModelError
from visavis.forks import forks_wait, renew_in_children
from visavis.models.core import Core
from visavis.models.network import Compiler, Network
from visavis.models.openvino_import import import_openvino
from visavis.models.request_pool import RequestPool

__all__ = ["MeasuresSession", "OpenVinoRuntime", "OpenVinoSession", "Session"]


class Session(Protocol):
    """A network that takes images."""

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network. Several threads may call this at the same time.

        Args:
            images: (n, h, w, 3) uint8 RGB.

        Returns:
            The outputs by name, float32. Each is a copy that belongs to the caller.
        """
        ...


class MeasuresSession(Protocol):
    """A network that takes images, and for each image numbers that were measured on it."""

    def run(self, images: NDArray[np.uint8], measures: NDArray[np.float32], /) -> dict[str, NDArray[np.float32]]:
        """Run the network, as `Session.run` does.

        Args:
            images: (n, h, w, 3) uint8 RGB.
            measures: (n, k) float32.

        Returns:
            The outputs by name, float32. Each is a copy that belongs to the caller.
        """
        ...


class OpenVinoRuntime:
    """OpenVINO on one device, set up once for all networks.

    On the CPU every inference runs on one thread, so that the results for an image do not depend on other work that
    runs at the same time. For concurrent inferences a network is compiled several times, because OpenVINO's own way,
    streams inside one compiled network, makes two threads a fifth to a third slower (docs/adr/0003).

    In a forked child every network is compiled again at its first use (docs/adr/0005).

    Args:
        concurrency: how many inferences of one network may run at the same time. Each needs a compiled network, with
            its own copy of the weights.
        cache: a folder for compiled networks, or None to compile every time. It is used on the CPU only. A folder that
            cannot be written is read.
        device: OpenVINO's name of the device that networks run on, in capitals.

    Example:
        >>> from visavis.runtime import open_store
        >>> from visavis.settings import Settings
        >>> network = open_store(Settings.from_env()).ready("sface")
        >>> runtime = OpenVinoRuntime(concurrency=1, cache=None)
        >>> outputs = runtime.session(network).run(np.zeros((1, 112, 112, 3), np.uint8))
        >>> next(iter(outputs.values())).shape
        (1, 128)
        >>> runtime.close()
    """

    def __init__(self, *, concurrency: int, cache: Path | None, device: str = "CPU") -> None:
        self._core = Core(cache, device)
        self._concurrency = concurrency
        self._sessions: list[OpenVinoSession] = []

    def check_device(self) -> None:
        """Check that the machine has the device.

        Raises:
            SettingsError: the machine does not have it; the message lists the devices that it has.
        """
        self._core.check_device()

    def check_precision(self, precision: str) -> None:
        """Check that networks can run in a precision, `f32` or `bf16`.

        Raises:
            SettingsError: the processor has no instructions for it, or the device is not the CPU.
        """
        self._core.check_precision(precision)

    def session(
        self,
        network: Path,
        *,
        shapes: int = 1,
        pixels: int | None = None,
        precision: str = "f32",
        restore: Callable[[], None] | None = None,
        sha256: str | None = None,
    ) -> OpenVinoSession:
        """Open a ready network.

        Args:
            network: its .xml file, whose folder has its checksums, or an .onnx file. It is read when it is first
                needed.
            shapes: how many input shapes stay compiled at the same time.
            pixels: for how many pixels of input intermediate results stay allocated, for each inference that may run
                at the same time; at least those of the largest input. Default: for all compiled shapes.
            precision: in which the network runs, `f32` or `bf16`.
            restore: builds the ready network again if it is damaged; None: it is refused.
            sha256: of an .onnx file, which must have it. Default: it is not checked.
        """
        session = OpenVinoSession(
            self._core,
            Network(self._core, network, restore, wanted=sha256),
            shapes=shapes,
            pixels=math.inf if pixels is None else pixels * self._concurrency,
            precision=precision,
            concurrency=self._concurrency,
        )
        self._sessions.append(session)
        return session

    def close(self) -> None:
        """Release every compiled network with its memory and threads. No inference may be running."""
        self._core.close()
        for session in self._sessions:
            session.close()


class OpenVinoSession:
    """A ready network, with a pool of infer requests for each recently used input shape."""

    def __init__(
        self, core: Core, network: Network, *, shapes: int, pixels: float, precision: str, concurrency: int
    ) -> None:
        self._core = core
        self._precision = precision
        self._network = network
        self._shapes = shapes
        self._pixels = pixels
        self._concurrency = concurrency
        self._pools: OrderedDict[tuple[int, ...], RequestPool] = OrderedDict()
        self._lock = threading.Lock()
        self._preparing: list[threading.Thread] = []
        renew_in_children(self)

    def load(self) -> None:
        """Read the network's file now. Afterwards the file is not needed any more.

        Raises:
            ModelError: the network is damaged, and cannot be restored.
        """
        self._network.model(pin=True)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile one more infer request for images of a shape, (n, h, w, channels), up to `concurrency`."""
        with self._pool_for(shape) as pool:
            pool.add()

    def prepare_in_background(self, shape: tuple[int, ...]) -> None:
        """Do the same in a thread. An error there is ignored, because the first run raises it again."""
        # Imported in this thread, because Python would alternate between two imports in two threads.
        import_openvino()

        def work() -> None:
            with suppress(RuntimeError, EngineClosed, ModelError):
                self.prepare(shape)

        thread = threading.Thread(target=work, name="visavis-compile")
        self._preparing.append(thread)
        thread.start()

    def run(self, images: NDArray[np.uint8], *measures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run the network, as `Session.run` or `MeasuresSession.run` describes.

        Raises:
            ModelError: the network is damaged, and cannot be restored.
            EngineClosed: the runtime is closed.
        """
        with self._pool_for(images.shape) as pool:
            return pool.run((images, *measures))

    def close(self) -> None:
        """Release the compiled networks."""
        for thread in self._preparing:
            thread.join()
        with self._lock:
            pools, self._pools = self._pools, OrderedDict()
        self._network.release()
        with forks_wait():
            for pool in pools.values():
                pool.clear()

    def renew(self) -> None:
        """Replace the lock and the compiled networks in a forked child."""
        self._lock = threading.Lock()
        self._preparing = []
        self._network.renew()
        for pool in self._pools.values():
            pool.renew()

    @contextmanager
    def _pool_for(self, shape: tuple[int, ...]) -> Iterator[RequestPool]:
        """Yield the pool for a shape. No other thread drops it before the block ends."""
        with self._lock:
            if shape not in self._pools:
                # Not bound to this session, because a reference cycle would keep the networks in memory.
                several = self._concurrency > 1
                compiler = Compiler(self._core, self._network, shape, self._precision, several=several)
                self._pools[shape] = RequestPool(compiler, self._concurrency)
            self._pools.move_to_end(shape)
            pool = self._pools[shape]
            pool.users += 1
            too_large = self._too_large()
        try:
            for unused in too_large:
                unused.release_memory()
            yield pool
        finally:
            with self._lock:
                pool.users -= 1
                surplus = self._surplus()
            if surplus:
                with forks_wait():  # OpenVINO destroys networks here
                    for unused in surplus:
                        unused.clear()

    def _too_large(self) -> list[RequestPool]:
        """The least recently used pools whose idle requests have to release memory."""
        excess = -self._pixels
        for shape, pool in self._pools.items():
            excess += math.prod(shape[:3]) * max(pool.holding, pool.users)
        chosen = []
        for shape, pool in self._pools.items():
            releasable = pool.holding - pool.users
            if excess > 0 and releasable > 0:
                chosen.append(pool)
                excess -= math.prod(shape[:3]) * releasable
        return chosen

    def _surplus(self) -> list[RequestPool]:
        """Remove the least recently used pools that are not in use. The caller clears them."""
        unused = [shape for shape, pool in self._pools.items() if not pool.users]
        return [self._pools.pop(shape) for shape in unused[: max(0, len(self._pools) - self._shapes)]]
