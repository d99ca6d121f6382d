"""The tail, the scale and its promise, on distributions whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from visavis.calibration import Calibration
from visavis.errors import InvalidRequest
from visavis.evaluate.data.protocol import Groups
from visavis.evaluate.fitting.cross_validation import check_folds, folds_of, grouped_folds, impostors_without
from visavis.evaluate.fitting.fit import fit_scale
from visavis.evaluate.fitting.impostors import Impostors, impostors_of, possible_impostors
from visavis.evaluate.fitting.scale import to_similarity
from visavis.evaluate.statistics.histogram import BINS
from visavis.evaluate.statistics.pair_scores import block_scores
from visavis.evaluate.statistics.pareto_tail import ParetoTail, fit_tail
from visavis.evaluate.statistics.scores import score_all
from visavis.similarity_scale import PROMISED_FMR, SIMILARITY_SCALE


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0, 0.1, 0.3])
def test_the_tail_fit_recovers_what_was_simulated(shape: float) -> None:
    # The standard error of the shape is (1 + shape) / sqrt(n), that of the scale about scale * sqrt(2 / n): 4 of each.
    n, scale = 10_000, 0.03
    uniform = np.random.default_rng(5).random(n)
    sample = -scale * np.log(uniform) if shape == 0 else scale / shape * (uniform**-shape - 1)
    tail = fit_tail(sample, threshold=0.3, rate=1e-3)
    assert tail.shape == pytest.approx(shape, abs=4 * (1 + shape) / n**0.5)
    assert tail.scale == pytest.approx(scale, rel=4 * (2 / n) ** 0.5)


def test_weights_count_as_copies() -> None:
    sample = np.random.default_rng(6).exponential(0.02, 500)
    twice = np.where(np.arange(500) < 250, 2.0, 1.0)
    copied = fit_tail(np.concatenate([sample, sample[:250]]), threshold=0, rate=1)
    weighted = fit_tail(sample, threshold=0, rate=1, weights=twice)
    assert weighted.shape == pytest.approx(copied.shape, abs=1e-6)
    assert weighted.scale == pytest.approx(copied.scale, rel=1e-6)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2])
def test_a_quantile_of_the_tail_is_exceeded_at_its_rate(shape: float) -> None:
    tail = ParetoTail(0.35, 1e-3, shape, 0.03)
    for rate in (1e-3, 1e-4, 1e-6):
        assert tail.survival(tail.quantile(rate)) == pytest.approx(rate)
    assert ParetoTail(0.35, 1e-3, -0.2, 0.03).survival(0.6) == 0


def normal_impostors(n: int, means: dict[str, float], deviation: float = 0.1, seed: int = 7) -> Impostors:
    random = np.random.default_rng(seed)
    cosines = [random.normal(mean, deviation, n).clip(-0.99, 0.99) for mean in means.values()]
    histograms = np.stack([np.bincount(((c + 1) * 10_000).astype(int), minlength=BINS) for c in cosines])
    both = np.concatenate(cosines)
    group = np.repeat(np.arange(len(means)), n).astype(np.int32)
    order = np.argsort(-both)[: len(both) // 20]
    someone = random.integers(1000, size=(2, len(order))).astype(np.int32)
    return Impostors(tuple(means), histograms, both[order], group[order], someone[0], someone[1])


# Standard normal quantiles of 1 - 1e-3, 1e-4, 1e-5, 1e-6.
DEVIATIONS = {80: 3.0902, 90: 3.7190, 97: 4.2649, 99: 4.7534}


def test_the_scale_keeps_its_promise_beyond_the_data() -> None:
    # A million pairs see 10 false matches at 97 and one at 99; the tail must find both.
    fit = fit_scale(normal_impostors(1_000_000, {"": 0.0}), identities=1000, replicates=20)
    for similarity, deviations in DEVIATIONS.items():
        tolerance = {80: 0.002, 90: 0.005, 97: 0.015, 99: 0.03}[similarity]
        assert fit.lowest_score(similarity) == pytest.approx(0.1 * deviations, abs=tolerance)
    assert [level.extrapolated for level in fit.levels] == [False, False, True, True]
    assert all(level.interval.low <= level.score <= level.interval.high for level in fit.levels)
    widths = [level.interval.high - level.interval.low for level in fit.levels]
    assert widths == sorted(widths)


def test_two_groups_are_equally_far_from_the_promise() -> None:
    impostors = normal_impostors(1_000_000, {"F": 0.02, "M": 0.0})
    fit = fit_scale(impostors, identities=1000, replicates=0)
    at = fit.lowest_score(80)
    rates = [(impostors.score[impostors.group == g] >= at).sum() / 1_000_000 for g in (0, 1)]
    assert rates[0] * rates[1] == pytest.approx(1e-6, rel=0.05)
    assert rates[0] / 1e-3 == pytest.approx(1.36, abs=0.1)


def test_the_curve_rises_smoothly_from_0_to_100_and_only_oneself_is_100() -> None:
    fit = fit_scale(normal_impostors(400_000, {"": 0.0}), identities=1000, replicates=0)
    calibration = fit.calibration(model_sha256="0" * 64, provenance={"data_set": "made up"})
    assert Calibration.from_json(calibration.to_json()) == calibration
    assert calibration.provenance["data_set"] == "made up"
    assert (np.diff(calibration.similarities) > 0).all()
    assert (calibration.similarity(-1), calibration.similarity(1)) == (0, 100)
    assert calibration.similarity(0.95) < 100
    inner = slice(1, -1)
    slopes = np.diff(calibration.similarities[inner]) / np.diff(calibration.scores[inner])
    assert np.abs(np.diff(slopes)).max() < 0.2 * slopes.max()
    # A comparison rounds to float32, whose step at 80 is 7.6e-6.
    assert calibration.similarity(fit.levels[0].score) == pytest.approx(80, abs=4e-6)
    assert [level.score for level in fit.levels] == [calibration.lowest_score(s) for s in PROMISED_FMR]


def test_the_scale_has_its_published_points() -> None:
    for similarity, rate in SIMILARITY_SCALE:
        assert to_similarity(-np.log10([rate])) == pytest.approx(similarity)


def test_a_set_too_small_is_refused_and_told_how_many_pairs_would_do() -> None:
    with pytest.raises(InvalidRequest, match=r"needs 300,000 pairs.*150,000 in each of the 2 groups.*549 people"):
        fit_scale(normal_impostors(100_000, {"F": 0.0, "M": 0.0}), identities=1000)
    with pytest.raises(InvalidRequest, match=r"fit a scale: 1,000\..*776 people"):
        fit_scale(normal_impostors(1000, {"": 0.0}), identities=1000)


def test_a_group_without_pairs_is_refused() -> None:
    impostors = normal_impostors(400_000, {"F": 0.0, "M": 0.0})
    empty = replace(impostors, histograms=impostors.histograms * np.array([[0], [1]]))
    with pytest.raises(InvalidRequest, match="0 F, 400,000 M"):
        fit_scale(empty, identities=1000)


def test_possible_impostors_are_the_pairs_of_two_people_of_one_named_group() -> None:
    identity = np.array([0, 0, 1, 2, 2, 3, 4], np.int32)
    group = Groups(("", "F", "M"), np.array([1, 1, 1, 2, 2, 2, 0], np.int32))
    assert possible_impostors(identity, group).tolist() == [2, 2]
    everyone = Groups(("",), np.zeros(7, np.int32))
    assert possible_impostors(identity, everyone).tolist() == [21 - 2]


def test_folds_are_of_people_and_the_same_everywhere() -> None:
    assert folds_of(["Ann", "Bob", "Cid", "Dan", "Eve"], 5).tolist() == [3, 0, 3, 4, 4]


@pytest.mark.slow
def test_the_fold_check_counts_what_it_did_not_fit_on() -> None:
    random = np.random.default_rng(8)
    vectors = random.normal(size=(1500, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identity = np.arange(1500, dtype=np.int32)
    group = Groups(("F", "M"), (identity % 2).astype(np.int32))
    fold = (identity // 2 % 5).astype(np.int32)
    quality = random.uniform(30, 100, 1500)
    scores = score_all(vectors, quality, identity, groups={"sex": group, "both": grouped_folds(group, fold)})
    tally = scores.groups["both"]
    counted = block_scores(vectors, quality, vectors, quality)
    upper = np.triu(np.ones((1500, 1500), bool), 1)
    men = (group.codes == 1)[:, None] & (group.codes == 1)[None, :]
    for without in (None, 3):
        kept = np.ones(1500, bool) if without is None else fold != without
        expected = (upper & men & kept[:, None] & kept[None, :]).sum()
        impostors = (
            impostors_of(scores, scores.groups["sex"], identity, group)
            if without is None
            else impostors_without(scores, tally, identity, group, fold, without)
        )
        assert impostors.pairs[1] == expected
        assert len(impostors.score) == impostors.pairs.sum()  # all are among the highest that are kept
    check = check_folds(scores, tally, identity, group, fold, identities=1500)
    (men_at_80,) = (one for one in check.checked if (one.similarity, one.group) == (80, "M"))
    inside = errors = 0
    for k, threshold in enumerate(check.scores[80]):
        tested = upper & men & ((fold == k)[:, None] & (fold == k)[None, :])
        inside += int(tested.sum())
        errors += int((counted[tested] >= threshold).sum())
    assert (men_at_80.within_fold.errors, men_at_80.within_fold.trials) == (errors, inside)
    assert men_at_80.kept
    assert men_at_80.unseen.trials == (men & upper).sum() * 2 - inside


def test_the_written_scale_says_where_it_comes_from() -> None:
    fit = fit_scale(normal_impostors(400_000, {"F": 0.0, "M": 0.01}), identities=1000, replicates=5)
    stored = json.loads(fit.calibration(model_sha256="a" * 64, provenance={"data_set": "x", "images": 3}).to_json())
    assert list(stored) == ["model_sha256", "accuracy", "template_offset", "fnmr", "provenance", "curve"]
    assert {"data_set", "images", "date", "visavis", "tails", "levels"} <= set(stored["provenance"])
    assert [level["similarity"] for level in stored["provenance"]["levels"]] == [80, 90, 97, 99]
