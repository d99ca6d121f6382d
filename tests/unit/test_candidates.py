"""Which detections are read, with networks that are scripted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.makers import Scene, SceneFace, posed_mesh
from visavis.candidates import _deduplicate as deduplicated
from visavis.candidates import maybe_largest
from visavis.face import Detail
from visavis.orientation import Candidate
from visavis.vision.landmarks import box_around
from visavis.vision.mesh import Mesh


def none(face: SceneFace) -> SceneFace:
    """A detection that is no face: too little presence, and an embedding that shows none."""
    return replace(face, presence=2, norm=4, wrong_norm=4)


def crowd(count: int, of_none: int = 0, per_row: int = 15) -> list[SceneFace]:
    """Small faces in rows, in falling order of size, of which the largest few are none."""
    pitch = 247.5 / per_row
    faces = [
        SceneFace(
            centre=(12 + pitch * (i % per_row), 10 + 1.2 * pitch * (i // per_row)),
            interocular=pitch / 3 - 0.005 * i,
            norm=20,
        )
        for i in range(count)
    ]
    return [none(face) if i < of_none else face for i, face in enumerate(faces)]


def analysed(faces: list[SceneFace], *, largest_only: bool = False) -> tuple[int, bool, dict[str, int]]:
    """How many faces were found, whether there are more, and how many crops each network read."""
    scene = Scene(faces)
    found = scene.analyzer(scene.image, detail=Detail.MINIMAL, largest_only=largest_only)
    return len(found.faces), found.more, scene.runs


def reads(runs: dict[str, int]) -> int:
    """How many detections were read, each with two crops, besides one reading of three others at another rotation."""
    return runs["mesh"] // 2 - 3


def test_of_a_crowd_only_the_largest_detections_are_read() -> None:
    faces, more, runs = analysed(crowd(160))
    assert (faces, more) == (100, True)
    assert runs["mesh"] == 2 * 120


def test_as_many_more_are_read_as_faces_are_missing() -> None:
    faces, more, runs = analysed(crowd(180, of_none=30))
    assert (faces, more) == (100, True)
    assert reads(runs) == 120 + 11


def test_more_are_read_again_and_again_while_two_thirds_are_faces() -> None:
    faces = [none(face) if i % 10 < 3 else face for i, face in enumerate(crowd(180))]
    count, more, runs = analysed(faces)
    assert (count, more, reads(runs)) == (100, True, 146)  # 84 of 120, 95 of 137, 98 of 143, 101 of 146


def test_of_a_pattern_in_which_many_are_no_faces_no_more_are_read() -> None:
    faces, _, runs = analysed(crowd(180, of_none=41))
    assert (faces, reads(runs)) == (79, 120)


def test_a_pattern_in_which_nothing_is_a_face_is_not_read_to_its_end() -> None:
    faces, _, runs = analysed(crowd(180, of_none=180))
    assert (faces, runs["mesh"]) == (0, 2 * (75 + 3))


@pytest.mark.parametrize(("count", "settled"), [(12, 8), (30, 8), (31, 3)])
def test_of_many_faces_fewer_in_doubt_are_read_at_other_rotations(count: int, settled: int) -> None:
    doubtful = [replace(face, presence=12, norm=12) for face in crowd(count, per_row=11)]
    for largest_only in (False, True):
        scene = Scene(doubtful)
        scene.orientation.detect(scene.image)
        for_detection = scene.runs.pop("detector")
        scene.analyzer(scene.image, detail=Detail.MINIMAL, largest_only=largest_only)
        assert scene.runs["detector"] - for_detection == 8 * settled


def test_of_a_crowd_the_largest_thirty_are_read_for_the_largest_face() -> None:
    for count, read in ((29, 29), (31, 30), (100, 30)):
        faces, _, runs = analysed(crowd(count), largest_only=True)
        assert (faces, runs["mesh"]) == (1, 2 * read)


def test_a_crowd_whose_largest_thirty_are_no_faces_still_has_a_largest_face() -> None:
    faces, _, _ = analysed(crowd(100, of_none=30), largest_only=True)
    assert faces == 1


def test_detections_below_two_fifths_of_the_largest_area_are_not_read_for_the_largest_face() -> None:
    assert maybe_largest(np.array([100, 90, 41, 39], np.float32)).tolist() == [0, 1, 2]
    assert maybe_largest(np.zeros(0, np.float32)).tolist() == []


def test_a_crowd_is_not_searched_at_other_rotations() -> None:
    for count, searched in ((149, True), (150, False)):
        scene = Scene(crowd(count))
        assert len(scene.orientation.detect(scene.image)) == count
        assert (scene.runs["detector"] > 2) is searched


def test_two_detections_of_one_face_are_one_face() -> None:
    scene = Scene([SceneFace(detected_again=True)])
    assert len(scene.orientation.detect(scene.image)) == 2
    assert len(scene.analyzer(scene.image).faces) == 1


def candidate(presence: float, centre: tuple[float, float] = (100, 100), interocular: float = 30) -> Candidate:
    points = posed_mesh(centre=centre, interocular=interocular)
    crop = np.zeros((192, 192, 3), np.uint8)
    return Candidate(0.9, Mesh(points, presence, np.eye(2, 3), crop), box_around(points))


def test_of_two_candidates_for_one_face_the_one_with_more_presence_stays() -> None:
    one, other = candidate(12), candidate(15, centre=(104, 101))
    assert deduplicated([one, other]) == [other]
    assert deduplicated([other, one]) == [other]


def test_a_small_face_beside_the_middle_of_a_large_one_is_the_same_face() -> None:
    # The centre of the small box lies in the large box, but not vice versa.
    large, small = candidate(15, interocular=40), candidate(12, centre=(120, 100), interocular=10)
    assert deduplicated([small, large]) == [large]


@pytest.mark.parametrize("centre", [(140.0, 100.0), (60.0, 100.0), (100.0, 155.0), (100.0, 45.0)])
def test_neighbours_whose_boxes_overlap_are_two_faces(centre: tuple[float, float]) -> None:
    one, other = candidate(15), candidate(12, centre=centre)
    assert one.box.left < other.box.right
    assert one.box.right > other.box.left
    assert len(deduplicated([one, other])) == 2
