"""The commands as a shell runs them, with the real networks."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pil

from tests.conftest import PHOTOS, WITH_INTERRUPT, encode, full_device, posix
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import NoStore
from visavis.api.response import FieldSet
from visavis.aws.policy import LOCAL_CALLER
from visavis.cli import main
from visavis.engine import Engine
from visavis.image_analyzer import ImageAnalyzer

PERSON, SAME, OTHER = (str(PHOTOS / f"{name}.jpg") for name in ("ardern_2018", "ardern_2022", "obama"))


def visavis(*words: str, data: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "visavis", *words],
        input=data, capture_output=True, env={**os.environ, **env}, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", [[], ["--json"], ["--json", "--attributes", "default"], ["--review", "50", "90"]])
@pytest.mark.parametrize("draw", [False, True], ids=["", "draw"])
def test_the_status_is_0_for_a_match_and_1_for_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], draw: bool
) -> None:
    words = [*words, "--draw", str(tmp_path / "out.png")] if draw else words
    assert main(["compare", PERSON, SAME, *words]) == 0
    assert main(["compare", PERSON, OTHER, *words]) == 1
    # The threshold is inclusive.
    assert main(["compare", PERSON, PERSON, *words, "--threshold", "100"]) == 0
    assert main(["compare", PERSON, OTHER, *words, "--threshold", "0"]) == 0
    assert capsys.readouterr().err == ""


def test_a_photo_without_a_face_is_a_problem_in_text_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = tmp_path / "blank.png"
    blank.write_bytes(encode(Pil.new("RGB", (300, 300), "white")))
    assert main(["compare", PERSON, str(blank)]) == 2
    assert capsys.readouterr() == ("", "visavis: target: no face was found\n")
    assert main(["compare", PERSON, str(blank), "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "visavis: InvalidParameterException: target: no face was found\n"
    assert main(["faces", str(blank)]) == 0


def test_faces_names_the_photo_that_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    assert main(["faces", str(text)]) == 2
    assert capsys.readouterr().err.startswith(f"visavis: {text}: the image is neither JPEG nor PNG")
    assert main(["faces", str(text), "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"visavis: InvalidImageFormatException: {text}: the image is neither JPEG nor PNG")


def test_faces_shows_every_field_of_a_face_but_the_landmarks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faces", str(PHOTOS / "macron_2014.jpg")]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"face 1    \d+ x \d+ pixels at \d+,\d+, confidence \d+\.\d\d", first)
    names, texts = zip(*(re.split(r"  +", line.strip(), maxsplit=1) for line in others), strict=True)
    assert names == ("pose", "quality", "looks", "smile", "eyes", "mouth", "gaze")
    assert [text.partition(",")[0] for text in texts[-4:-1]] == ["no", "open", "closed"]
    assert re.fullmatch(r"yaw -?\d+, pitch -?\d+ degrees, confidence \d+", texts[-1])


def test_a_face_whose_eyes_are_too_small_has_no_line_of_eyes_or_gaze(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small.png"
    with Pil.open(OTHER) as image:
        small.write_bytes(encode(image.convert("RGB").resize((80, 100))))
    assert main(["faces", str(small)]) == 0
    said = capsys.readouterr().out
    assert "  mouth  " in said
    assert "  eyes  " not in said
    assert "  gaze  " not in said


def test_text_json_and_drawing_are_made_of_one_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed = []
    analyse = ImageAnalyzer.__call__

    def counted(self: ImageAnalyzer, image: bytes, **options: Any) -> object:
        analysed.append(image)
        return analyse(self, image, **options)

    monkeypatch.setattr(ImageAnalyzer, "__call__", counted)
    assert main(["compare", PERSON, SAME, "--json", "--draw", str(tmp_path / "out.png")]) == 0
    assert len(analysed) == 2
    drawn_too = capsys.readouterr().out
    assert main(["compare", PERSON, SAME, "--json"]) == 0
    assert capsys.readouterr().out == drawn_too


@pytest.mark.parametrize("attributes", ["ALL", "DEFAULT"])
def test_a_drawing_does_not_change_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], attributes: str
) -> None:
    words = ["compare", PERSON, SAME, "--json", "--attributes", attributes]
    assert main(words) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main([*words, "--draw", str(tmp_path / "out.jpg")]) == 0
    assert json.loads(capsys.readouterr().out) == alone


@pytest.mark.parametrize("attributes", list(FieldSet))
def test_json_is_what_the_dispatcher_answers(
    engine: Engine, capsys: pytest.CaptureFixture[str], attributes: FieldSet
) -> None:
    images = {
        name: {"Bytes": Path(photo).read_bytes()} for name, photo in (("SourceImage", PERSON), ("TargetImage", SAME))
    }
    answer = Dispatcher(engine, NoStore(), attributes).dispatch("CompareFaces", images, LOCAL_CALLER)
    assert main(["compare", PERSON, SAME, "--json", "--attributes", attributes]) == 0
    assert json.loads(capsys.readouterr().out) == answer


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.PNG", "PNG"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG"), ("a.JpG", "JPEG")]
)
def test_a_drawing_is_what_its_suffix_says(tmp_path: Path, name: str, kind: str) -> None:
    for words in (["compare", PERSON, SAME], ["faces", PERSON]):
        out = tmp_path / name
        assert main([*words, "--draw", str(out)]) == 0
        with Pil.open(io.BytesIO(out.read_bytes())) as image:
            assert image.format == kind
            image.load()
        assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("words", "says"), [(["compare", SAME, "-"], b"match"), (["compare", "-", SAME], b"source  "),
                                            (["faces", "-"], b"face 1")])  # fmt: skip
def test_a_photo_comes_from_standard_input(words: list[str], says: bytes) -> None:
    done = visavis(*words, data=Path(PERSON).read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert says in done.stdout


def test_a_name_may_begin_with_a_hyphen_and_hold_letters_that_the_terminal_lacks(tmp_path: Path) -> None:
    name = "-caf\u00e9.jpg"
    (tmp_path / name).write_bytes(Path(PERSON).read_bytes())
    for env in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        done = subprocess.run(
            [sys.executable, "-m", "visavis", "compare", SAME, "--", name],
            cwd=tmp_path, capture_output=True, env={**os.environ, **env}, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"-caf" in done.stdout


@full_device
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_full_disk_is_a_problem(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "visavis", "compare", PERSON, SAME, *words],
            stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == b"visavis: standard output cannot be written: No space left on device\n"


# `main` announces itself, so that the time that Python takes to start does not count.
STARTED = "import sys; from visavis.cli import main; print('started', flush=True); sys.exit(main())"


def stopped_after(seconds: float, words: Sequence[str], cwd: Path) -> tuple[int, bytes]:
    """Status and standard error of a command that gets SIGINT `seconds` after its start."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTED, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        timer = threading.Timer(seconds, process.send_signal, [signal.SIGINT])
        timer.start()
        _, said = process.communicate(timeout=120)
        timer.cancel()
        return process.returncode, said


