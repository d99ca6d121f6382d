"""The library calls on folders whose faces a scripted engine finds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.calibration import Calibration, load_calibration
from visavis.cli import main
from visavis.errors import BadImage, CalibrationMismatch, InvalidRequest
from visavis.evaluate import (
    as_json,
    calibrate_folder,
    check_folder,
    cross_validate_folder,
    evaluate_folder,
    evaluate_pairs,
    fit_folder,
)
from visavis.evaluate.data import embeddings
from visavis.settings import Settings

PEOPLE = 784
"""The fewest of one sex that give the 300,000 impostor pairs of a fit are 776."""


class ScriptedEngine:
    """Reads an image's text as a seed: every image of one text shows the same face, of quality 100."""

    def __init__(self) -> None:
        self.analysed = 0

    def analyze_many(self, images: Iterable[bytes], **_: object) -> Iterator[SimpleNamespace | BadImage]:
        return map(self._analyze, images)

    def _analyze(self, data: bytes) -> SimpleNamespace | BadImage:
        self.analysed += 1
        if data == b"broken":
            return BadImage("this is neither a JPEG nor a PNG")
        if not data:
            return SimpleNamespace(faces=())
        vector = face_of(int(data.split()[0]))
        return SimpleNamespace(faces=(SimpleNamespace(embedding=vector, quality=SimpleNamespace(score=100.0)),))


