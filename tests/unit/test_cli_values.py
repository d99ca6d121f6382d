"""Every option of every command: what is taken, what is refused, and what the refusal says."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click
import pytest

from tests.commands import commands, parse
from tests.conftest import PHOTOS
from visavis.cli import main, values
from visavis.cli.files import ImageArgument
from visavis.cli.options import Choice, Parsed
from visavis.cli.process import run
from visavis.errors import VisavisError
from visavis.parsing import BadValue


def is_flag(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.is_flag


A, B = str(PHOTOS / "obama.jpg"), str(PHOTOS / "sunak.jpg")


EVERY = [(path, param) for path, command in commands().items() for param in command.params if not is_flag(param)]


def test_every_option_that_takes_a_value_has_it_checked() -> None:
    unchecked = []
    for path, param in EVERY:
        parse_text = param.type.parse if isinstance(param.type, Parsed) else param.type
        check = parse_text.func if isinstance(parse_text, partial) else parse_text
        right = {"visavis.cli.values", "visavis.parsing"}
        if not isinstance(param.type, Choice) and getattr(check, "__module__", "") not in right:
            unchecked.append((path, param.name, check))
    assert len(EVERY) > 60
    assert unchecked == []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a file, an empty folder, a pipe, and a CSV file that names no columns."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


IMAGE = "an image file, or - for standard input"
READABLE_FILE, READABLE_FOLDER = "a file that can be read", "a folder that can be read"
DRAWING = "a file that can be written and ends in .png, .jpg or .jpeg"
PAGE = "a file that can be written and ends in .html or .htm"
WRITABLE = "a file that can be written"
MADE = "a folder, which is created if it does not exist"
TEXT = "a text that is not empty, on one line"
PERCENT = "a number from 0 to 100"
BUCKET = "NAME=FOLDER, with an existing folder"
URL = "a URL such as http://127.0.0.1:9000 or https://s3.example.com"
HOST = "a name or address of this machine such as 127.0.0.1, ::1 or localhost"
REGION = "a region's name such as us-east-1, or any"
ORIGIN = (
    "SCHEME://HOST or SCHEME://HOST:PORT such as https://app.example.com, without a path and with a name beyond ASCII "
    "written as xn--..., or *"
)
PROXY = "an address or network of a proxy such as 10.0.0.1 or 10.0.0.0/8, or *"
NAME = "a name such as visavis or faces.example.com, or an IP address, without scheme, port or path"
PREFIX = "a path such as /faces, without a slash at its end"
ATTRIBUTES = (
    "ALL, DEFAULT or names with commas between them, of AGE_RANGE, BEARD, EMOTIONS, EYE_DIRECTION, EYEGLASSES, "
    "EYES_OPEN, GENDER, MOUTH_OPEN, MUSTACHE, FACE_OCCLUDED, SMILE, SUNGLASSES"
)
DEVICE = "CPU, GPU, GPU.0 (GPU.1 and so on), NPU or AUTO"


def not_from(least: int, most: int | None = None) -> list[tuple[str, str]]:
    right = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    beyond = ["1" * 19] if most is None else [str(most + 1)]
    return [(bad, right) for bad in ("", "-1", "1.5", "nan", "inf", "1e3", "1_0", "x", *beyond)]


STORE = [(name, bad, MADE) for name in ("--home", "--data-home") for bad in ("", "file", "file/below", "pipe")]
ENGINE = [
    *STORE,
    *[("--threads", *bad) for bad in not_from(1, 1024)],
    ("--accuracy", "best", "standard or high"),
    ("--accuracy", "", "standard or high"),
    ("--embedder", "", TEXT),
    ("--precision", "f16", "f32 or bf16"),
    *[("--device", bad, DEVICE) for bad in ("", "CUDA", "CPU.0", "GPU.", "GPU.x", "GPU.01", "GPU,CPU", "AUTO:GPU")],
]
NOT_IN_PERCENT = [(bad, PERCENT) for bad in ("", "nan", "inf", "-0.1", "-1", "100.1", "101", "x", "1_0", "0x1")]
NOT_A_FILE = [(bad, READABLE_FILE) for bad in ("", "missing", "folder", "missing/file", "file/below")]
OBJECTS = [
    *[("--bucket", bad, BUCKET) for bad in ("photos", "photos=", "=folder", "ph=folder", "a/b/c=folder")],
    *[("--bucket", bad, BUCKET) for bad in ("photos=missing", "photos=file", "x" * 256 + "=folder")],
    *[("--s3-endpoint-url", bad, URL) for bad in ("", "gopher://x", "localhost:9000", "http://", "http://:9000")],
    *[("--s3-endpoint-url", bad, URL) for bad in ("http://x:0", "http://x:99999", "http://x:y", "http://[::1")],
    *[("--s3-endpoint-url", bad, URL) for bad in ("http://x y", "http://x?a=b", "http://x#a", "file:///etc")],
    *[("--s3-seconds", bad, "a number above 0 up to 3600") for bad in ("", "0", "-1", "nan", "3601")],
]
NOT_A_FOLDER = [(bad, READABLE_FOLDER) for bad in ("", "missing", "file")]
NOT_TO_WRITE = [(bad, WRITABLE) for bad in ("", "folder", "missing/file", "file/below", "pipe", "/dev/null")]
NOT_A_PAGE = [(bad, PAGE) for bad in ("", "out", "out.xhtml", "out.html/", "folder", "missing/out.html", "-")]
NOT_A_DRAWING = [(bad, DRAWING) for bad in ("", "out", "out.gif", "out.png/", "folder", "missing/out.png", "-")]


BAD: dict[str, tuple[list[str], list[tuple[str, str, str]]]] = {
    "compare": (
        [A, B],
        [
            *[("--threshold", *bad) for bad in NOT_IN_PERCENT],
            *[("--quality", bad, "NONE, LOW, AUTO, MEDIUM or HIGH") for bad in ("", "BEST", "NONE,LOW")],
            *[("--draw", *bad) for bad in NOT_A_DRAWING],
            *[("--report", *bad) for bad in NOT_A_PAGE],
            ("--attributes", "SOME", "DEFAULT or ALL"),
            *ENGINE,
        ],
    ),
    "faces": (
        [A],
        [
            *[("--draw", *bad) for bad in NOT_A_DRAWING],
            *[("--attributes", bad, ATTRIBUTES) for bad in ("", "SOME", "ALL,", "SMILE EYES_OPEN")],
            *ENGINE,
        ],
    ),
    "batch": (
        ["file", "--out", "new"],
        [
            *[("--out", *bad) for bad in NOT_TO_WRITE],
            *[(name, bad, TEXT) for name in ("--sources", "--targets", "--ray-address") for bad in ("", " ")],
            *[("--threshold", *bad) for bad in NOT_IN_PERCENT],
            ("--quality", "BEST", "NONE, LOW, AUTO, MEDIUM or HIGH"),
            ("--attributes", "SOME", "DEFAULT or ALL"),
            *[("--draw", bad, MADE) for bad in ("", "file", "file/below", "pipe")],
            *[("--draw-only", bad, "errors, review or matches") for bad in ("", "all", "errors,review")],
            *OBJECTS,
            *ENGINE,
        ],
    ),
    "serve": (
        [],
        [
            *[("--port", *bad) for bad in not_from(0, 65535)],
            ("--port", "99999", "a whole number from 0 to 65535"),
            *[("--host", bad, HOST) for bad in ("", " ", "[::1]", "http://x", "a b", "x/y")],
            *[("--prefix", bad, PREFIX) for bad in ("faces", "/", "/faces/", "/a//b", "/a b", "/a?b")],
            *[("--credentials", *bad) for bad in NOT_A_FILE],
            *[("--region", bad, REGION) for bad in ("", "us east", "-x", "x-", "7")],
            *[
                ("--cors-origin", bad, ORIGIN)
                for bad in ("", "app.example.com", "https://x/y", "https://x:0", "https://é")
            ],
            *[("--allow-host", bad, NAME) for bad in ("", "http://x", "x:80", "x/y", "a b", "-x")],
            *[
                ("--forwarded-allow-ips", bad, PROXY)
                for bad in ("", "proxy", "10.0.0.1/8", "10.0.0.0/33", "::1]", " *")
            ],
            *OBJECTS,
            *[("--processes", *bad) for bad in not_from(1, 256)],
            *[("--tps", bad, "a number above 0") for bad in ("", "0", "-1", "nan", "inf", "1e999", "x")],
            *[("--workers", *bad) for bad in [*not_from(1, 1000), ("0", "a whole number from 1 to 1000")]],
            *[("--queue", *bad) for bad in not_from(0)],
            *[("--queue-seconds", bad, "a number above 0 up to 86400") for bad in ("", "0", "-1", "nan", "86401")],
            *[("--request-seconds", bad, "a number above 0 up to 86400") for bad in ("", "0", "-1", "nan", "86401")],
            *[("--grace", bad, "a number from 0 to 86400") for bad in ("", "-1", "nan", "inf", "86401", "x")],
            *[("--face-cache", *bad) for bad in not_from(0)],
            ("--log-level", "loud", "debug, info, warning or error"),
            ("--attributes", "SOME", "DEFAULT or ALL"),
            *ENGINE,
        ],
    ),
    "evaluate": (
        ["folder"],
        [
            *[("--images", *bad) for bad in NOT_A_FOLDER],
            *[("--pairs", *bad) for bad in NOT_A_FILE],
            *[("--errata", *bad) for bad in NOT_A_FILE],
            *[("--calibration", *bad) for bad in NOT_A_FILE],
            *[("--resume", *bad) for bad in NOT_TO_WRITE],
            *[("--out", bad, MADE) for bad in ("", "file", "file/below", "pipe")],
            *[("--replicates", *bad) for bad in not_from(0, 1_000_000)],
            ("--group", "", TEXT),
            ("--group", " ", TEXT),
            *ENGINE,
        ],
    ),
    "calibrate": (
        ["folder"],
        [
            *[("--errata", *bad) for bad in NOT_A_FILE],
            *[("--folds-from", *bad) for bad in NOT_A_FILE],
            *[("--resume", *bad) for bad in NOT_TO_WRITE],
            *[("--out", *bad) for bad in NOT_TO_WRITE],
            *[("--folds", *bad) for bad in [*not_from(2, 1000), ("1", "a whole number from 2 to 1000")]],
            ("--group", "", TEXT),
            ("--name", "", TEXT),
            *ENGINE,
        ],
    ),
    "models add": (
        ["file", "--template", "arcface112"],
        [
            *[("--name", bad, "at most 32 lower-case letters, digits") for bad in ("", "Arc", "-a", "a_b", "a" * 33)],
            ("--template", "other", "arcface112"),
            ("--input", "rgb", "rgb-0-255, rgb-unit, "),
            ("--colour", "GRB", "RGB or BGR"),
            *[("--mean", bad, "a number") for bad in ("", "nan", "inf", "x")],
            *[("--scale", bad, "a number other than 0") for bad in ("", "0", "nan", "-inf", "x")],
            ("--layout", "NCWH", "NCHW or NHWC"),
            ("--licence", "", TEXT),
            *[("--calibrate", *bad) for bad in NOT_A_FOLDER],
            ("--group", "", TEXT),
            *[("--resume", *bad) for bad in NOT_TO_WRITE],
            *STORE,
        ],
    ),
    "models list": ([], STORE),
    "models fetch": ([], STORE),
    "models verify": ([], STORE),
    "models path": ([], STORE),
    "models export": (["new"], STORE),
    "models import": (["file"], STORE),
    "models remove": (["arc"], STORE),
    "doctor": (
        [],
        [
            *STORE,
            ("--threads", "0", "a whole number from 1 to 1024"),
            ("--device", "CUDA", DEVICE),
            ("--precision", "f16", "f32 or bf16"),
        ],
    ),
}
TABLE = [(command, *bad) for command, (_, several) in BAD.items() for bad in several]


@pytest.mark.parametrize(("command", "option", "value", "right"), TABLE)
def test_a_bad_value_is_refused_by_option_value_and_what_would_be_right(
    place: Path, capsys: pytest.CaptureFixture[str], command: str, option: str, value: str, right: str
) -> None:
    assert run(lambda: len(parse([*command.split(), *BAD[command][0], f"{option}={value}"]))) == 2
    said = capsys.readouterr()
    shown = repr(value if len(value) <= 100 else value[:100] + "...")
    assert said.err.startswith(f"visavis: {option} must be {right}")
    assert f", not {shown}" in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_the_table_of_bad_values_has_every_option() -> None:
    named = {(row[0], row[1]) for row in TABLE}
    options = {(path, param.opts[-1]) for path, param in EVERY if isinstance(param, click.Option)}
    missing = options - named
    assert missing == {("compare", "--review"), ("batch", "--review")}  # take two values; see below


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["compare", "missing.jpg", A], f"SOURCE must be {IMAGE}, not 'missing.jpg': No such file or directory"),
        (["compare", A, "folder"], f"TARGET must be {IMAGE}, not 'folder': it is a folder"),
        (["compare", A, ""], f"TARGET must be {IMAGE}, not '': it is empty"),
        (["batch", "missing", "-o", "new"], f"MANIFEST must be {READABLE_FILE}, not 'missing': No such file"),
        (["faces", "file/below"], f"PHOTO must be {IMAGE}, not 'file/below': Not a directory"),
        (["faces", "zero\0byte"], f"PHOTO must be {IMAGE}, not 'zero\\x00byte': embedded null byte"),
        (["evaluate", "missing"], "DATA must be a file or folder that can be read, not 'missing': No such file"),
        (["calibrate", "file"], f"FOLDER must be {READABLE_FOLDER}, not 'file': it is a file"),
        (["models", "add", "folder", "--name", "a"], f"FILE must be {READABLE_FILE}, not 'folder': it is a folder"),
        (["models", "import", "missing"], f"FILE must be {READABLE_FILE}, not 'missing': No such file"),
        (["models", "export", "folder"], f"FILE must be {WRITABLE}, not 'folder': it is a folder"),
        (["models", "export", "/dev/null"], f"FILE must be {WRITABLE}, not '/dev/null': it is a device or a pipe"),
        (["models", "path", ""], f"NAME must be {TEXT}, not ''"),
        (["models", "remove", ""], f"NAME must be {TEXT}, not ''"),
        (["compare", A, B, "--review", "x", "90"], f"--review must be {PERCENT}, not 'x'"),
        (["compare", A, B, "--review", "50", "nan"], f"--review must be {PERCENT}, not 'nan'"),
        (["compare", A, B, "--review", "90", "80"], "--review must have LOW before HIGH, not 90 and 80"),
        (["compare", "-", "-"], "only one photo can be - (standard input)"),
        (
            ["serve", "--bucket", "photos=folder", "--bucket", "photos=."],
            "--bucket must give each name once, not photos twice: folder and .",
        ),
        (["models", "add", "file", "--name", "a", "--template", "arcface112", "--group", "x", "--input", "rgb-unit"],
         "--group and --resume need --calibrate"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named(place: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"visavis: {says}")
    assert said.count("\n") == 1


def test_keys_in_a_url_are_refused_and_not_shown() -> None:
    with pytest.raises(VisavisError) as caught:
        parse(["serve", "--s3-endpoint-url", "http://user:secret@host:9000"])
    said = str(caught.value)
    assert "not '...@host:9000': it must not contain keys" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("command", "option", "value", "taken"),
    [
        ("compare", "--threshold", "0", 0.0),
        ("compare", "--threshold", "100", 100.0),
        ("compare", "--quality", "auto", "AUTO"),
        ("compare", "--attributes", "default", "DEFAULT"),
        ("faces", "--attributes", "all", {"ALL"}),
        ("faces", "--attributes", "smile, EYES_OPEN", {"SMILE", "EYES_OPEN"}),
        ("compare", "--accuracy", "HIGH", "high"),
        ("compare", "--device", "gpu.1", "GPU.1"),
        ("compare", "--precision", "BF16", "bf16"),
        ("serve", "--device", "auto", "AUTO"),
        ("compare", "--draw", "out.JPEG", Path("out.JPEG")),
        ("compare", "--report", "out.HTM", Path("out.HTM")),
        ("serve", "--port", "0", 0),
        ("serve", "--port", "65535", 65535),
        ("serve", "--host", "::1", "::1"),
        ("serve", "--host", "fe80::1%eth0", "fe80::1%eth0"),
        ("serve", "--prefix", "/a/b", "/a/b"),
        ("serve", "--prefix", "", ""),
        ("serve", "--region", "any", "any"),
        ("serve", "--region", "us-gov-west-1", "us-gov-west-1"),
        ("serve", "--bucket", "my.bucket_1=folder", {"my.bucket_1": Path("folder")}),
        ("serve", "--bucket", "abc=.", {"abc": Path()}),
        ("serve", "--s3-endpoint-url", "http://127.0.0.1:9000/path", "http://127.0.0.1:9000/path"),
        ("serve", "--s3-endpoint-url", "https://[::1]:9000", "https://[::1]:9000"),
        ("serve", "--tps", "0.5", 0.5),
        ("serve", "--grace", "0", 0.0),
        ("serve", "--queue", "0", 0),
        ("serve", "--face-cache", "0", 0),
        ("evaluate", "--resume", "file", Path("file")),
        ("evaluate", "--out", "new/folder", Path("new/folder")),
        ("calibrate", "--out", "new.json", Path("new.json")),
        ("models add", "--scale", "-1", -1.0),
        ("models add", "--colour", "bgr", "BGR"),
        ("models add", "--layout", "nhwc", "NHWC"),
    ],
)
def test_what_is_plain_is_taken(place: Path, command: str, option: str, value: str, taken: object) -> None:
    required = ["--name", "a"] if command == "models add" else []
    given = parse([*command.split(), *BAD[command][0], *required, option, value])
    (name,) = [p.name for path, p in EVERY if path == command and option in p.opts]
    assert given[name] == taken


def test_a_photo_may_be_a_pipe_or_standard_input_and_its_name_may_begin_with_a_hyphen(place: Path) -> None:
    (place / "-a.jpg").touch()
    assert values.image("-") == ImageArgument(None)
    assert values.image("./-a.jpg") == ImageArgument(Path("-a.jpg"))
    assert values.image("pipe") == ImageArgument(Path("pipe"))
    given = parse(["compare", "--", "-a.jpg", "file"])
    assert (given["sources"], given["target"]) == ((ImageArgument(Path("-a.jpg")),), ImageArgument(Path("file")))
    assert parse(["models", "import", "--", "-a.jpg"])["file"] == Path("-a.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads and writes everything")
def test_what_this_user_may_not_read_or_write_is_refused_before_any_work(place: Path) -> None:
    (place / "file").chmod(0)
    with pytest.raises(BadValue, match="Permission denied"):
        values.existing_file("file")
    (place / "folder").chmod(0o500)
    with pytest.raises(BadValue, match="read-only for this user"):
        values.output_file("folder/new")


def test_a_file_to_write_on_may_lie_in_a_folder_that_is_read_only(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name == "file")
    assert values.output_file("file", in_place=True) == Path("file")
    with pytest.raises(BadValue, match="read-only for this user"):
        values.output_file("file")


def test_a_folder_that_is_not_there_is_no_fault_where_the_writer_makes_it(place: Path) -> None:
    assert values.output_file("new/folder/file", make_folder=True) == Path("new/folder/file")
    with pytest.raises(BadValue, match="there is no folder file"):
        values.output_file("file/new/x", make_folder=True)
