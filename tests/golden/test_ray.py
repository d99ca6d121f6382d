"""On a Ray cluster: the rows and responses of one machine, whatever dies."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import visavis
from tests.conftest import PHOTOS, posix
from tests.hostile.commands import free_port
from visavis.batch import Row, RowResult, compare_rows
from visavis.batch.comparing import Read, compare_analyzed_rows, read_path
from visavis.cli import main
from visavis.compare_options import CompareOptions
from visavis.engine import Engine
from visavis.errors import SettingsError
from visavis.face import Detail
from visavis.runtime import open_calibration
from visavis.scale.ray import app, options_of
from visavis.scale.ray_batch import analyzing_on_ray, connect, import_ray
from visavis.settings import Settings

pytest.importorskip("ray", reason="the extra `ray` is not installed")

# Ray's own code warns, and so do the libraries that it imports.
pytestmark = [posix, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PORT = free_port()
KEYS = """
[[keys]]
access_key_id = "AKIAWORKS"
secret_access_key = "works"
[[keys]]
access_key_id = "AKIADENIED"
secret_access_key = "denied"
policy = [{ Effect = "Allow", Action = "rekognition:DetectFaces", Resource = "*" }]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster on this machine. Its workers import the tests, too."""
    ray = import_ray()
    with pytest.MonkeyPatch.context() as patch:
        # Not in `runtime_env`, because Ray then has no use for the workers that it starts ahead.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
        start(ray, attempts=3)
        yield ray
        ray.shutdown()


def start(ray: Any, attempts: int) -> None:
    """Start a cluster. Ray gives its processes 30 seconds for that, which a busy machine may miss."""
    try:
        ray.init("local", num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except Exception:
        ray.shutdown()
        gc.collect()  # the processes that it leaves warn here, and not in another file's test
        if attempts == 1:
            raise
        start(ray, attempts - 1)


ROWS = [
    Row(f"{one.stem} {other.stem}", str(one), str(other))
    for one in sorted(PHOTOS.glob("*.jpg"))
    for other in [*sorted(PHOTOS.glob("*.jpg")), PHOTOS / "none.jpg"]
]
RELATIVE = [Row("relative", "obama.jpg", "sunak.jpg"), Row("relative, none", "obama.jpg", "none.jpg")]
"""Paths are relative to where a batch is started, and not to where the actors are."""


def members(results: Iterator[RowResult]) -> list[dict[str, object]]:
    return [result.members() for result in results]


def on_ray(open_read: Callable[[], Read], rows: Sequence[Row]) -> list[dict[str, object]]:
    settings, options = Settings.from_env(), CompareOptions(90)
    with analyzing_on_ray(settings, open_read, Detail.MINIMAL) as analyze:
        similarity = open_calibration(settings).similarity
        return members(compare_analyzed_rows(rows, analyze, options, similarity, window=20))


def open_fatal(folder: Path) -> Read:
    """Reads photos, and kills its actor at the third one, once."""
    counted = Counter[str]()

    def read(location: str) -> bytes:
        counted["read"] += 1
        if counted["read"] == 3 and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return read_path(location)

    return read


def test_the_command_writes_the_rows_of_one_machine(cluster: Any, tmp_path: Path) -> None:
    del cluster
    pairs = ["batch", "--sources", str(PHOTOS), "--targets", str(PHOTOS / "obama.jpg")]
    assert main([*pairs, "-o", str(tmp_path / "local.jsonl")]) == 0
    assert main([*pairs, "-o", str(tmp_path / "ray.jsonl"), "--ray"]) == 0
    assert (tmp_path / "ray.jsonl").read_bytes() == (tmp_path / "local.jsonl").read_bytes()


def test_rows_are_those_of_one_machine_even_if_an_actor_is_killed(
    cluster: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del cluster
    monkeypatch.chdir(PHOTOS)
    rows = [*RELATIVE, *ROWS]
    found = on_ray(partial(open_fatal, tmp_path), rows)
    assert found == members(compare_rows(rows, engine, CompareOptions(90)))
    assert "similarity" in found[0]
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "[::1]:9"])
def test_an_address_without_a_cluster_is_an_error_at_once(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(SettingsError, match=re.escape(f"no Ray cluster answers at {address}: ")):
        connect(import_ray(), address)
    assert time.monotonic() - began < 15


@pytest.fixture(scope="module")
def served(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], None]]:
    """A server on the cluster; the value deploys it again."""
    from ray import serve

    del cluster
    keys = tmp_path_factory.mktemp("keys") / "keys.toml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    args: dict[str, Any] = {"credentials": str(keys), "bucket": {"photos": str(PHOTOS)}, "attributes": "DEFAULT"}
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})

    def deploy() -> None:
        args["queue"] = 31 + args.get("queue", 0)
        serve.run(app(args), name="visavis", route_prefix="/")

    deploy()
    yield deploy
    serve.shutdown()


def client(key: str = "AKIAWORKS", secret: str = "works") -> Any:
    return boto3.client(
        "rekognition", endpoint_url=f"http://127.0.0.1:{PORT}", region_name="us-east-1", aws_access_key_id=key,
        aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
    )  # fmt: skip


def ask(it: Any, source: str = "obama", target: str = "sunak") -> Any:
    response = it.compare_faces(
        SourceImage={"S3Object": {"Bucket": "photos", "Name": f"{source}.jpg"}},
        TargetImage={"Bytes": (PHOTOS / f"{target}.jpg").read_bytes()},
        SimilarityThreshold=0,
    )
    del response["ResponseMetadata"]
    return response


def failure(it: Any, **images: Any) -> str:
    with pytest.raises(ClientError) as caught:
        it.compare_faces(**images) if images else ask(it)
    return str(caught.value.response["Error"]["Code"])


def test_boto3_gets_the_responses_of_one_machine(served: object) -> None:
    del served
    alone = visavis.client(objects=visavis.FolderStore({"photos": PHOTOS}), attributes="DEFAULT")
    for source, target in (("obama", "sunak"), ("ardern_2018", "ardern_2022")):
        assert json.dumps(ask(client(), source, target)) == json.dumps(ask(alone, source, target))
    assert failure(client(), SourceImage={"Bytes": b"x"}, TargetImage={"Bytes": b"y"}) == "InvalidImageFormatException"


def test_a_response_has_the_headers_of_one_machine(served: object) -> None:
    del served
    images = {"SourceImage": {"Bytes": b"x"}, "TargetImage": {"Bytes": b"y"}}
    with pytest.raises(ClientError) as caught:
        client().compare_faces(**images)
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert parsedate_to_datetime(headers["date"]).tzinfo is not None
    assert len(headers["date"]) == len("Thu, 26 Nov 2026 15:01:17 GMT")


def test_signatures_and_policies_are_checked(served: object) -> None:
    del served
    assert failure(client(secret="wrong")) == "InvalidSignatureException"
    assert failure(client(key="AKIANOBODY")) == "UnrecognizedClientException"
    assert failure(client("AKIADENIED", "denied")) == "AccessDeniedException"


def test_thirty_two_clients_at_once_get_their_own_responses(served: object) -> None:
    del served
    pairs = [("obama", "sunak"), ("ardern_2018", "ardern_2022"), ("sunak", "obama"), ("macron_2014", "obama")]
    expected = [ask(client(), *pair) for pair in pairs]
    clients = [client() for _ in range(32)]

    def one(number: int) -> bool:
        return bool(ask(clients[number % 32], *pairs[number % 4]) == expected[number % 4])

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(one, range(64)))


def test_a_new_version_takes_over_without_losing_a_request(served: Callable[[], None]) -> None:
    expected, stop, outcomes = ask(client()), threading.Event(), Counter[str]()

    def call() -> None:
        it = client()
        while not stop.is_set():
            try:
                outcomes["right" if ask(it) == expected else "wrong"] += 1
            except Exception as error:  # noqa: BLE001 - any is a lost request
                outcomes[repr(error)] += 1

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    served()
    seen = outcomes["right"]
    while outcomes["right"] < seen + 20 and outcomes.total() == outcomes["right"]:
        time.sleep(0.1)
    stop.set()
    for caller in callers:
        caller.join()
    assert set(outcomes) == {"right"}


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"threads": 2}, "there is no argument threads"),
        ({"attributes": "SOME"}, "attributes must be one of DEFAULT, ALL"),
        ({"queue": -1}, "waiting, least_rate and slow_bodies must not be negative"),
        ({"prefix": "api"}, "prefix"),
    ],
)
def test_arguments_are_checked_before_anything_is_deployed(args: dict[str, Any], text: str) -> None:
    with pytest.raises(visavis.VisavisError, match=text):
        options_of(args)
