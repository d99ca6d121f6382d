"""Error rates against brute force, textbook numbers and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.evaluate.statistics.error_rates import DetCurve, Rate, Support, support_for, wilson
from visavis.evaluate.statistics.histogram import BINS, EDGES
from visavis.evaluate.statistics.k_fold import k_fold_accuracy


def histogram(cosines: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.bincount(((cosines + 1) * 10_000).astype(int), minlength=BINS)


def curve(genuine: NDArray[np.floating], impostor: NDArray[np.floating]) -> DetCurve:
    return DetCurve.of(histogram(genuine), histogram(impostor))


@pytest.mark.parametrize(
    ("errors", "of", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_textbook_interval(errors: int, of: int, low: float, high: float) -> None:
    interval = wilson(errors, of)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=5e-5)


def test_wilson_of_nothing_is_everything() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert wilson(7, 7).high == 1


def test_rates_equal_brute_force_at_every_kind_of_threshold() -> None:
    random = np.random.default_rng(1)
    # On a grid of 1e-3, so that bins of 1e-4 lose nothing.
    genuine, impostor = (np.round(random.normal(m, 0.15, n).clip(-1, 1), 3) for m, n in ((0.6, 500), (0.1, 4000)))
    c = curve(genuine + 5e-5, impostor + 5e-5)
    for threshold in (-1.0, -0.2, 0.0, 0.123, 0.35, 0.9, 1.0):
        assert c.fmr(threshold) == Rate(int((impostor + 5e-5 >= threshold).sum()), 4000)
        assert c.fnmr(threshold) == Rate(int((genuine + 5e-5 < threshold).sum()), 500)


def test_a_threshold_between_two_bins_is_rounded_up() -> None:
    c = curve(np.array([0.9]), np.array([0.30005]))
    assert c.fmr(0.3).errors == 1
    assert c.fmr(0.30002).errors == 0


def test_the_threshold_at_a_rate_is_the_lowest_that_keeps_it() -> None:
    impostor = np.linspace(-0.5, 0.5, 1001) + 5e-5
    c = curve(np.array([0.9]), impostor)
    threshold = c.threshold_at(1e-2)
    assert c.fmr(threshold).value <= 1e-2 < c.fmr(threshold - 1e-4).value


def test_eer_of_two_mirrored_sets_is_the_part_beyond_the_middle() -> None:
    below = np.linspace(-0.4, 0.6, 1001) + 3e-5
    c = curve(-below[::-1] + 0.5, below)
    rate, threshold = c.eer()
    # Impostors beyond 0.25 of -0.4 to 0.6, as genuine ones below it of -0.1 to 0.9.
    assert rate == pytest.approx(0.35, abs=2e-3)
    assert threshold == pytest.approx(0.25, abs=1e-3)


def test_eer_of_normal_scores_is_the_closed_form() -> None:
    # Both of deviation 0.1, two deviations from the middle: 1 - Phi(2).
    random = np.random.default_rng(2)
    c = curve(random.normal(0.5, 0.1, 200_000).clip(-1, 1), random.normal(0.1, 0.1, 200_000).clip(-1, 1))
    assert c.eer()[0] == pytest.approx(0.02275, abs=8e-4)


def test_separate_sets_have_no_equal_error() -> None:
    assert curve(np.array([0.8, 0.9]), np.array([0.1, 0.2])).eer()[0] == 0


def test_a_rate_is_carried_by_30_expected_errors_and_thin_with_3() -> None:
    assert support_for(1e-4, 300_000) is Support.SUFFICIENT
    assert support_for(1e-4, 299_999) is Support.THIN
    assert support_for(1e-4, 30_000) is Support.THIN
    assert support_for(1e-4, 29_999) is Support.INSUFFICIENT


def test_tar_is_not_given_where_the_data_cannot_carry_it() -> None:
    c = curve(np.array([0.9, 0.2]), np.linspace(-0.5, 0.4999, 1000))
    assert c.tar_at(1e-4).fnmr is None
    assert c.tar_at(1e-1).fnmr == Rate(1, 2)


def test_k_fold_accuracy_equals_brute_force() -> None:
    random = np.random.default_rng(3)
    same = random.random(300) < 0.5
    cosines = np.where(same, 0.5, 0.2) + random.normal(0, 0.15, 300)
    fold = np.arange(300) % 5
    grid = np.linspace(-1, 1, 20001)
    for k, accuracy in enumerate(k_fold_accuracy(cosines, same, fold)):
        here = fold == k
        right = ((cosines[~here, None] >= grid) == same[~here, None]).mean(axis=0)
        best = grid[right == right.max()]
        among = {((cosines[here] >= t) == same[here]).mean() for t in best}
        assert min(among) <= accuracy <= max(among)


def test_the_edges_are_a_ten_thousandth_apart() -> None:
    assert (EDGES[0], EDGES[10_000], EDGES[-1]) == (-1, 0, 1)
