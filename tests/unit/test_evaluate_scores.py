"""Blocks equal the naive way, whatever the order, the groups, the quality and the number of pairs kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.calibration import load_calibration
from visavis.evaluate.data.protocol import Groups
from visavis.evaluate.statistics import scores as module
from visavis.evaluate.statistics.bootstrap import (
    all_impostors,
    draw,
    false_match_rates,
    false_non_match_rates,
    pair_weight,
)
from visavis.evaluate.statistics.error_discard import error_discard_curve, remaining_of_all_pairs, remaining_of_listed
from visavis.evaluate.statistics.histogram import BINS, EDGES
from visavis.evaluate.statistics.scores import TailPairs, score_all, score_pairs

Vectors = NDArray[np.float32]

QUALITY = np.random.default_rng(9).uniform(20, 100, 1000)
"""Of every test's images, from the first on."""


def people(n: int = 90, each: int = 3, seed: int = 1) -> tuple[Vectors, NDArray[np.int32], Groups]:
    random = np.random.default_rng(seed)
    identity = np.repeat(np.arange(n // each), each).astype(np.int32)
    centres = random.normal(size=(n // each, 16))
    vectors = centres[identity] + random.normal(size=(n, 16)) * 0.7
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    group = Groups(("", "F", "M"), (identity % 3).astype(np.int32))
    return vectors.astype(np.float32), identity, group


def naive(vectors: Vectors, identity: NDArray[np.int32]) -> list[tuple[int, int, float, bool]]:
    """Both images, their score and whether they show one person, of every pair."""
    score = load_calibration().score
    return [
        (i, j, score(float(np.dot(vectors[i], vectors[j])), (QUALITY[i], QUALITY[j])), bool(identity[i] == identity[j]))
        for i in range(len(vectors))
        for j in range(i + 1, len(vectors))
    ]


def counted(scores: list[float]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(EDGES, scores, side="right") - 1, minlength=BINS)


@pytest.mark.parametrize("tile", [7, 32, 1024])
def test_blocks_count_every_pair_once(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TILE", tile)
    vectors, identity, group = people()
    found = score_all(vectors, QUALITY, identity, groups={"sex": group})
    pairs = naive(vectors, identity)
    assert (found.genuine == counted([s for *_, s, same in pairs if same])).all()
    assert (found.impostor == counted([s for *_, s, same in pairs if not same])).all()
    tally = found.groups["sex"]
    for v in range(3):
        for w in range(v, 3):
            kinds = [(s, same) for i, j, s, same in pairs if sorted((group.codes[i], group.codes[j])) == [v, w]]
            assert (tally.impostor[v, w] == counted([s for s, same in kinds if not same])).all()
            assert (tally.genuine[v, w] == counted([s for s, same in kinds if same])).all()


def test_a_histogram_is_parted_at_the_thresholds_asked_for() -> None:
    vectors, identity, _ = people()
    scores = [s for *_, s, same in naive(vectors, identity) if not same]
    # One within a step, one a hair above a step's edge, one that a pair reaches exactly, and the lowest of all.
    thresholds = [0.12345, np.nextafter(0.3, 1), sorted(scores)[-40], -1.0]
    found = score_all(vectors, QUALITY, identity, thresholds=thresholds)
    assert set(found.edges) == {*EDGES, *thresholds}
    for threshold in thresholds:
        above = found.impostor[np.searchsorted(found.edges, threshold) :].sum()
        assert above == sum(score >= threshold for score in scores)


def test_listed_pairs_count_as_the_same_pairs_of_all() -> None:
    vectors, identity, group = people()
    i, j = (index.astype(np.int32) for index in np.triu_indices(len(vectors), 1))
    everyone = score_all(vectors, QUALITY, identity, groups={"sex": group}, thresholds=[0.35001])
    listed = score_pairs(
        vectors, QUALITY, i, j, identity[i] == identity[j], groups={"sex": group}, thresholds=[0.35001]
    )
    assert (everyone.impostor == listed.impostor).all()
    assert (everyone.genuine == listed.genuine).all()
    assert (everyone.groups["sex"].impostor == listed.groups["sex"].impostor).all()


def test_pairs_left_out_and_images_without_a_face_do_not_count() -> None:
    vectors, identity, group = people()
    usable = np.ones(len(vectors), bool)
    usable[5] = False
    out = np.array([[0, 1], [2, 40], [5, 6]], np.int32)
    found = score_all(vectors, QUALITY, identity, groups={"sex": group}, left_out=out, usable=usable)
    left = len(vectors) - 1
    assert found.genuine.sum() + found.impostor.sum() == left * (left - 1) // 2 - 2
    assert not ((found.low_genuine.first == 5) | (found.low_genuine.second == 5)).any()


def test_the_tails_hold_the_most_extreme_pairs_and_say_how_far_they_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TILE", 16)
    vectors, identity, _ = people()
    high = score_all(vectors, QUALITY, identity, kept=50).high_impostors
    impostors = sorted((s for *_, s, same in naive(vectors, identity) if not same), reverse=True)
    beyond = [s for s in impostors if s > high.limit]
    assert 40 <= len(beyond) <= 100
    assert np.sort(high.score)[::-1][: len(beyond)].tolist() == beyond
    assert (identity[high.first] != identity[high.second]).all()


def test_a_tail_that_holds_all_has_no_limit() -> None:
    vectors, identity, _ = people()
    found = score_all(vectors, QUALITY, identity)
    assert (found.high_impostors.limit, found.low_genuine.limit) == (-np.inf, np.inf)
    assert len(found.low_genuine.score) == found.genuine.sum()


def test_weights_of_people_equal_counting_every_copy() -> None:
    vectors, identity, _ = people(30)
    pairs = naive(vectors, identity)
    found = score_all(vectors, QUALITY, identity)
    weights = draw(10, 20, seed=4)
    reached = sorted(s for *_, s, same in pairs if not same)[-30]  # by one pair exactly
    thresholds = np.array([0.2, 0.5, 0.0, reached])
    fmr = false_match_rates(weights, found.high_impostors, identity, all_impostors(weights, np.full(10, 3)), thresholds)
    fnmr = false_non_match_rates(weights, found.low_genuine, identity, np.full(10, 3), thresholds)
    for w, fmr_row, fnmr_row in zip(weights, fmr, fnmr, strict=True):
        impostors = [(w[identity[i]] * w[identity[j]], s) for i, j, s, same in pairs if not same]
        genuine = [(w[identity[i]], s) for i, j, s, same in pairs if same]
        for t, threshold in enumerate(thresholds):
            expected = sum(x for x, s in impostors if s >= threshold) / sum(x for x, _ in impostors)
            assert fmr_row[t] == pytest.approx(expected, rel=1e-5)
            expected = sum(x for x, s in genuine if s < threshold) / sum(x for x, _ in genuine)
            assert fnmr_row[t] == pytest.approx(expected, rel=1e-5)


def test_draws_are_the_same_for_the_same_seed_and_of_as_many_people() -> None:
    one, other = draw(50, 8, seed=1), draw(50, 8, seed=1)
    assert (one == other).all()
    assert (one.sum(axis=1) == 50).all()
    assert pair_weight(
        np.ones((2, 3), np.float32), np.array([0, 1], np.int32), np.array([2, 2], np.int32)
    ).tolist() == [2, 2]


def extremes(rows: list[tuple[int, int, float]]) -> TailPairs:
    first, second, score = zip(*rows, strict=True)
    return TailPairs(np.array(first, np.int32), np.array(second, np.int32), np.array(score), -np.inf)


def test_errors_fall_as_poor_images_are_discarded() -> None:
    # Two people of three images; image 0 is poor and fails with both of its own.
    identity = np.array([0, 0, 0, 1, 1, 1], np.int32)
    quality = np.array([5.0, 90, 91, 92, 93, 94])
    low = extremes([(0, 1, 0.1), (0, 2, 0.1), (1, 2, 0.8), (3, 4, 0.8), (3, 5, 0.8), (4, 5, 0.8)])
    high = extremes([(0, 3, 0.6), (1, 3, 0.1)])
    curve = error_discard_curve(quality, np.ones(6, bool), low, high, remaining_of_all_pairs(identity), 0.4)
    assert curve.discarded[:2].tolist() == pytest.approx([0, 1 / 6])
    assert curve.fnmr[:2].tolist() == pytest.approx([2 / 6, 0])
    assert curve.fmr[:2].tolist() == pytest.approx([1 / 9, 0])


def test_one_quality_score_for_all_gives_no_curve() -> None:
    low = extremes([(0, 1, 0.1)])
    left = remaining_of_listed(np.array([0], np.int32), np.array([1], np.int32), np.array([True]))
    assert len(error_discard_curve(np.full(2, 100.0), np.ones(2, bool), low, low, left, 0.4).discarded) == 0
