"""The tools that make the update of the embedder, without training."""

from __future__ import annotations

import numpy as np
import pytest
from bench.degrade import DEGRADATIONS
from numpy.typing import NDArray
from tools.embedder_rates import rates_table
from tools.export_embedder import MODELS, UPDATE, update_of, with_hashes

from visavis.models.manifest import parse_manifest
from visavis.models.weight_update import updated_weights

MANIFEST = (MODELS / "manifest.toml").read_text("utf-8")
ORIGINAL = {"conv": np.zeros((2, 3), np.float32), "fc": np.ones((2, 2), np.float32)}


def test_an_update_goes_the_share_of_the_way_to_the_student() -> None:
    trained = {"conv": np.array([[1, -1, 0.5], [4, 4, -4]], np.float32)}
    for share in (0.0, 0.5, 1.0):
        changed = updated_weights(ORIGINAL, update_of(ORIGINAL, trained, share))
        np.testing.assert_allclose(changed["conv"], share * trained["conv"], atol=0.02)
        np.testing.assert_array_equal(changed["fc"], ORIGINAL["fc"])


def test_of_an_update_by_factors_the_share_is_taken_once() -> None:
    up, down = np.array([[2.0], [1.0]], np.float32), np.array([[1.0, 0.5, -1.0]], np.float32)
    changed = updated_weights(ORIGINAL, update_of(ORIGINAL, {"conv.up": up, "conv.down": down}, 0.25))
    np.testing.assert_allclose(changed["conv"], 0.25 * up @ down, atol=1e-3)


def test_gains_cannot_be_exported() -> None:
    with pytest.raises(SystemExit, match="changes the weights of convolutions and of the last layer, not gamma"):
        update_of(ORIGINAL, {"gamma": np.ones(2, np.float32)}, 0.5)


def test_the_manifest_gets_the_hashes_of_the_update_and_nothing_else_changes() -> None:
    text = with_hashes(MANIFEST, b"update", "ab" * 32)
    update = parse_manifest(text)["robust-sface"].update
    assert update is not None
    assert (update.file, update.size, update.weights_sha256) == (UPDATE, 6, "ab" * 32)
    assert update.sha256 == "2937013f2181810606b2a799b05bda2849f3e369a20982a4138f0e0a55984ce4"
    changed = [pair for pair in zip(MANIFEST.splitlines(), text.splitlines(), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 3


def test_a_manifest_without_the_table_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"no weights_sha256 in the table of robust-sface\.npz"):
        with_hashes(MANIFEST.replace("weights_sha256", "other"), b"update", "ab" * 32)


def people(seed: int, noise: float) -> NDArray[np.float32]:
    """(d, 60, 16) embeddings of 20 people with three images each."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(20, 16)), 3, axis=0)
    vectors = centres + noise * rng.normal(size=(len(DEGRADATIONS), 60, 16))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True), np.float32)


def test_better_embeddings_have_lower_rates() -> None:
    identity, sex = np.repeat(np.arange(20).astype(str), 3), np.repeat(["F", "M"], 30)
    seen = np.ones((len(DEGRADATIONS), 60), np.bool_)
    good, poor = (rates_table(people(3, noise), seen, identity, sex) for noise in (0.05, 1.0))
    for kind in ("FNMR, both degraded", "FNMR, plain and degraded"):
        assert good[kind]["mean"] == 0
        assert 5 < poor[kind]["mean"] < 100
        assert set(good[kind]) == {*DEGRADATIONS, "mean"}


def test_images_without_a_face_are_in_no_pair() -> None:
    identity, sex = np.repeat(np.arange(20).astype(str), 3), np.repeat(["F", "M"], 30)
    vectors, seen = people(3, 0.05), np.ones((len(DEGRADATIONS), 60), np.bool_)
    vectors[1, 0] = -vectors[1, 0]
    assert rates_table(vectors, seen, identity, sex)["FNMR, both degraded"]["half"] > 0
    seen[1, 0] = False
    assert rates_table(vectors, seen, identity, sex)["FNMR, both degraded"]["half"] == 0
