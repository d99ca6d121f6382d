"""A server keeps nothing: during a hundred comparisons no file changes, and no log line tells of an image or a secret.

It runs with `--log-level debug`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from numpy.typing import NDArray

from tests.conftest import PHOTOS, linux
from tests.golden.test_nothing_is_sent import Watched
from visavis.engine import Engine

pytestmark = [linux, pytest.mark.slow]

COMPARISONS = 100
NAMES = ("ardern_2018", "ardern_2022", "obama", "sunak")
IMAGES = [(PHOTOS / f"{name}.jpg").read_bytes() for name in NAMES]
ENDS_EARLY = IMAGES[0][: len(IMAGES[0]) // 2]
OTHER_FORMAT = b"GIF89a" + IMAGES[0]
WINDOW = 16
"""Characters of an image, or of a text for it, that must not be repeated together."""

SECRETS = {"ours": "8f1Wq0uH9yJc3nVtK5mZs7bLrXeDgA2P", "wrong": "not-the-secret-of-this-key-at-all"}
STORE_SECRET, STORE_TOKEN = "the-secret-that-opens-the-store", "the-session-token-that-opens-the-store"

SERVER = """
import os, runpy, sys
noted = open(os.environ["WATCH_FILE"], "a", buffering=1)
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
           "os.chown", "os.utime", "os.setxattr", "tempfile.mkstemp", "tempfile.mkdtemp", "sqlite3.connect",
           "shutil.copyfile", "shutil.move", "subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def hook(event, args):
    if event in CHANGES or event == "open" and (args[2] or 0) & WRITING:
        noted.write(f"{event} {args!r:.300}\\n")

