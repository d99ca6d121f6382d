"""An update changes the weights of a published network, and is checked before and after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.errors import ModelCorrupt
from visavis.models.manifest import load_manifest
from visavis.models.model_file import WeightUpdate
from visavis.models.weight_update import quantized_update, shipped_update, updated_weights, weights_sha256

WEIGHTS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.float32)}


def shipped() -> WeightUpdate:
    update = load_manifest()["robust-sface"].update
    assert update is not None
    return update


def test_an_update_adds_the_differences_to_within_half_a_step_of_each_channel() -> None:
    difference = np.array([[0.1, -0.25, 0.5], [0.001, 0.002, -0.003]], np.float32)
    changed = updated_weights(WEIGHTS, quantized_update({"a": difference}))
    error = np.abs(changed["a"] - WEIGHTS["a"] - difference)
    assert (error.max(axis=1) <= np.array([0.5, 0.003]) / 127 / 2 + 1e-6).all()
    assert changed["b"] is WEIGHTS["b"]
    assert changed["a"].dtype == np.float32


def test_a_channel_that_does_not_change_stays_as_it_is() -> None:
    difference = np.array([[0, 0, 0], [1, 0, -1]], np.float32)
    changed = updated_weights(WEIGHTS, quantized_update({"a": difference}))
    np.testing.assert_array_equal(changed["a"], WEIGHTS["a"] + difference)


def test_a_difference_can_be_the_product_of_two_factors() -> None:
    random = np.random.default_rng(2)
    up, down = random.normal(size=(40, 5)).astype(np.float32), random.normal(size=(5, 30)).astype(np.float32)
    up[3] = 0
    down[2] *= 1e-4
    weights = {"w": random.normal(size=(40, 30, 1, 1)).astype(np.float32)}
    update = quantized_update({}, {"w": (up, down)})
    changed = updated_weights(weights, update)["w"]
    np.testing.assert_allclose((changed - weights["w"])[:, :, 0, 0], up @ down, atol=1e-3)
    np.testing.assert_array_equal(changed[3], weights["w"][3])
    assert len(update) < weights["w"].nbytes / 2


@pytest.mark.parametrize("difference", [{"c": np.ones((2, 3), np.float32)}, {"a": np.ones((3, 2), np.float32)}])
def test_an_update_of_another_network_is_refused(difference: dict[str, NDArray[np.float32]]) -> None:
    with pytest.raises(ModelCorrupt, match=f"does not fit the network: it changes {next(iter(difference))} of shape"):
        updated_weights(WEIGHTS, quantized_update(difference))


def test_the_sha256_of_weights_depends_on_names_shapes_and_values_but_not_on_their_order() -> None:
    first = weights_sha256(WEIGHTS)
    assert weights_sha256(dict(reversed(WEIGHTS.items()))) == first
    assert weights_sha256({"a": WEIGHTS["a"].reshape(3, 2), "b": WEIGHTS["b"]}) != first
    assert weights_sha256({"a": WEIGHTS["a"], "c": WEIGHTS["b"]}) != first
    assert weights_sha256({"a": WEIGHTS["a"] + 1, "b": WEIGHTS["b"]}) != first
    assert weights_sha256({"a": WEIGHTS["a"].astype(">f4"), "b": WEIGHTS["b"]}) == first


def test_the_update_that_ships_has_its_hash_and_size() -> None:
    assert len(shipped_update(shipped())) == shipped().size <= 8_000_000


def test_a_damaged_update_is_refused_with_both_hashes() -> None:
    with pytest.raises(ModelCorrupt, match=r"is damaged: its SHA-256 is [0-9a-f]{64}, it should be 0{64}; install"):
        shipped_update(replace(shipped(), sha256="0" * 64))
