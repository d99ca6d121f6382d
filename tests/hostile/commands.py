"""The server as it is started from a shell, for tests that inject faults into it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import PHOTOS
from tests.contract.serving import HEADERS, Reply, ask, signed, until
from visavis.settings import Settings

SAME = ("ardern_2018", "ardern_2022")
AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
OBJECT = {"S3Object": {"Bucket": "photos", "Name": "a.jpg"}}


@dataclass
class Served:
    """A server in a process of its own.

    port:    it listens there, on 127.0.0.1
    process: the process, or the supervisor of several
    log:     the file that its standard error goes to
    """

    port: int
    process: subprocess.Popen[str]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """The whole lines of the log until now."""
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def events(self, begin: str, count: int = 1) -> list[dict[str, Any]]:
        """The lines of the log whose event begins so, once there are `count`, because a thread writes them."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines() if line["event"].startswith(begin)]

        until(lambda: len(found()) >= count, 60)
        return found()

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60).read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def workers(self) -> list[psutil.Process]:
        """The processes of `--processes`."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    def ready(self) -> bool:
        """Whether it would accept a request now."""
        try:
            return ask(self.port, "GET", "/readyz").status == 200
        except OSError:
            return False

    def compare(self, source: Any = None, target: Any = None, *, key_id: str | None = None) -> Reply:
        """The answer to CompareFaces, by default with two photos of one woman; signed with a key of `KEYS`."""
        body = json.dumps({"SourceImage": source or photo(SAME[0]), "TargetImage": target or photo(SAME[1])}).encode()
        headers = HEADERS if key_id is None else signed(f"http://127.0.0.1:{self.port}/", body, key_id=key_id)
        return ask(self.port, body=body, headers=headers)

    def answers(self, *, key_id: str | None = None) -> None:
        """Fail unless a good request gets the right answer."""
        reply = self.compare(key_id=key_id)
        assert reply.status == 200, reply.body
        assert reply.json["FaceMatches"][0]["Similarity"] > 99


def as_image(data: bytes) -> dict[str, str]:
    """An Image of the API."""
    return {"Bytes": base64.b64encode(data).decode()}


def photo(name: str) -> dict[str, str]:
    """A photograph of the examples as an Image of the API."""
    return as_image((PHOTOS / f"{name}.jpg").read_bytes())


def free_port() -> int:
    """A port that nobody used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def linked_home(folder: Path) -> Path:
    """A cache of one's own whose files are links to the common one's. Replace them; do not write to them."""
    shutil.copytree(Settings.from_env().home, folder, copy_function=os.link)
    return folder


def visavis(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "visavis", *words],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **variables},
    )  # fmt: skip


@contextmanager
def serve(
    folder: Path,
    *words: str,
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    start: tuple[str, ...] = (sys.executable, "-m", "visavis"),
    port: int = 0,
    ends: int = 0,
) -> Iterator[Served]:
    """`visavis serve` with its log in `folder`, which must end with a status, by default 0 on SIGTERM.

    env:    variables besides those of this process
    before: called in the child before the program
    start:  what comes before `serve`
    port:   0 takes any free one
    ends:   the status
    """
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [*start, "serve", "--port", str(port), *words],
            stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **(env or {})}, preexec_fn=before,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        try:
            heard = next((int(m[1]) for line in process.stdout if (m := re.search(r"http://\S+:(\d+)", line))), None)
            assert heard is not None, (folder / "log").read_text()
            yield Served(heard, process, folder / "log")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == ends
        finally:
            process.kill()


__all__ = ["AWS", "OBJECT", "SAME", "Served", "as_image", "free_port", "linked_home", "photo", "serve", "visavis"]
