from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.errors import CalibrationMismatch, ModelCorrupt
from visavis.face import EmotionType
from visavis.face_measures import expression_measures
from visavis.vision.expression import (
    Expression,
    ExpressionCalibration,
    ExpressionReader,
    action_units,
    confused,
    expression_crop,
    expression_of,
    load_expression_calibration,
)

CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
EVEN = ExpressionCalibration(CLASSES, temperature=1.0, prior=(1 / 8,) * 8, prior_exponent=0.0, network_sha256="")


class FixedSession:
    """Returns the same logits for every image, and records images and measures."""

    def __init__(self, **logits: float) -> None:
        self.logits = np.array([[logits.get(name, 0.0) for name in CLASSES]], np.float32)
        self.inputs: list[tuple[NDArray[np.uint8], NDArray[np.float32]]] = []

    def run(self, images: NDArray[np.uint8], measures: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.inputs.append((images, measures))
        return {"logits": self.logits}


def make_mesh(*, brows: float = 22.0, lids: float = 8.0, scale: float = 1.0, turn: float = 0.0) -> NDArray[np.float32]:
    """A mesh, 90 pixels wide, with `brows` as the height of the brows above the eyes and `lids` as the opening."""
    mesh = np.zeros((468, 3), np.float32)
    mesh[[33, 133, 362, 263], 0] = -45, -17, 17, 45
    mesh[[107, 336], 0] = -14, 14
    mesh[[107, 336], 1] = -brows
    mesh[[159, 158, 386, 385], 1] = -lids / 2
    mesh[[145, 153, 374, 380], 1] = lids / 2
    c, s = np.cos(turn), np.sin(turn)
    mesh[:, :2] = scale * mesh[:, :2] @ np.array([[c, s], [-s, c]]) + 300
    return mesh


def read(**logits: float) -> Expression:
    reader = ExpressionReader(FixedSession(**logits), EVEN)
    return reader(np.zeros((192, 192, 3), np.uint8), make_mesh())


def of(expression: Expression) -> dict[EmotionType, float]:
    return {emotion.type: emotion.confidence for emotion in expression.emotions}


def probabilities(**given: float) -> dict[EmotionType, float]:
    kinds = [kind for kind in EmotionType if kind not in (EmotionType.CONFUSED, EmotionType.UNKNOWN)]
    named = {EmotionType[name]: p for name, p in given.items()}
    rest = (1 - sum(named.values())) / (len(kinds) - len(named))
    return {kind: named.get(kind, rest) for kind in kinds}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("happiness", EmotionType.HAPPY),
        ("neutral", EmotionType.CALM),
        ("contempt", EmotionType.CALM),
        ("sadness", EmotionType.SAD),
        ("anger", EmotionType.ANGRY),
        ("surprise", EmotionType.SURPRISED),
        ("disgust", EmotionType.DISGUSTED),
        ("fear", EmotionType.FEAR),
    ],
)
def test_each_class_has_its_type(name: str, kind: EmotionType) -> None:
    assert read(**{name: 9.0}).emotions[0].type is kind


def test_contempt_and_neutral_add_up_to_calm() -> None:
    assert of(read(neutral=20.0, contempt=20.0))[EmotionType.CALM] == pytest.approx(100, abs=0.01)


def test_emotions_come_highest_first_and_once_each() -> None:
    emotions = read(happiness=3.0, surprise=2.0, fear=1.0).emotions
    confidences = [emotion.confidence for emotion in emotions]
    assert confidences == sorted(confidences, reverse=True)
    assert len({emotion.type for emotion in emotions}) == len(emotions)


def test_all_types_but_unknown_are_there_and_the_seven_sum_to_100() -> None:
    found = of(read(anger=5.0))
    assert set(found) == set(EmotionType) - {EmotionType.UNKNOWN}
    assert sum(found.values()) - found[EmotionType.CONFUSED] == pytest.approx(100)


@pytest.mark.parametrize("happy", [0.0, 0.3, 0.499, 0.501, 0.8, 1.0])
def test_smile_agrees_with_happy(happy: float) -> None:
    expression = expression_of(probabilities(HAPPY=happy), make_mesh())
    assert expression.smile.value is (of(expression)[EmotionType.HAPPY] > 50)
    assert expression.smile.confidence == pytest.approx(100 * max(happy, 1 - happy))
    assert 50 <= expression.smile.confidence <= 100


def test_an_unclear_face_is_unknown_first() -> None:
    emotions = expression_of(probabilities(SAD=0.40, CALM=0.38), make_mesh()).emotions
    assert emotions[0].type is EmotionType.UNKNOWN
    assert emotions[0].confidence == pytest.approx(60)
    assert emotions[1].type is EmotionType.SAD


def test_a_clear_face_has_no_unknown() -> None:
    assert EmotionType.UNKNOWN not in of(expression_of(probabilities(SAD=0.5, CALM=0.4), make_mesh()))


def test_lower_brows_look_more_confused() -> None:
    found = [confused(make_mesh(brows=height), 0, 0) for height in (30, 24, 18, 12, 6)]
    assert found == sorted(found)
    assert found[-1] > 10 * found[0]


def test_tighter_lids_look_more_confused() -> None:
    found = [confused(make_mesh(lids=opening), 0, 0) for opening in (14, 11, 8, 5, 2)]
    assert found == sorted(found)


