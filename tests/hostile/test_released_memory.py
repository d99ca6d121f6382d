"""Memory of networks that is freed while many threads use them, and a failure to free it."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.models.core import InferRequest
from visavis.models.network import Network
from visavis.models.session import OpenVinoRuntime, OpenVinoSession
from visavis.runtime import open_store
from visavis.settings import Settings
from visavis.vision.expression import NETWORK

SHAPES = [(1, 32 * height, 32 * width, 3) for height in (1, 2) for width in (1, 2, 3)]
THREADS = 6
RUNS = 15  # of each thread


def opened(runtime: OpenVinoRuntime, *, shapes: int, pixels: int | None) -> OpenVinoSession:
    return runtime.session(open_store(Settings.from_env()).ready("detector"), shapes=shapes, pixels=pixels)


def bytes_of(outputs: dict[str, NDArray[np.float32]]) -> bytes:
    return b"".join(outputs[name].tobytes() for name in sorted(outputs))


def test_many_threads_with_many_shapes_get_the_results_of_one_thread() -> None:
    random = np.random.default_rng(1)
    images = [random.integers(0, 256, shape, dtype=np.uint8) for shape in SHAPES]
    alone = OpenVinoRuntime(concurrency=1, cache=None)
    session = opened(alone, shapes=len(SHAPES), pixels=None)
    expected = [bytes_of(session.run(image)) for image in images]
    alone.close()

    together = OpenVinoRuntime(concurrency=3, cache=None)
    # So little that nearly every run frees memory, and so few shapes that pools are dropped meanwhile.
    session = opened(together, shapes=4, pixels=math.prod(SHAPES[0]))
    wrong: list[int] = []
    finished: list[int] = []

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).integers(0, len(SHAPES), RUNS):
            if bytes_of(session.run(images[i])) != expected[i]:
                wrong.append(int(i))
        finished.append(seed)

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert sorted(finished) == list(range(THREADS))
    assert wrong == []
    assert all(pool.users == 0 for pool in session._pools.values())
    together.close()


class Failing:
    """Stands in for `Core`: its requests run, and fail to free memory while `fails` is true."""

    fails = True
    compiled = 0

    def read(self, *_: object) -> object:
        return object()

    def compiled_networks(self) -> None:
        return None

    def compile(self, *_: object) -> InferRequest:
        self.compiled += 1
        request = SimpleNamespace(
            infer=lambda *_, **__: None, get_compiled_model=lambda: SimpleNamespace(release_memory=self._release)
        )
        return InferRequest(request, ((("out",), SimpleNamespace(data=np.zeros(2, np.float32))),))

    def _release(self) -> None:
        if self.fails:
            raise RuntimeError("the memory cannot be released")


def test_after_a_failure_to_free_memory_nobody_waits_for_the_requests_for_ever() -> None:
    core: Any = Failing()
    session = OpenVinoSession(core, Network(core, NETWORK), shapes=2, pixels=1, precision="f32", concurrency=1)
    small, large = (np.zeros((1, side, side, 3), np.uint8) for side in (8, 16))
    session.run(small)
    with pytest.raises(RuntimeError, match="cannot be released"):
        session.run(large)
    core.fails = False
    again = threading.Thread(target=session.run, args=(small,), daemon=True)
    again.start()
    again.join(10)
    assert not again.is_alive()
    assert core.compiled == 1  # the same request as before
    assert all(pool.users == 0 for pool in session._pools.values())
