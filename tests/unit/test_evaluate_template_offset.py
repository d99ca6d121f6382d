from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.calibration import load_calibration
from visavis.comparison import fuse_embeddings
from visavis.evaluate.fitting.template_offset import FEWEST_PEOPLE, fit_template_offset, genuine_scores


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
    template_offset = fit_template_offset(biased, np.full(len(biased), 100.0), identity, np.zeros_like(identity))
    assert template_offset is not None
    assert 0 < template_offset < 0.3


def test_too_few_people_say_nothing() -> None:
    vectors, identity = people(FEWEST_PEOPLE - 1, 4)
    assert fit_template_offset(vectors, np.full(len(vectors), 90.0), identity, np.zeros_like(identity)) is None


def test_people_with_three_photographs_do_not_count() -> None:
    vectors, identity = people(60, 3)
    assert fit_template_offset(vectors, np.full(len(vectors), 90.0), identity, np.zeros_like(identity)) is None


def test_templates_of_poor_photographs_are_measured_as_they_are_compared() -> None:
    vectors, identity = people(60, 4, scatter=2.0)
    biased = vectors + 0.2 * np.eye(64, dtype=np.float32)[0]
    biased /= np.linalg.norm(biased, axis=1, keepdims=True)
    quality = np.random.default_rng(1).uniform(20, 90, len(biased))
    group = np.zeros_like(identity)
    template_offset = fit_template_offset(biased, quality, identity, group)
    assert template_offset is not None
    calibration = replace(load_calibration(), template_offset=template_offset)
    # The same draws, one pair at a time through what a comparison calls.
    chance = np.random.default_rng(1)
    one, fused = [], []
    for person in range(60):
        own = np.flatnonzero(identity == person)
        for _ in range(3):
            drawn = chance.choice(own, 3, replace=False)
            template = fuse_embeddings(biased[drawn], quality[drawn])
            best = quality[drawn].max()
            for other in np.flatnonzero(identity != person):
                cosines = float(biased[other] @ biased[drawn[0]]), float(biased[other] @ template)
                one.append(calibration.score(cosines[0], (quality[drawn[0]], quality[other])))
                fused.append(calibration.score(cosines[1], (best, quality[other]), sources=3))
    assert np.quantile(fused, 1 - 1e-3) == pytest.approx(np.quantile(one, 1 - 1e-3), abs=1e-5)


def test_genuine_scores_are_those_of_all_pairs_of_one_person_sorted() -> None:
    vectors, identity = people(5, 3)
    quality = np.linspace(30, 100, 15)
    score = load_calibration().score
    expected = sorted(
        score(float(np.dot(vectors[i], vectors[j])), (quality[i], quality[j]))
        for i in range(15)
        for j in range(i)
        if identity[i] == identity[j]
    )
    assert genuine_scores(vectors, quality, identity).tolist() == expected
    assert len(expected) == 15


def test_people_with_one_photograph_make_no_genuine_pair() -> None:
    vectors, identity = people(5, 1)
    assert len(genuine_scores(vectors, np.full(5, 100.0), identity)) == 0
