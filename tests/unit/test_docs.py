"""README and docs name everything that a user can set, call or watch, and nothing that is not there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Container, Iterator
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

import visavis
from tests.commands import commands
from visavis import errors
from visavis.api.errors import TABLE
from visavis.cli import engine
from visavis.cli.program import COMMANDS
from visavis.cli.serve import VARIABLES as SERVE
from visavis.server.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(visavis.__file__).parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
CLI, SERVER, EVALUATE, MODELS, LIBRARY, FACES, REKOGNITION = (
    f"docs/{name}.md" for name in ("cli", "server", "evaluate", "models", "library", "faces", "rekognition")
)

PAGE_OF = {"serve": SERVER, "evaluate": EVALUATE, "calibrate": EVALUATE, "models": MODELS}
"""Where the options of a command stand; those of the others are on docs/cli.md."""

OPTIONS_OF_OTHERS = {
    "--endpoint-url": "aws",
    "--image-bytes": "aws",
    "--max-requests": "gunicorn",
    "--no-deps": "pip",
    "--no-save": "npm",
    "--no-sign-request": "aws",
    "--pool": "celery",
    "--preload": "gunicorn",
    "--source-image": "aws",
    "--source-image-bytes": "aws",
    "--target-image": "aws",
    "--target-image-bytes": "aws",
    "--build": "docker",
    "--cap-drop": "docker",
    "--output": "docker",
    "--provenance": "docker",
    "--push": "docker",
    "--read-only": "docker",
    "--require-hashes": "pip",
    "--rm": "docker",
    "--sbom": "docker",
    "--secret": "docker",
    "--security-opt": "docker",
    "--tmpfs": "docker",
    "--from-file": "kubectl",
    "--head": "ray",
    "--strict": "mypy",
}
"""Options that docs name and that are no options of visavis."""

ENVIRONMENT_OF_OTHERS = {"VISAVIS_DATA": "python -m bench", "VISAVIS_PORT": "Kubernetes"}
LOGGERS = {"visavis.access"}
MADE = {"bench/results/"}
"""What docs name and a command makes."""


@cache
def code_of(page: str) -> str:
    """The parts of a page that are set as code: fences, indented blocks and spans, and the lines of headings."""
    text, parts = PAGES[page], []
    for fence in re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        parts.append(fence)
        text = text.replace(fence, "")
    text = text.replace("```", "")
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    parts += re.findall(r"^(?: {4}|#+ ).+$", text, re.MULTILINE) + spans
    return "\n".join(parts)


def names(page: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code_of(page)) is not None


def words(pattern: str) -> Iterator[tuple[str, str]]:
    """What the pattern finds in the code of each page."""
    for page in PAGES:
        for word in sorted(set(re.findall(pattern, code_of(page)))):
            yield page, word


def options_of(command: str) -> Iterator[click.Option]:
    """The options of a command, those of a command's own commands too, but those that stand for settings."""
    for path, found in commands().items():
        if path.split()[0] == command:
            shared = {*engine.ENGINE} if command != "serve" else set()
            yield from (o for o in found.params if isinstance(o, click.Option) and o.name not in {"help", *shared})


def actions_of(command: str) -> list[str]:
    """The commands of a command."""
    return [path.split()[1] for path in commands() if path.startswith(f"{command} ")]


OPTIONS = {command: sorted({o.opts[-1] for o in options_of(command)}) for command in COMMANDS}
SHARED = sorted({o.opts[-1] for found in commands().values() for o in found.params if o.name in engine.ENGINE})
VARIABLES = {
    name
    for path in SOURCE.rglob("*.py")
    for name in re.findall(r"(?<!_)VISAVIS_[A-Z]+(?:_[A-Z]+)*", path.read_text("utf-8"))
} - {SERVE, *ENVIRONMENT_OF_OTHERS}
SERVE_VARIABLES = sorted(f"{SERVE}_{o.name}".upper() for o in options_of("serve") if o.name not in engine.SERVER)


def metric_names() -> list[str]:
    text = Metrics(lambda: 0).render().decode()
    return sorted(set(re.findall(r"^# TYPE (?!.*_created )(\S+)", text, re.MULTILINE)))


