"""A cache of compiled networks in a folder.

OpenVINO's own cache is not used, because it runs what is in a file unchecked, maps it into memory, and names it by the
processor alone. Here a file is the compiled network followed by its SHA-256, and its name is a hash of all that the
compiled network depends on. It is read into memory once, and what was hashed is what runs.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from pathlib import Path
from typing import Any

from visavis.files import open_regular, writing_atomically
from visavis.models.openvino_import import import_openvino

__all__ = ["CompiledNetworks", "damaged_networks", "tensor_of"]

log = logging.getLogger(__name__)

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_SUFFIX = ".network"
_DIGEST_SIZE = hashlib.sha256().digest_size


class CompiledNetworks:
    """Compiled networks by name. Safe to share between threads and processes.

    Args:
        folder: where they are, which is created if it does not exist. It need not be writable.
        machine: what a compiled network depends on besides the network: OpenVINO and the processor.

    Attributes:
        writable: whether it seemed that networks can be written.
    """

    def __init__(self, folder: Path, machine: str) -> None:
        self._folder = folder
        self._machine = machine
        self._complained = False
        self.writable = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.writable = os.access(folder, os.W_OK | os.X_OK)
            if not self.writable:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            self._complain(error)

    def name_of(self, network_sha256: str, shape: tuple[int, ...], precision: str) -> str:
        """The name of a network that was compiled here for images of a shape, (n, h, w, channels)."""
        return hashlib.sha256(f"{network_sha256} {shape} {precision} {self._machine}".encode()).hexdigest()

    def read(self, name: str) -> Any:
        """Return a compiled network, checked.

        Returns:
            An OpenVINO tensor, (n) uint8, which owns its memory; None if there is no such network, or it is damaged.
        """
        path = self._folder / f"{name}{_SUFFIX}"
        try:
            network = _read(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            log.warning("%s cannot be read (%s), so the network is compiled again", path, error.strerror)
            return None
        if network is None:
            log.warning("%s is damaged, so the network is compiled again", path)
        return network

    def write(self, name: str, network: memoryview) -> None:
        """Write a compiled network, completely or not at all. A failure is logged once."""
        try:
            with writing_atomically(self._folder / f"{name}{_SUFFIX}") as temporary, temporary.open("wb") as out:
                out.write(network)
                out.write(hashlib.sha256(network).digest())
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            # A folder is often read-only on purpose. A full disk is not.
            log.log(
                logging.INFO if error.errno in _READ_ONLY else logging.WARNING,
                "compiled networks are not kept, so every start compiles them: %s cannot be written: %s",
                self._folder,
                error.strerror,
            )


def damaged_networks(folder: Path) -> list[Path]:
    """List the compiled networks of a folder that do not have their SHA-256 or cannot be read."""
    return [path for path in sorted(folder.glob(f"*{_SUFFIX}")) if not _intact(path)]


def _intact(path: Path) -> bool:
    try:
        return _read(path) is not None
    except OSError:
        return False


def _read(path: Path) -> Any:
    """The compiled network of a file as a tensor; None if it does not have its SHA-256."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size - _DIGEST_SIZE
        if size <= 0:
            return None
        tensor = _tensor(size)
        data = tensor.data
        whole = file.readinto(data) == size and file.read(_DIGEST_SIZE + 1) == hashlib.sha256(data).digest()
        return tensor if whole else None


def tensor_of(network: memoryview) -> Any:
    """Copy a compiled network to an OpenVINO tensor, (n) uint8, as `CompiledNetworks.read` returns it."""
    tensor = _tensor(len(network))
    tensor.data[:] = network
    return tensor


def _tensor(size: int) -> Any:
    # OpenVINO owns its memory, because the weights of a network that is loaded from it stay in it.
    openvino = import_openvino()
    return openvino.Tensor(openvino.Type.u8, openvino.Shape([size]))
