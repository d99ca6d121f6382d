from __future__ import annotations

import numpy as np
import pytest

from visavis.evaluate.fused import FEWEST_PEOPLE, fit_fused_shift, genuine_cosines


def people(count: int, photos: int, scatter: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around a random centre a person, and whose they are."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(count, 1, 64))
    vectors = (centres + scatter * chance.normal(size=(count, photos, 64))).reshape(-1, 64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat(np.arange(count), photos).astype(np.int32)


def test_strangers_come_nearer_to_a_template_where_photographs_share_a_bias() -> None:
    vectors, identity = people(60, 4, scatter=2.0)
    biased = vectors + 0.2 * np.eye(64, dtype=np.float32)[0]
    biased /= np.linalg.norm(biased, axis=1, keepdims=True)
    shift = fit_fused_shift(biased, identity, np.zeros_like(identity))
    assert shift is not None
    assert 0 < shift < 0.3


def test_too_few_people_say_nothing() -> None:
    vectors, identity = people(FEWEST_PEOPLE - 1, 4)
    assert fit_fused_shift(vectors, identity, np.zeros_like(identity)) is None


def test_people_with_three_photographs_do_not_count() -> None:
    vectors, identity = people(60, 3)
    assert fit_fused_shift(vectors, identity, np.zeros_like(identity)) is None


def test_genuine_cosines_are_those_of_all_pairs_of_one_person_sorted() -> None:
    vectors, identity = people(5, 3)
    expected = sorted(float(vectors[i] @ vectors[j]) for i in range(15) for j in range(i) if identity[i] == identity[j])
    assert genuine_cosines(vectors, identity) == pytest.approx(expected, abs=1e-6)
    assert len(expected) == 15


def test_people_with_one_photograph_make_no_genuine_pair() -> None:
    vectors, identity = people(5, 1)
    assert len(genuine_cosines(vectors, identity)) == 0
