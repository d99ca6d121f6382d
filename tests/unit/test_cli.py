from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.commands import commands, parse
from tests.conftest import PHOTOS, WITH_INTERRUPT, full_device, linux, posix
from visavis import __version__
from visavis.api.operations import OPERATIONS
from visavis.cli import main
from visavis.cli.files import ImageArgument, write_file
from visavis.cli.process import OutputError, run
from visavis.cli.program import COMMANDS, program
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.errors import InvalidRequest, ModelCorrupt
from visavis.models.store import ModelStore
from visavis.similarity_scale import PROMISED_FMR

ROOT = Path(__file__).resolve().parents[2]
A, B = str(PHOTOS / "obama.jpg"), str(PHOTOS / "sunak.jpg")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"visavis {__version__}\n"


@pytest.mark.parametrize(
    "words", [["compare", "one.jpg"], ["compare"], ["compare", A], ["--nope"], ["compare", A, B, "--nope"], ["models"]]
)
def test_wrong_usage_exits_with_2_and_shows_the_right_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "visavis: " in said.err
    assert "Usage: visavis" in said.err or "must be" in said.err


def test_without_a_command_the_help_is_shown_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Usage: visavis ")
    for command, summary in COMMANDS.items():
        assert f"{command} {summary}" in " ".join(said.err.split())


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("comapre", "there is no command 'comapre'; did you mean compare?"),
        ("Serve", "there is no command 'Serve'; did you mean serve?"),
        ("a.jpg", "there is no command 'a.jpg'; the commands are compare, faces, batch, serve,"),
    ],
)
def test_an_unknown_command_is_answered_by_the_nearest(
    word: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word, "x"]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["compare", A, B, "--treshold", "80"], "there is no option --treshold; did you mean --threshold?"),
        (["compare", A, B, "--thresh", "80"], "there is no option --thresh; did you mean --threshold?"),
        (["compare", A, B, "--zzz"], "there is no option --zzz; `visavis compare --help` lists the options"),
        (
            ["--json", "faces", A],
            "there is no option --json of visavis itself; the command comes first, then its options",
        ),
        (["compare", A, B, "--draw"], "option '--draw' requires an argument; give --draw OUT.png|OUT.jpg"),
        (["compare", A, B, "--review", "80"], "option '--review' requires 2 arguments; give --review LOW HIGH"),
        (["compare", A, B, "--json=yes"], "option '--json' does not take a value"),
        (["faces", A, B], f"got unexpected extra argument ({B})"),
        (["models"], "a command is missing; the commands are list, fetch, verify, path, export, import, add, remove"),
        (["compare", A], "two photos are needed: SOURCE, or several of one person, and then TARGET"),
        (["compare"], "missing argument 'TARGET'"),
        (["models", "add", A, "--name", "arc"], "missing option '--template'"),
        (["serve", "--s3", "serve"], "got unexpected extra argument (serve)"),
    ],
)
def test_wrong_usage_is_named_in_one_line_below_the_usage(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    *usage, said = capsys.readouterr().err.splitlines()
    assert said == f"visavis: {says}"
    assert all(line.startswith("Usage: visavis ") for line in usage)
    assert len(usage) <= 1


def test_options_stand_before_between_and_after_arguments() -> None:
    expected = parse(["compare", "--json", "--threshold", "90", A, B, A])
    assert expected["json"]
    for words in ([A, "--threshold=90", B, "--json", A], [A, B, A, "--json", "--threshold", "90"]):
        assert parse(["compare", *words]) == expected


def test_after_two_hyphens_nothing_is_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("--json").touch()
    given = parse(["compare", "--", "--json", "-"])
    assert (given["json"], given["sources"], given["target"]) == (
        False,
        (ImageArgument(Path("--json")),),
        ImageArgument(None),
    )


def test_the_default_that_help_tells_is_that_of_the_scale(capsys: pytest.CaptureFixture[str]) -> None:
    rate = PROMISED_FMR[int(DEFAULT_SIMILARITY_THRESHOLD)]
    assert main(["compare", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"[default: ({DEFAULT_SIMILARITY_THRESHOLD:g}, a false match rate of 1 in {1 / rate:,.0f})]" in said


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_describes_the_whole_program_names_every_operation(operation: str) -> None:
    (site,) = (line for line in (ROOT / "mkdocs.yml").read_text("utf-8").splitlines() if "site_description" in line)
    package = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["description"]
    for text in (program.help, COMMANDS["serve"], commands()["serve"].help, site, package):
        assert operation in (text or "")


def test_an_unknown_action_lists_the_actions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "lst"]) == 2
    said = capsys.readouterr().err
    assert all(action in said for action in ("list", "fetch", "verify", "path", "export", "import", "add", "remove"))


def test_the_help_of_every_command_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: visavis {command}")


def test_an_image_that_is_read_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, link = tmp_path / "a.jpg", tmp_path / "link.jpg"
    photo.write_bytes(Path(A).read_bytes())
    link.symlink_to(photo)
    for words in (["compare", str(photo), B], ["compare", B, str(photo)], ["faces", str(photo)]):
        for out in (photo, link):
            assert main([*words, "--draw", str(out)]) == 2
            assert f"{out} is read by this command and would be overwritten" in capsys.readouterr().err
    assert photo.read_bytes() == Path(A).read_bytes()


@pytest.mark.parametrize("words", [["compare", A, B], ["faces", A]])
def test_landmarks_need_a_drawing(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main([*words, "--landmarks"]) == 2
    assert capsys.readouterr().err == "visavis: --landmarks needs --draw, the file that they are drawn into\n"


def test_chosen_drawings_of_a_batch_need_a_folder_and_a_band(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["batch", "--sources", A, "--targets", B, "-o", str(tmp_path / "out.jsonl"), "--draw-only", "review"]
    assert main(words) == 2
    assert "--draw-only needs --draw, the folder for the drawings" in capsys.readouterr().err
    assert main([*words, "--draw", str(tmp_path / "drawings")]) == 2
    assert "--draw-only review needs --review LOW HIGH" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_written_through_a_link_is_the_one_it_leads_to_and_no_other_is_left(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real/out.png")
    write_file(link, b"data")
    assert link.is_symlink()
    assert (tmp_path / "real/out.png").read_bytes() == b"data"
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["out.png"]


def test_a_file_whose_writing_is_stopped_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Path, mode: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "chmod", stop)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "out.png", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_right_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verify(self: ModelStore) -> list[Path]:
        raise ModelCorrupt("not the model")

    monkeypatch.setattr(ModelStore, "verify", verify)
    assert main(["models", "verify"]) == 2
    assert capsys.readouterr().err == "visavis: not the model\n"
    assert main(["doctor"]) == 2
    assert "models     not the model" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "says"), [(None, "standard input is closed"), (Terminal(), "is a terminal; send an image to it")]
)
def test_standard_input_without_an_image_is_named(
    monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None, says: str
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(InvalidRequest, match=says):
        ImageArgument(None).read()


# What a command did not foresee.


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (InvalidRequest("what is wrong"), 2, "visavis: what is wrong\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "visavis: No space left on device\n"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 2, "visavis: x: Permission denied\n"),
        (MemoryError(), 2, "visavis: there is not enough memory\n"),
        (KeyboardInterrupt(), 130, "visavis: stopped\n"),
        (OutputError("standard output is closed", 2), 2, "visavis: standard output is closed\n"),
        (OutputError("standard output cannot be written: Broken pipe", 141), 141, ""),
    ],
)
def test_what_stops_a_command_is_one_line_and_a_status(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, says: str
) -> None:
    assert run(lambda: raising(error)) == status
    assert capsys.readouterr().err == says


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: raising(ZeroDivisionError()))


