"""Shells complete the command line: click's protocol, run as the scripts for the shells run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import commands
from visavis.cli import main
from visavis.cli.program import COMMANDS

HEAVY = ("cv2", "numpy", "onnx", "openvino", "PIL", "starlette", "visavis.engine", "visavis.runtime")


def completed(line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash is told for a line whose last word is incomplete: type and value."""
    monkeypatch.setenv("_VISAVIS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    assert main([]) == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("visavis ", [f"plain,{name}" for name in COMMANDS]),
        ("visavis comp", ["plain,compare"]),
        ("visavis models ex", ["plain,export"]),
        ("visavis compare --thr", ["plain,--threshold", "plain,--threads"]),
        ("visavis compare a.jpg b", ["file,b"]),
        ("visavis compare --threshold 80 a", ["file,a"]),
        ("visavis faces --draw o", ["file,o"]),
        ("visavis evaluate --images f", ["dir,f"]),
        ("visavis evaluate --out f", ["dir,f"]),
        ("visavis models list --home f", ["dir,f"]),
        ("visavis compare --quality a", ["plain,AUTO"]),
        ("visavis compare --accuracy ", ["plain,standard", "plain,high"]),
        ("visavis serve --attributes d", ["plain,DEFAULT"]),
        ("visavis models add f --template ", ["plain,arcface112"]),
        ("visavis serve --port ", []),
    ],
)
def test_a_line_is_completed(
    line: str, answer: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(line, capsys, monkeypatch) == answer


@pytest.mark.parametrize("command", commands())
def test_every_option_of_every_command_is_completed(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = completed(f"visavis {command} --", capsys, monkeypatch)
    assert {word.removeprefix("plain,") for word in found} == {
        name for param in commands()[command].params for name in param.opts if name.startswith("--")
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(
    shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_VISAVIS_COMPLETE", f"{shell}_source")
    assert main([]) == 0
    assert f"_VISAVIS_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["1", "bash", "csh_source", "bash_other"])
def test_another_instruction_is_refused_with_the_right_ones(
    wrong: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_VISAVIS_COMPLETE", wrong)
    assert main(["models", "path"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"visavis: _VISAVIS_COMPLETE must be bash_source, zsh_source or fish_source, not '{wrong}'\n"


@pytest.mark.parametrize("command", ["", *commands()])
def test_completion_imports_nothing_that_is_slow(command: str) -> None:
    code = f"import sys; from visavis.cli import main; main(); print([m for m in {HEAVY} if m in sys.modules])"
    line = f"visavis {command} --"
    env = {"_VISAVIS_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n")
    assert "plain,--help" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("words", "reply"), [("visavis mod", "models"), ("visavis models ver", "verify")])
def test_bash_takes_the_script_and_completes_by_it(tmp_path: Path, words: str, reply: str) -> None:
    program = tmp_path / "visavis"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m visavis "$@"\n')
    program.chmod(0o755)
    script = f"""
    eval "$(_VISAVIS_COMPLETE=bash_source visavis)"
    COMP_WORDS=({words}); COMP_CWORD={words.count(" ")}
    _visavis_completion visavis
    echo "${{COMPREPLY[@]}}"
    """
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{reply}\n"
