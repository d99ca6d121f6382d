"""Measures the server: latency and throughput by boto3 and by raw HTTP, answers under load, and overhead."""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.images import PHOTOS, photo
from bench.results import save, table
from bench.timing import Times, interleaved
from visavis.compare_options import CompareOptions
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

CLIENTS, REQUESTS = 32, 2000

SECONDS = 15
"""The duration of each measurement of throughput."""


def run(data: Path | None) -> None:
    del data
    alone = one_thread()
    with server("--queue", "64", "--queue-seconds", "120", "--attributes", "DEFAULT") as endpoint:
        loads = [measure_load(endpoint, clients, by) for by in ("raw HTTP", "boto3") for clients in (1, 2, 8, 32)]
    with server("--queue", str(CLIENTS), "--queue-seconds", "120") as endpoint:
        mixed, extra = load(endpoint), overhead(endpoint)
    print(f"one thread, no server: {alone:.1f} comparisons per second")
    head = {"by": "by", "clients": "clients", "per_second": "per second", "over_one": "/ one thread"}
    head |= {"p50": "p50 ms", "p95": "p95 ms", "p99": "p99 ms", "refused": "refused"}
    loads = [{**one, "over_one": one["per_second"] / alone} for one in loads]
    table(list(head.values()), [[one[key] for key in head] for one in loads])
    save("server", {"one_thread": alone, "concurrency": loads, "mixed": mixed, "overhead_ms": extra})


def one_thread() -> float:
    """Comparisons per second of an engine with one thread in this process, while the server is idle."""
    options = CompareOptions(detail=Detail.MINIMAL)
    a, b = photo("ardern_2018"), photo("ardern_2022")
    with open_engine(replace(Settings.from_env(), threads=1)) as engine:
        engine.compare(a, b, options)
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            engine.compare(a, b, options)
            done += 1
        return done / (time.perf_counter() - began)


def measure_load(endpoint: str, clients: int, by: str) -> dict[str, Any]:
    """Throughput and latency with `clients` clients that each send a request as soon as the last is answered."""
    images = {"SourceImage": photo("ardern_2018"), "TargetImage": photo("ardern_2022")}
    ask = raw_client if by == "raw HTTP" else boto3_client
    times: list[float] = []
    refused = 0
    until = time.perf_counter() + SECONDS

    def client(_: int) -> None:
        nonlocal refused
        once = ask(endpoint, images)
        once()
        while time.perf_counter() < until:
            began = time.perf_counter()
            if once():
                times.append(time.perf_counter() - began)
            else:
                refused += 1

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    took = time.perf_counter() - began
    taken = Times(tuple(times))
    return {
        "by": by, "clients": clients, "per_second": (len(times) + clients) / took, "refused": refused,
        "p50": taken.ms, "p95": taken.quantile(0.95), "p99": taken.quantile(0.99), "requests": len(times),
    }  # fmt: skip


def raw_client(endpoint: str, images: dict[str, bytes]) -> Callable[[], bool]:
    """A client that sends the same bytes repeatedly over one connection."""
    body = json.dumps({name: {"Bytes": b64encode(data).decode()} for name, data in images.items()}).encode()
    headers = {"X-Amz-Target": "RekognitionService.CompareFaces", "Content-Type": "application/x-amz-json-1.1"}
    connection = HTTPConnection(endpoint.removeprefix("http://"), timeout=300)

    def once() -> bool:
        connection.request("POST", "/", body, headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status == 200

    return once


def boto3_client(endpoint: str, images: dict[str, bytes]) -> Callable[[], bool]:
    params = {name: {"Bytes": data} for name, data in images.items()}
    client = client_of(endpoint)

    def once() -> bool:
        try:
            client.compare_faces(**params)
        except ClientError:
            return False
        return True

    return once


@contextmanager
def server(*options: str, log: Path | None = None) -> Iterator[str]:
    """The address of a server in a process of its own, which writes its log to the file `log`."""
    command = [sys.executable, "-m", "visavis", "serve", "--port", "0", *options]
    with Path(log or os.devnull).open("wb") as written:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=written, text=True)
    assert process.stdout is not None
    try:
        address = next(m[0] for line in process.stdout if (m := re.search(r"http://\S+", line)))
        yield address
    finally:
        process.terminate()
        print(f"the server stopped with {process.wait(60)}")


def process_of(endpoint: str) -> psutil.Process:
    """The process that listens at the address."""
    port = int(endpoint.rpartition(":")[2])
    pid = next(c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid)
    return psutil.Process(pid)


def client_of(endpoint: str) -> Any:
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, read_timeout=300)
    return boto3.client("rekognition", endpoint_url=endpoint, region_name="us-east-1", config=config)


def requests() -> list[dict[str, Any]]:
    """Valid requests with different people, and several kinds of invalid requests."""
    photos = {p.stem: p.read_bytes() for p in PHOTOS.glob("*.jpg")}
    pairs = [("obama", "sunak"), ("macron_2014", "macron_2014"), ("ardern_2018", "ardern_2022")]
    good = [{"SourceImage": {"Bytes": photos[a]}, "TargetImage": {"Bytes": photos[b]}} for a, b in pairs]
    bad: list[dict[str, Any]] = [
        {"SourceImage": {"Bytes": b"GIF89a" + bytes(100)}, "TargetImage": {"Bytes": photos["obama"]}},
        {"SourceImage": {}, "TargetImage": {"Bytes": b"x"}},
        {"SourceImage": {"Bytes": b"x"}, "TargetImage": {"Bytes": b"y"}, "SimilarityThreshold": 101},
        {"SourceImage": {"Bytes": photos["obama"][:50_000]}, "TargetImage": {"Bytes": photos["obama"]}},
    ]
    return good + bad


def answer(client: Any, request: dict[str, Any]) -> str:
    try:
        result = client.compare_faces(**request)
    except ClientError as error:
        result = dict(error.response)
    del result["ResponseMetadata"]
    return json.dumps(result, sort_keys=True)


def load(endpoint: str) -> dict[str, float]:
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
        f"{REQUESTS} requests by {CLIENTS} clients in {took:.0f} s: {outcome[True]} answers equal those without load, "
        f"{outcome[False]} do not; p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
    )
    return {"requests": REQUESTS, "clients": CLIENTS, "equal": outcome[True], "seconds": took,
            "p50": 1000 * p50, "p99": 1000 * p99}  # fmt: skip


def overhead(endpoint: str) -> dict[str, float]:
    """Milliseconds that a request takes longer than the comparison, for both kinds of client."""
    images = {"SourceImage": photo("ardern_2018"), "TargetImage": photo("ardern_2022")}
    with open_engine() as engine:
        ways: dict[str, Callable[[], object]] = {
            "Engine.compare": lambda: engine.compare(images["SourceImage"], images["TargetImage"]),
            "raw HTTP": raw_client(endpoint, images),
            "boto3": boto3_client(endpoint, images),
        }
        times = interleaved(ways, rounds=60, warm=5, seconds=90)
    direct = times.pop("Engine.compare")
    print(f"Engine.compare: median {direct.ms:.1f} ms")
    extra = {}
    for name, taken in times.items():
        extra[name] = 1000 * statistics.median(s - e for e, s in zip(direct.seconds, taken.seconds, strict=True))
        print(f"by {name}: median {taken.ms:.1f} ms, {extra[name]:.1f} more")
    return extra