def test_smiles_and_surprise_count_against_confusion() -> None:
    mesh = make_mesh(brows=10, lids=4)
    plain = confused(mesh, 0, 0)
    assert confused(mesh, 0.5, 0) == pytest.approx(plain / 2)
    assert confused(mesh, 0, 1) == 0


def test_confusion_stays_behind_any_clear_type() -> None:
    assert confused(make_mesh(brows=-500, lids=0), 0, 0) <= 35
    assert confused(np.zeros((468, 3), np.float32), 0, 0) <= 35


def test_action_units_do_not_care_where_how_large_or_how_turned_the_face_is() -> None:
    there = action_units(make_mesh(scale=3.1, turn=0.4))
    assert there == pytest.approx(action_units(make_mesh()), abs=1e-4)


def test_the_network_sees_the_middle_of_the_crop_in_grey_and_the_measures_of_the_mesh() -> None:
    crop = np.zeros((192, 192, 3), np.uint8)
    crop[24:168, 24:168] = (255, 0, 0)
    small = expression_crop(crop)
    assert small.shape == (64, 64)
    corner = np.zeros((192, 192, 3), np.uint8)
    corner[:24] = corner[:, :24] = corner[24:26, 24:26] = 255
    assert np.argwhere(expression_crop(corner)).tolist() == [[0, 0]]
    assert set(np.unique(small)) == {76}  # 0.299 of 255: ITU-R BT.601
    session = FixedSession()
    ExpressionReader(session, EVEN)(crop, make_mesh())
    ((image, measures),) = session.inputs
    assert image.shape == (1, 64, 64, 1)
    np.testing.assert_array_equal(measures, expression_measures(make_mesh())[None])


def test_a_lower_temperature_sharpens_and_a_prior_lifts_the_rare() -> None:
    logits = np.array([2.0, 1.0, 0, 0, 0, 0, 0, 0], np.float32)
    sharp = ExpressionCalibration(CLASSES, 0.5, (1 / 8,) * 8, 0.0, "").probabilities(logits)
    lifted = ExpressionCalibration(CLASSES, 1.0, (0.3,) * 3 + (0.02,) * 5, 0.3, "").probabilities(logits)
    plain = EVEN.probabilities(logits)
    assert sharp.sum() == pytest.approx(1)
    assert sharp[0] > plain[0]
    assert lifted[7] > plain[7]


def test_a_network_that_is_not_the_one_of_its_calibration_is_refused(tmp_path: Path) -> None:
    network = tmp_path / "expression.onnx"
    network.write_bytes(b"a network")
    stored = {"classes": CLASSES, "temperature": 1.0, "prior": [1 / 8] * 8, "prior_exponent": 0.0}
    beside = network.with_suffix(".json")
    beside.write_text(json.dumps(stored | {"network_sha256": hashlib.sha256(b"a network").hexdigest()}))
    assert load_expression_calibration(network).temperature == 1.0
    beside.write_text(json.dumps(stored | {"network_sha256": "0" * 64}))
    says = (
        rf"expression\.onnx is damaged: its SHA-256 is {hashlib.sha256(b'a network').hexdigest()}, and .* says 0{{64}}"
    )
    with pytest.raises(ModelCorrupt, match=says):
        load_expression_calibration(network)
    network.unlink()
    with pytest.raises(ModelCorrupt, match=r"expression\.onnx cannot be read: No such file.*install visavis again"):
        load_expression_calibration(network)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": None}, "must be a string or a real number"),
        ({"temperature": 0}, "temperature must be a finite number above 0"),
        ({"temperature": float("nan")}, "temperature must be a finite number above 0"),
        ({"prior_exponent": float("inf")}, "prior_exponent finite"),
        ({"prior": [1 / 7] * 7}, "prior must be 8 numbers"),
        ({"prior": [0.0, *[1 / 7] * 7]}, "prior must be 8 numbers above 0"),
        ({"prior": ["much"] * 8}, "could not convert"),
        ({"classes": [*CLASSES[:-1], "boredom"]}, "classes must be neutral"),
        ({"classes": [*CLASSES, CLASSES[0]]}, "each once"),
    ],
)
def test_a_calibration_with_an_invalid_member_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    network = tmp_path / "expression.onnx"
    network.write_bytes(b"a network")
    stored: dict[str, object] = {"classes": CLASSES, "temperature": 1.0, "prior": [1 / 8] * 8, "prior_exponent": 0.0}
    stored["network_sha256"] = hashlib.sha256(b"a network").hexdigest()
    network.with_suffix(".json").write_text(json.dumps(stored | changes))
    with pytest.raises(CalibrationMismatch, match=rf"expression\.json is not an expression calibration: .*({message})"):
        load_expression_calibration(network)


@pytest.mark.parametrize(
    ("text", "message"), [("{}", "it has no 'classes'"), ("[]", "list indices"), ("no JSON", "Expecting value")]
)
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    network = tmp_path / "expression.onnx"
    network.write_bytes(b"a network")
    network.with_suffix(".json").write_text(text)
    with pytest.raises(CalibrationMismatch, match=message):
        load_expression_calibration(network)


def test_the_shipped_calibration_belongs_to_the_shipped_network() -> None:
    assert set(load_expression_calibration().classes) == set(CLASSES)
