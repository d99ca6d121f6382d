"""What SciPy computes for an evaluation, against the formulas written out."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.evaluate.data.errata import Errata
from visavis.evaluate.data.linking import lowest_linked
from visavis.evaluate.fitting.fit import mean_quantile
from visavis.evaluate.fitting.root import crossing
from visavis.evaluate.fitting.scale import monotone_cubic
from visavis.evaluate.statistics.differential import differentials
from visavis.evaluate.statistics.error_rates import Interval, Rate, wilson
from visavis.evaluate.statistics.evaluation import Group, Point, estimate
from visavis.evaluate.statistics.histogram import EDGES, ScoreBins
from visavis.evaluate.statistics.pareto_tail import ParetoTail

Floats = NDArray[np.float64]


def hermite(x: Floats, y: Floats, at: float) -> float:
    """Fritsch and Butland's tangents inside, and the slope of the last segment at each end."""
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    tangents = [slope[0]]
    for k in range(1, len(x) - 1):
        w, v = 2 * h[k] + h[k - 1], h[k] + 2 * h[k - 1]
        tangents.append((w + v) / (w / slope[k - 1] + v / slope[k]))
    tangents.append(slope[-1])
    i = min(max(int(np.searchsorted(x, at, "right")) - 1, 0), len(h) - 1)
    t = (at - x[i]) / h[i]
    return float(
        (2 * t**3 - 3 * t**2 + 1) * y[i] + (t**3 - 2 * t**2 + t) * h[i] * tangents[i]
        + (3 * t**2 - 2 * t**3) * y[i + 1] + (t**3 - t**2) * h[i] * tangents[i + 1]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_monotone_cubic_has_pchips_tangents_inside_and_straight_ends(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = np.cumsum(random.uniform(0.01, 1, (2, 12)), axis=1)
    at = random.uniform(x[0], x[-1], 200)
    curve = monotone_cubic(x, y, at)
    assert curve == pytest.approx([hermite(x, y, float(t)) for t in at], abs=1e-12)
    assert (np.diff(monotone_cubic(x, y, np.sort(at))) > 0).all()
    assert monotone_cubic(x, y, x) == pytest.approx(y, abs=1e-12)


def test_the_monotone_cubic_is_flat_where_its_points_are() -> None:
    x, y = np.arange(5.0), np.array([0.0, 1, 1, 1, 3])
    assert (monotone_cubic(x, y, np.linspace(1, 3, 20)) == 1).all()


@pytest.mark.parametrize(("errors", "trials"), [(0, 1), (1, 1), (0, 5000), (3, 17), (250, 10**7), (9_999_999, 10**7)])
def test_wilsons_interval_has_its_formula(errors: int, trials: int) -> None:
    z, p = NormalDist().inv_cdf(0.975), errors / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * (p * (1 - p) / trials + z * z / (4 * trials**2)) ** 0.5
    found = wilson(errors, trials)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert (found.low == 0) == (errors == 0)
    assert (found.high == 1) == (errors == trials)


def test_the_crossing_of_a_rising_function_is_found_or_is_an_end() -> None:
    assert crossing(lambda x: x**3 - 0.2, -1, 1) == pytest.approx(0.2 ** (1 / 3), abs=1e-11)
    assert crossing(lambda x: x + 5, -1, 1) == -1
    assert crossing(lambda x: x - 5, -1, 1) == 1


@pytest.mark.parametrize("rate", [1e-3, 1e-4, 1e-6])
def test_the_mean_quantile_has_the_geometric_mean_of_the_tails_rates(rate: float) -> None:
    tails = [ParetoTail(0.34, 1e-3, -0.05, 0.03), ParetoTail(0.31, 1.1e-3, -0.05, 0.028)]
    score = mean_quantile(tails, rate)
    assert np.mean([t.neg_log10_survival(score) for t in tails]) == pytest.approx(-np.log10(rate), abs=1e-9)
    assert mean_quantile([ParetoTail(0.9, 1e-3, 0.9, 0.5)], 1e-6) == 1  # a score is at most 1


@pytest.mark.parametrize("seed", range(5))
def test_linked_things_have_the_lowest_index_of_those_they_are_linked_with(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.integers(60, size=(2, 35)).astype(np.int32)
    expected = list(range(60))
    for _ in range(60):
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert lowest_linked(60, first, second).tolist() == expected


def test_nothing_is_linked_without_links() -> None:
    empty = np.empty(0, np.int32)
    assert lowest_linked(3, empty, empty).tolist() == [0, 1, 2]
    assert Errata().merged_names() == {}


def test_names_of_one_person_are_merged_through_others() -> None:
    errata = Errata(same=(("Dan", "Cid"), ("Eva", "Eve"), ("Cid", "Ann"), ("Bob", "Bob")))
    assert errata.merged_names() == {
        "Ann": "Ann", "Cid": "Ann", "Dan": "Ann", "Bob": "Bob", "Eva": "Eva", "Eve": "Eva",
    }  # fmt: skip


def test_a_score_a_hair_from_an_edge_is_in_the_bin_of_its_side() -> None:
    near = EDGES[7::97]
    for threshold in (np.nextafter(near, 2), np.nextafter(near, -2)):
        for one in threshold.clip(-1, 1).tolist():
            bins = ScoreBins([one])
            scores = np.array([np.nextafter(one, -2), one, np.nextafter(one, 2)]).clip(-1, 1)
            assert bins(scores).tolist() == (np.searchsorted(bins.edges, scores, side="right") - 1).tolist()


@pytest.mark.parametrize(("errors", "known"), [(0, False), (1, True), (99, True), (100, False)])
def test_draws_of_people_say_nothing_where_none_or_all_of_the_comparisons_are_errors(errors: int, known: bool) -> None:
    drawn = Interval(0.0, 0.5)
    assert estimate(Rate(errors, 100), drawn).bootstrap == (drawn if known else None)


def group(value: str, *, fmr: Rate, fnmr: Rate) -> Group:
    return Group("sex", value, 100, (Point(80, 0.34, 1e-3, estimate(fmr, None), estimate(fnmr, None)),))


def test_a_differential_is_the_highest_rate_over_the_lowest_of_the_named_groups() -> None:
    women = group("F", fmr=Rate(30, 10_000), fnmr=Rate(10, 1000))
    men = group("M", fmr=Rate(20, 20_000), fnmr=Rate(40, 1000))
    unknown = group("", fmr=Rate(5000, 10_000), fnmr=Rate(1, 2))
    (found,) = differentials([unknown, women, men])
    assert (found.column, found.similarity, found.few) == ("sex", 80, False)
    assert found.fmr == pytest.approx(3)
    assert found.fnmr == pytest.approx(4)


def test_a_differential_says_where_a_rate_has_few_errors_or_none() -> None:
    women = group("F", fmr=Rate(9, 10_000), fnmr=Rate(10, 1000))
    men = group("M", fmr=Rate(20, 20_000), fnmr=Rate(0, 1000))
    (found,) = differentials([women, men])
    assert found.few
    assert found.fnmr is None
    (alone,) = differentials([women])
    assert (alone.fmr, alone.fnmr) == (None, None)
    (empty,) = differentials([women, group("M", fmr=Rate(0, 0), fnmr=Rate(20, 1000))])
    assert empty.fmr is None
    assert empty.fnmr == pytest.approx(2)
