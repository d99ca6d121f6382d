"""No command and no client opens a connection, looks up a name, starts a process, or leaves a file outside its cache.

Each runs in a Python of its own, under an audit hook that notes what the interpreter does, with an empty home.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest
from PIL import Image as Pil

from tests.conftest import posix
from visavis.settings import Settings

PHOTOS = Path(__file__).parent.parent.parent / "examples/photos"
SOURCE, TARGET = str(PHOTOS / "ardern_2018.jpg"), str(PHOTOS / "ardern_2022.jpg")

WATCH = """
import json, os, runpy, sys
SENT = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "socket.getaddrinfo",
        "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request", "http.client.connect"}
STARTED = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
noted = open(os.environ["WATCH_FILE"], "a", buffering=1)

def hook(event, args):
    if event == "socket.__new__" and args[1] == 1:  # AF_UNIX: the pipe by which asyncio wakes itself
        return
    if event in SENT | STARTED or event == "socket.__new__":
        noted.write(json.dumps([event, repr(args)[:300]]) + "\\n")

sys.addaudithook(hook)
"""

CLIENT = f"""
from pathlib import Path
import visavis
images = [{{"Bytes": Path(p).read_bytes()}} for p in ({SOURCE!r}, {TARGET!r})]
answer = visavis.client().compare_faces(SourceImage=images[0], TargetImage=images[1])
assert answer["FaceMatches"][0]["Similarity"] > 99
assert visavis.client().detect_faces(Image=images[0], Attributes=["ALL"])["FaceDetails"]
try:
    visavis.client().detect_labels(Image=images[0])
except Exception as error:
    assert "UnknownOperation" in str(error)
assert visavis.compare(Path({SOURCE!r}), Path({TARGET!r})).matches
"""


class Watched:
    """Runs Python under the hook. `home`, `work` and `temporary` are the only folders that it could write by itself."""

    def __init__(self, root: Path) -> None:
        self.home, self.work, self.temporary = root / "home", root / "work", root / "tmp"
        self.cache = root / "cache"
        for folder in (self.home, self.work, self.temporary):
            folder.mkdir()
        ours = Settings.from_env().home
        for part in ("files", "ready"):
            shutil.copytree(ours / part, self.cache / part)
        self._log = root / "watched"
        self._log.touch()
        # Nothing of this process's environment: a variable of a CI service switches OpenVINO's telemetry off.
        self.env = {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PATH": os.environ["PATH"],
            "VISAVIS_HOME": str(self.cache),
            "WATCH_FILE": str(self._log),
        }
        if "PYTHONPATH" in os.environ:  # where the source under test may be
            self.env["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def start(self, code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-B", "-c", WATCH + textwrap.dedent(code)],
            cwd=self.work, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, code: str, *, statuses: tuple[int, ...] = (0,)) -> None:
        process = self.start(code)
        _, stderr = process.communicate(timeout=300)
        assert process.returncode in statuses, stderr

    def command(self, *words: str, statuses: tuple[int, ...] = (0,)) -> None:
        self.run(as_command(*words), statuses=statuses)

    def noted(self) -> list[list[str]]:
        """What the hook saw, but for the probe of urllib3, which boto3 imports.

        To learn whether the system has IPv6 it binds a socket to a port of ::1, and closes it.
        """
        seen = [json.loads(line) for line in self._log.read_text().splitlines()]
        i = next((i for i, (event, args) in enumerate(seen) if event == "socket.bind" and "('::1', 0)" in args), None)
        if i is not None:
            assert seen[i - 1][0] == "socket.__new__"
            del seen[i - 1 : i + 1]
        return seen

    def left(self) -> set[str]:
        """Files outside the cache."""
        folders = (self.home, self.work, self.temporary)
        return {str(p.relative_to(f.parent)) for f in folders for p in f.rglob("*") if not p.is_dir()}


def as_command(*words: str) -> str:
    return f"sys.argv = ['visavis', *{list(words)!r}]; runpy.run_module('visavis', run_name='__main__')"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder for each of three people; copies are changed a little, so that none is another's twin."""
    folder = tmp_path / "labelled"
    for person, name in (("ardern", "ardern_2018"), ("obama", "obama"), ("sunak", "sunak")):
        (folder / person).mkdir(parents=True)
        for quality in (70, 90):
            Pil.open(PHOTOS / f"{name}.jpg").save(folder / person / f"{quality}.jpg", quality=quality)
    return folder


