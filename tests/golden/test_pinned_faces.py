"""What visavis 0.1.0 found in the example photographs on 2026-11-25, pinned by tools/pin_faces.py.

The tests detect a change of what was fitted to Amazon's recorded answers: the proportions of the box, the zero of
pitch, the places of the landmarks, the crop of the iris, the coefficients of confidence, of openness and of gaze. The
tolerances leave room for another processor.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.pin_faces import gaze_of, open_percent

from visavis.engine import Engine
from visavis.face import Face, LandmarkType

PINNED = json.loads((Path(__file__).parent / "faces.json").read_text("utf-8"))
PHOTOS = sorted(PINNED)


@pytest.fixture(scope="module")
def faces(engine: Engine, photo: Callable[[str], bytes]) -> dict[str, Face]:
    """The largest face of each photograph."""
    return {name: engine.analyze(photo(name)).faces[0] for name in PHOTOS}


def test_every_example_photograph_is_pinned() -> None:
    assert len(PHOTOS) == 6


@pytest.mark.parametrize("name", PHOTOS)
def test_the_box_is_where_it_was(faces: dict[str, Face], name: str) -> None:
    box = faces[name].box.relative_to(faces[name].image_size)
    left, top, width, height = PINNED[name]["box"]
    # Within 1 % of its sides.
    assert (box.left, box.width) == pytest.approx((left, width), abs=0.01 * width)
    assert (box.top, box.height) == pytest.approx((top, height), abs=0.01 * height)


@pytest.mark.parametrize("name", PHOTOS)
def test_the_pose_is_what_it_was(faces: dict[str, Face], name: str) -> None:
    pose = faces[name].pose
    assert (pose.roll, pose.yaw, pose.pitch) == pytest.approx(PINNED[name]["pose"], abs=0.5)


@pytest.mark.parametrize("name", PHOTOS)
def test_every_landmark_is_where_it_was(faces: dict[str, Face], name: str) -> None:
    face, values = faces[name], PINNED[name]["landmarks"]
    width, height = face.image_size.width, face.image_size.height
    places = {kind: (x * width, y * height) for kind, x, y in zip(LandmarkType, values[::2], values[1::2], strict=True)}
    interocular = abs(places[LandmarkType.EYE_RIGHT][0] - places[LandmarkType.EYE_LEFT][0])
    assert [point.type for point in face.landmarks] == list(LandmarkType)
    for point in face.landmarks:
        # Pupils to .5 % of the distance between the eyes, which is what a change of the iris crop moves them by.
        part = 0.005 if "upil" in point.type.value or point.type.value.startswith("eye") else 0.01
        assert (point.x, point.y) == pytest.approx(places[point.type], abs=part * interocular), point.type


@pytest.mark.parametrize("name", PHOTOS)
def test_the_confidence_is_what_it_was(faces: dict[str, Face], name: str) -> None:
    assert faces[name].confidence == pytest.approx(PINNED[name]["confidence"][0], abs=0.01)


@pytest.mark.parametrize("name", PHOTOS)
def test_eyes_and_mouth_are_as_open_as_they_were(faces: dict[str, Face], name: str) -> None:
    found = [open_percent(attribute) for attribute in (faces[name].eyes_open, faces[name].mouth_open)]
    # A hundredth of an eye's width moves 80 % by 12: the steepest that the six photographs come to.
    assert found == pytest.approx(PINNED[name]["open"], abs=3)


def test_all_six_people_have_their_eyes_open() -> None:
    assert min(PINNED[name]["open"][0] for name in PHOTOS) > 50


@pytest.mark.parametrize("name", PHOTOS)
def test_the_gaze_is_where_it_was(faces: dict[str, Face], name: str) -> None:
    yaw, pitch, confidence = gaze_of(faces[name])
    # One degree is .3 % of the distance between the eyes.
    assert (yaw, pitch) == pytest.approx(PINNED[name]["gaze"][:2], abs=1.5)
    assert confidence == pytest.approx(PINNED[name]["gaze"][2], abs=3)
