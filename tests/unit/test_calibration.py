from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from visavis.calibration import Calibration, load_calibration, lowest_score
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.cosine_adjustments import QUALITY_CEILING, quality_adjusted
from visavis.errors import CalibrationMismatch
from visavis.models.manifest import load_manifest
from visavis.models.shipped import SHIPPED_EMBEDDERS
from visavis.settings import ACCURACIES
from visavis.similarity_scale import PROMISED_FMR


def text(curve: list[list[float]]) -> str:
    return json.dumps(
        {
            "curve": curve,
            "model_sha256": "0" * 64,
            "accuracy": "standard",
            "provenance": {},
            "template_offset": None,
            "fnmr": [],
        }
    )


def test_each_shipped_embedder_has_a_curve_of_its_own_for_each_accuracy() -> None:
    for embedder in SHIPPED_EMBEDDERS:
        for accuracy in ACCURACIES:
            load_calibration(accuracy, embedder).check(load_manifest()[embedder].network_sha256, accuracy)
    assert load_calibration() == load_calibration("standard", "robust-sface")


@pytest.mark.parametrize(
    ("accuracy", "name"), [("standard", "robust-sface-standard.json"), ("high", "robust-sface-high.json")]
)
def test_a_shipped_calibration_is_written_as_its_file(accuracy: Literal["standard", "high"], name: str) -> None:
    calibration = load_calibration(accuracy)
    assert calibration.to_json() == (files("visavis") / "calibrations" / name).read_text("utf-8")
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_every_number_of_a_calibration_is_read_back_as_it_was() -> None:
    random = np.random.default_rng(3)
    inner = np.sort(random.uniform(-1, 1, 50)), np.sort(random.uniform(0, 100, 50))
    scores, similarities = np.concatenate([[-1], inner[0], [1]]), np.concatenate([[0], inner[1], [100]])
    fnmr = np.stack([np.linspace(30, 99, 7), np.sort(random.random(7))], axis=1)
    provenance = {"data_set": 'a "set"\nof \u00e4', "levels": [{"score": 0.1, "score_95": None}]}
    written = Calibration(scores, similarities, "0" * 64, "high", provenance, random.random(), fnmr)
    read = Calibration.from_json(written.to_json())
    assert read == written
    for name in ("scores", "similarities", "fnmr"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    for name in ("model_sha256", "accuracy", "provenance", "template_offset"):
        assert getattr(read, name) == getattr(written, name)


def test_a_calibration_without_measured_errors_is_read_back() -> None:
    calibration = replace(load_calibration(), fnmr=np.empty((0, 2)), template_offset=None)
    read = Calibration.from_json(calibration.to_json())
    assert read == calibration
    assert read.false_non_match_rate(80) is None


def test_calibrations_that_differ_are_not_equal() -> None:
    calibration = load_calibration()
    assert calibration != load_calibration("high")
    assert calibration != replace(calibration, template_offset=None)
    assert calibration != replace(calibration, fnmr=calibration.fnmr[:-1])
    assert calibration != calibration.to_json()


def test_a_calibration_is_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "calibration.json"
    load_calibration().write(file)
    assert Calibration.read(file) == load_calibration()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (b"{", "not a file of `visavis calibrate`: Expecting"),
        (b"[]", "not a file of `visavis calibrate`"),
        (b"{}", "not a file of `visavis calibrate`: it has no 'curve'"),
        (b'{"curve": []}', "not a file of `visavis calibrate`"),
        (b'{"curve": [[-1, 0], [1, 100, 5]], "fnmr": []}', "not a file of `visavis calibrate`"),
        (b"\xff", "utf-8"),
    ],
)
def test_a_file_without_a_calibration_is_refused_by_its_name(tmp_path: Path, stored: bytes, message: str) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(stored)
    with pytest.raises(CalibrationMismatch, match=f"c.json: .*{message}"):
        Calibration.read(file)


def test_another_embedder_is_refused() -> None:
    with pytest.raises(CalibrationMismatch, match="was fitted on the embedder"):
        load_calibration().check("f" * 64)


def test_similarity_never_falls_and_ends_at_0_and_100() -> None:
    similarity = load_calibration().similarity
    values = [similarity(c) for c in np.linspace(-1, 1, 4001)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0, 100)


def test_the_scale_has_its_promised_points_where_they_were_measured() -> None:
    # Scores at which same-sex impostors of lfw-dev have these false match rates, with equal weight of women and men.
    similarity = load_calibration().similarity
    assert similarity(0.3472) == pytest.approx(80, abs=0.1)
    assert similarity(0.4131) == pytest.approx(90, abs=0.1)
    assert similarity(0.4729) == pytest.approx(97, abs=0.1)


@pytest.mark.parametrize(
    "curve", [[[-1, 0], [0, 50], [0, 60], [1, 100]], [[-1, 0], [0, 50], [0.5, 40], [1, 100]], [[-1, 0], [1, 99]]]
)
def test_what_is_not_a_rising_curve_is_refused(curve: list[list[float]]) -> None:
    with pytest.raises(CalibrationMismatch, match="must rise"):
        Calibration.from_json(text(curve))


