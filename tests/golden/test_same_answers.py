"""Similarities on the scale of 2026-11-25, by tools/pin_similarities.py: none may move by more than 0.1."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from visavis.compare_options import CompareOptions
from visavis.engine import Engine

PINNED = json.loads((Path(__file__).parent / "similarities.json").read_text())
EVERYONE = CompareOptions(similarity_threshold=0)


@pytest.mark.parametrize(("source", "target", "similarity"), PINNED["photos"])
def test_the_example_photographs_are_as_similar_as_they_were(
    engine: Engine, photo: Callable[[str], bytes], source: str, target: str, similarity: float
) -> None:
    (match,) = engine.compare(photo(source), photo(target), EVERYONE).matches
    assert match.similarity == pytest.approx(similarity, abs=0.1)


@pytest.mark.skipif("VISAVIS_DATA" not in os.environ, reason="needs lfw-dev: set VISAVIS_DATA")
def test_a_sample_of_the_standard_pairs_is_as_similar_as_it_was(engine: Engine) -> None:
    images = Path(os.environ["VISAVIS_DATA"]) / "lfw-dev/images"
    moved = {}
    for source, target, similarity in PINNED["lfw-dev"]:
        found = engine.compare((images / source).read_bytes(), (images / target).read_bytes(), EVERYONE).matches
        # Most crops show one face; where there are several, the pair's is the largest.
        largest = max(found, key=lambda match: match.face.box.area)
        if abs(largest.similarity - similarity) > 0.1:
            moved[source, target] = (similarity, largest.similarity)
    assert len(PINNED["lfw-dev"]) > 150
    assert moved == {}