sys.addaudithook(hook)
sys.argv = ["visavis", "serve", "--port", "0", "--log-level", "debug", *sys.argv[1:]]
runpy.run_module("visavis", run_name="__main__")
"""


@dataclass
class Heard:
    """What is known of the requests, and what came back."""

    signatures: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def note_signature(self, authorization: str) -> None:
        self.signatures.update(re.findall(r"Signature=(\w{64})", authorization))


@contextmanager
def object_store(heard: Heard) -> Iterator[str]:
    """A store with the photographs, which notes how its requests are signed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.note_signature(self.headers["Authorization"])
            name = Path(self.path).name
            body = (PHOTOS / name).read_bytes() if name.removesuffix(".jpg") in NAMES else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def serving(watched: Watched, log: Path, *words: str) -> Iterator[tuple[str, int]]:
    """A server at the debug level, in folders of its own: its URL and its process."""
    command = [sys.executable, "-B", "-c", textwrap.dedent(SERVER), *words]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, cwd=watched.work, env=watched.env, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "listening" in line, log.read_text()
            yield line.split()[-1], process.pid
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def client_of(url: str, secret: str, heard: Heard) -> Any:
    client = boto3.session.Session().client(
        "rekognition", endpoint_url=url, region_name="us-east-1", aws_access_key_id="AKIAFRONTDOOR",
        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    client.meta.events.register(
        "before-send.rekognition", lambda request, **_: heard.note_signature(request.headers["Authorization"].decode())
    )
    return client


def ask(client: Any, source: dict[str, Any], target: dict[str, Any], heard: Heard) -> None:
    try:
        answer = client.compare_faces(SourceImage=source, TargetImage=target)
        heard.outcomes["OK"] += 1
    except ClientError as error:
        answer = error.response
        heard.outcomes[answer["Error"]["Code"]] += 1
    heard.answers.append(json.dumps(answer, default=str))


def ask_unsigned(url: str, heard: Heard) -> None:
    image = {"Bytes": base64.b64encode(IMAGES[0]).decode()}
    body = json.dumps({"SourceImage": image, "TargetImage": image}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "RekognitionService.CompareFaces"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(url, body, headers))
    with caught.value as error:
        heard.answers.append(error.read().decode())
    heard.outcomes[json.loads(heard.answers[-1])["__type"]] += 1


def stored(name: str) -> dict[str, Any]:
    return {"S3Object": {"Bucket": "photos", "Name": f"{name}.jpg"}}


def ask_all(url: str, heard: Heard) -> None:
    """A hundred comparisons of photographs, and requests of every kind that is refused."""
    client, stranger = (client_of(url, secret, heard) for secret in SECRETS.values())
    images = [{"Bytes": image} for image in IMAGES]
    requests: list[Callable[[], None]] = []
    for i in range(COMPARISONS):
        source, target = images[i % 4], images[i // 4 % 4]
        if i % 5 == 0:
            source, target = stored(NAMES[i % 4]), stored(NAMES[i // 4 % 4])
        requests.append(lambda source=source, target=target: ask(client, source, target, heard))  # type: ignore[misc]
    for bad in ({"Bytes": ENDS_EARLY}, {"Bytes": OTHER_FORMAT}, stored("none")):
        requests.append(lambda bad=bad: ask(client, bad, images[0], heard))  # type: ignore[misc]
        requests.append(lambda bad=bad: ask(client, images[0], bad, heard))  # type: ignore[misc]
    requests += [lambda: ask(stranger, images[0], images[1], heard), lambda: ask_unsigned(url, heard)] * 3
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(request) for request in requests]:
            future.result()


def state_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of change of everything in a folder. That of a folder tells of files that came and went."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        found[str(path)] = status.st_mode, 0 if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns
    return found


def written_by(pid: int) -> set[str]:
    """The files that a process holds open for writing, or has mapped so, wherever they are."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has just been closed
            target = str(descriptor.readlink())
            flags = re.search(r"flags:\s*(\d+)", Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text())
            if flags and target.startswith("/") and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY:
                found.add(target)
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if fields[1][1] == "w" and fields[1][3] == "s":
            found.add(fields[-1])
    return {path for path in found if not path.startswith("/dev/")}


def texts_of(data: bytes) -> list[str]:
    """How bytes could be written: as they are, in hexadecimal, as Python and JSON write them, and in base64."""
    in_base64 = [base64.b64encode(data[i:]).decode() for i in range(3)]
    return [data.decode("latin-1"), data.hex(), repr(data), json.dumps(data.decode("latin-1")), *in_base64]


def numbers_of(embedding: NDArray[np.float32]) -> set[str]:
    """How numbers could be written, without the signs; none is so short that it could be another number."""
    return {text for n in embedding for text in (f"{abs(float(n)):.9f}", str(abs(n))) if len(text) > 9}


def told_by(text: str, *, of: Iterable[bytes] = (), words: Iterable[str] = ()) -> set[str]:
    """What `text` tells of bytes, in pieces of `WINDOW` characters, and the words that it contains."""
    # Text within text has its escapes escaped.
    variants = {text, text.replace("\\\\", "\\"), text.encode().decode("latin-1")}
    pieces = {variant[i : i + WINDOW] for variant in variants for i in range(len(variant) - WINDOW + 1)}
    private = (private for data in of for private in texts_of(data))
    told = {
        piece for part in private for i in range(len(part) - WINDOW + 1) if (piece := part[i : i + WINDOW]) in pieces
    }
    return told.union(word for word in words if any(word in variant for variant in variants))


def test_what_is_private_is_found_however_it_is_written(engine: Engine) -> None:
    embedding = engine.analyze(IMAGES[1]).faces[0].embedding
    for part in (IMAGES[1][5000:5040], embedding.tobytes()[100:140]):
        for text in (*texts_of(part), json.dumps({"event": repr(part)}), json.dumps({"event": part.hex()})):
            assert told_by(f'{{"event": "{text}"}}', of=[part]), text
    assert told_by(json.dumps({"embedding": embedding.tolist()}), words=numbers_of(embedding))
    assert told_by(f"an array: {embedding[3]}", words=numbers_of(embedding))
    assert not told_by(json.dumps({"milliseconds": 83.4, "faces": 1}), of=IMAGES[:1], words=numbers_of(embedding))


def test_a_hundred_comparisons_change_no_file_and_tell_nothing(tmp_path: Path, engine: Engine) -> None:
    watched, heard, log, keys = Watched(tmp_path), Heard(), tmp_path / "log", tmp_path / "keys.toml"
    watched.env |= {"AWS_ACCESS_KEY_ID": "AKIASTORE", "AWS_SECRET_ACCESS_KEY": STORE_SECRET}
    watched.env |= {"AWS_SESSION_TOKEN": STORE_TOKEN, "AWS_EC2_METADATA_DISABLED": "true"}
    keys.write_text(f'[[keys]]\naccess_key_id = "AKIAFRONTDOOR"\nsecret_access_key = "{SECRETS["ours"]}"\n')
    keys.chmod(0o600)
    folders = (watched.home, watched.work, watched.temporary, watched.cache)
    opened = Path(watched.env["WATCH_FILE"])
    with (
        object_store(heard) as store,
        serving(watched, log, "--credentials", str(keys), "--s3-endpoint-url", store) as (url, pid),
    ):
        # OpenVINO keeps the networks that it compiles for a new size of image in the cache folder.
        client = client_of(url, SECRETS["ours"], heard)
        for image in IMAGES:
            client.compare_faces(SourceImage={"Bytes": image}, TargetImage={"Bytes": image})
        before = [state_of(folder) for folder in folders], opened.read_text()
        ask_all(url, heard)
        assert ([state_of(folder) for folder in folders], opened.read_text()) == before
        assert written_by(pid) == {str(log), str(opened)}
        heard.answers.append(urllib.request.urlopen(f"{url}/metrics").read().decode())

    assert heard.outcomes == {
        "OK": COMPARISONS,
        "InvalidImageFormatException": 4,
        "InvalidS3ObjectException": 2,
        "InvalidSignatureException": 3,
        "MissingAuthenticationTokenException": 3,
    }
    assert len(heard.signatures) > COMPARISONS
    logged = log.read_text()
    assert '"level": "debug"' in logged
    assert '"key": "none.jpg"' in logged
    embeddings = [face.embedding for image in IMAGES for face in engine.analyze(image).faces]
    private = [*IMAGES, *(embedding.tobytes() for embedding in embeddings)]
    words = {*SECRETS.values(), STORE_SECRET, STORE_TOKEN, *heard.signatures}.union(*map(numbers_of, embeddings))
    assert told_by("\n".join([logged, *heard.answers]), of=private, words=words) == set()


def test_a_change_of_a_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    before = state_of(tmp_path)
    (tmp_path / "b").touch()
    (tmp_path / "b").unlink()
    assert state_of(tmp_path) != before
    with (tmp_path / "a").open("w"):
        assert str(tmp_path / "a") in written_by(os.getpid())
