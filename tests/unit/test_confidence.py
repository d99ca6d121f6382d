from __future__ import annotations

import math

import pytest

from visavis.vision.confidence import ASSUMED_NORM, MIN_CONFIDENCE, face_confidence


def log_odds(score: float = 0.5, presence: float = 0.0, norm: float | None = 8.0) -> float:
    share = face_confidence(score, presence, norm) / 100
    return math.log(share / (1 - share))


def test_confidence_is_the_logistic_regression_of_its_docstring() -> None:
    # At a score of .5, a presence of 0 and a norm of 1 only the intercept is left.
    assert log_odds(0.5, 0, 1) == pytest.approx(-19.233)
    assert log_odds(norm=8 * math.e) - log_odds(norm=8) == pytest.approx(8.89)
    assert log_odds(presence=4) - log_odds(presence=3) == pytest.approx(0.427)
    assert log_odds(score=0.75) - log_odds(score=0.5) == pytest.approx(0.707 * math.log(3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1.0, 0.0, 8.0), (0.99, 0.0, 8.0)),
        ((0.0, 0.0, 8.0), (0.01, 0.0, 8.0)),
        ((0.5, 21.0, 8.0), (0.5, 12.0, 8.0)),
        ((0.5, -50.0, 8.0), (0.5, -5.0, 8.0)),
    ],
)
def test_score_and_presence_count_only_within_the_range_that_was_fitted(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    assert face_confidence(*one) == face_confidence(*other)


def test_within_the_range_each_counts() -> None:
    assert face_confidence(0.98, 0, 8) < face_confidence(0.99, 0, 8)
    assert face_confidence(0.02, 0, 8) > face_confidence(0.01, 0, 8)
    assert face_confidence(0.5, 11.9, 8) < face_confidence(0.5, 12, 8)
    assert face_confidence(0.5, -4.9, 8) > face_confidence(0.5, -5, 8)


def test_an_embedder_without_calibrated_norms_is_assumed_one() -> None:
    assert face_confidence(0.8, 10, None) == face_confidence(0.8, 10, ASSUMED_NORM)


def test_an_embedding_of_no_length_is_no_face() -> None:
    assert 0 <= face_confidence(0.99, 20, 0) < 1e-6


def test_the_constants_are_those_that_were_measured() -> None:
    assert (MIN_CONFIDENCE, ASSUMED_NORM) == (60, 8)
