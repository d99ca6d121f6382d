"""The server under load: every answer equal to the answer given alone; and what the server adds to a comparison."""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from visavis.runtime import open_engine

PHOTOS = Path(__file__).parent.parent / "examples/photos"
CLIENTS, REQUESTS = 32, 2000


def run(data: Path | None) -> None:
    del data
    with server("--queue", str(CLIENTS), "--queue-seconds", "120") as endpoint:
        load(endpoint)
        overhead(endpoint)


@contextmanager
def server(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "visavis", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        address = next(m[0] for line in process.stdout if (m := re.search(r"http://\S+", line)))
        yield address
    finally:
        process.terminate()
        print(f"the server stopped with {process.wait(60)}")


def client_of(endpoint: str) -> Any:
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, read_timeout=300)
    return boto3.client("rekognition", endpoint_url=endpoint, region_name="us-east-1", config=config)


def requests() -> list[dict[str, Any]]:
    """Good ones of different people, and bad ones of several kinds."""
    photo = {p.stem: p.read_bytes() for p in PHOTOS.glob("*.jpg")}
    pairs = [("obama", "sunak"), ("macron_2014", "macron_2014"), ("ardern_2018", "ardern_2022")]
    good = [{"SourceImage": {"Bytes": photo[a]}, "TargetImage": {"Bytes": photo[b]}} for a, b in pairs]
    bad: list[dict[str, Any]] = [
        {"SourceImage": {"Bytes": b"GIF89a" + bytes(100)}, "TargetImage": {"Bytes": photo["obama"]}},
        {"SourceImage": {}, "TargetImage": {"Bytes": b"x"}},
        {"SourceImage": {"Bytes": b"x"}, "TargetImage": {"Bytes": b"y"}, "SimilarityThreshold": 101},
        {"SourceImage": {"Bytes": photo["obama"][:50_000]}, "TargetImage": {"Bytes": photo["obama"]}},
    ]
    return good + bad


def answer(client: Any, request: dict[str, Any]) -> str:
    try:
        result = client.compare_faces(**request)
    except ClientError as error:
        result = dict(error.response)
    del result["ResponseMetadata"]
    return json.dumps(result, sort_keys=True)


def load(endpoint: str) -> None:
    cases = requests()
    alone = [answer(client_of(endpoint), case) for case in cases]
    chance = random.Random(3)
    order = [chance.choices(range(len(cases)), [1, 2, 1, 2, 2, 2, 2])[0] for _ in range(REQUESTS)]
    clients = [client_of(endpoint) for _ in range(CLIENTS)]

    def one(number: int) -> tuple[bool, float]:
        began = time.perf_counter()
        given = answer(clients[number % CLIENTS], cases[order[number]])
        return given == alone[order[number]], time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        results = list(pool.map(one, range(REQUESTS)))
    took = time.perf_counter() - began
    outcome = Counter(same for same, _ in results)
    times = sorted(seconds for _, seconds in results)
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    print(
        f"{REQUESTS} requests by {CLIENTS} clients in {took:.0f} s: {outcome[True]} answers equal those given alone, "
        f"{outcome[False]} do not; p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
    )


def overhead(endpoint: str) -> None:
    source, target = (PHOTOS / name for name in ("ardern_2018.jpg", "ardern_2022.jpg"))
    a, b = source.read_bytes(), target.read_bytes()
    client = client_of(endpoint)
    with open_engine() as engine:
        ways: dict[str, Callable[[], object]] = {
            "Engine.compare": lambda: engine.compare(a, b),
            "boto3 to a local server": lambda: client.compare_faces(SourceImage={"Bytes": a}, TargetImage={"Bytes": b}),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(45):
            for name, way in ways.items():
                began = time.perf_counter()
                way()
                if turn >= 5:
                    times[name].append(1000 * (time.perf_counter() - began))
    for name, ms in times.items():
        print(
            f"{name}: median {statistics.median(ms):.1f} ms, pictures of {len(a) / 1e3:.0f} and {len(b) / 1e3:.0f} kB"
        )
    extra = [s - e for e, s in zip(times["Engine.compare"], times["boto3 to a local server"], strict=True)]
    print(f"the server adds a median of {statistics.median(extra):.1f} ms")
