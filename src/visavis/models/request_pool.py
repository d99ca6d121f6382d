"""The infer requests of one network for one shape, which several threads use."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.forks import forks_wait, keep_for_ever
from visavis.models.core import InferRequest
from visavis.models.network import Compiler

__all__ = ["RequestPool"]


class RequestPool:
    """Infer requests of one network for one shape.

    Args:
        compiler: creates a request. It is called when all requests are in use and there are fewer than `size`.
        size: the largest number of requests.

    Attributes:
        users: how many threads use the pool; guarded by the lock of the session that has it.
    """

    def __init__(self, compiler: Compiler, size: int) -> None:
        self._compiler = compiler
        self._size = size
        self._all: list[InferRequest] = []
        self._reset()

    def run(self, inputs: Sequence[NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Run the network on its inputs, in their order, and return copies of the outputs by name."""
        request = self._take()
        try:
            # OpenVINO uses TBB, which takes locks at the beginning and at the end.
            with forks_wait():
                # The outputs are shared, because they are copied below.
                request.request.infer(
                    dict(enumerate(map(np.ascontiguousarray, inputs))), share_inputs=True, share_outputs=True
                )
            outputs: dict[str, NDArray[np.float32]] = {}
            for names, tensor in request.outputs:
                outputs |= dict.fromkeys(names, np.array(tensor.data))
            return outputs
        finally:
            self._give(request)

    @property
    def holding(self) -> int:
        """How many requests have memory for their intermediate results."""
        return self._made - len(self._released)

    def release_memory(self) -> None:
        """Free the intermediate results of the requests that are not in use. The next run allocates them again."""
        with self._changed:
            idle = list(self._idle)
            self._idle.clear()
        try:
            with forks_wait():
                for request in idle:
                    request.request.get_compiled_model().release_memory()
        finally:  # after an error too, because threads wait for these requests
            with self._changed:
                self._released += idle
                self._changed.notify_all()

    def add(self) -> None:
        """Compile one more request, up to `size`."""
        with self._changed:
            if self._made == self._size:
                return
            self._made += 1
        self._give(self._new())

    def clear(self) -> None:
        """Destroy the requests. None may be in use."""
        self._all.clear()
        self._idle.clear()
        self._released.clear()

    def renew(self) -> None:
        """Start without requests in a forked child. The parent's are kept for ever.

        A child can neither use nor destroy them.
        """
        for request in self._all:
            keep_for_ever(request)
        self._compiler.renew()
        self._reset()

    def _reset(self) -> None:
        self._made = 0
        self._all = []
        self._idle: list[InferRequest] = []
        self._released: list[InferRequest] = []
        self._changed = threading.Condition()
        self.users = 0

    def _take(self) -> InferRequest:
        with self._changed:
            while not self._idle and not self._released and self._made == self._size:
                self._changed.wait()
            if self._idle or self._released:
                # The request used last, because its memory may still be in the processor's cache.
                return (self._idle or self._released).pop()
            self._made += 1
        return self._new()

    def _new(self) -> InferRequest:
        try:
            request = self._compiler()
        except BaseException:
            with self._changed:
                self._made -= 1
                self._changed.notify()
            raise
        self._all.append(request)
        return request

    def _give(self, request: InferRequest) -> None:
        with self._changed:
            self._idle.append(request)
            self._changed.notify()
