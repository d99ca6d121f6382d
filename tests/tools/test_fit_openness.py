from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tools.fit_openness import cross_validated, fit_logistic, report_of, weights_of

MARKS = json.loads((Path(__file__).parents[2] / "tools/data/openness_marks.json").read_text("utf-8"))


def test_a_logistic_regression_finds_the_coefficients_that_made_the_labels() -> None:
    chance = np.random.default_rng(1)
    terms = chance.normal(size=(20_000, 2)) * [1, 5]
    odds = 0.5 + terms @ [2.0, -0.3]
    labels = (chance.random(20_000) < 1 / (1 + np.exp(-odds))).astype(float)
    assert fit_logistic(terms, labels, np.ones(20_000)) == pytest.approx([0.5, 2.0, -0.3], abs=0.06)


def test_a_weight_of_two_is_the_same_as_two_faces() -> None:
    chance = np.random.default_rng(2)
    terms, labels = chance.normal(size=(50, 1)), np.tile([0.0, 1.0], 25)
    weights = np.where(np.arange(50) < 10, 2.0, 1.0)
    twice = np.r_[np.arange(50), np.arange(10)]
    doubled = fit_logistic(terms[twice], labels[twice], np.ones(60))
    assert fit_logistic(terms, labels, weights) == pytest.approx(doubled)


def test_a_person_is_judged_by_other_people_alone() -> None:
    chance = np.random.default_rng(3)
    terms, labels = chance.normal(size=(40, 1)), np.repeat(np.tile([0.0, 1.0], 10), 2)
    people = [f"p{i // 2}" for i in range(40)]
    alone = cross_validated(terms, labels, np.ones(40), people)
    changed = labels.copy()
    changed[:2] = 1 - changed[:2]
    assert cross_validated(terms, changed, np.ones(40), people)[:2] == pytest.approx(alone[:2])


def test_a_report_weighs_every_share() -> None:
    found = report_of(np.array([0.95, 0.95, 0.6, 0.2]), np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 4.0, 4.0]))
    assert (found.faces, found.positive, found.share) == (4, 2, 0.5)
    assert found.accuracy == pytest.approx(0.9)
    assert found.balanced == pytest.approx((1.0 + 0.8) / 2)
    assert (found.sure, found.wrong_if_sure) == pytest.approx((0.2, 0.5))
    # Bins of 0.95, 0.6 and 0.8: off by 0.45, 0.4 and 0.2.
    assert found.ece == pytest.approx((2 * 0.45 + 4 * 0.4 + 4 * 0.2) / 10)


def test_the_marked_faces_of_a_stratum_stand_for_all_of_it() -> None:
    weights = weights_of(MARKS)
    total = sum(weights[face["stratum"]] for face in MARKS["faces"])
    assert total == pytest.approx(sum(stratum["population"] for stratum in MARKS["strata"].values()))
    assert len({face["image"] for face in MARKS["faces"]}) == len(MARKS["faces"])
