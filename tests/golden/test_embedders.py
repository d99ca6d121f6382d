"""The two embedders that ship: SFace as published, and SFace trained further on degraded faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import visavis
from visavis.engine import Engine
from visavis.errors import ModelCorrupt
from visavis.models.build import build
from visavis.runtime import open_store
from visavis.settings import Settings

Photo = Callable[[str], bytes]
NAMES = ("ardern_2018", "ardern_2022", "macron_2014", "macron_2025", "obama", "sunak")


@pytest.fixture(scope="module")
def published() -> Iterator[Engine]:
    with visavis.open_engine(replace(Settings.from_env(), embedder="sface")) as engine:
        yield engine


def embedding(engine: Engine, image: bytes) -> NDArray[np.float32]:
    return engine.analyze(image, largest_only=True).faces[0].embedding


def degraded(data: bytes) -> list[bytes]:
    """The photo in a fifth of the light with noise, over-exposed, with noise, and blurred."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    noise = np.random.default_rng(4).normal(0, 1, image.shape)
    changed = (image * 0.2 + 3 * noise, image * 1.9 + 20, image + 25 * noise, cv2.GaussianBlur(image, (0, 0), 3))
    return [cv2.imencode(".png", one.clip(0, 255).astype(np.uint8))[1].tobytes() for one in changed]


def test_the_embeddings_of_a_plain_photo_are_nearly_the_same(engine: Engine, published: Engine, photo: Photo) -> None:
    for name in NAMES:
        cosine = embedding(engine, photo(name)) @ embedding(published, photo(name))
        assert 0.9 < cosine < 0.9999, name


def test_a_degraded_photo_is_nearer_to_the_plain_one_with_the_default_embedder(
    engine: Engine, published: Engine, photo: Photo
) -> None:
    distances = {
        id(each): [
            1 - float(embedding(each, photo(name)) @ embedding(each, copy))
            for name in NAMES
            if name != "macron_2014"  # a smaller face, which is not found with noise
            for copy in degraded(photo(name))
        ]
        for each in (engine, published)
    }
    ratios = np.array(distances[id(engine)]) / np.array(distances[id(published)])
    assert np.median(ratios) < 0.8, ratios
    assert ratios.max() < 1.15, ratios


def test_both_decide_the_six_photos_in_the_same_way(engine: Engine, published: Engine, photo: Photo) -> None:
    for one in NAMES:
        for other in NAMES:
            same = one.split("_")[0] == other.split("_")[0]
            for each in (engine, published):
                matches = each.compare(photo(one), photo(other)).matches
                assert bool(matches) == same, (one, other)


def test_weights_with_another_sha256_than_the_manifests_are_refused(tmp_path: Path) -> None:
    store = open_store(Settings.from_env())
    model = store.manifest["robust-sface"]
    assert model.update is not None
    wrong = replace(model, update=replace(model.update, weights_sha256="0" * 64))
    with pytest.raises(ModelCorrupt, match=rf"SHA-256 {model.network_sha256}, it should be 0{{64}}; report this"):
        build(wrong, store.file("robust-sface"), tmp_path)
    assert not (tmp_path / "model.xml").exists()
