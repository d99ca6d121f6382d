"""The shipped expression network, through OpenVINO. It is in the package, so the cache of models is not needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.models.session import OpenVinoRuntime, Session
from visavis.vision.expression import NETWORK, ExpressionReader


@pytest.fixture(scope="module")
def session() -> Session:
    return OpenVinoRuntime(concurrency=1, cache=None).session(NETWORK, shapes=2)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (1, 48, 48, 1), dtype=np.uint8)


def test_the_network_has_one_logit_a_class(session: Session) -> None:
    logits = session.run(np.concatenate([noise(1), noise(2)]))["logits"]
    assert logits.shape == (2, 8)
    assert np.isfinite(logits).all()


def test_a_flat_image_is_not_divided_by_zero(session: Session) -> None:
    assert np.isfinite(session.run(np.full((1, 48, 48, 1), 128, np.uint8))["logits"]).all()


def test_brightness_alone_changes_nothing(session: Session) -> None:
    one, other = (session.run(image)["logits"] for image in (noise(3), noise(3) + np.uint8(50)))
    # The network takes the mean off; what is left is rounding.
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_weights_are_small_enough_to_ship() -> None:
    assert Path(NETWORK).stat().st_size < 1_200_000


def test_any_crop_gets_a_whole_answer(session: Session) -> None:
    crop = np.random.default_rng(4).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    mesh = np.random.default_rng(5).normal(100, 30, (468, 3)).astype(np.float32)
    expression = ExpressionReader(session)(crop, mesh)
    assert len(expression.emotions) in (8, 9)
    assert all(0 <= emotion.confidence <= 100 for emotion in expression.emotions)