def face_of(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).normal(size=64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    engine = ScriptedEngine()

    @contextmanager
    def opened(_: Settings) -> Iterator[ScriptedEngine]:
        yield engine

    monkeypatch.setattr(embeddings, "open_uncalibrated", opened)
    return engine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", offline=True)


@pytest.fixture
def staff(tmp_path: Path) -> Path:
    """Three people with two images each, and one image without a face; ann and bob are F, cid is M."""
    rows = ["image,identity,sex"]
    (tmp_path / "staff/images").mkdir(parents=True)
    for seed, (person, sex) in enumerate([("ann", "F"), ("bob", "F"), ("cid", "M")]):
        for k in range(2):
            (tmp_path / f"staff/images/{person}{k}.jpg").write_text(f"{seed} {k}")
            rows.append(f"{person}{k}.jpg,{person},{sex}")
    (tmp_path / "staff/images/cid2.jpg").touch()
    (tmp_path / "staff/images.csv").write_text("\n".join([*rows, "cid2.jpg,cid,M"]))
    return tmp_path / "staff"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    for k in range(PEOPLE):
        (folder / f"p{k}").mkdir()
        (folder / f"p{k}/a.jpg").write_text(str(k))
    return folder


def test_a_folder_is_evaluated_with_every_pair(engine: ScriptedEngine, staff: Path, settings: Settings) -> None:
    evaluation = evaluate_folder(str(staff), groups=["sex"], settings=settings, replicates=0, progress=False)
    assert (evaluation.curve.genuine, evaluation.curve.impostors) == (3, 12)
    assert evaluation.failures == (("cid2.jpg", "no face found"),)
    assert {(g.value, g.images) for g in evaluation.groups} == {("F", 4), ("M", 2)}
    assert [point.fnmr.rate.value for point in evaluation.points] == [0, 0, 0, 0]
    provenance = as_json(evaluation)["provenance"]
    assert isinstance(provenance, dict)
    assert provenance["embedder"] == load_calibration().model_sha256
    assert str(provenance["scale"]).startswith("shipped, fitted on ")


def test_listed_pairs_are_evaluated(engine: ScriptedEngine, staff: Path, settings: Settings) -> None:
    pairs = staff / "pairs.csv"
    pairs.write_text("source,target,same,fold\nann0.jpg,ann1.jpg,1,0\nann0.jpg,bob0.jpg,0,0\nbob0.jpg,bob1.jpg,1,1\n")
    evaluation = evaluate_pairs(pairs, settings=settings, replicates=0, progress=False)
    assert (evaluation.curve.genuine, evaluation.curve.impostors) == (2, 1)
    by_folder = evaluate_folder(staff, folds_from=pairs, settings=settings, replicates=0, progress=False)
    for k_fold in (evaluation.k_fold, by_folder.k_fold):
        assert k_fold is not None
        assert len(k_fold) == 2


def test_errata_are_read_from_a_file(engine: ScriptedEngine, staff: Path, settings: Settings) -> None:
    (staff / "errata.csv").write_text("what,first,second\nimage,cid2.jpg,\nsame,ann,bob\n")
    evaluation = evaluate_folder(staff, errata=staff / "errata.csv", settings=settings, replicates=0, progress=False)
    assert (evaluation.identities, evaluation.failures) == (2, ())


def test_a_calibration_is_given_as_value_or_file(engine: ScriptedEngine, staff: Path, settings: Settings) -> None:
    shipped = load_calibration()
    file = staff / "scale.json"
    shipped.write(file)
    for given, whose in ((shipped, "given"), (file, str(file)), (str(file), str(file))):
        found = evaluate_folder(staff, calibration=given, settings=settings, replicates=0, progress=False)
        assert str(found.provenance["scale"]).startswith(f"{whose}, fitted on ")
        assert found.points[0].score == shipped.lowest_score(80)
    file.write_text("{}")
    with pytest.raises(InvalidRequest, match="is not a file of `visavis calibrate`"):
        evaluate_folder(staff, calibration=file, settings=settings)
    with pytest.raises(InvalidRequest, match=r"nowhere.json cannot be read: No such file"):
        evaluate_folder(staff, calibration=staff / "nowhere.json", settings=settings)
    with pytest.raises(CalibrationMismatch, match="fitted at high accuracy"):
        evaluate_folder(staff, calibration=load_calibration("high"), settings=settings)
    assert engine.analysed == 3 * 7  # the others are refused before the long part


def test_a_second_run_resumes_from_the_file(engine: ScriptedEngine, staff: Path, settings: Settings) -> None:
    first, second = (
        as_json(evaluate_folder(staff, settings=settings, replicates=0, resume=staff / "done", progress=False))
        for _ in range(2)
    )
    assert first == second
    assert engine.analysed == 7


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_reported_on_standard_error_or_not_at_all(
    engine: ScriptedEngine, staff: Path, settings: Settings, capsys: pytest.CaptureFixture[str], progress: bool
) -> None:
    evaluate_folder(staff, settings=settings, replicates=0, progress=progress)
    said = capsys.readouterr()
    assert said.out == ""
    assert bool(said.err) == progress


@pytest.mark.slow
def test_a_folder_is_calibrated_for_the_chosen_embedder(
    engine: ScriptedEngine, crowd: Path, settings: Settings
) -> None:
    calibration = calibrate_folder(crowd, name="a crowd", settings=settings, progress=False)
    assert isinstance(calibration, Calibration)
    calibration.check(load_calibration().model_sha256)
    assert calibration.provenance["data_set"] == "a crowd"
    assert calibration.provenance["impostor_pairs"] == {"": PEOPLE * (PEOPLE - 1) // 2}
    # Cosines of random directions in 64 dimensions have a deviation of 1/8, and a lighter tail than the normal's.
    assert calibration.lowest_score(80) == pytest.approx(3.09 / 8, abs=0.02)


@pytest.mark.slow
def test_the_fit_is_returned_beside_its_calibration(engine: ScriptedEngine, crowd: Path, settings: Settings) -> None:
    fitted = fit_folder(crowd, settings=settings, progress=False)
    assert fitted.calibration.provenance["data_set"] == crowd.name
    for level in fitted.fit.levels:
        assert level.score == fitted.calibration.lowest_score(level.similarity)
        assert level.interval.low < level.score < level.interval.high


def test_impostors_share_the_sex_where_the_folder_tells_it(
    engine: ScriptedEngine, crowd: Path, tmp_path: Path, settings: Settings
) -> None:
    rows = [f"p{k}/a.jpg,p{k},{'F' if k < 8 else 'M'}" for k in range(PEOPLE)]
    for path in crowd.glob("p*/a.jpg"):
        (tmp_path / "set" / path.parent.name).mkdir(parents=True)
        (tmp_path / "set" / path.parent.name / "a.jpg").write_bytes(path.read_bytes())
    (tmp_path / "set/images.csv").write_text("\n".join(["image,identity,sex", *rows]))
    with pytest.raises(InvalidRequest, match=r"fit a scale: 28 F, 300,700 M"):
        calibrate_folder(tmp_path / "set", settings=settings)
    assert engine.analysed == 0


@pytest.mark.slow
def test_cross_validation_takes_folds_of_names_or_of_a_file(
    engine: ScriptedEngine, tmp_path: Path, settings: Settings
) -> None:
    for k in range(900):
        (tmp_path / f"set/p{k}").mkdir(parents=True)
        (tmp_path / f"set/p{k}/a.jpg").write_text(str(k))
    check = cross_validate_folder(tmp_path / "set", folds=20, settings=settings, progress=False)
    assert check.folds == 20
    assert {one.similarity for one in check.checked} == {80, 90, 97}
    rows = [f"p{k}/a.jpg,p{(k + 10) % 900}/a.jpg,{k % 10}" for k in range(900)]
    (tmp_path / "folds.csv").write_text("\n".join(["source,target,fold", *rows]))
    check = cross_validate_folder(
        tmp_path / "set", folds_from=tmp_path / "folds.csv", settings=settings, progress=False
    )  # fmt: skip
    assert check.folds == 10
    (at_80,) = (one for one in check.checked if one.similarity == 80)
    assert at_80.within_fold.trials == 10 * (90 * 89 // 2)


@pytest.mark.slow
def test_folds_are_not_asked_for_where_none_are_left_out(
    engine: ScriptedEngine, crowd: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.evaluate.calibrating.folds_of", None)
    monkeypatch.setattr("visavis.evaluate.calibrating.grouped_folds", None)
    assert calibrate_folder(crowd, settings=settings, progress=False).provenance["identities"] == PEOPLE


def test_a_small_folder_is_refused_before_any_image_is_analysed(
    engine: ScriptedEngine, staff: Path, settings: Settings
) -> None:
    for call in (calibrate_folder, fit_folder, cross_validate_folder):
        with pytest.raises(InvalidRequest, match="too few impostor pairs"):
            call(staff, settings=settings)
    with pytest.raises(InvalidRequest, match="too few impostor pairs"):
        check_folder(staff)
    assert engine.analysed == 0


def test_arguments_that_cannot_be_meant_are_refused(staff: Path, settings: Settings) -> None:
    for call in (evaluate_folder, evaluate_pairs):
        with pytest.raises(
            InvalidRequest, match=r"groups must be a list of column names such as \['sex'\], not the string 'sex'"
        ):
            call(staff, groups="sex", settings=settings)
        with pytest.raises(InvalidRequest, match="replicates must be at least 0, not -1"):
            call(staff, replicates=-1, settings=settings)
    with pytest.raises(InvalidRequest, match="folds must be at least 2, not 1"):
        cross_validate_folder(staff, folds=1, settings=settings)


def test_the_command_makes_no_folder_for_a_report_that_is_not_written(staff: Path, tmp_path: Path) -> None:
    assert main(["evaluate", str(staff), "--group", "age", "--out", str(tmp_path / "report")]) == 2
    assert not (tmp_path / "report").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_report_that_cannot_be_written_is_refused_before_the_long_part(
    engine: ScriptedEngine, staff: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert main(["evaluate", str(staff), "--out", str(tmp_path / "locked/report")]) == 2
    assert f"{tmp_path / 'locked/report'} cannot be written: Permission denied" in capsys.readouterr().err
    assert engine.analysed == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
def test_without_scipy_the_message_names_the_extra(staff: Path, command: str) -> None:
    code = f"from visavis.cli import main; sys.exit(main(['{command}', {str(staff)!r}]))"
    code = f"import sys; sys.modules['scipy'] = None; {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    said = 'visavis: evaluating and calibrating need SciPy: pip install "visavis[evaluate]"'
    assert done.stderr.strip() == said
