"""Every count of an evaluation is of what a comparison answers, held to it one pair at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.calibration import Calibration
from visavis.comparison import compare
from visavis.evaluate.data.embeddings import Acquired
from visavis.evaluate.data.protocol import ComparisonProtocol, Groups, Pairs
from visavis.evaluate.reporting.json_report import as_json
from visavis.evaluate.reporting.markdown_report import as_markdown
from visavis.evaluate.statistics import scores as scores_module
from visavis.evaluate.statistics.counting import evaluate
from visavis.evaluate.statistics.error_rates import Rate
from visavis.evaluate.statistics.k_fold import k_fold_accuracy
from visavis.evaluate.statistics.pair_scores import block_scores, pair_scores
from visavis.face import Face, Pose, Quality
from visavis.geometry import Box, Size

SIMILARITIES = (1, 10, 50, 80, 90, 97, 99)
IMAGES, PEOPLE, D = 100, 25, 12

AT_80 = np.nextafter(np.float32(0.6), np.float32(0))
"""The cosine whose similarity on the straight scale is 79.999998, and 80 as a float32."""
BELOW_80 = np.nextafter(AT_80, np.float32(0))
"""The next cosine below, whose similarity is less than 80 as a float32 too."""


def straight() -> Calibration:
    """A cosine of -1 is 0, one of 1 is 100: impostors of few dimensions reach all similarities of the report."""
    curve = {"curve": [[-1, 0], [1, 100]], "template_offset": None, "fnmr": []}
    return Calibration.from_json(json.dumps({**curve, "model_sha256": "", "accuracy": "standard", "provenance": {}}))


def crowd() -> tuple[ComparisonProtocol, Acquired]:
    """Four images a person, good and poor, the last without a face; some pairs of the first image lie on a
    threshold.
    """
    random = np.random.default_rng(11)
    identity = np.repeat(np.arange(PEOPLE), IMAGES // PEOPLE).astype(np.int32)
    vectors = random.normal(size=(PEOPLE, D))[identity] + 0.5 * random.normal(size=(IMAGES, D))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    quality = random.uniform(15, 100, IMAGES)
    # Genuine 0-1, impostors of the other people of one group; faces good enough to lose nothing of their cosine.
    near = [1, 4, 8, 12]
    vectors[[0, *near]] = 0
    vectors[0, 0] = 1
    vectors[near, 0], vectors[near, range(1, 5)] = (AT_80, AT_80, AT_80, BELOW_80), 0.8
    quality[[0, *near]] = 95, 95, 100, 95, 95
    vectors[-1], quality[-1] = 0, 0
    protocol = ComparisonProtocol(
        name="crowd",
        folder=Path(),
        images=tuple(f"{k}.jpg" for k in range(IMAGES)),
        identity=identity,
        identities=tuple(f"p{k}" for k in range(PEOPLE)),
        groups={"sex": Groups(("", "F", "M"), (identity // 4 % 3).astype(np.int32))},
        left_out=np.array([[2, 9]], np.int32),
    )
    return protocol, Acquired(vectors, quality, ("",) * (IMAGES - 1) + ("no face found",))


def listed(protocol: ComparisonProtocol) -> Pairs:
    """Every third pair, in five folds."""
    i, j = (index.astype(np.int32)[::3] for index in np.triu_indices(IMAGES, 1))
    return Pairs(i, j, protocol.identity[i] == protocol.identity[j], (i % 5).astype(np.int32))


def answered(calibration: Calibration, acquired: Acquired, i: int, j: int) -> float:
    """The similarity that a comparison of two images answers."""
    one, other = (
        Face(
            Box(0, 0, 100, 100), Size(400, 300), 99.0, (), Pose(0, 0, 0), Quality(50, 50, acquired.quality[k]),
            acquired.embeddings[k],
        )
        for k in (i, j)
    )  # fmt: skip
    (match,) = compare([one], [other], threshold=0, similarity=calibration.similarity).matches
    # What the comparison must be: the calibrated similarity, rounded to float32.
    cosine = min(1.0, max(-1.0, float(np.dot(acquired.embeddings[i], acquired.embeddings[j]))))
    expected = calibration.similarity(cosine, (acquired.quality[i], acquired.quality[j]))
    assert match.similarity == float(np.float32(expected))
    return match.similarity


Errors = dict[tuple[str, int], tuple[Rate, Rate]]


def brute_force(
    calibration: Calibration, protocol: ComparisonProtocol, acquired: Acquired, pairs: NDArray[np.int64]
) -> Errors:
    """FMR and FNMR by group value ("*": of all) and similarity, one pair at a time."""
    sex = protocol.groups["sex"]
    counts: dict[tuple[str, int, bool], list[int]] = {}
    for i, j in pairs.tolist():
        if not (acquired.usable[i] and acquired.usable[j]):
            continue
        same = bool(protocol.identity[i] == protocol.identity[j])
        similarity = answered(calibration, acquired, i, j)
        of = ["*"] + ([sex.values[sex.codes[i]]] if sex.codes[i] == sex.codes[j] else [])
        for value in of:
            for threshold in SIMILARITIES:
                count = counts.setdefault((value, threshold, same), [0, 0])
                count[0] += (similarity >= threshold) != same
                count[1] += 1
    return {
        (value, threshold): tuple(Rate(*counts[value, threshold, same]) for same in (False, True))  # type: ignore[misc]
        for value in ("*", *sex.values)
        for threshold in SIMILARITIES
    }


@pytest.mark.parametrize("tile", [37, 512])
def test_all_pairs_are_counted_as_a_comparison_answers_them(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores_module, "TILE", tile)
    protocol, acquired = crowd()
    pairs = np.stack(np.triu_indices(IMAGES, 1), axis=1)
    pairs = pairs[~((pairs[:, 0] == 2) & (pairs[:, 1] == 9))]
    check(protocol, acquired, pairs)


def test_listed_pairs_are_counted_as_a_comparison_answers_them() -> None:
    protocol, acquired = crowd()
    pairs = listed(protocol)
    protocol = replace(protocol, pairs=pairs)
    check(protocol, acquired, np.stack([pairs.source, pairs.target], axis=1).astype(np.int64))


def check(protocol: ComparisonProtocol, acquired: Acquired, pairs: NDArray[np.int64]) -> None:
    calibration = straight()
    found = evaluate(protocol, acquired, calibration, replicates=20)
    expected = brute_force(calibration, protocol, acquired, pairs)
    assert {("*", p.similarity): (p.fmr.rate, p.fnmr.rate) for p in (*found.points_below, *found.points)} | {
        (g.value, p.similarity): (p.fmr.rate, p.fnmr.rate) for g in found.groups for p in (*g.points_below, *g.points)
    } == expected
    # The set is one that shows it: raw cosines, or the threshold's next step, would give other counts.
    rates = [rate for both in expected.values() for rate in both]
    assert sum(rate.errors > 0 for rate in rates) >= 16
    assert expected != brute_force(
        calibration, protocol, Acquired(acquired.embeddings, np.full(IMAGES, 100.0), acquired.failures), pairs
    )
    assert found.error_discard.fnmr[0] == found.points[0].fnmr.rate.value
    assert found.error_discard.fmr[0] == pytest.approx(
        found.points[0].fmr.rate.value, rel=1e-3
    )  # it knows no left-out pairs


def test_a_pair_that_reaches_a_similarity_only_as_a_float32_is_a_match() -> None:
    protocol, acquired = crowd()
    assert answered(straight(), acquired, 0, 4) == 80
    assert answered(straight(), acquired, 0, 12) < answered(straight(), acquired, 0, 8) == 80
    assert straight().similarity(float(AT_80), (84, 100)) < 80
    two = Pairs(
        np.array([0, 0], np.int32), np.array([1, 4], np.int32), np.array([True, False]), np.array([0, 1], np.int32)
    )
    point = evaluate(replace(protocol, pairs=two), acquired, straight(), replicates=0).points[0]
    assert (point.fmr.rate, point.fnmr.rate) == (Rate(1, 1), Rate(0, 1))


def test_rates_at_other_thresholds_and_the_most_similar_impostors_are_of_the_same_score() -> None:
    protocol, acquired = crowd()
    found = evaluate(protocol, acquired, straight(), replicates=0)
    score = straight().score
    impostors: list[float] = []
    genuine: list[float] = []
    for i in range(IMAGES - 1):
        for j in range(i + 1, IMAGES - 1):
            if (i, j) != (2, 9):
                cosine = float(np.dot(acquired.embeddings[i], acquired.embeddings[j]))
                one = score(cosine, (acquired.quality[i], acquired.quality[j]))
                (genuine if protocol.identity[i] == protocol.identity[j] else impostors).append(one)
    for tar in found.tars:
        if tar.at.threshold is not None:
            assert tar.at.fnmr == Rate(sum(s < tar.at.threshold for s in genuine), len(genuine))
            assert sum(s >= tar.at.threshold for s in impostors) <= tar.at.fmr * len(impostors)
    assert [s for *_, s in found.most_similar_impostors] == sorted(impostors, reverse=True)[:20]
    below, above = sum(s < found.eer_score for s in genuine), sum(s >= found.eer_score for s in impostors)
    assert below / len(genuine) == pytest.approx(found.eer, abs=2 / len(genuine))
    assert above / len(impostors) == pytest.approx(found.eer, abs=2 / len(genuine))


def test_k_fold_accuracy_is_of_the_same_score() -> None:
    protocol, acquired = crowd()
    pairs = listed(protocol)
    found = evaluate(protocol, acquired, straight(), folds=replace(protocol, pairs=pairs))
    kept = acquired.usable[pairs.source] & acquired.usable[pairs.target]
    scores = [
        straight().score(
            float(np.dot(acquired.embeddings[i], acquired.embeddings[j])), (acquired.quality[i], acquired.quality[j])
        )
        for i, j in zip(pairs.source[kept], pairs.target[kept], strict=True)
    ]
    assert pairs.fold is not None
    assert found.k_fold is not None
    expected = k_fold_accuracy(np.array(scores), pairs.same[kept], pairs.fold[kept])
    assert found.k_fold.tolist() == expected.tolist()


@pytest.mark.parametrize("d", [1, 7, 128, 512])
def test_scores_of_pairs_and_blocks_are_those_of_a_comparison_bit_for_bit(d: int) -> None:
    random = np.random.default_rng(d)
    vectors = random.normal(size=(40, d)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quality = random.uniform(0, 100, 40)
    i, j = np.triu_indices(40)
    expected = [
        straight().score(min(1.0, max(-1.0, float(np.dot(vectors[a], vectors[b])))), (quality[a], quality[b]))
        for a, b in zip(i, j, strict=True)
    ]
    assert pair_scores(vectors, quality, i, j).tolist() == expected
    assert block_scores(vectors, quality, vectors, quality)[i, j].tolist() == expected


def test_the_report_says_which_score_is_counted() -> None:
    found = evaluate(*crowd(), straight(), replicates=0)
    stored = as_json(found)
    assert stored["score"] == "cosine after the quality adjustment that compare applies"
    assert "- score: cosine after the quality adjustment that compare applies" in as_markdown(found)
    assert "cosine" not in json.dumps({name: value for name, value in stored.items() if name != "score"})