def test_the_hook_sees_a_connection_a_process_and_a_file(watched: Watched) -> None:
    watched.run(
        """
        import socket, subprocess, pathlib
        subprocess.run([sys.executable, "-c", ""])
        pathlib.Path.home().joinpath("left").touch()
        with socket.socket() as s:
            try:
                s.connect(("127.0.0.1", 9))
            except OSError:
                pass
        """
    )
    assert {"socket.connect", "subprocess.Popen"} <= {event for event, _ in watched.noted()}
    assert watched.left() == {"home/left"}


@pytest.mark.parametrize(
    "words",
    [
        ("compare", SOURCE, TARGET),
        ("compare", SOURCE, SOURCE, TARGET, "--json"),
        ("faces", SOURCE),
        ("models", "list"),
        ("models", "verify"),
        ("models", "fetch"),
        ("models", "path"),
    ],
    ids=" ".join,
)
def test_a_command_sends_nothing_and_leaves_nothing(watched: Watched, words: tuple[str, ...]) -> None:
    watched.command(*words)
    assert watched.noted() == []
    assert watched.left() == set()


def test_doctor_starts_nothing_but_what_tells_the_machine(watched: Watched) -> None:
    watched.command("doctor")
    assert [event for event, _ in watched.noted() if event.startswith(("socket", "urllib", "http"))] == []
    assert watched.left() == set()


def test_a_client_and_a_comparison_in_process_send_nothing(watched: Watched) -> None:
    watched.run(CLIENT)
    assert watched.noted() == []
    assert watched.left() == set()


def test_what_is_built_anew_sends_nothing(watched: Watched) -> None:
    shutil.rmtree(watched.cache / "ready")
    watched.run(CLIENT)
    assert watched.noted() == []
    assert watched.left() == set()


def test_evaluate_sends_nothing_and_leaves_its_report_only(watched: Watched, labelled: Path) -> None:
    watched.command("evaluate", str(labelled), "--out", "report", "--replicates", "20")
    assert [event for event, _ in watched.noted() if event.startswith(("socket", "urllib", "http"))] == []
    plots = {f"work/report/{name}.{kind}" for name in ("scores", "det", "calibration") for kind in ("png", "svg")}
    assert {f"work/report/report.{kind}" for kind in ("html", "md", "json")} | plots <= watched.left()
    assert {path for path in watched.left() if not path.startswith("work/report/")} == set()


def test_calibrate_sends_nothing_and_leaves_nothing(watched: Watched, labelled: Path) -> None:
    watched.command("calibrate", str(labelled), statuses=(1, 2))  # refused: too few people
    assert watched.noted() == []
    assert watched.left() == set()


@posix
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_server_opens_its_own_socket_and_no_other(watched: Watched, stop: signal.Signals) -> None:
    process = watched.start(as_command("serve", "--port", "0"))
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next(line for line in lines if "listening" in line).split()[-1]
        assert urllib.request.urlopen(f"{url}/readyz").status == 200
    finally:
        process.send_signal(stop)
        process.communicate(timeout=60)
    noted = watched.noted()
    assert [event for event, _ in noted].count("socket.bind") == 1
    assert {event for event, _ in noted} <= {"socket.__new__", "socket.bind", "socket.getaddrinfo"}
    assert all("127.0.0.1" in args for event, args in noted if event in ("socket.bind", "socket.getaddrinfo"))
    assert watched.left() == set()


def test_openvino_finds_no_telemetry_even_where_something_else_imports_its_converter(watched: Watched) -> None:
    watched.run(
        """
        from visavis.models.openvino_import import import_openvino
        assert import_openvino().Core
        assert "openvino.tools.ovc" not in sys.modules
        from openvino.tools.ovc import convert_model
        assert sys.modules["openvino_telemetry"] is None
        """
    )
    assert watched.noted() == []
    assert watched.left() == set()


def test_what_a_program_put_in_the_place_of_telemetry_or_converter_stays(watched: Watched) -> None:
    watched.run(
        """
        import types
        mine = sys.modules["openvino_telemetry"] = types.ModuleType("openvino_telemetry")
        sys.modules["openvino.tools.ovc"] = None
        from visavis.models.openvino_import import import_openvino
        assert import_openvino().Core
        assert sys.modules["openvino_telemetry"] is mine
        assert sys.modules["openvino.tools.ovc"] is None
        """
    )
    assert watched.noted() == []
