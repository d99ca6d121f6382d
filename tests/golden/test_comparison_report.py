"""`visavis compare --report`, with the real networks."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import PHOTOS
from tests.pages import Page
from visavis.cli import main
from visavis.similarity_scale import shown

PERSON, SAME, OTHER = (str(PHOTOS / f"{name}.jpg") for name in ("ardern_2018", "ardern_2022", "obama"))


def read(file: Path) -> Page:
    data = file.read_bytes()
    page = Page(data)
    page.assert_self_contained(data)
    page.assert_accessible()
    return page


@pytest.mark.parametrize(("target", "status", "verdict"), [(SAME, 0, "Match, "), (OTHER, 1, "No match, ")])
def test_report_drawing_and_json_are_of_one_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, status: int, verdict: str
) -> None:
    out, drawing = tmp_path / "out.html", tmp_path / "out.png"
    words = ["compare", PERSON, target, "--json", "--threshold", "80"]
    assert main(words) == status
    alone = capsys.readouterr().out
    words += ["--report", str(out), "--draw", str(drawing)]
    assert main(words) == status
    said = capsys.readouterr()
    assert (said.out, said.err) == (alone, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.html", "out.png"]
    page, answer = read(out), json.loads(alone)
    assert verdict in page.text
    assert shlex.join(["visavis", *words]) in page.text
    source, face = page.table("Faces")[1:]
    with_photos = {row[0]: row for row in page.table("Pictures")[1:]}
    told = [(source, answer["SourceImageFace"], "source S")]
    if status == 0:
        told.append((face, answer["FaceMatches"][0]["Face"], "target"))
        assert face[1] == shown(answer["FaceMatches"][0]["Similarity"])
    for row, member, role in told:
        width, height = map(int, with_photos[role][2].split(" x "))
        box = member["BoundingBox"]
        size = f"{round(box['Width'] * width)} x {round(box['Height'] * height)}"
        assert row[3] == f"{size} at {round(box['Left'] * width)}, {round(box['Top'] * height)}"
        assert row[7] == f"{member['Confidence']:.1f}"
    if status == 0:
        pose, quality = (answer["FaceMatches"][0]["Face"][name] for name in ("Pose", "Quality"))
        assert face[4] == f"roll {round(pose['Roll'])}, yaw {round(pose['Yaw'])}, pitch {round(pose['Pitch'])}"
        assert f"brightness {quality['Brightness']:.0f}, sharpness {quality['Sharpness']:.0f}" in face[5]
        assert face[6].startswith(answer["FaceMatches"][0]["Face"]["Emotions"][0]["Type"].lower())
    for role, path in (("source S", PERSON), ("target", target)):
        data = Path(path).read_bytes()
        assert with_photos[role][1] == path
        assert with_photos[role][3:] == [f"{len(data):,}", hashlib.sha256(data).hexdigest()]


def test_without_json_the_report_has_the_expression_too(tmp_path: Path) -> None:
    out = tmp_path / "out.htm"
    assert main(["compare", PERSON, SAME, "--report", str(out)]) == 0
    assert "happy" in read(out).table("Faces")[2][6]


def test_names_of_strangers_are_text_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ['"><img src=x onerror=alert(1)>.jpg', "a\u202egpj.exe.jpg", os.fsdecode(b"bad\xff\n.jpg"), "שלום.jpg"]
    try:
        for name in names:
            shutil.copy(PERSON, name)
    except OSError:
        pytest.skip("this file system refuses such names")
    assert main(["compare", *names, "--report", "out.html"]) == 0
    page = read(Path("out.html"))
    files = [row[1] for row in page.table("Pictures")[1:]]
    assert files == [names[0], r"a\u202egpj.exe.jpg", r"bad\udcff\n.jpg", names[3]]
    assert all(name in page.text.partition("Command:")[2] for name in files)


def test_the_same_comparison_at_the_same_time_gives_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767323045")
    words = ["compare", PERSON, SAME, "--report", str(tmp_path / "out.html")]
    assert main(words) == 0
    first = (tmp_path / "out.html").read_bytes()
    assert Page(first).all("time") == [{"datetime": "2026-01-02T03:04:05Z"}]
    assert main(words) == 0
    assert (tmp_path / "out.html").read_bytes() == first
    for wrong in ("yesterday", "253402300800"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        assert main(words) == 2
        assert "visavis: SOURCE_DATE_EPOCH must be a whole number" in capsys.readouterr().err


def test_an_input_is_not_overwritten_and_a_report_that_fails_leaves_the_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.html"
    shutil.copy(PERSON, photo)
    assert main(["compare", str(photo), SAME, "--report", str(photo)]) == 2
    assert "is read by this command and would be overwritten" in capsys.readouterr().err
    assert photo.read_bytes() == Path(PERSON).read_bytes()

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["compare", PERSON, SAME, "--report", str(photo)]) == 2
    assert "photo.html cannot be written: No space left on device" in capsys.readouterr().err
    assert photo.read_bytes() == Path(PERSON).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.html"]
