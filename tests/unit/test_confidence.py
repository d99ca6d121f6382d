from __future__ import annotations

import math

import pytest

from visavis.vision.confidence import ASSUMED_NORM, MIN_CONFIDENCE, face_confidence, face_log_odds


def log_odds(score: float = 0.5, presence: float = 0.0, norm: float | None = 8.0, size: float = 50.0) -> float:
    return face_log_odds(score, presence, norm, size)


def test_confidence_is_the_probability_with_these_log_odds() -> None:
    assert face_confidence(0.9, 10, 10, 45) == pytest.approx(100 / (1 + math.exp(-log_odds(0.9, 10, 10, 45))))


def test_confidence_is_the_logistic_regression_of_its_docstring() -> None:
    # At a score of .5, a presence of 0 and a norm of 1 only the intercept and the size are left.
    assert log_odds(0.5, 0, 1, math.e**3) == pytest.approx(-56.093 + 3 * 7.796)
    assert log_odds(norm=8 * math.e) - log_odds(norm=8) == pytest.approx(11.284)
    assert log_odds(presence=4) - log_odds(presence=3) == pytest.approx(0.314)
    assert log_odds(score=0.75) - log_odds(score=0.5) == pytest.approx(1.925 * math.log(3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1.0, 0.0, 8.0, 40.0), (0.99, 0.0, 8.0, 40.0)),
        ((0.0, 0.0, 8.0, 40.0), (0.01, 0.0, 8.0, 40.0)),
        ((0.5, 21.0, 8.0, 40.0), (0.5, 12.0, 8.0, 40.0)),
        ((0.5, -50.0, 8.0, 40.0), (0.5, -5.0, 8.0, 40.0)),
        ((0.5, 0.0, 8.0, 51.0), (0.5, 0.0, 8.0, 50.0)),
        ((0.5, 0.0, 8.0, 7.0), (0.5, 0.0, 8.0, 8.0)),
    ],
)
def test_score_presence_and_size_count_only_within_the_range_that_was_fitted(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    assert face_log_odds(*one) == face_log_odds(*other)


def test_within_the_range_each_counts() -> None:
    assert log_odds(score=0.98) < log_odds(score=0.99)
    assert log_odds(score=0.02) > log_odds(score=0.01)
    assert log_odds(presence=11.9) < log_odds(presence=12)
    assert log_odds(presence=-4.9) > log_odds(presence=-5)
    assert log_odds(size=49.9) < log_odds(size=50)
    assert log_odds(size=8.1) > log_odds(size=8)


def test_an_embedder_without_calibrated_norms_is_assumed_one() -> None:
    assert log_odds(norm=None) == log_odds(norm=ASSUMED_NORM)


def test_an_embedding_of_no_length_is_no_face() -> None:
    assert 0 <= face_confidence(0.99, 20, 0, 50) < 1e-6


def test_the_constants_are_those_that_were_measured() -> None:
    assert (MIN_CONFIDENCE, ASSUMED_NORM) == (60, 9.166)
