"""The faces that the expression network learns from, without training."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tools.expression_data import network_input
from tools.expression_samples import (
    WIDE_SIDE,
    Batch,
    TrainingSet,
    augmented,
    draw,
    prefetched,
    widened,
)

from visavis.face_measures import MEASURES, expression_measures
from visavis.mean_face import mean_face
from visavis.vision.expression import INPUT_SIDE


def crop(seed: int = 1) -> NDArray[np.uint8]:
    """(192, 192), smooth."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 9)).astype(np.float64)
    at = np.linspace(0, 8, 192)
    rows = np.array([np.interp(at, np.arange(9), row) for row in small])
    return np.array([np.interp(at, np.arange(9), column) for column in rows.T]).T.astype(np.uint8)


def faces(count: int = 6) -> TrainingSet:
    """Faces whose classes and weights are known by their number."""
    wide = widened(np.stack([crop(i) for i in range(count)]))
    measures = np.random.default_rng(0).normal(size=(count, len(MEASURES))).astype(np.float32)
    shares = np.eye(8, dtype=np.float32)[np.arange(count) % 8]
    return TrainingSet(np.stack([wide, wide], axis=1), measures, shares, np.linspace(0.3, 1, count, dtype=np.float32))


def test_a_face_that_is_not_changed_is_the_networks_input_or_its_mirror_image() -> None:
    (wide,), (plain,) = widened(crop()[None]), network_input(crop()[None])
    assert wide.shape == (WIDE_SIDE, WIDE_SIDE)
    assert plain.shape == (INPUT_SIDE, INPUT_SIDE)
    seen = set()
    for seed in range(8):
        image = augmented(wide, 0.0, np.random.default_rng(seed)).astype(int)
        off = [np.abs(image - expected).mean() for expected in (plain, plain[:, ::-1])]
        assert min(off) < 1.5 < 10 < max(off)
        seen.add(int(np.argmin(off)))
    assert seen == {0, 1}


def test_changes_keep_shape_and_type_and_differ_each_time() -> None:
    (wide,) = widened(crop()[None])
    images = [augmented(wide, 1.0, np.random.default_rng(seed)) for seed in range(200)]
    assert {(image.shape, image.dtype.name) for image in images} == {((INPUT_SIDE, INPUT_SIDE), "uint8")}
    assert len({image.tobytes() for image in images}) == len(images)


def test_a_batch_has_the_targets_of_its_rows() -> None:
    data, rows = faces(), np.array([4, 1, 1])
    batch = draw(data, rows, 0.0, np.random.default_rng(0))
    assert batch.images.shape == (3, 1, INPUT_SIDE, INPUT_SIDE)
    assert batch.images.dtype == batch.measures.dtype == np.float32
    np.testing.assert_array_equal(batch.shares, data.shares[rows])
    np.testing.assert_array_equal(batch.weights, data.weights[rows])


def test_some_faces_have_the_measures_of_the_mean_face_but_their_own_pose() -> None:
    data, rows = faces(1), np.zeros(400, int)
    measures = draw(data, rows, 0.0, np.random.default_rng(0)).measures
    missing = (measures[:, :-2] == expression_measures(mean_face().astype(np.float32))[:-2]).all(axis=1)
    assert 0.1 < missing.mean() < 0.2
    np.testing.assert_allclose(measures[~missing], np.repeat(data.measures, (~missing).sum(), axis=0), atol=1e-6)
    np.testing.assert_allclose(measures[:, -2:], np.repeat(data.measures[:, -2:], 400, axis=0), atol=1e-6)


def test_mixed_faces_share_their_targets_by_weight() -> None:
    data, rows = faces(), np.arange(6)
    mixed = 0
    for seed in range(20):
        batch = draw(data, rows, 1.0, np.random.default_rng(seed))
        np.testing.assert_allclose(batch.shares.sum(axis=1), 1, atol=1e-5)
        assert ((batch.weights >= 0.3 - 1e-6) & (batch.weights <= 1 + 1e-6)).all()
        mixed += bool(((batch.shares > 0.01).sum(axis=1) > 1).any())
    assert 3 < mixed < 17


def test_the_prior_counts_each_face_by_its_weight() -> None:
    data = faces(2)
    assert data.prior[:2] == pytest.approx([0.3 / 1.3, 1 / 1.3])
    assert data.prior.sum() == pytest.approx(1)


def test_batches_come_in_order_each_once_from_where_training_stopped() -> None:
    def make(step: int) -> Batch:
        return Batch(*(np.full(1, step, np.float32) for _ in range(4)))

    came = [(step, int(batch.weights[0])) for step, batch in prefetched(make, 3, 11, ahead=4)]
    assert came == [(step, step) for step in range(3, 11)]
    assert list(prefetched(make, 5, 5)) == []


def test_an_error_in_making_a_batch_is_not_lost() -> None:
    def make(step: int) -> Batch:
        raise ValueError(f"step {step}")

    with pytest.raises(ValueError, match="step 0"):
        next(prefetched(make, 0, 3))