# In processes of their own. `models path` starts quickly and needs no network.


def shell(script: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in which `visavis` is the program."""
    program = f'visavis() {{ "{sys.executable}" -m visavis "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", program + script], capture_output=True, env={**os.environ, **env}, timeout=120, check=False
    )


NO_SPACE = "visavis: standard output cannot be written: No space left on device\n"


@posix
@pytest.mark.parametrize(
    ("script", "status", "says"),
    [
        pytest.param("visavis models path > /dev/full", 2, NO_SPACE, marks=full_device),
        pytest.param("visavis --help > /dev/full", 2, NO_SPACE, marks=full_device),
        ("visavis models path >&-", 2, "visavis: standard output is closed\n"),
        ("visavis models path 2>&- >&- <&-", 2, ""),
        ("visavis models lst 2>&-", 2, ""),
        pytest.param("visavis faces missing.jpg 2> /dev/full", 2, "", marks=full_device),
        ("visavis faces - < /dev/null", 2, "visavis: standard input is empty; send an image to it\n"),
        ("visavis faces - <&-", 2, "visavis: standard input is closed; send an image to it\n"),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_stream_that_is_full_or_closed_is_a_problem_without_a_traceback(
    script: str, status: int, says: str, unbuffered: str
) -> None:
    done = shell(script, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr.decode()) == (status, says)
    assert done.stdout == b""


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", ["models path", "--help"])
def test_a_reader_that_goes_ends_a_command_quietly(words: str, unbuffered: str) -> None:
    # The reader goes before anything is written.
    done = shell(f"{{ sleep 0.2; visavis {words}; echo status $? >&2; }} | true", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == b"status 141\n"


@posix
def test_a_file_that_is_opened_does_not_take_the_place_of_a_closed_stream() -> None:
    code = "import os, sys; from visavis.cli.process import run_process; "
    code += "sys.exit(run_process(lambda: os.open(os.devnull, os.O_RDONLY)))"
    assert shell(f'"{sys.executable}" -c "{code}" <&- >&- 2>&-').returncode > 2


@posix
@pytest.mark.slow
def test_a_name_that_the_terminal_has_no_letters_for_is_shown_escaped(tmp_path: Path) -> None:
    for env in (
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ):
        done = shell(
            f'visavis models path; visavis faces "{tmp_path}/caf\u00e9.jpg"', VISAVIS_HOME=f"{tmp_path}/\u00e9", **env
        )
        assert done.returncode == 2
        assert b"Traceback" not in done.stdout + done.stderr
        assert done.stdout.startswith(str(tmp_path).encode())
        assert b"No such file or directory" in done.stderr


@linux
@pytest.mark.parametrize("words", ["faces", "compare obama.jpg", "models import"])
def test_a_name_that_is_no_text_is_taken_as_the_bytes_that_it_is(tmp_path: Path, words: str) -> None:
    name = b"caf\xe9.jpg"
    (tmp_path / "obama.jpg").write_bytes(Path(A).read_bytes())
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"no image")  # noqa: PTH118
    done = shell(f"cd {tmp_path}; visavis {words} caf*.jpg")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"No such file" not in done.stderr
    assert b"caf\\udce9.jpg" in done.stderr or words.startswith("compare")
    missing = shell(f"cd {tmp_path}; visavis {words} $'no-caf\\xe9.jpg'")
    assert b"No such file" in missing.stderr


@posix
@pytest.mark.parametrize("at", [1, 2, 5, 10, 20, 40, 60, 80, 100, 120, 140])
def test_ctrl_c_during_an_import_is_one_line_and_130(at: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_INTERRUPT, str(at), "models", "list"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "visavis: stopped\n"


SWALLOWED = """
import os, signal, sys, weakref
from visavis.cli import process
class Thing:
    pass
def interrupted(*_):
    os.kill(os.getpid(), signal.SIGINT)
def in_a_callback():
    thing = Thing()
    ref = weakref.ref(thing, interrupted)
    del thing
    print("not stopped")
    return 0
def as_another_error():
    try:
        interrupted()
        for _ in range(1000): pass
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error
def swallowed():
    try:
        interrupted()
        for _ in range(1000): pass
    except BaseException:
        return 0
sys.exit(process.run_process(globals()[sys.argv[1]]))
"""


@posix
@pytest.mark.parametrize("way", ["in_a_callback", "as_another_error", "swallowed"])
def test_ctrl_c_that_is_lost_on_its_way_stops_all_the_same(way: str) -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED, way], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (130, "visavis: stopped\n", "")


@posix
def test_ctrl_c_stays_ignored_where_it_was() -> None:
    code = "import os, signal, sys; from visavis.cli import process; "
    code += "sys.exit(process.run_process(lambda: os.kill(os.getpid(), signal.SIGINT) or 0))"
    quiet = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    assert subprocess.run([sys.executable, "-c", quiet + code], check=False).returncode == 0


def test_a_process_does_not_end_with_a_collection_over_every_object() -> None:
    code = "import gc; from visavis.cli.process import run_process; status = run_process(lambda: 0); "
    code += "print(status, gc.get_freeze_count() > 1000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 True\n"


def test_the_command_ends_its_process_without_the_shutdown_of_the_interpreter() -> None:
    code = "import atexit; from visavis.cli.process import end_process; atexit.register(print, 'shutdown'); "
    code += "end_process(lambda: print('done') or 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 1)
