"""Every example of README and docs runs as it stands, in a shell that knows nothing of AWS, and prints what they show.

Examples talk to port 8080; here they are given that of a server of the tests'.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.conftest import PHOTOS
from visavis.aws.policy import Policy
from visavis.server.credentials import parse_keys
from visavis.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PHOTOS_AS = {
    "a.jpg": "ardern_2018", "b.jpg": "ardern_2022", "source.jpg": "macron_2014", "target.jpg": "macron_2025",
}  # fmt: skip
PORT = "8080"

NOT_RUN = {
    "git clone": "fetches the project",
    "visavis models add": "takes a network that the project does not have, and a folder of 776 people",
    "visavis compare a.jpg b.jpg --embedder arc": "compares by that network",
}
"""How commands begin that are not run here, and why."""

IN_PLACE_OF = {"make demo": f"{sys.executable} examples/demo.py"}
"""What is run in place of a command: this is all that `make demo` runs once it has set up an environment."""

COMPARES = """
if "client" in globals():  # whatever client an example makes is one that compares
    from pathlib import Path
    found = client.compare_faces(
        SourceImage={"Bytes": Path("a.jpg").read_bytes()}, TargetImage={"Bytes": Path("b.jpg").read_bytes()}
    )
    assert found["FaceMatches"][0]["Similarity"] > 99.9
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    kind: str
    text: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    pages = {ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs/house-style.md"}
    # house-style.md quotes our own code, which tests/unit/test_house_style.py holds to the files that it names.
    for path in sorted(pages):
        text = path.read_text("utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(str(path.relative_to(ROOT)), line, found[1], found[2])


BLOCKS = list(blocks())


def of_kind(kind: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.kind == kind]
    return pytest.mark.parametrize("block", found, ids=str)


@dataclass(frozen=True)
class Shell:
    """A shell in a folder with the photographs. `port` stands where the examples say 8080."""

    work: Path
    env: dict[str, str]
    port: str

    def __call__(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", self.ported(command)],
            cwd=self.work, env=self.env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def ported(self, text: str) -> str:
        return text.replace(f":{PORT}", f":{self.port}")

    @contextmanager
    def serving(self, command: str) -> Iterator[tuple[str, list[str]]]:
        """The server that the command starts, on a free port: its port, and the lines that it prints at the start."""
        with subprocess.Popen(
            ["bash", "-c", f"exec {command} --port 0 2>&1"],
            cwd=self.work, env=self.env, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                said: list[str] = []
                for line in process.stdout:
                    said += [] if line.startswith("{") else [line]  # a line of the log
                    if heard := re.search(r" is listening on \S+:(\d+)$", line):
                        yield heard[1], said
                        break
                else:
                    pytest.fail(f"{command}\n{''.join(said)}")
            finally:
                process.terminate()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    root = tmp_path_factory.mktemp("shell")
    for name in ("home", "work"):
        (root / name).mkdir()
    shutil.copytree(ROOT / "examples", root / "work/examples")
    for name, photo in PHOTOS_AS.items():
        shutil.copy(PHOTOS / f"{photo}.jpg", root / "work" / name)
    (keys,) = (block.text for block in BLOCKS if block.kind == "toml")
    (root / "work/keys.toml").write_text(keys, "utf-8")
    (root / "work/keys.toml").chmod(0o600)
    env = {
        "HOME": str(root / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "VISAVIS_HOME": str(Settings.from_env().home),
    }
    bare = Shell(root / "work", env, PORT)
    with bare.serving("visavis serve") as (port, _):
        yield replace(bare, port=port)


@of_kind("python")
def test_python_runs_as_it_stands(shell: Shell, block: Block) -> None:
    code = shell.ported(block.text) + COMPARES
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shell.work, env=shell.env, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(f"{block} ends with\n{done.stderr.splitlines()[-1]}")


@dataclass
class Command:
    """A command of a console block, and the lines shown below it. `prompt` is what stands before its $."""

    prompt: str
    text: str
    shown: list[str] = field(default_factory=list)

    @property
    def is_run(self) -> bool:
        return not any(self.text.startswith(beginning) for beginning in NOT_RUN)


def commands_of(block: Block) -> list[Command]:
    found: list[Command] = []
    for line in block.text.replace("\\\n", "").splitlines():
        if prompted := re.match(r"(\w*)\$ +(.*)", line):
            found.append(Command(prompted[1], prompted[2]))
        else:
            found[-1].shown.append(line)
    return found


def is_shown(shown: str, printed: str) -> bool:
    """Whether a line is printed as it is shown: numbers nearly, and … for anything."""
    part = re.compile(r"\d+\.\d+|\d+|[^\d\s]")
    of_shown, of_printed = part.findall(shown.partition("…")[0]), part.findall(printed)
    if "…" in shown:
        of_printed = of_printed[: len(of_shown)]
    return len(of_shown) == len(of_printed) and all(map(is_nearly, of_shown, of_printed))


def is_nearly(one: str, other: str) -> bool:
    """Whether two texts are one, or two numbers that processors may tell differently: by 2 pixels, or by 0.02."""
    if "." in one and "." in other and one != ".":
        return abs(float(one) - float(other)) <= 0.02
    return one == other or (one.isdigit() and other.isdigit() and abs(int(one) - int(other)) <= 2)


def check(command: Command, printed: list[str]) -> None:
    assert len(printed) >= len(command.shown), f"{command.text} printed {printed}"
    for shown, line in zip(command.shown, printed, strict=False):
        assert is_shown(shown, line), f"{command.text} shows\n{shown}\nand prints\n{line}"


@of_kind("console")
def test_commands_run_as_they_stand_and_print_what_is_shown(shell: Shell, block: Block, tmp_path: Path) -> None:
    commands = commands_of(block)
    assert commands, "no line has a prompt"
    run_all(shell, [command for command in commands if command.is_run], tmp_path)


def run_all(shell: Shell, commands: list[Command], elsewhere: Path) -> None:
    """Run the commands in turn: an `export` holds for those after it, and a server runs until the last is done."""
    if not commands:
        return
    first, others = commands[0], commands[1:]
    if first.text.startswith("visavis serve"):
        with shell.serving(first.text) as (port, said):
            moved = replace(shell, port=port)
            check(Command("", first.text, [moved.ported(line) for line in first.shown]), said)
            run_all(moved, others, elsewhere)
        return
    if exported := re.fullmatch(r"export (\w+)=(\S+)", first.text):
        run_all(replace(shell, env={**shell.env, exported[1]: shell.ported(exported[2])}), others, elsewhere)
        return
    # Another machine has a cache of its own.
    env = {**shell.env, "VISAVIS_HOME": str(elsewhere)} if first.prompt == "there" else shell.env
    done = replace(shell, env=env)(IN_PLACE_OF.get(first.text, first.text))
    if done.returncode != 0:
        pytest.fail(f"{first.text}\nends with {done.returncode}\n{done.stderr}")
    check(first, done.stdout.splitlines())
    run_all(shell, others, elsewhere)


def test_what_is_not_run_or_replaced_stands_in_the_docs() -> None:
    texts = [command.text for block in BLOCKS if block.kind == "console" for command in commands_of(block)]
    unused = [text for text in [*NOT_RUN, *IN_PLACE_OF] if not any(found.startswith(text) for found in texts)]
    assert unused == []


@of_kind("json")
def test_json_is_a_policy_or_a_line_of_the_log(block: Block) -> None:
    document = json.loads(block.text)
    if "Statement" in document:
        assert Policy.parse(document).statements
    else:
        assert document["logger"] == "visavis.access"


@of_kind("toml")
def test_toml_is_a_credentials_file(block: Block) -> None:
    assert parse_keys(block.text, str(block))


def test_every_block_says_what_it_is() -> None:
    assert {block.kind for block in BLOCKS} <= {"python", "console", "json", "toml", ""}
