from __future__ import annotations

from pathlib import Path

import pytest

from visavis import __version__
from visavis.cli import main


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"visavis {__version__}\n"


@pytest.mark.parametrize("words", [[], ["compare", "one.jpg"], ["nope"], ["compare", "a", "b", "--threshold", "101"]])
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage: visavis" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nobody.jpg"
    assert main(["compare", str(missing), str(missing)]) == 1
    assert capsys.readouterr().err == f"visavis: {missing} cannot be read: No such file or directory\n"


def test_a_folder_is_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 1
    assert "is a folder; name one picture in it" in capsys.readouterr().err
