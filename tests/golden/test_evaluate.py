"""The whole command on the example photographs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import PHOTOS
from visavis.cli import main


def test_the_example_photographs_are_told_apart_without_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = sorted(PHOTOS.glob("*.jpg"))
    (tmp_path / "images").mkdir()
    rows = ["image,identity"]
    for photo in photos:
        shutil.copy(photo, tmp_path / "images")
        rows.append(f"{photo.name},{photo.stem.split('_')[0]}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    work = tmp_path / "work"
    words = ["evaluate", str(tmp_path), "--no-plots", "--resume", str(work), "--out"]
    assert main([*words, str(tmp_path / "one")]) == 0
    report = json.loads((tmp_path / "one/report.json").read_text())
    assert (report["set"]["genuine"], report["set"]["impostor"]) == (2, 13)
    assert report["at_similarity"][0]["fmr"]["errors"] == 0
    assert report["at_similarity"][0]["fnmr"]["errors"] == 0
    # Six lines and a header; a second run adds none and says the same.
    assert len(work.read_text().splitlines()) == 7
    assert main([*words, str(tmp_path / "two")]) == 0
    assert len(work.read_text().splitlines()) == 7
    assert json.loads((tmp_path / "two/report.json").read_text()) == report
    assert "images: 6 of 6" in capsys.readouterr().err