@posix
@pytest.mark.parametrize("tenths", range(20))
def test_ctrl_c_at_any_moment_is_one_line_at_most_and_leaves_nothing_half_written(tmp_path: Path, tenths: int) -> None:
    seconds = 0.01 + tenths * 0.075
    status, said = stopped_after(seconds, ["compare", PERSON, SAME, "--draw", "out.png"], tmp_path)
    # It may have ended before; or be at its very end, where nothing is left to stop and the system ends it.
    assert (status, said) in [(130, b"visavis: stopped\n"), (0, b""), (-signal.SIGINT, b"")]
    assert {path.name for path in tmp_path.iterdir()} <= {"out.png"}
    if seconds < 0.1:
        assert status == 130


@posix
@pytest.mark.parametrize("at", range(150, 1000, 50))
def test_ctrl_c_during_the_import_of_a_library_is_one_line(at: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_INTERRUPT, str(at), "compare", PERSON, SAME], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) in [(130, b"visavis: stopped\n"), (0, b"")]


@posix
def test_a_server_whose_output_is_closed_serves_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "visavis", "serve", "--port", str(port)], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    try:
        for _ in range(300):
            time.sleep(0.1)
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
                break
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in said


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_a_source_that_shows_somebody_else_is_named_by_its_file(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", PERSON, OTHER, SAME, *words]) in (0, 1)
    out, err = capsys.readouterr()
    assert err.startswith(f"visavis: warning: {OTHER} does not look like {PERSON} (similarity ")
    assert err.count("\n") == 1
    assert "does not look like" not in out
    assert main(["compare", PERSON, SAME, SAME, *words]) == 0
    assert capsys.readouterr().err == ""


def test_faces_that_are_left_out_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = Pil.open(SAME), Pil.open(OTHER)
    both = Pil.new("RGB", (left.width + right.width, max(left.height, right.height)))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    file = tmp_path / "both.png"
    file.write_bytes(encode(both))
    assert main(["faces", str(file)]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("visavis.analysis.MAX_FACES", 1)
    assert main(["faces", str(file), "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["FaceDetails"]) == 1
    assert err == f"visavis: warning: {file} shows more faces; only the 1 largest are listed\n"
