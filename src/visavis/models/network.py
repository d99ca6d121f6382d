"""A network's file, read and checked when it is first needed, and its compilations for one shape."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visavis.errors import ModelCorrupt, ModelStoreError
from visavis.files import open_regular
from visavis.forks import forks_wait
from visavis.models.checksums import CHECKSUMS, read_checked
from visavis.models.compiled import CompiledNetworks, tensor_of
from visavis.models.core import Core, InferRequest

__all__ = ["Compiler", "Network"]

log = logging.getLogger(__name__)


class Network:
    """A network's file, which is read when it is first needed.

    Args:
        core: reads it.
        file: the .xml file of a ready network, whose folder has its SHA256SUMS, or an .onnx file.
        restore: builds the ready network again if it is damaged; None if nothing can.
        wanted: the SHA-256 of an .onnx file, in hexadecimal digits; None if it is not known.
    """

    def __init__(
        self, core: Core, file: Path, restore: Callable[[], None] | None = None, *, wanted: str | None = None
    ) -> None:
        self._core = core
        self._file = file
        self._restore = restore
        self._wanted = wanted
        self._sha256: str | None = None
        self._model: Any = None
        self._pinned = False
        self.renew()

    def renew(self) -> None:
        """Replace the lock in a forked child. The model stays, because it has no threads."""
        self._lock = threading.Lock()

    def sha256(self) -> str:
        """A hash of the network, for which its weights are not read.

        Raises:
            ModelError: the network is damaged, and cannot be restored.
        """
        with self._lock:
            if self._sha256 is None:
                self._checked(self._identify)
            return str(self._sha256)

    def model(self, *, pin: bool = False) -> Any:
        """OpenVINO's model of the network, which is read once.

        Args:
            pin: whether `forget` shall have no effect from now on.

        Raises:
            ModelError: the network is damaged, and cannot be restored.
            EngineClosed: the core is closed.
        """
        with self._lock:
            self._pinned = self._pinned or pin
            if self._model is None:
                self._checked(self._read)
            return self._model

    def forget(self) -> None:
        """Release the model, unless it is pinned. It is read again if it is needed again."""
        with self._lock:
            if not self._pinned:
                self._model = None

    def release(self) -> None:
        """Release the model, pinned or not."""
        with self._lock:
            self._model = None

    def _identify(self) -> None:
        file = self._file.with_name(CHECKSUMS) if self._file.suffix == ".xml" else self._file
        self._sha256 = hashlib.sha256(_bytes_of(file)).hexdigest()

    def _read(self) -> None:
        self._identify()  # while the file is there
        network, weights = self._content()
        self._model = self._core.read(self._file, network, weights)

    def _content(self) -> tuple[bytes, bytes]:
        if self._file.suffix != ".xml":
            network = _bytes_of(self._file)
            if self._wanted not in (None, hashlib.sha256(network).hexdigest()):
                raise ModelCorrupt(f"{self._file} is damaged: its SHA-256 is not {self._wanted}; install visavis again")
            return network, b""
        files = read_checked(self._file.parent)
        return files.get(self._file.name, b""), files.get(self._file.with_suffix(".bin").name, b"")

    def _checked(self, read: Callable[[], None]) -> None:
        try:
            read()
        except (ModelCorrupt, ModelStoreError):
            if self._restore is None:
                raise
            self._restore()
            read()


class Compiler:
    """Compiles a network for one shape, once for each call.

    With a cache, the compiled network is read from it, or compiled and added to it. Several requests are all made from
    these bytes, so they share most of the weights.

    Args:
        core: compiles.
        network: the network.
        shape: of its images, (n, h, w, channels).
        precision: `f32` or `bf16`.
        several: whether more than one request is made.
    """

    def __init__(self, core: Core, network: Network, shape: tuple[int, ...], precision: str, *, several: bool) -> None:
        self._core = core
        self._network = network
        self._shape = shape
        self._precision = precision
        self._several = several
        self._exported: Any = None
        self.renew()

    def renew(self) -> None:
        """Replace the lock in a forked child. What was read from the cache stays, because it has no threads."""
        self._lock = threading.Lock()

    def __call__(self) -> InferRequest:
        """Make a request.

        Raises:
            ModelError: the network is damaged, and cannot be restored.
            EngineClosed: the core is closed.
        """
        with forks_wait():  # before the lock, so that no fork copies it while it is taken
            cache = self._core.compiled_networks()
            if cache is None:
                return self._compile()
            with self._lock:
                if self._exported is None:
                    self._exported = cache.read(self._name(cache))
                if self._exported is None and cache.writable:
                    request = self._compile()
                    exported = self._core.export(request)
                    cache.write(self._name(cache), exported)
                    if not self._several:
                        return request
                    self._exported = tensor_of(exported)
                    self._network.forget()
            return self._load() or self._compile()

    def _compile(self) -> InferRequest:
        return self._core.compile(self._network.model(), self._shape, self._precision)

    def _load(self) -> InferRequest | None:
        if self._exported is None:
            return None
        try:
            return self._core.load(self._exported, self._precision)
        except RuntimeError:
            log.warning("OpenVINO refuses a network that it compiled before, so the network is compiled again")
            return None

    def _name(self, cache: CompiledNetworks) -> str:
        return cache.name_of(self._network.sha256(), self._shape, self._precision)


def _bytes_of(file: Path) -> bytes:
    try:
        with open_regular(file) as opened:
            return opened.read()
    except OSError as error:
        raise ModelStoreError(f"the network {file} cannot be read: {error.strerror}") from error
