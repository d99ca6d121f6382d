"""A server over real sockets whose engine is made up, and clients for it, for the tests beside this file.

An image is a text such as `faces=3 sleep=0.1`, and what it asks for happens. Run as a script, this file is that server,
for the tests that need a process of their own.
"""

import base64
import http.client
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import numpy as np
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from visavis.analysis import Analysis
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import NoStore
from visavis.cli import main as run_command
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison, Match
from visavis.errors import ImageTooSmall, NoFace
from visavis.face import Detail, Face, Landmark, LandmarkType, Pose, Quality
from visavis.gateway import Gateway
from visavis.geometry import Box, Size
from visavis.server.app import Endpoint, ServerConfig, build_app
from visavis.server.credentials import parse_keys
from visavis.server.logs import JsonLines, log_to
from visavis.server.run import bind, make_server, serve
from visavis.server.token_buckets import TokenBuckets

REGION = "us-east-1"
KEYS = """
[[keys]]
access_key_id = "AKIDONE"
secret_access_key = "secret-one"
[[keys]]
access_key_id = "AKIDTWO"
secret_access_key = "secret-two"
[[keys]]
access_key_id = "ASIATEMP"
secret_access_key = "secret-temp"
session_token = "token-temp"
[[keys]]
access_key_id = "AKIDDENIED"
secret_access_key = "secret-denied"
user = "mallory"
account_id = "123456789012"
policy = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
"""
SECRETS = {"AKIDONE": "secret-one", "AKIDTWO": "secret-two", "ASIATEMP": "secret-temp", "AKIDDENIED": "secret-denied"}
BODY = b'{"SourceImage":{"Bytes":"c291cmNl"},"TargetImage":{"Bytes":"ZmFjZXM9Mg=="}}'  # source; faces=2
HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "RekognitionService.CompareFaces"}
JSON = "application/x-amz-json-1.1"


def make_face(confidence: float = 99.5) -> Face:
    return Face(
        box=Box(10, 10, 50, 60),
        image_size=Size(100, 100),
        confidence=confidence,
        landmarks=tuple(Landmark(kind, 20, 20) for kind in LandmarkType),
        pose=Pose(0, 0, 0),
        quality=Quality(50, 50, 50),
        embedding=np.ones(1, np.float32),
    )


class MadeUpEngine:
    """Does what the texts ask for.

    `faces=N`, `id=N` (as confidence), `sleep=SECONDS`, `crash`, `noface`, `small`, and `hold=FILE`: it makes the file
    when the request is processed, and goes on once somebody has deleted it.
    """

    def compare(self, source: bytes, target: bytes, options: CompareOptions, *, deadline: object = None) -> Comparison:
        asked = _obey(source + b" " + target)
        if "noface" in asked:
            raise NoFace("no face", role="source")
        if "small" in asked:
            raise ImageTooSmall("target: 64 x 512 pixels, at least 80 are needed")
        matches = tuple(Match(99.5, 0.9, make_face()) for _ in range(int(asked.get("faces", 1))))
        return Comparison((make_face(float(asked.get("id", 1))),), matches, (), options.similarity_threshold)

    def analyze(self, image: bytes, *, detail: Detail, deadline: object = None) -> Analysis:
        asked = _obey(image)
        if "small" in asked:
            raise ImageTooSmall("64 x 512 pixels, at least 80 are needed")
        faces = tuple(make_face(float(asked.get("id", 99.5))) for _ in range(int(asked.get("faces", 1))))
        return Analysis(Size(100, 100), () if "noface" in asked else faces)


def _obey(text: bytes) -> dict[str, str]:
    """Sleep, wait or crash as `text` asks; the rest of what it asks for."""
    asked = dict(word.partition("=")[::2] for word in text.decode().split())
    time.sleep(float(asked.get("sleep", 0)))
    if "hold" in asked:
        file = Path(asked["hold"])
        file.touch()
        until(lambda: not file.exists(), 20)
    if "crash" in asked:
        raise RuntimeError("a bug in here, with its details")
    return asked


def asking(what: str) -> bytes:
    """The body of a request that asks the engine for `what`."""
    return BODY.replace(b"c291cmNl", base64.b64encode(what.encode()))


def make_gateway(*, keys: bool = True, tps: float | None = None) -> Gateway:
    return Gateway(
        Dispatcher(MadeUpEngine(), NoStore()),
        principal_for=parse_keys(KEYS, "keys").get if keys else None,
        region=REGION,
        rate=TokenBuckets(tps) if tps else None,
    )


