"""Every option of `serve` is an environment variable too, and settings stay with `Settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from tests.commands import commands, parse
from visavis.cli import main
from visavis.cli.engine import SERVER, settings_options
from visavis.cli.serve import VARIABLES
from visavis.errors import InvalidRequest
from visavis.settings import Settings

OPTIONS = {
    f"{VARIABLES}_{param.name}".upper(): param
    for param in commands()["serve"].params
    if isinstance(param, click.Option) and param.name not in {"help", *SERVER}
}
GIVEN = {
    "VISAVIS_SERVE_HOST": ("::1", "::1"),
    "VISAVIS_SERVE_PORT": ("0", 0),
    "VISAVIS_SERVE_PREFIX": ("/faces", "/faces"),
    "VISAVIS_SERVE_CREDENTIALS": ("keys.toml", Path("keys.toml")),
    "VISAVIS_SERVE_ALLOW_READABLE_CREDENTIALS": ("yes", True),
    "VISAVIS_SERVE_REGION": ("any", "any"),
    "VISAVIS_SERVE_NO_PAGE": ("1", True),
    "VISAVIS_SERVE_INSECURE_NO_AUTH": ("1", True),
    "VISAVIS_SERVE_CORS_ORIGIN": ("https://a.example, https://b.example", ("https://a.example", "https://b.example")),
    "VISAVIS_SERVE_ALLOW_HOST": ("visavis, ,faces.example.com,", ("visavis", "faces.example.com")),
    "VISAVIS_SERVE_FORWARDED_ALLOW_IPS": ("10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
    "VISAVIS_SERVE_BUCKET": ("one=., two=a b", {"one": Path(), "two": Path("a b")}),
    "VISAVIS_SERVE_S3": ("true", True),
    "VISAVIS_SERVE_S3_ENDPOINT_URL": ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    "VISAVIS_SERVE_S3_SECONDS": ("2.5", 2.5),
    "VISAVIS_SERVE_TPS": ("0.5", 0.5),
    "VISAVIS_SERVE_PROCESSES": ("2", 2),
    "VISAVIS_SERVE_WORKERS": ("3", 3),
    "VISAVIS_SERVE_QUEUE": ("0", 0),
    "VISAVIS_SERVE_QUEUE_SECONDS": ("1.5", 1.5),
    "VISAVIS_SERVE_REQUEST_SECONDS": ("2.5", 2.5),
    "VISAVIS_SERVE_GRACE": ("0", 0.0),
    "VISAVIS_SERVE_ATTRIBUTES": ("default", "DEFAULT"),
    "VISAVIS_SERVE_LOG_LEVEL": ("WARNING", "warning"),
}
WRONG = {
    "VISAVIS_SERVE_HOST": "http://x",
    "VISAVIS_SERVE_PREFIX": "faces",
    "VISAVIS_SERVE_CREDENTIALS": "missing.toml",
    "VISAVIS_SERVE_REGION": "us east",
    "VISAVIS_SERVE_CORS_ORIGIN": "https://a.example,b",
    "VISAVIS_SERVE_ALLOW_HOST": "visavis:80",
    "VISAVIS_SERVE_FORWARDED_ALLOW_IPS": "proxy",
    "VISAVIS_SERVE_BUCKET": "photos=missing",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys.toml").touch()
    Path("a b").mkdir()


def name_of(variable: str) -> str:
    return OPTIONS[variable].name or ""


@pytest.mark.parametrize("variable", OPTIONS)
def test_an_option_of_serve_is_read_from_its_variable(
    place: None, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    text, value = GIVEN[variable]
    monkeypatch.setenv(variable, text)
    assert parse(["serve"])[name_of(variable)] == value


@pytest.mark.parametrize("variable", OPTIONS)
@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, variable: str, nothing: str) -> None:
    unset = parse(["serve"])[name_of(variable)]
    monkeypatch.setenv(variable, nothing)
    assert parse(["serve"])[name_of(variable)] == unset


@pytest.mark.parametrize("variable", OPTIONS)
def test_a_wrong_value_of_a_variable_is_refused_by_the_name_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    monkeypatch.setenv(variable, WRONG.get(variable, "x"))
    assert main(["serve"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"visavis: {variable} must be ")
    assert said.count("\n") == 1


def test_a_bucket_named_twice_in_the_variable_is_refused_by_its_name(
    place: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAVIS_SERVE_BUCKET", "one=.,one=a b")
    assert main(["serve"]) == 2
    assert (
        capsys.readouterr().err == "visavis: VISAVIS_SERVE_BUCKET must give each name once, not one twice: . and a b\n"
    )


def test_the_command_line_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_SERVE_PORT", "no port")
    monkeypatch.setenv("VISAVIS_SERVE_ALLOW_HOST", "a")
    given = parse(["serve", "--port", "1", "--allow-host", "b"])
    assert (given["port"], given["allow_host"]) == (1, ("b",))


def test_the_help_of_serve_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for variable in [
        *OPTIONS,
        "VISAVIS_FACE_CACHE",
        "VISAVIS_HOME",
        "VISAVIS_DATA_HOME",
        "VISAVIS_DEVICE",
        "VISAVIS_PRECISION",
        "VISAVIS_THREADS",
    ]:
        assert f"[env var: {variable}" in text


def test_other_commands_read_no_variable_but_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_COMPARE_THRESHOLD", "no number")
    assert parse(["compare", "-", "-"])["threshold"] is None


def test_what_is_not_plainly_yes_or_no_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_SERVE_S3", "2")
    with pytest.raises(InvalidRequest, match="VISAVIS_SERVE_S3 must be 1 or 0, not '2'"):
        parse(["serve"])
    monkeypatch.setenv("VISAVIS_SERVE_S3", "0")
    assert parse(["serve"])["s3"] is False


def settings_of(*words: str) -> Settings:
    """The settings that a command with every option over a setting gets."""
    got: list[Settings] = []

    @click.command()
    @settings_options(SERVER)
    def command(*, settings: Settings) -> None:
        got.append(settings)

    with command.make_context("command", list(words)) as context:
        command.invoke(context)
    return got[0]


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--home", "elsewhere"], "home", Path("elsewhere")),
        (["--data-home", "elsewhere"], "data_home", Path("elsewhere")),
        (["--offline"], "offline", True),
        (["--accuracy", "HIGH"], "accuracy", "high"),
        (["--embedder", "arc"], "embedder", "arc"),
        (["--device", "gpu.1"], "device", "GPU.1"),
        (["--precision", "f32"], "precision", "f32"),
        (["--threads", "3"], "threads", 3),
        (["--face-cache", "0"], SERVER[0], 0),
    ],
)
def test_an_option_over_a_setting_goes_before_its_variable(
    monkeypatch: pytest.MonkeyPatch, words: list[str], field: str, value: Any
) -> None:
    environment = {
        "HOME": "here",
        "DATA_HOME": "data",
        "OFFLINE": "",
        "ACCURACY": "standard",
        "EMBEDDER": "own",
        "DEVICE": "NPU",
        "PRECISION": "bf16",
    }
    for name, text in {**environment, "THREADS": "2", "FACE_CACHE": "9"}.items():
        monkeypatch.setenv(f"VISAVIS_{name}", text)
    before = settings_of()
    after = settings_of(*words)
    assert getattr(before, field) != value
    assert getattr(after, field) == value
    assert {f for f in SERVER if getattr(before, f) != getattr(after, f)} == {field}


@pytest.mark.parametrize("name", ["OFFLINE", "THREADS", "ACCURACY", "DEVICE", "PRECISION", "FACE_CACHE"])
def test_a_wrong_value_of_a_setting_is_refused_by_settings_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(f"VISAVIS_{name}", "x")
    assert parse(["serve"])["device"] is None
    assert main(["serve"]) == 2
    assert capsys.readouterr().err.startswith(f"visavis: VISAVIS_{name} must be ")


def test_offline_in_the_environment_holds_without_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAVIS_OFFLINE", "1")
    assert settings_of().offline
    monkeypatch.setenv("VISAVIS_OFFLINE", "0")
    assert not settings_of().offline
