"""The tools that fit numbers find known parameters again on small synthetic inputs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from bench.answers import iou
from numpy.typing import NDArray
from tools.fitting import PACKAGE, Refit, as_text, bootstrap, labelled, parse, refits, report, write
from tools.fitting_faces import Measured, cached, mesh_crop

from tests.makers import posed_mesh
from tools import fit_box, fit_confidence, fit_landmarks, fit_mesh_crop, fit_pose, fit_quality, fit_quality_penalty
from visavis.cosine_adjustments import QualityPenaltyNumbers, quality_adjusted
from visavis.fitted import parse_numbers
from visavis.image import Image
from visavis.mean_face import mean_face
from visavis.vision.align import five_points
from visavis.vision.landmarks import BoxNumbers, box_around
from visavis.vision.mesh import MeshCropNumbers, crop_square
from visavis.vision.pose import PoseNumbers
from visavis.vision.quality import PixelQuality, sharpness_of


@pytest.fixture
def chance() -> np.random.Generator:
    """Random numbers that do not depend on the order of the tests."""
    return np.random.default_rng(7)


def measured(mesh: NDArray[np.float32]) -> Measured:
    points = five_points(mesh).astype(np.float64)
    pixels = PixelQuality(50, 50, 12, 0.05, 100)
    return Measured(0.9, points, mesh, points[:2], 18, 12, np.eye(1, 128, dtype=np.float32)[0], pixels)


def test_the_zero_of_pitch_is_found_although_single_faces_are_far_off(chance: np.random.Generator) -> None:
    mesh = chance.normal(0, 8, 40)
    amazon = mesh + 3.25
    amazon[:5] += 40
    assert fit_pose.fit(amazon, mesh) == pytest.approx(3.25)


def test_the_first_crop_is_found_again(chance: np.random.Generator) -> None:
    numbers = MeshCropNumbers(side_by_eyes=3.9, side_by_mouth=3.6, sideways=0.7, down=0.4)
    points = np.array([
        five_points(posed_mesh(roll=r, yaw=y, pitch=p, interocular=40))
        for r, y, p in chance.uniform(-30, 30, (80, 3))
    ]).astype(np.float64)  # fmt: skip
    squares = [crop_square(five, numbers) for five in points]
    crops = np.array([[*centre, side] for centre, side, _ in squares])
    found = fit_mesh_crop.fit(points, crops)
    assert (found.side_by_eyes, found.side_by_mouth) == pytest.approx((3.9, 3.6), abs=0.021)
    assert (found.sideways, found.down) == pytest.approx((0.7, 0.4), abs=1e-6)
    assert fit_mesh_crop.misplaced(points, crops, numbers) == pytest.approx(0, abs=1e-9)


def test_the_crop_that_a_mesh_asks_for_is_one_and_a_half_times_its_size() -> None:
    mesh = posed_mesh(interocular=40, centre=(300, 200))
    x, _, side = mesh_crop(mesh)
    assert x == pytest.approx(300, abs=0.1)
    assert side == pytest.approx(1.5 * (mesh[:, :2].max(axis=0) - mesh[:, :2].min(axis=0)).max(), rel=1e-4)


def test_the_proportions_of_the_box_are_found_again() -> None:
    meshes = np.array([posed_mesh(yaw=y, pitch=p, interocular=50) for y in (-20, 0, 20) for p in (-6, 0, 6)])
    known = BoxNumbers(sideways=1.05, above=1.3, below=1.1)
    boxes = np.array([[b.left, b.top, b.right, b.bottom] for b in (box_around(mesh, known) for mesh in meshes)])
    found = fit_box.fit(meshes, boxes, BoxNumbers(1.0, 1.4, 1.0))
    assert asdict(found) == pytest.approx(asdict(known), abs=0.01)


def landmark_search(place: fit_landmarks.Place, name: str) -> fit_landmarks.Search:
    """Amazon's points of a landmark lie at a place of 30 turned meshes; on the other side at the mirrored place."""
    turns = np.random.default_rng(7).uniform(-20, 20, (30, 3))
    meshes = np.array([posed_mesh(yaw=y, pitch=p, roll=r, interocular=1, centre=(0, 0)) for y, p, r in turns])[:, :, :2]
    partner = fit_landmarks.mirror_vertices()
    other = fit_landmarks.partner_name(name)
    targets = {
        one: np.asarray(sum(weight * meshes[:, vertex] for vertex, weight in place), np.float64)
        for one, place in (
            (name, place),
            (other, tuple((int(partner[vertex]), weight) for vertex, weight in place)),
        )
    }
    (search,) = fit_landmarks.searches(list(targets), meshes.astype(np.float64), targets)
    return search


