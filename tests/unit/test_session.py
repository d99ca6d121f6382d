"""How compiled networks are kept, without OpenVINO: what a fork has to wait for, and what is dropped when."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from visavis import forks
from visavis.errors import EngineClosed, ModelStoreError
from visavis.models import core as module
from visavis.models.core import InferRequest
from visavis.models.network import Network
from visavis.models.session import OpenVinoRuntime, OpenVinoSession
from visavis.vision.expression import NETWORK


class Tensor:
    data = np.zeros((1, 2), np.float32)


class Request:
    """Notes whether a fork would have waited for it to run and to be destroyed."""

    def __init__(self, core: Core, shape: tuple[int, ...]) -> None:
        self.core, self.shape = core, shape

    def infer(self, inputs: dict[int, np.ndarray], **_: object) -> None:
        self.core.inputs = inputs
        self.core.ran.append((self.shape, bool(forks._busy)))
        self.core.while_running()

    def get_compiled_model(self) -> SimpleNamespace:
        return SimpleNamespace(release_memory=lambda: self.core.released.append((self.shape[1], bool(forks._busy))))

    def __del__(self) -> None:
        self.core.destroyed.append((self.shape, bool(forks._busy)))


class Core:
    """Stands in for `Core` of models/core.py."""

    def __init__(self) -> None:
        self.compiled: list[tuple[int, ...]] = []
        self.ran: list[tuple[tuple[int, ...], bool]] = []
        self.destroyed: list[tuple[tuple[int, ...], bool]] = []
        self.released: list[tuple[int, bool]] = []
        self.inputs: dict[int, np.ndarray] = {}
        self.while_running: Callable[[], object] = lambda: None

    def read(self, file: Path, network: bytes, weights: bytes) -> Any:
        return file

    def compiled_networks(self) -> None:
        return None

    def compile(self, network: Any, shape: tuple[int, ...], precision: str) -> InferRequest:
        assert precision == "f32"
        self.compiled.append(shape)
        return InferRequest(Request(self, shape), ((("out", "also out"), Tensor()),))


def opened(core: Any, *, shapes: int = 1, pixels: float = math.inf, concurrency: int = 1) -> OpenVinoSession:
    return OpenVinoSession(
        core,
        Network(core, NETWORK),
        shapes=shapes,
        pixels=pixels,
        precision="f32",
        concurrency=concurrency,
    )


def image(side: int) -> np.ndarray:
    return np.zeros((1, side, side, 3), np.uint8)


def test_an_output_goes_by_each_of_its_names_and_is_the_callers() -> None:
    outputs = opened(Core()).run(image(8))
    assert set(outputs) == {"out", "also out"}
    assert not np.shares_memory(outputs["out"], Tensor.data)


def test_measures_are_the_second_input() -> None:
    core, measures = Core(), np.ones((1, 4), np.float32)
    opened(core).run(image(8), measures)
    assert {i: given.shape for i, given in core.inputs.items()} == {0: (1, 8, 8, 3), 1: (1, 4)}
    assert (core.inputs[1] == measures).all()
    assert core.compiled == [(1, 8, 8, 3)]


def test_a_fork_waits_for_an_inference() -> None:
    core = Core()
    opened(core).run(image(8))
    assert core.ran == [((1, 8, 8, 3), True)]


def test_the_shapes_used_last_are_kept_and_a_fork_waits_for_the_end_of_others() -> None:
    core = Core()
    session = opened(core, shapes=2)
    for side in (8, 16, 8, 24, 8):
        session.run(image(side))
    assert [shape[1] for shape in core.compiled] == [8, 16, 24]
    assert core.destroyed == [((1, 16, 16, 3), True)]


def test_the_memory_of_the_shapes_used_longest_ago_is_released_and_allocated_again_at_the_next_use() -> None:
    core = Core()
    session = opened(core, shapes=4, pixels=20 * 20)
    for side, released in ((10, []), (16, []), (8, [10]), (16, [10]), (10, [10, 8]), (12, [10, 8, 16])):
        session.run(image(side))
        assert [side for side, _ in core.released] == released
    assert all(waits for _, waits in core.released)
    session.run(image(8))
    assert len(core.released) == 3
    assert len(core.compiled) == 4


def test_memory_in_use_is_not_released() -> None:
    core = Core()
    session = opened(core, shapes=4, pixels=1, concurrency=2)
    seen: list[list[tuple[int, bool]]] = []

    def meanwhile() -> None:
        core.while_running = lambda: None
        other = threading.Thread(target=session.run, args=(image(16),))
        other.start()
        other.join()
        seen.append([*core.released])

    core.while_running = meanwhile
    session.run(image(8))
    assert seen == [[]]
    session.run(image(8))
    assert [side for side, _ in core.released] == [16]


def test_a_network_in_use_is_not_dropped_for_another_shape() -> None:
    core = Core()
    session = opened(core, shapes=1)
    seen: list[int] = []

    def meanwhile() -> None:
        core.while_running = lambda: None
        other = threading.Thread(target=session.run, args=(image(16),))
        other.start()
        other.join()
        seen.append(len(core.destroyed))

    core.while_running = meanwhile
    session.run(image(8))
    # The one that ended first is dropped first, though it was used last.
    assert core.destroyed == [((1, 16, 16, 3), True)]
    assert seen == [1]
    session.run(image(8))
    assert [shape[1] for shape in core.compiled] == [8, 16]


def test_closing_destroys_every_network_while_forks_wait() -> None:
    core = Core()
    session = opened(core, shapes=2)
    session.run(image(8))
    session.run(image(16))
    session.close()
    assert core.destroyed == [((1, 8, 8, 3), True), ((1, 16, 16, 3), True)]


def test_after_a_fork_what_the_parent_compiled_is_neither_used_nor_destroyed() -> None:
    core = Core()
    session = opened(core)
    session.run(image(8))
    session.renew()
    session.run(image(8))
    session.close()
    assert len(core.compiled) == 2
    assert len(core.destroyed) == 1


def test_a_compilation_that_fails_leaves_its_place_to_the_next() -> None:
    core = Core()
    session = opened(core)
    compile_, failures = core.compile, [RuntimeError("once")]

    def fails_once(network: Any, shape: tuple[int, ...], precision: str) -> InferRequest:
        if failures:
            raise failures.pop()
        return compile_(network, shape, precision)

    core.compile = fails_once  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="once"):
        session.run(image(8))
    assert session.run(image(8))


class OpenVino:
    """Stands in for `openvino.Core`, its networks and what is compiled; notes what a fork would have waited for."""

    def __init__(self, *, damaged: bool = False) -> None:
        self.damaged = damaged
        self.waited_for: list[tuple[str, bool]] = []
        self.model_outputs = [SimpleNamespace(names={"out"})]
        self.inputs: list[object] = [SimpleNamespace()]

    def note(self, what: str) -> None:
        self.waited_for.append((what, bool(forks._busy)))

    def read_model(self, network: bytes) -> OpenVino:
        self.note("read")
        if self.damaged:
            raise RuntimeError(f"{len(network)} bytes in the words of OpenVINO")
        return self

    def clone(self) -> OpenVino:
        return self

    def reshape(self, shapes: dict[int, list[int]]) -> None:
        self.note(f"reshape to {shapes}")

    def compile_model(self, _: OpenVino, device: str, config: dict[str, object]) -> OpenVino:
        assert (device, config) == ("CPU", {**module.CONFIG, "INFERENCE_PRECISION_HINT": "f32"})
        self.note("compile")
        return self

    def create_infer_request(self) -> OpenVino:
        return self

    def get_output_tensor(self, _: int) -> Tensor:
        return Tensor()

    def infer(self, *_: object, **__: object) -> None:
        self.note("infer")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[OpenVino]:
    """The cores that were made."""
    cores: list[OpenVino] = []

    def make(_: object) -> OpenVino:
        cores.append(OpenVino())
        return cores[-1]

    monkeypatch.setattr(module.Core, "_create", make)
    return cores


def test_a_fork_waits_for_all_that_openvino_does(made: list[OpenVino]) -> None:
    session = OpenVinoRuntime(concurrency=1, cache=None).session(NETWORK)
    for _ in range(2):
        session.run(image(8))
    (core,) = made
    assert core.waited_for == [
        (what, True) for what in ("read", "reshape to {0: [1, 8, 8, 3]}", "compile", "infer", "infer")
    ]


def test_inputs_after_the_images_take_a_row_for_each_image(made: list[OpenVino]) -> None:
    core = module.Core(None)
    network = OpenVino()
    length = SimpleNamespace(get_length=lambda: 17)
    network.inputs.append(SimpleNamespace(partial_shape=[None, length]))
    core.compile(network, (5, 8, 8, 1))
    assert network.waited_for[0] == ("reshape to {0: [5, 8, 8, 1], 1: [5, 17]}", True)


def test_in_a_child_another_core_is_made_and_the_parents_is_not_destroyed(made: list[OpenVino]) -> None:
    runtime = OpenVinoRuntime(concurrency=1, cache=None)
    session = runtime.session(NETWORK)
    session.run(image(8))
    references = sys.getrefcount(made[0])
    assert {runtime._core, session} <= set(forks._renewables)
    runtime._core._lock.acquire()  # as another thread may at the moment of the fork
    runtime._core.renew()
    kept = sys.getrefcount(made[0])  # counted here, because an assert holds one more
    assert kept == references
    session.renew()
    session.run(image(8))
    assert len(made) == 2


def test_an_engine_closed_while_its_core_is_made_does_not_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = OpenVinoRuntime(concurrency=1, cache=None)
    began, goes_on = threading.Event(), threading.Event()

    def make(_: object) -> OpenVino:
        began.set()
        goes_on.wait(10)
        return OpenVino()

    monkeypatch.setattr(module.Core, "_create", make)
    session = runtime.session(NETWORK)
    loading, closing = threading.Thread(target=session.load), threading.Thread(target=runtime.close)
    loading.start()
    began.wait(10)
    closing.start()
    closing.join(0.2)
    goes_on.set()
    for thread in (loading, closing):
        thread.join(10)
    assert runtime._core._core is None
    for ask in (runtime.session(NETWORK).load, lambda: session.run(image(8))):
        with pytest.raises(EngineClosed, match="the engine is closed; open another"):
            ask()


def test_closing_waits_for_what_is_compiled_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = OpenVinoRuntime(concurrency=1, cache=None)
    session = runtime.session(NETWORK)
    began, ended = threading.Event(), []

    def prepare(shape: tuple[int, ...]) -> None:
        began.set()
        time.sleep(0.2)
        ended.append(True)

    monkeypatch.setattr(session, "prepare", prepare)
    session.prepare_in_background((1, 8, 8, 3))
    began.wait(10)
    runtime.close()
    assert ended


def test_a_network_that_cannot_be_read_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Core, "_create", lambda _: OpenVino(damaged=True))
    session = OpenVinoRuntime(concurrency=1, cache=None).session(NETWORK)
    for ask in (session.load, lambda: session.run(image(8))):
        with pytest.raises(ModelStoreError, match=r"expression.onnx cannot be read.*delete its folder"):
            ask()
    session.prepare_in_background((1, 8, 8, 3))
    session.close()


def test_no_more_requests_are_compiled_than_may_be() -> None:
    core = Core()
    session = opened(core, concurrency=2)
    for _ in range(4):
        with session._pool_for((1, 8, 8, 3)) as pool:
            pool.add()
    goes_on = threading.Event()
    core.while_running = lambda: goes_on.wait(10)
    threads = [threading.Thread(target=session.run, args=(image(8),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    threads[-1].join(0.2)
    assert len(core.compiled) == len(core.ran) == 2
    goes_on.set()
    for thread in threads:
        thread.join(10)
    assert len(core.compiled) == 2
    assert len(core.ran) == 6
