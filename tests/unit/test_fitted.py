from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest

from visavis.cosine_adjustments import QUALITY_PENALTY_FILE, QualityPenaltyNumbers
from visavis.errors import CalibrationMismatch
from visavis.fitted import MEMBERS, load_numbers, parse_numbers
from visavis.models.manifest import load_manifest
from visavis.vision.confidence import CONFIDENCE_FILE, ConfidenceNumbers
from visavis.vision.gaze import GAZE_FILE, GazeNumbers
from visavis.vision.landmarks import BOX_FILE, LANDMARKS_FILE, BoxNumbers, LandmarkNumbers
from visavis.vision.mesh import MESH_CROP_FILE, MeshCropNumbers
from visavis.vision.openness import OPENNESS_FILE, OpennessNumbers
from visavis.vision.pose import POSE_FILE, PoseNumbers
from visavis.vision.quality import QUALITY_FILE, QualityNumbers

SHIPPED = {
    CONFIDENCE_FILE: ConfidenceNumbers,
    QUALITY_FILE: QualityNumbers,
    LANDMARKS_FILE: LandmarkNumbers,
    BOX_FILE: BoxNumbers,
    MESH_CROP_FILE: MeshCropNumbers,
    POSE_FILE: PoseNumbers,
    GAZE_FILE: GazeNumbers,
    OPENNESS_FILE: OpennessNumbers,
    QUALITY_PENALTY_FILE: QualityPenaltyNumbers,
}


@dataclass(frozen=True)
class Sample:
    """Numbers of every type that a file may contain."""

    slope: float
    count: int
    pair: tuple[float, float]
    many: tuple[int, ...]
    named: dict[str, float]

    def __post_init__(self) -> None:
        if self.slope < 0:
            raise ValueError("slope must be at least 0")


GOOD: dict[str, Any] = {"slope": 1, "count": 2, "pair": [0.5, 1], "many": [4, 5, 6], "named": {"a": 0.25}}


def text_of(numbers: object = GOOD, **members: object) -> str:
    return json.dumps(dict.fromkeys(MEMBERS, "") | {"numbers": numbers} | members)


def shipped(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files("visavis").joinpath(*name.split("/")).read_text("utf-8"))
    return content


def test_arrays_become_tuples_and_whole_numbers_become_floats() -> None:
    numbers = parse_numbers(text_of(), Sample)
    assert numbers == Sample(1.0, 2, (0.5, 1.0), (4, 5, 6), {"a": 0.25})
    assert [type(numbers.slope), type(numbers.count), type(numbers.pair[1])] == [float, int, float]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slope": "1"}, "slope must be a number, not '1'"),
        ({"slope": True}, "slope must be a number, not True"),
        ({"slope": None}, "slope must be a number, not None"),
        ({"slope": float("nan")}, "slope must be finite"),
        ({"slope": -1}, "slope must be at least 0"),
        ({"count": 2.5}, "count must be a whole number, not 2.5"),
        ({"pair": [1]}, "pair must be an array of 2"),
        ({"pair": 1}, "pair must be an array of 2"),
        ({"pair": [1, "2"]}, r"pair\[1\] must be a number, not '2'"),
        ({"many": [1, 2.5]}, r"many\[1\] must be a whole number, not 2.5"),
        ({"many": 7}, "many must be an array"),
        ({"named": [1]}, "named must be an object"),
        ({"named": {"a": []}}, r"named.a must be a number, not \[\]"),
        ({"spare": 1}, "numbers must be an object of slope, count, pair, many, named, not of count, many, .*spare"),
    ],
)
def test_a_wrong_number_is_named_in_the_error(change: dict[str, object], message: str) -> None:
    with pytest.raises(CalibrationMismatch, match=message):
        parse_numbers(text_of(GOOD | change), Sample)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", "the file must be an object of numbers, origin, data, date, networks, tool, not of list"),
        (json.dumps({"numbers": GOOD}), "the file must be an object of .*, not of numbers"),
        (text_of(numbers=[1]), "numbers must be an object of slope.*, not of list"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, message: str) -> None:
    with pytest.raises(CalibrationMismatch, match=message):
        parse_numbers(text, Sample)


def test_a_file_that_is_missing_or_holds_other_numbers_is_named() -> None:
    with pytest.raises(CalibrationMismatch, match=r"vision/data/nope.json: .*install visavis again"):
        load_numbers("vision/data/nope.json", Sample)
    with pytest.raises(CalibrationMismatch, match=r"vision/data/pose.json: numbers must be an object of slope"):
        load_numbers(POSE_FILE, Sample)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_file_says_where_its_numbers_come_from(name: str) -> None:
    load_numbers(name, SHIPPED[name])
    content = shipped(name)
    assert content["tool"].startswith("python -m tools.fit_")
    assert content["data"]["faces"] > 0
    assert len(content["date"].split("-")) == 3
    assert len(content["origin"]) > 60


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_file_was_fitted_on_the_networks_that_ship(name: str) -> None:
    models = load_manifest().models
    assert shipped(name)["networks"] == {
        network: models[network].network_sha256 for network in shipped(name)["networks"]
    }
    assert {"detector", "mesh"} <= set(shipped(name)["networks"])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (CONFIDENCE_FILE, {"norm": -1}, "must be positive"),
        (QUALITY_FILE, {"coefficients": {"presence": 1}}, "coefficients must be those of presence, sharpness"),
        (QUALITY_FILE, {"score_range": [0.6, 0.2]}, "score_range must rise"),
        (QUALITY_FILE, {"thresholds": {"NONE": 0}}, "thresholds must be those of NONE, LOW"),
        (LANDMARKS_FILE, {"places": {"nose": [[4, 1.0]]}}, "places must be those of every landmark"),
        (BOX_FILE, {"above": 0}, "must be positive"),
        (MESH_CROP_FILE, {"side_by_eyes": 0}, "must be positive"),
        (QUALITY_PENALTY_FILE, {"full_quality": 101}, "full_quality must be from 0 to 100"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(name: str, change: dict[str, object], message: str) -> None:
    content = shipped(name)
    content["numbers"] |= change
    with pytest.raises(CalibrationMismatch, match=message):
        parse_numbers(json.dumps(content), SHIPPED[name])


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ([[4, 0.9]], "weights that sum to 1"),
        ([[4, 0.5], [5, 0.25], [6, 0.25]], "one or two vertices"),
        ([[468, 1.0]], "vertices from 0 to 467"),
    ],
)
def test_a_landmark_is_one_or_two_vertices_of_the_mesh(place: object, message: str) -> None:
    content = shipped(LANDMARKS_FILE)
    content["numbers"]["places"]["nose"] = place
    with pytest.raises(CalibrationMismatch, match=f"places.nose must .*{message}"):
        parse_numbers(json.dumps(content), LandmarkNumbers)


def test_thresholds_that_fall_are_refused() -> None:
    content = shipped(QUALITY_FILE)
    content["numbers"]["thresholds"]["HIGH"] = 10
    with pytest.raises(CalibrationMismatch, match="thresholds must rise"):
        parse_numbers(json.dumps(content), QualityNumbers)