@pytest.mark.parametrize("place", [((70, 1.0),), ((107, 0.7), (66, 0.3))])
def test_a_landmark_is_found_again_on_both_sides(place: fit_landmarks.Place) -> None:
    search = landmark_search(place, "leftEyeBrowRight")
    assert search.names == ("leftEyeBrowRight", "rightEyeBrowLeft")
    found = fit_landmarks.fit(search)
    assert np.abs(fit_landmarks.offsets(found, search)).max() < 0.01
    assert len(found) == len(place)
    assert fit_landmarks.better_on(((4, 1.0),), found, search) == 1
    assert fit_landmarks.better_on(found, ((4, 1.0),), search) == 0


def test_the_partner_of_a_vertex_is_its_mirror_image() -> None:
    partner = fit_landmarks.mirror_vertices()
    assert (partner[33], partner[4], partner[70]) == (263, 4, 300)
    np.testing.assert_allclose(mean_face()[partner] * [-1, 1, 1], mean_face(), atol=1e-5)
    places = fit_landmarks.places_of(landmark_search(((70, 1.0),), "leftEyeBrowLeft"), ((70, 1.0),), partner)
    assert places == {"leftEyeBrowLeft": ((70, 1.0),), "rightEyeBrowRight": ((300, 1.0),)}


def test_the_logistic_regression_finds_its_coefficients_again(chance: np.random.Generator) -> None:
    terms = chance.normal(0, 1, (6000, 4))
    odds = -0.5 + terms @ [1.0, 0.5, 2.0, 1.5]
    is_face = chance.random(len(terms)) < 1 / (1 + np.exp(-odds))
    intercept, *slopes = fit_confidence.fit(terms, is_face)
    assert slopes == pytest.approx([1.0, 0.5, 2.0, 1.5], abs=0.2)
    # Two to one in sum, whatever their numbers are.
    assert intercept == pytest.approx(-0.5 + np.log(2 * (~is_face).sum() / is_face.sum()), abs=0.2)


def test_with_the_assumed_norm_as_many_false_detections_pass_as_faces_are_dropped(chance: np.random.Generator) -> None:
    is_face = np.arange(400) < 200
    terms = np.column_stack([np.where(is_face, 2.0, 0.0) + chance.normal(0, 1, 400), np.zeros((400, 3))])
    beta = [-9.0, 1.0, 1.0, 4.0, 1.0]
    norm = fit_confidence.fit_assumed_norm(terms, is_face, beta)
    passing = 100 / (1 + np.exp(-(beta[0] + terms[:, 0] + 4.0 * np.log(norm)))) >= 60
    assert abs(int((passing & ~is_face).sum()) - int((~passing & is_face).sum())) <= 1


def test_crops_without_a_face_stay_clear_of_the_faces() -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[150:250, 150:250] = 255
    crops = list(fit_confidence.crops_without(Image(pixels), [np.array([150.0, 150, 250, 250])], 6, seed=1))
    assert 0 < len(crops) <= 6
    assert all(not crop.pixels.any() for crop in crops)


def test_the_sharpness_of_the_median_plain_and_blurred_face_is_60_and_20() -> None:
    plain, blurred = np.array([0.05, 0.08, 0.3]), np.array([0.01, 0.03, 0.04])
    logistic = fit_quality.fit_logistic(plain, blurred)
    assert [sharpness_of(d, logistic) for d in (0.08, 0.03)] == pytest.approx([60, 20])


def test_the_regression_of_the_quality_score_finds_its_coefficients_again(chance: np.random.Generator) -> None:
    terms = np.column_stack([np.ones(200), chance.normal(0, 1, (200, 6))])
    truth = [-0.4, 0.06, 0.03, 0.09, -0.08, -0.03, 0.4]
    assert fit_quality.fit(terms, terms @ truth) == pytest.approx(truth)


def test_the_cosine_of_a_face_is_that_with_the_plain_other_images_of_the_person() -> None:
    vectors = np.zeros((5, 128), np.float32)
    for row, angle in enumerate((0.0, 0.5, 1.0, 0.2, 0.0)):
        vectors[row, :2] = np.cos(angle), np.sin(angle)
    table = {
        "identity": np.array(["A", "A", "A", "A", "B"]),
        "image": np.array(["1", "2", "3", "1", "4"]),
        "how": np.array(["clean", "clean", "clean", "blur", "clean"]),
        "vector": vectors,
    }
    cosines = fit_quality.cosines_with_others(table)
    assert cosines[0] == pytest.approx((np.cos(0.5) + np.cos(1.0)) / 2)
    assert cosines[3] == pytest.approx((np.cos(0.3) + np.cos(0.8)) / 2)
    assert np.isnan(cosines[4])


