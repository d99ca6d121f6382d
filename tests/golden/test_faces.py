"""Every field of a face, by the real networks on real images. Tolerances stand beside the numbers."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

from tests.conftest import PHOTOS, encode
from visavis.calibration import load_calibration
from visavis.engine import Engine
from visavis.face import Detail, Face, LandmarkType

Photo = Callable[[str], bytes]
NAMES = sorted(p.stem for p in PHOTOS.glob("*.jpg"))
MARKS = json.loads((Path(__file__).parent / "marks.json").read_text())
FIVE = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def opened(data: bytes) -> Pil.Image:
    return Pil.open(io.BytesIO(data)).convert("RGB")


def only_face(engine: Engine, image: bytes | np.ndarray) -> Face:
    (face,) = engine.analyze(image).faces
    return face


def places(face: Face) -> dict[str, np.ndarray]:
    return {p.type.value: np.array([p.x, p.y]) for p in face.landmarks}


def interocular(face: Face) -> float:
    at = places(face)
    return float(np.linalg.norm(at["eyeRight"] - at["eyeLeft"]))


def errors_against(marks: dict[str, list[float]], face: Face) -> list[float]:
    """Of the five main points, as fractions of the marked interocular distance."""
    at = places(face)
    marked = np.linalg.norm(np.subtract(marks["eyeRight"], marks["eyeLeft"]))
    return [float(np.linalg.norm(at[name] - marks[name]) / marked) for name in FIVE]


@pytest.mark.parametrize("name", NAMES)
def test_all_thirty_landmarks_come_in_the_order_of_the_service_model(engine: Engine, photo: Photo, name: str) -> None:
    face = only_face(engine, photo(name))
    assert [p.type for p in face.landmarks] == list(LandmarkType)


@pytest.mark.parametrize("name", NAMES)
def test_left_is_the_viewers_left(engine: Engine, photo: Photo, name: str) -> None:
    at = places(only_face(engine, photo(name)))
    across = ["leftEyeLeft", "leftPupil", "leftEyeRight", "nose", "rightEyeLeft", "rightPupil", "rightEyeRight"]
    xs = [at[n][0] for n in across]
    assert xs == sorted(xs)
    assert at["leftEyeBrowUp"][1] < at["leftEyeUp"][1] < at["leftEyeDown"][1] < at["nose"][1]
    assert at["nose"][1] < at["mouthUp"][1] < at["mouthDown"][1] < at["chinBottom"][1]


@pytest.mark.parametrize("name", NAMES)
def test_the_eye_is_the_pupil(engine: Engine, photo: Photo, name: str) -> None:
    at = places(only_face(engine, photo(name)))
    assert (at["eyeLeft"] == at["leftPupil"]).all()
    assert (at["eyeRight"] == at["rightPupil"]).all()


def test_on_the_portraits_the_main_points_lie_where_a_person_marked_them(engine: Engine, photo: Photo) -> None:
    # In parts of the distance between the eyes. A nose's tip and the corners of a mouth that fades are marked to about
    # .03; the eyes to .01.
    errors = np.array([
        errors_against(mark["points"], only_face(engine, photo(Path(mark["image"]).stem)))
        for mark in MARKS
        if mark["image"].startswith("photos/")
    ])  # fmt: skip
    assert errors.shape == (6, 5)
    assert errors.mean() < 0.04
    assert errors[:, :2].mean() < 0.02


@pytest.mark.skipif("VISAVIS_DATA" not in os.environ, reason="needs the marked scenes: set VISAVIS_DATA")
def test_on_all_marked_faces_the_main_points_are_within_4_percent_of_the_interocular_distance(engine: Engine) -> None:
    data = Path(os.environ["VISAVIS_DATA"])
    errors = []
    for mark in MARKS:
        faces = engine.analyze((data / mark["image"].replace("scenes/", "scenes/images/")).read_bytes()).faces
        errors.append(min((errors_against(mark["points"], f) for f in faces), key=sum))
    assert len(errors) == 20
    assert np.mean(errors) < 0.04


@pytest.mark.parametrize("name", NAMES)
def test_without_the_iris_network_the_middles_of_the_eyes_are_near_the_pupils(
    engine: Engine, photo: Photo, name: str
) -> None:
    full, (plain,) = only_face(engine, photo(name)), engine.analyze(photo(name), detail=Detail.MINIMAL).faces
    a, b = places(full), places(plain)
    for eye in ("eyeLeft", "eyeRight"):
        assert np.linalg.norm(a[eye] - b[eye]) / interocular(full) < 0.08
    assert (b["eyeLeft"] == b["leftPupil"]).all()
    assert all((a[n] == b[n]).all() for n in a if n not in ("eyeLeft", "eyeRight", "leftPupil", "rightPupil"))


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_survive_an_image_of_half_the_size(engine: Engine, photo: Photo, name: str) -> None:
    if name == "macron_2014":
        pytest.skip("halved, its face is 37 pixels wide")
    whole = only_face(engine, photo(name))
    image = opened(photo(name))
    half = only_face(engine, encode(image.reduce(2)))
    a, b = places(whole), places(half)
    assert np.mean([np.linalg.norm(a[n] - 2 * b[n]) for n in a]) / interocular(whole) < 0.03


@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_image_gives_mirrored_landmarks_and_angles(engine: Engine, photo: Photo, name: str) -> None:
    image = opened(photo(name))
    face = only_face(engine, photo(name))
    mirrored = only_face(engine, encode(image.transpose(Pil.Transpose.FLIP_LEFT_RIGHT)))
    a, b = places(face), places(mirrored)
    swap = {n: n.replace("left", "?").replace("right", "left").replace("?", "right") for n in a}
    swap = {n: s.replace("Left", "?").replace("Right", "Left").replace("?", "Right") for n, s in swap.items()}
    shifts = [np.linalg.norm(a[n] - [image.width - b[swap[n]][0], b[swap[n]][1]]) for n in a]
    # Amazon's nose and jaw are not symmetrical, and ours neither.
    assert np.mean(shifts) / interocular(face) < 0.06
    assert mirrored.pose.yaw == pytest.approx(-face.pose.yaw, abs=4)
    assert mirrored.pose.roll == pytest.approx(-face.pose.roll, abs=3)
    assert mirrored.pose.pitch == pytest.approx(face.pose.pitch, abs=4)


@pytest.mark.parametrize("name", NAMES)
def test_a_portrait_is_found_at_every_angle_with_its_roll(engine: Engine, photo: Photo, name: str) -> None:
    image, upright = opened(photo(name)), only_face(engine, photo(name))
    similarity = load_calibration().similarity
    for clockwise in range(0, 360, 45):
        turned = image.rotate(-clockwise, expand=True, resample=Pil.Resampling.BICUBIC)
        face = only_face(engine, np.asarray(turned))
        assert (face.pose.roll - upright.pose.roll - clockwise + 180) % 360 - 180 == pytest.approx(0, abs=5)
        assert similarity(float(face.embedding @ upright.embedding)) > 97


def test_the_box_has_the_proportions_of_recorded_responses(engine: Engine, photo: Photo) -> None:
    widths, heights, eye_lines = [], [], []
    for name in NAMES:
        face = only_face(engine, photo(name))
        at = places(face)
        eyes, mouth = (at["eyeLeft"] + at["eyeRight"]) / 2, (at["mouthLeft"] + at["mouthRight"]) / 2
        widths.append(face.box.width / interocular(face))
        heights.append(face.box.height / np.linalg.norm(mouth - eyes))
        eye_lines.append((eyes[1] - face.box.top) / face.box.height)
    # Medians of 14 recorded faces; six of our own wander more than the 5 % that forty keep to.
    assert np.median(widths) == pytest.approx(2.21, rel=0.08)
    assert np.median(heights) == pytest.approx(2.86, rel=0.08)
    assert np.median(eye_lines) == pytest.approx(0.38, rel=0.08)


@pytest.mark.parametrize("name", NAMES)
def test_brightness_falls_with_the_light(engine: Engine, photo: Photo, name: str) -> None:
    image = opened(photo(name))
    levels = [only_face(engine, encode(image.point(lambda v, k=k: v * k))) for k in (1, 0.8, 0.6, 0.4, 0.25)]
    values = [face.quality.brightness for face in levels]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 5


@pytest.mark.parametrize("name", NAMES)
def test_sharpness_falls_with_blur(engine: Engine, photo: Photo, name: str) -> None:
    image = opened(photo(name))
    unit = only_face(engine, photo(name)).box.width / 100
    blurs = [image.filter(ImageFilter.GaussianBlur(unit * k)) for k in (0, 0.7, 1.4, 2.1, 2.8)]
    values = [only_face(engine, encode(p)).quality.sharpness for p in blurs]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 5


def test_sharpness_falls_with_the_size_of_a_face_and_with_blur(engine: Engine, photo: Photo) -> None:
    image = opened(photo("obama"))
    small = image.resize((170, 196), Pil.Resampling.LANCZOS)
    enlarged = small.resize(image.size, Pil.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))
    whole, little, soft = (only_face(engine, encode(p)).quality.sharpness for p in (image, small, enlarged))
    assert whole > little + 20
    assert whole > soft + 5


def test_people_who_smile_look_happy_and_those_who_do_not_look_calm(engine: Engine, photo: Photo) -> None:
    smiling, serious = only_face(engine, photo("ardern_2022")), only_face(engine, photo("sunak"))
    assert smiling.emotions[0].type == "HAPPY"
    assert smiling.smile is not None
    assert smiling.smile.value
    assert serious.smile is not None
    assert all(e.confidence >= f.confidence for e, f in zip(smiling.emotions, smiling.emotions[1:], strict=False))
