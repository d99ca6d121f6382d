"""How compiled networks are kept, without OpenVINO: what a fork has to wait for, and what is dropped when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visavis import forks
from visavis.errors import EngineClosed, ModelStoreError
from visavis.models import core as module
from visavis.models.core import Lane
from visavis.models.session import OpenVinoSession, Runtime


class Tensor:
    data = np.zeros((1, 2), np.float32)


class Request:
    """Notes whether a fork would have waited for it to run and to be destroyed."""

    def __init__(self, core: Core, shape: tuple[int, ...]) -> None:
        self.core, self.shape = core, shape

    def infer(self, *_: object, **__: object) -> None:
        self.core.ran.append((self.shape, bool(forks._busy)))
        self.core.while_running()

    def __del__(self) -> None:
        self.core.destroyed.append((self.shape, bool(forks._busy)))


class Core:
    """Stands in for `Core` of models/core.py."""

    def __init__(self) -> None:
        self.compiled: list[tuple[int, ...]] = []
        self.ran: list[tuple[tuple[int, ...], bool]] = []
        self.destroyed: list[tuple[tuple[int, ...], bool]] = []
        self.while_running: Callable[[], object] = lambda: None

    def read(self, network: Path) -> Any:
        return network

    def compile(self, network: Any, shape: tuple[int, ...]) -> Lane:
        self.compiled.append(shape)
        return Lane(Request(self, shape), ((("out", "also out"), Tensor()),))


def opened(core: Core, *, shapes: int = 1, lanes: int = 1) -> OpenVinoSession:
    return OpenVinoSession(core, Path("network.xml"), shapes=shapes, lanes=lanes)  # type: ignore[arg-type]


def picture(side: int) -> np.ndarray:
    return np.zeros((1, side, side, 3), np.uint8)


def test_an_output_goes_by_each_of_its_names_and_is_the_callers() -> None:
    outputs = opened(Core()).run(picture(8))
    assert set(outputs) == {"out", "also out"}
    assert not np.shares_memory(outputs["out"], Tensor.data)


def test_a_fork_waits_for_an_inference() -> None:
    core = Core()
    opened(core).run(picture(8))
    assert core.ran == [((1, 8, 8, 3), True)]


def test_the_shapes_used_last_are_kept_and_a_fork_waits_for_the_end_of_others() -> None:
    core = Core()
    session = opened(core, shapes=2)
    for side in (8, 16, 8, 24, 8):
        session.run(picture(side))
    assert [shape[1] for shape in core.compiled] == [8, 16, 24]
    assert core.destroyed == [((1, 16, 16, 3), True)]


def test_a_network_in_use_is_not_dropped_for_another_shape() -> None:
    core = Core()
    session = opened(core, shapes=1)
    seen: list[int] = []

    def meanwhile() -> None:
        core.while_running = lambda: None
        other = threading.Thread(target=session.run, args=(picture(16),))
        other.start()
        other.join()
        seen.append(len(core.destroyed))

    core.while_running = meanwhile
    session.run(picture(8))
    # The one that ended first is dropped first, though it was used last.
    assert core.destroyed == [((1, 16, 16, 3), True)]
    assert seen == [1]
    session.run(picture(8))
    assert [shape[1] for shape in core.compiled] == [8, 16]


def test_closing_destroys_every_network_while_forks_wait() -> None:
    core = Core()
    session = opened(core, shapes=2)
    session.run(picture(8))
    session.run(picture(16))
    session.close()
    assert core.destroyed == [((1, 8, 8, 3), True), ((1, 16, 16, 3), True)]


def test_after_a_fork_what_the_parent_compiled_is_neither_used_nor_destroyed() -> None:
    core = Core()
    session = opened(core)
    session.run(picture(8))
    session.renew()
    session.run(picture(8))
    session.close()
    assert len(core.compiled) == 2
    assert len(core.destroyed) == 1


def test_a_compilation_that_fails_leaves_its_place_to_the_next() -> None:
    core = Core()
    session = opened(core)
    compile_, failures = core.compile, [RuntimeError("once")]

    def fails_once(network: Any, shape: tuple[int, ...]) -> Lane:
        if failures:
            raise failures.pop()
        return compile_(network, shape)

    core.compile = fails_once  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="once"):
        session.run(picture(8))
    assert session.run(picture(8))


class Real:
    """Stands in for `openvino.Core`."""

    def __init__(self) -> None:
        self.began, self.goes_on = threading.Event(), threading.Event()

    def read_model(self, network: Path) -> Any:
        raise RuntimeError(f"{network} in the words of OpenVINO")


def test_an_engine_closed_while_its_core_is_made_does_not_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, real = Runtime(lanes=1, cache=None), Real()

    def made(_: object) -> Real:
        real.began.set()
        real.goes_on.wait(10)
        return real

    monkeypatch.setattr(module.Core, "_made", made)
    session = runtime.session(Path("network.xml"))
    errors: list[Exception] = []

    def load() -> None:
        try:
            session.load()
        except ModelStoreError as error:
            errors.append(error)

    loading, closing = threading.Thread(target=load), threading.Thread(target=runtime.close)
    loading.start()
    real.began.wait(10)
    closing.start()
    closing.join(0.2)
    real.goes_on.set()
    for thread in (loading, closing):
        thread.join(10)
    assert runtime._core._core is None
    assert len(errors) <= 1
    with pytest.raises(EngineClosed, match="the engine is closed; open another"):
        session.load()


def test_a_network_that_cannot_be_read_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Core, "_made", lambda _: Real())
    session = Runtime(lanes=1, cache=None).session(Path("ready/network.xml"))
    for ask in (session.load, lambda: session.run(picture(8))):
        with pytest.raises(ModelStoreError, match=r"ready.network.xml cannot be read.*delete its folder"):
            ask()
    session.prepare_in_background()
    session.close()
