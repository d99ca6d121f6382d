"""The shipped expression network, through OpenVINO. It is in the package, so the cache of models is not needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.face_measures import expression_measures
from visavis.mean_face import mean_face
from visavis.models.session import MeasuresSession, OpenVinoRuntime
from visavis.vision.expression import INPUT_SIDE, NETWORK, ExpressionReader

MEASURES = expression_measures(mean_face().astype(np.float32))[None]


@pytest.fixture(scope="module")
def session() -> MeasuresSession:
    return OpenVinoRuntime(concurrency=1, cache=None).session(NETWORK, shapes=2)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (1, INPUT_SIDE, INPUT_SIDE, 1), dtype=np.uint8)


def test_the_network_has_one_logit_a_class(session: MeasuresSession) -> None:
    logits = session.run(np.concatenate([noise(1), noise(2)]), np.repeat(MEASURES, 2, axis=0))["logits"]
    assert logits.shape == (2, 8)
    assert np.isfinite(logits).all()


def test_a_flat_image_is_not_divided_by_zero(session: MeasuresSession) -> None:
    flat = np.full_like(noise(0), 128)
    assert np.isfinite(session.run(flat, MEASURES)["logits"]).all()


def test_brightness_alone_changes_nothing(session: MeasuresSession) -> None:
    one, other = (session.run(image, MEASURES)["logits"] for image in (noise(3), noise(3) + np.uint8(50)))
    # The network takes the mean off; what is left is rounding.
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_measures_count_up_to_a_limit(session: MeasuresSession) -> None:
    plain, more, most, beyond = (session.run(noise(4), MEASURES + x)["logits"] for x in (0, 0.1, 1e3, 1e9))
    assert np.abs(more - plain).max() > 1e-3
    np.testing.assert_array_equal(most, beyond)


def test_the_weights_are_small_enough_to_ship() -> None:
    assert Path(NETWORK).stat().st_size < 4_000_000


def test_any_crop_gets_a_whole_answer(session: MeasuresSession) -> None:
    crop = np.random.default_rng(4).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    mesh = np.random.default_rng(5).normal(100, 30, (468, 3)).astype(np.float32)
    expression = ExpressionReader(session)(crop, mesh)
    assert len(expression.emotions) in (8, 9)
    assert all(0 <= emotion.confidence <= 100 for emotion in expression.emotions)
