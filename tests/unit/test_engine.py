"""What an engine remembers and lets go of, without networks."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.analysis import Analysis
from visavis.engine import Engine
from visavis.errors import EngineClosed
from visavis.image import Image


class Analyzer:
    """Finds no face, and counts the pictures."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, image: Image, **_: object) -> Analysis:
        self.sizes.append((image.size.width, image.size.height))
        return Analysis(image.size, ())


def opened(analyzer: Analyzer, released: list[str]) -> Engine:
    return Engine(analyzer, None, threads=1, remembered=4, release=lambda: released.append("released"))  # type: ignore[arg-type]


def test_the_same_pixels_in_another_shape_are_another_picture() -> None:
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
        memory = engine._memory
        assert memory is not None
        assert len(memory) == 1
        assert released == []
    assert len(memory) == 0
    assert released == ["released"]
    with pytest.raises(EngineClosed):
        engine.analyze(np.zeros((100, 200, 3), np.uint8))