@dataclass
class Running:
    port: int
    endpoint: Endpoint
    log: io.StringIO = field(default_factory=io.StringIO)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.log.getvalue().splitlines()) if line["event"] == event]


@contextmanager
def running(
    config: ServerConfig | None = None, *, gateway: Gateway | None = None, ready: Callable[[], bool] = lambda: True
) -> Iterator[Running]:
    """The server as it is run, in a thread of this process."""
    app = build_app(gateway or make_gateway(), config, ready=ready)
    listener = bind("127.0.0.1", 0)
    said: list[str] = []
    server = make_server(app, announce=said.append)
    thread = threading.Thread(target=partial(server.run, sockets=[listener]))
    it = Running(listener.getsockname()[1], app.state.endpoint)
    handler = logging.StreamHandler(it.log)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("visavis")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    thread.start()
    try:
        until(lambda: bool(said))
        assert said == [f"visavis is listening on {it.url}"]
        yield it
    finally:
        server.should_exit = True
        thread.join(10)
        log.removeHandler(handler)
    assert not thread.is_alive()


def until(fact: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until `fact` holds."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as it:
        yield it


@cache
def session() -> boto3.session.Session:
    """One for all tests, since it reads the service model once."""
    return boto3.session.Session()


@contextmanager
def boto(url: str, key_id: str = "AKIDONE", retries: dict[str, Any] | None = None, **options: Any) -> Iterator[Any]:
    options = {"aws_secret_access_key": SECRETS.get(key_id, "unknown"), "region_name": REGION, **options}
    config = Config(retries=retries or {"total_max_attempts": 1}, read_timeout=20, max_pool_connections=1)
    client = session().client("rekognition", endpoint_url=url, aws_access_key_id=key_id, config=config, **options)
    try:
        yield client
    finally:
        client.close()


def compare_faces(client: Any, source: bytes = b"source", target: bytes = b"faces=2", **more: Any) -> Any:
    return client.compare_faces(SourceImage={"Bytes": source}, TargetImage={"Bytes": target}, **more)


def failure(client: Any, **images: bytes) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        compare_faces(client, **images)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def signed(
    url: str, body: bytes = BODY, headers: dict[str, str] | None = None, key_id: str = "AKIDONE"
) -> dict[str, str]:
    """The headers of a signed POST of `body`, with `headers` in place of the usual ones."""
    request = AWSRequest("POST", url, headers=dict(HEADERS if headers is None else headers), data=body)
    SigV4Auth(Credentials(key_id, SECRETS[key_id]), "rekognition", REGION).add_auth(request)
    return dict(request.headers.items())


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    method: str = "POST",
    path: str = "/",
    body: Any = None,
    headers: dict[str, str] | None = None,
    **how: Any,
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        return ask_on(connection, method, path, body, headers, **how)
    finally:
        connection.close()


def ask_on(
    connection: http.client.HTTPConnection,
    method: str = "POST",
    path: str = "/",
    body: Any = None,
    headers: dict[str, str] | None = None,
    **how: Any,
) -> Reply:
    connection.request(method, path, body, headers or {}, **how)
    response = connection.getresponse()
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def error_of(reply: Reply) -> str:
    assert reply.headers["content-type"] == JSON
    return str(reply.json["__type"])


@contextmanager
def process(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """This file run as a script: the process, and the URL that it says it listens on."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, __file__, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if not {"--no-auth", "--cli"}.isdisjoint(options):
                assert line == "no credentials file: every request is answered, whoever signed it\n"
                line = child.stdout.readline()
            heard = re.fullmatch(r"visavis is listening on (http://127\.0\.0\.1:[1-9]\d*)\n", line)
            assert heard, line
            yield child, heard[1]
        finally:
            child.kill()


def main(options: list[str]) -> None:
    if "--cli" in options:
        options.remove("--cli")
        with patch("visavis.runtime.open_engine", return_value=nullcontext(MadeUpEngine())):
            sys.exit(run_command(["serve", "--port", "0", *options]))
    grace = float(options[options.index("--grace") + 1]) if "--grace" in options else 30.0
    if "--descriptors" in options:
        import resource

        most = int(options[options.index("--descriptors") + 1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    app = build_app(make_gateway(keys="--no-auth" not in options))
    with log_to(sys.stderr):
        unfinished = serve(app, port=0, grace=grace, announce=partial(print, flush=True))
    if unfinished:
        sys.stdout.write("unfinished\n")
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