def test_a_template_of_several_photographs_is_held_to_a_higher_bar() -> None:
    similarity = load_calibration().similarity
    values = [similarity(0.36, sources=n) for n in (1, 2, 3, 5)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[2] == pytest.approx(3, abs=1.5)
    assert similarity(1.0, sources=3) == 100


def test_with_several_sources_similarity_still_never_falls() -> None:
    similarity = load_calibration().similarity
    values = [similarity(c, sources=4) for c in np.linspace(-1, 1, 2001)]
    assert values == sorted(values)


def test_a_scale_that_knows_nothing_of_several_sources_refuses_them() -> None:
    calibration = Calibration.from_json(text([[-1, 0], [1, 100]]))
    assert calibration.similarity(0.5) == 75
    with pytest.raises(CalibrationMismatch, match="too few people to compare several source images"):
        calibration.similarity(0.5, sources=2)


def test_the_promised_false_match_rates_are_told() -> None:
    rate = load_calibration().false_match_rate
    assert [rate(s) for s in (80, 90, 97, 99)] == pytest.approx([1e-3, 1e-4, 1e-5, 1e-6])


def test_the_promises_begin_at_the_default_threshold() -> None:
    assert PROMISED_FMR == {80: 1e-3, 90: 1e-4, 97: 1e-5, 99: 1e-6}
    assert min(PROMISED_FMR) == DEFAULT_SIMILARITY_THRESHOLD


def test_beyond_the_promises_the_false_match_rate_is_that_of_the_scale_below_and_of_the_last_promise_above() -> None:
    rate = load_calibration().false_match_rate
    assert [rate(s) for s in (0, 1, 10, 30, 50, 65)] == pytest.approx([1, 0.5, 1e-1, 10**-1.5, 1e-2, 10**-2.5])
    assert [rate(s) for s in (99.6, 100)] == pytest.approx([1e-6, 1e-6])


def test_a_curve_for_another_accuracy_is_refused() -> None:
    with pytest.raises(CalibrationMismatch, match="fitted at high accuracy and is not valid at standard accuracy"):
        load_calibration("high").check(load_manifest()["robust-sface"].network_sha256, "standard")


def test_only_two_poor_faces_together_lower_a_similarity() -> None:
    similarity = load_calibration().similarity
    plain = similarity(0.36)
    assert similarity(0.36, (100, 20)) == plain
    assert similarity(0.36, (84, 84)) == plain
    assert similarity(0.36, (40, 40)) < similarity(0.36, (60, 60)) < plain


@pytest.mark.parametrize("similarity", [0, 0.1, 25, 79.999999, 80, 90, 97, 99, 99.6, 100])
def test_the_lowest_score_of_a_similarity_is_where_a_comparison_begins_to_match(similarity: float) -> None:
    calibration = load_calibration()
    lowest = calibration.lowest_score(similarity)

    def matches(score: float) -> bool:
        on_curve = np.interp(score, calibration.scores, calibration.similarities)
        return bool(np.float32(on_curve) >= np.float32(similarity))

    assert matches(lowest)
    assert similarity == 0 or not matches(np.nextafter(lowest, -1))


def test_a_similarity_of_a_flat_part_is_reached_where_the_part_begins() -> None:
    curve = np.array([-1.0, 0.2, 0.6, 1.0]), np.array([0.0, 50.0, 50.0, 100.0])
    assert lowest_score(*curve, 50) == pytest.approx(0.2, abs=1e-6)
    assert lowest_score(*curve, 50.01) > 0.6


def test_a_poor_face_is_still_wholly_similar_to_itself() -> None:
    assert load_calibration().similarity(1.0, (0, 0)) == 100


def test_with_poor_faces_similarity_still_never_falls() -> None:
    similarity = load_calibration().similarity
    values = [similarity(c, (10, 30)) for c in np.linspace(-1, 1, 2001)]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("qualities", "penalty"),
    [
        ((84, 20), 0),
        ((80, 80), 0.0005 * 4),
        ((64, 4), 0.0005 * 40),
        ((4, 64), 0.0005 * 40),
        ((44, 44), 0.0005 * 40),
    ],
)
def test_a_score_is_lowered_by_the_geometric_mean_of_what_both_lack_to_a_quality_of_84(
    qualities: tuple[float, float], penalty: float
) -> None:
    assert load_calibration().score(0.3, qualities) == pytest.approx(0.3 - penalty)


def test_a_score_is_lowered_less_the_nearer_the_cosine_is_to_1() -> None:
    score = load_calibration().score
    # The whole penalty up to .35, and four fifths of it a fifth of the way from there to 1.
    assert score(0.35, (44, 44)) == pytest.approx(0.35 - 0.02)
    assert score(0.48, (44, 44)) == pytest.approx(0.48 - 0.016)


def test_a_cosine_is_lowered_only_above_what_the_poorer_face_supports() -> None:
    ceiling = QUALITY_CEILING.lowest + 20 * QUALITY_CEILING.per_point
    score = load_calibration().score
    below, above = ceiling - 1e-6, ceiling + 0.2
    assert score(below, (100, 20)) == below
    # A third power: of 0.2 above the ceiling little is left.
    assert score(above, (100, 20)) == pytest.approx(ceiling + 0.2**3 / (1 - ceiling) ** 2)
    assert score(above, (20, 100)) == score(above, (100, 20))
    assert score(1.0, (100, 0)) == 1


def test_a_blurred_copy_does_not_reach_the_top_of_the_scale() -> None:
    similarity = load_calibration().similarity
    assert similarity(0.65, (100, 100)) > 99.9
    assert similarity(0.65, (100, 10)) < 99


@pytest.mark.parametrize("quality", [0, 10, 50, 100])
def test_no_match_at_80_is_lost_to_the_ceiling(quality: float) -> None:
    lowest = load_calibration().lowest_score(80)
    assert quality_adjusted(lowest, 100, quality) == quality_adjusted(lowest, 100, quality, ceiling=None)