def strings_passed(functions: set[str], keyword: str = "") -> set[str]:
    """Constant texts that the source passes to one of these functions, or to any function by that keyword."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            given = call.args if name in functions else [k.value for k in call.keywords if k.arg == keyword]
            found |= {arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    return found


def outcomes() -> list[str]:
    """The codes of errors, and the words that stand in their place in logs and metrics."""
    told = strings_passed({"WireError", "_error", "cls"}, "outcome")
    codes = {word for word in told if re.fullmatch(r"([A-Z][a-z0-9]+){2,}", word)}
    # These three are told in the answer; the outcome has a word of its own.
    told_only = {"RequestEntityTooLargeException", "RequestTimeoutException"}
    return sorted({*codes, *(code for _, code, _ in TABLE.values()), "OK"} - told_only)


def parameters_of(*functions: str) -> list[str]:
    return [name for function in functions for name in inspect.signature(getattr(visavis, function)).parameters]


def public_names() -> list[str]:
    """Functions and modules with their package, types without it."""
    return [name if name[0].isupper() else f"visavis.{name}" for name in visavis.__all__]


def assert_known(found: Iterator[tuple[str, str]], known: Container[str]) -> None:
    stray = [f"{page}: {word}" for page, word in found if word not in known]
    assert not stray, "\n".join(["named, and not there:", *stray])


NEEDED: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "option": [((PAGE_OF.get(command, CLI),), option) for command in COMMANDS for option in OPTIONS[command]],
    "option of every engine": [((CLI,), option) for option in SHARED],
    "command": [((CLI,), f"visavis {command}") for command in COMMANDS],
    "command of a command": [((CLI,), action) for command in COMMANDS for action in actions_of(command)],
    "setting": [((LIBRARY,), field.name) for field in fields(visavis.Settings)],
    "environment variable": [((LIBRARY,), name) for name in sorted(VARIABLES)],
    "environment variable of serve": [((SERVER,), name) for name in SERVE_VARIABLES],
    "metric": [((SERVER,), name) for name in metric_names()],
    "stage": [((SERVER,), stage) for stage in sorted(strings_passed({"observe", "_timed"}))],
    "outcome": [((SERVER, REKOGNITION), outcome) for outcome in outcomes()],
    "extra": [(("README.md", f"docs/{extra}.md"), f"visavis[{extra}]") for extra in ("server", "evaluate")],
    "public name": [((LIBRARY, FACES), name) for name in public_names()],
    "parameter": [((LIBRARY,), name) for name in parameters_of("client", "patch", "compare", "open_engine")],
    "option of a comparison": [((LIBRARY,), field.name) for field in fields(visavis.CompareOptions)],
}
"""Words by kind, each with the pages of which one has to name it."""


@pytest.mark.parametrize("kind", NEEDED)
def test_docs_name_every(kind: str) -> None:
    assert NEEDED[kind], "none was found"
    missing = {(" or ".join(pages), word) for pages, word in NEEDED[kind] if not any(names(p, word) for p in pages)}
    assert not missing, "\n".join(["not named:", *(f"{pages}: {word}" for pages, word in sorted(missing))])


def test_outcomes_are_read_out_of_the_source() -> None:
    of_all_doors = {"OK", "BodyTooLarge", "ExpiredTokenException", "InternalServerError", "CrossOriginRefused"}
    assert of_all_doors <= set(outcomes())


def test_every_option_that_docs_name_is_there() -> None:
    ours = {option for options in OPTIONS.values() for option in options} | {*SHARED, "--help", "--version"}
    assert not ours & set(OPTIONS_OF_OTHERS)
    scripts = [*(ROOT / "bench").glob("*.py"), *(ROOT / "tools").glob("*.py")]
    known = ours.union(OPTIONS_OF_OTHERS, *(re.findall(r"--[a-z][a-z-]*", path.read_text("utf-8")) for path in scripts))
    assert_known(words(r"(?<![\w-])--[a-z][\w-]*"), known)


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        (r"\bVISAVIS_[A-Z0-9_]*[A-Z0-9]", {SERVE, *VARIABLES, *SERVE_VARIABLES, *ENVIRONMENT_OF_OTHERS}),
        (r"(?<![\w/])visavis_[a-z_]+", set(metric_names())),
        (r"python -m bench ([a-z_]+)", {path.stem for path in (ROOT / "bench").glob("*.py")}),
        (r"python -m tools\.(\w+)", {path.stem for path in (ROOT / "tools").glob("*.py")}),
        (r"(?m)^\$? ?make ([a-z]+)", set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))),
        (r"\$ +(?:\w+=\S+ )*visavis ([a-z]+)", set(COMMANDS)),
        (r"(?m)^visavis ([a-z]+)(?= -| [A-Z]|$)", set(COMMANDS)),
        (r"visavis models ([a-z]+)", set(actions_of("models"))),
    ],
)
def test_what_docs_name_is_there(pattern: str, known: set[str]) -> None:
    assert_known(words(pattern), known)


def resolves(path: str) -> bool:
    """Whether `path` can be reached from the package by attributes and imports."""
    found: object = visavis
    for i, name in enumerate(parts := path.split(".")[1:]):
        if not hasattr(found, name):
            try:
                found = import_module(".".join(["visavis", *parts[: i + 1]]))
            except ImportError:
                return False
            continue
        found = getattr(found, name)
    return True


def test_every_python_name_that_docs_name_is_there() -> None:
    paths = list(words(r"(?<![\w/.-])visavis(?:\.[A-Za-z_]\w*)+"))
    assert_known(iter(paths), {*LOGGERS, *(path for _, path in paths if resolves(path))})
    classes = "|".join(name for name in visavis.__all__ if name[0].isupper())
    for page, path in words(rf"\b(?:visavis\.)?((?:{classes})\.[a-z_]\w*)"):
        owner, attribute = path.split(".")
        kind = getattr(visavis, owner)
        assert attribute in {*dir(kind), *getattr(kind, "__annotations__", {})}, f"{page} names {path}"


def test_every_keyword_that_docs_pass_is_taken() -> None:
    calls = [
        (page, name, keyword)
        for page in PAGES
        for name, given in re.findall(r"visavis\.(\w+)\(([^()]*)\)", code_of(page))
        for keyword in re.findall(r"(\w+)=", given)
    ]
    assert calls
    for page, name, keyword in calls:
        takes = inspect.signature(getattr(visavis, name)).parameters
        any_keyword = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
        assert any_keyword or keyword in takes, f"{page}: visavis.{name} takes no {keyword}"


def test_every_error_that_docs_name_can_be_imported() -> None:
    assert [name for name in errors.__all__ if name not in visavis.__all__] == []
    (section,) = re.findall(r"^## Errors\n(.*?)(?=^## |\Z)", PAGES[LIBRARY], re.DOTALL | re.MULTILINE)
    named = re.findall(r"`(?:visavis\.)?([A-Z][A-Za-z]+)`", section)
    assert named
    assert [name for name in named if name not in visavis.__all__] == []


def anchors_of(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    bare = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in re.findall(r"(?m)^#+ (.+)$", text)]
    return {heading.strip().replace(" ", "-") for heading in bare}


def test_every_link_leads_somewhere() -> None:
    pages = PAGES | {"CHANGELOG.md": (ROOT / "CHANGELOG.md").read_text("utf-8")}
    for page, text in pages.items():
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            name, _, anchor = target.partition("#")
            path = (ROOT / page).parent / name if name else ROOT / page
            assert path.exists(), f"{page} links to {target}"
            assert not anchor or anchor in anchors_of(path.read_text("utf-8")), f"{page} links to {target}"


def test_every_file_that_docs_name_is_there() -> None:
    folders = "|".join(path.name for path in sorted(ROOT.iterdir()) if path.is_dir() and path.name.isalpha())
    found = list(words(rf"(?<![\w./:-])((?:{folders})/[\w./*-]*)"))
    assert len(found) > 10
    assert_known(iter(found), {*MADE, *(name for _, name in found if list(ROOT.glob(name.rstrip("/."))))})


def test_every_test_that_the_page_of_faults_names_is_there() -> None:
    page, hostile = PAGES["docs/faults.md"], ROOT / "tests/hostile"
    text = "".join((hostile / f"test_{what}_faults.py").read_text("utf-8") for what in ("file", "process"))
    named = set(re.findall(r"`test_(\w+)`", page))
    assert len(named) > 10
    assert [name for name in named if f"def test_{name}(" not in text] == []
    folders = (ROOT, ROOT / "tests", hostile)
    files = re.findall(r"`([\w/]*test_\w+\.py)`", page)
    assert [name for name in files if not any((folder / name).exists() for folder in folders)] == []