def test_the_penalty_is_the_lowest_that_keeps_every_way_under_the_rate() -> None:
    cosines, quality = np.linspace(0.0, 0.6, 1001), np.full(1001, 64.0)
    adjusted = quality_adjusted(cosines, quality, quality, QualityPenaltyNumbers(84.0, 1.0), None)
    need = fit_quality_penalty.needed(cosines, cosines - adjusted, 0.4)
    assert need[cosines < 0.4].max() == 0
    penalty = fit_quality_penalty.fit([need], max_fmr=0.1)
    for p, rate in ((penalty, 0.1), (0.9 * penalty, 0.11)):
        scores = quality_adjusted(cosines, quality, quality, QualityPenaltyNumbers(84.0, p), None)
        assert float((scores >= 0.4).mean()) == pytest.approx(rate, abs=0.015)
    assert fit_quality_penalty.fit([np.zeros(9), need], max_fmr=0.1) == penalty
    assert fit_quality_penalty.fit([np.full(9, np.inf)]) == fit_quality_penalty.HIGHEST


def test_the_bootstrap_draws_whole_groups(chance: np.random.Generator) -> None:
    values, groups = np.array([0.0, 0.0, 0.0, 1.0]), ["a", "a", "a", "b"]
    low, high = bootstrap(groups, lambda rows: [values[rows].mean(), float(len(rows))])[:, 1]
    assert (low, high) == (2, 6)
    interval = bootstrap(range(400), lambda rows: [chance.normal(0, 1, 400)[rows].mean()])
    assert interval[:, 0] == pytest.approx([-0.1, 0.1], abs=0.06)


def test_a_report_says_whether_the_shipped_number_is_in_the_interval() -> None:
    rows = refits({"slope": 1.0, "other": 9.0}, [1.1, 2.0], np.array([[0.9, 1.5], [1.3, 2.5]]))
    assert rows[0] == Refit("slope", 1.0, 1.1, 0.9, 1.3)
    lines = report(rows, {"every answer would change by": "2 %"}).splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == ["yes", "NO"]
    assert lines[3] == "every answer would change by: 2 %"


def test_what_a_tool_writes_the_package_reads(tmp_path: Path) -> None:
    write(
        "pose.json",
        {"pitch_zero": 3.5},
        origin="made up",
        data={"set": "none", "faces": 1},
        networks=("mesh",),
        tool="python -m tools.fit_pose",
        package=tmp_path,
    )
    text = (tmp_path / "pose.json").read_text("utf-8")
    assert parse_numbers(text, PoseNumbers) == PoseNumbers(3.5)
    assert len(json.loads(text)["networks"]["mesh"]) == 64


def test_the_text_of_a_file_is_what_ships() -> None:
    for name in ("vision/data/quality.json", "vision/data/landmarks.json", "quality_penalty.json"):
        text = (PACKAGE / name).read_text("utf-8")
        assert as_text(json.loads(text)) == text


def test_a_cache_is_used_for_the_same_measurements_only(tmp_path: Path) -> None:
    file = tmp_path / "cache.npz"
    made = cached(file, "these", lambda: {"a": np.arange(3)})
    again = cached(file, "these", lambda: {"a": np.zeros(0)})
    assert (made["a"] == again["a"]).all()
    with pytest.raises(SystemExit, match="measurements of these, not of those"):
        cached(file, "those", dict)
    assert cached(None, "these", lambda: {"a": np.arange(2)})["a"].tolist() == [0, 1]


def test_a_tool_takes_its_data_folder_from_the_arguments_or_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VISAVIS_DATA", raising=False)
    assert parse("fits", [str(tmp_path), "--write"]).write
    with pytest.raises(SystemExit):
        parse("fits", [])
    assert "set VISAVIS_DATA" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse("fits", [str(tmp_path / "none")])
    monkeypatch.setenv("VISAVIS_DATA", str(tmp_path))
    assert parse("fits", []).data == tmp_path


def test_a_sample_of_labelled_images_has_whole_people(tmp_path: Path) -> None:
    (tmp_path / "lfw-dev").mkdir()
    rows = [f"{name}_{i}.jpg,{name},F,CALM" for name in "ABCD" for i in range(1 if name == "A" else 3)]
    (tmp_path / "lfw-dev/images.csv").write_text("image,identity,sex,expression\n" + "\n".join(rows) + "\n")
    sample = labelled(tmp_path, 7, several=True)
    assert len(sample) == 6
    assert "A" not in {image.identity for image in sample}
    assert len(labelled(tmp_path, 100)) == 10


def test_the_overlap_of_two_boxes() -> None:
    assert iou(np.array([0.0, 0, 2, 2]), np.array([1.0, 0, 3, 2])) == pytest.approx(1 / 3)
    assert iou(np.array([0.0, 0, 1, 1]), np.array([2.0, 2, 3, 3])) == 0
