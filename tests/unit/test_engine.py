"""The face cache of an engine, and its release, without networks."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from visavis.analysis import Analysis
from visavis.engine import Engine
from visavis.errors import BadImage, EngineClosed, InvalidRequest
from visavis.geometry import Size
from visavis.image import Image


class Analyzer:
    """Finds no face, and counts the images."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, image: Image, **_: object) -> Analysis:
        self.sizes.append((image.size.width, image.size.height))
        return Analysis(image.size, ())


def opened(analyzer: Analyzer, released: list[str]) -> Engine:
    return Engine(analyzer, None, threads=1, face_cache_size=4, release=lambda: released.append("released"))  # type: ignore[arg-type]


def test_the_same_pixels_in_another_shape_are_another_image() -> None:
    analyzer = Analyzer()
    engine = opened(analyzer, [])
    for shape in ((100, 200, 3), (200, 100, 3), (100, 200, 3)):
        engine.analyze(np.zeros(shape, np.uint8))
    assert analyzer.sizes == [(200, 100), (100, 200)]
    engine.close()


def test_closing_forgets_what_was_remembered_and_lets_go_of_the_networks() -> None:
    released: list[str] = []
    with opened(Analyzer(), released) as engine:
        engine.analyze(np.zeros((100, 200, 3), np.uint8))
        memory = engine._analyze.cache
        assert memory is not None
        assert len(memory) == 1
        assert released == []
    assert len(memory) == 0
    assert released == ["released"]
    with pytest.raises(EngineClosed):
        engine.analyze(np.zeros((100, 200, 3), np.uint8))


def test_an_image_that_waits_for_a_thread_when_the_engine_is_closed_gets_engine_closed() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(Analyzer):
        def __call__(self, image: Image, **asked: object) -> Analysis:
            begun.set()
            goes_on.wait(10)
            return super().__call__(image, **asked)

    engine = opened(Slow(), [])
    outcomes: list[object] = []

    def ask(side: int) -> None:
        try:
            outcomes.append(engine.analyze(np.zeros((side, side, 3), np.uint8)).size)
        except EngineClosed as error:
            outcomes.append(str(error))

    under_way = threading.Thread(target=ask, args=(100,))
    under_way.start()
    begun.wait(10)
    waiting = threading.Thread(target=ask, args=(200,))
    waiting.start()
    while not engine._workers._pool._work_queue.qsize():
        waiting.join(0.01)
    closing = threading.Thread(target=engine.close)
    closing.start()
    waiting.join(10)
    goes_on.set()
    for thread in (closing, under_way):
        thread.join(10)
    assert outcomes == ["the engine was closed before it analysed this image", Size(100, 100)]


def test_a_stream_of_images_gives_an_analysis_or_an_error_for_each() -> None:
    with opened(Analyzer(), []) as engine:
        images = [np.zeros((100, 200, 3), np.uint8), Path("no.jpg"), b"text", "a.jpg", np.zeros((90, 80, 3), np.uint8)]
        found = list(engine.analyze_many(images))  # type: ignore[arg-type]
    assert [type(one) for one in found] == [Analysis, InvalidRequest, BadImage, InvalidRequest, Analysis]
    assert [one.size for one in (found[0], found[-1]) if isinstance(one, Analysis)] == [Size(200, 100), Size(80, 90)]


def test_a_stream_of_a_closed_engine_is_an_error() -> None:
    engine = opened(Analyzer(), [])
    engine.close()
    with pytest.raises(EngineClosed):
        next(engine.analyze_many([b""]))


@pytest.mark.parametrize("sources", [b"one", bytearray(b"one"), "one.jpg", np.zeros((3, 100, 100, 3), np.uint8)])
def test_one_image_is_no_list_of_sources(sources: object) -> None:
    engine = opened(Analyzer(), [])
    with pytest.raises(InvalidRequest, match="sources must be a list of images, not"):
        engine.compare_many(sources, b"")  # type: ignore[arg-type]
    engine.close()
