"""Batches with the real networks: the answers of single comparisons, through every way in, and after a kill."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest

import visavis
from tests.conftest import PHOTOS, posix
from visavis.api.compare_faces import render
from visavis.api.response import FieldSet
from visavis.batch import Row, RowResult, compare_rows
from visavis.cli import main
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison
from visavis.engine import Engine
from visavis.errors import VisavisError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Portraits, a group, one image with two people and one without a face, in a folder."""
    from bench.images import group, noise

    folder = tmp_path_factory.mktemp("photos")
    for photo in PHOTOS.glob("*.jpg"):
        (folder / photo.name).write_bytes(photo.read_bytes())
    (folder / "group.jpg").write_bytes(group(5))
    (folder / "noise.png").write_bytes(noise(200, 150, "PNG"))
    (folder / "cut.jpg").write_bytes((PHOTOS / "obama.jpg").read_bytes()[:50_000])
    return [str(path) for path in sorted(folder.iterdir())]


def compared(engine: Engine, source: str, target: str, options: CompareOptions) -> Comparison | VisavisError:
    try:
        return engine.compare(Path(source), Path(target), options)
    except VisavisError as error:
        return error


@pytest.mark.slow
def test_rows_have_the_answers_of_single_comparisons(engine: Engine, photos: list[str]) -> None:
    some = [photo for photo in photos if Path(photo).stem in {"ardern_2018", "ardern_2022", "group", "noise", "cut"}]
    pairs = list(product(some, some))
    options = CompareOptions(90)
    rows = [Row(str(i), *pair) for i, pair in enumerate(pairs)]
    kinds: set[object] = set()
    for (source, target), result in zip(pairs, compare_rows(rows, engine, options), strict=True):
        alone = compared(engine, source, target, options)
        if isinstance(alone, VisavisError):
            assert (type(result.error), str(result.error)) == (type(alone), str(alone))
            kinds.add(type(alone).__name__)
        else:
            assert result.response(FieldSet.ALL) == render(alone, FieldSet.ALL)
            kinds.add(len(alone.matches) + len(alone.unmatched))
    assert kinds == {1, 5, "NoFace", "BadImage"}


@pytest.mark.slow
def test_the_command_writes_the_response_of_the_client(photos: list[str], tmp_path: Path) -> None:
    source, target = photos[0], next(photo for photo in photos if "group" in photo)
    out = tmp_path / "out.jsonl"
    words = ["--sources", source, "--targets", target, "--full", "-o", str(out), "--threshold", "70"]
    subprocess.run([sys.executable, "-m", "visavis", "batch", *words], check=True)
    (row,) = map(json.loads, out.read_text().splitlines())
    images = {"SourceImage": {"Bytes": Path(source).read_bytes()}, "TargetImage": {"Bytes": Path(target).read_bytes()}}
    response = visavis.client().compare_faces(SimilarityThreshold=70, **images)
    del response["ResponseMetadata"]
    assert row["response"] == response
    assert row["faces"] == 5


@posix
@pytest.mark.slow
def test_a_killed_batch_goes_on_and_has_every_row_once(photos: list[str], tmp_path: Path) -> None:
    manifest, out = tmp_path / "pairs.csv", tmp_path / "out.jsonl"
    pairs = list(product(photos, photos)) * 400
    with manifest.open("w") as file:
        csv.writer(file).writerows([("source", "target"), *pairs])
    command = [sys.executable, "-m", "visavis", "batch", str(manifest), "-o", str(out)]
    parts = tmp_path / "out.jsonl.parts"

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as killed:
        while not list(parts.glob("*-*.jsonl")):
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert f"of {len(pairs):,} rows" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert "the same command goes on with the others" in said
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"of {len(pairs):,} rows" in done.stderr.splitlines()[0]
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == [
        str(i + 1) for i in range(len(pairs))
    ]  # fmt: skip
    assert not parts.exists()


@pytest.mark.slow
def test_no_file_is_left_by_a_batch_but_its_output(photos: list[str], tmp_path: Path) -> None:
    temporary, out = tmp_path / "tmp", tmp_path / "out.jsonl"
    temporary.mkdir()
    words = ["--sources", photos[0], "--targets", photos[1], "-o", str(out)]
    command = [sys.executable, "-m", "visavis", "batch", *words]
    subprocess.run(command, check=True, env={**os.environ, "TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "tmp"]


@pytest.mark.slow
def test_chosen_rows_are_drawn_and_a_run_that_goes_on_draws_only_the_others(
    photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, out, drawings = tmp_path / "pairs.csv", tmp_path / "out.jsonl", tmp_path / "new" / "drawings"
    ardern, obama, sunak, noise = (
        next(photo for photo in photos if name in photo) for name in ("ardern", "obama", "sunak", "noise")
    )
    with manifest.open("w") as file:
        csv.writer(file).writerows([
            ("id", "source", "target", "same"), ("right", obama, sunak, 0), ("wrong", ardern, ardern, 0),
            ("no face", obama, noise, ""), ("gone", "none.jpg", "none.jpg", ""),
        ])  # fmt: skip
    words = ["batch", str(manifest), "-o", str(out), "--draw", str(drawings), "--draw-only", "errors"]
    assert main(words) == 0
    assert sorted(path.name for path in drawings.iterdir()) == ["2-wrong.drawn.jpg", "3-no_face.drawn.jpg"]
    said = capsys.readouterr().err
    assert "2 drawings; 1 could not be made; row 4: source: none.jpg cannot be read" in said

    def interrupted(rows: Iterable[Row], *others: Any, **options: Any) -> Iterator[RowResult]:
        yield from islice(compare_rows(rows, *others, **options), 2)
        raise KeyboardInterrupt

    for path in (out, *drawings.iterdir()):
        path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visavis.batch.comparing.compare_rows", interrupted)
        assert main(words) == 130
    (drawings / "2-wrong.drawn.jpg").unlink()
    assert main(words) == 0
    assert [path.name for path in drawings.iterdir()] == ["3-no_face.drawn.jpg"]
    assert "1 drawing, of the rows after the first 2, which an earlier run did" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_a_terminal_shows_progress_and_mistakes_are_explained(
    photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    pair = ["--sources", photos[0], "--targets", photos[1]]
    assert main(["batch", *pair, "-o", str(tmp_path / "out.jsonl"), "--summary"]) == 0
    assert "rows a second" in terminal.getvalue()
    assert "1/1" in terminal.getvalue()
    assert capsys.readouterr().out.startswith("1 row: ")
    for words, text in (
        (["--sources", photos[0]], "give either a MANIFEST, or both --sources and --targets"),
        (["--sources", "none", "--targets", photos[0]], "--sources: none names no image"),
        ([*pair, "--review", "90", "80"], "review must be two similarities, the lower first"),
    ):
        assert main(["batch", *words, "-o", str(tmp_path / "other.jsonl")]) == 2
        assert text in terminal.getvalue()
