"""Measures `visavis batch` on FOLDER/lfw-dev: time against that of the analyses, memory, and that no row is lost."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from bench.results import save
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.scale.ray_batch import import_ray

IMAGES, PAIRS = 500, 20_000
MANY_IMAGES, MANY_PAIRS = 2_000, 2_000_000
KILLS = 10


def run(data: Path | None) -> None:
    assert data is not None
    images = sorted((data / "lfw-dev/images").glob("*.jpg"))
    figures: dict[str, object] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        manifest = folder / "pairs.csv"
        write_csv(manifest, images[:IMAGES], PAIRS)
        alone = analysis(images[:IMAGES])
        whole = batch(manifest, folder / "whole.jsonl")
        figures["analysis_seconds"], figures["pairs"] = alone, whole.as_json()
        print(f"{IMAGES} images analysed: {alone:.1f} s")
        print(f"{PAIRS:,} pairs over them: {whole.seconds:.1f} s, {whole.seconds / alone:.2f} of it; {whole}")
        check(folder / "whole.jsonl", PAIRS)

        figures["kills"] = kills(manifest, folder / "killed.jsonl", whole.seconds)
        check(folder / "killed.jsonl", PAIRS)
        same = (folder / "killed.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()
        print(f"after {KILLS} kills at random moments every row is there once, and the file is the same: {same}")

        figures["ray"] = on_ray(manifest, folder, whole.seconds)

        large = folder / "large.parquet"
        write_parquet(large, images[:MANY_IMAGES], MANY_PAIRS)
        many = batch(large, folder / "large-out.parquet")
        rows = pq.read_metadata(folder / "large-out.parquet").num_rows
        figures["many"] = many.as_json()
        print(f"{rows:,} of {MANY_PAIRS:,} rows over {MANY_IMAGES:,} images, by Parquet, in {many.seconds:.0f} s")
        print(f"{rows / many.seconds:,.0f} rows a second; {many}")
    save("batch", figures)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds, and resident memory in MB, each second."""

    seconds: float
    memory: tuple[float, ...]

    def __str__(self) -> str:
        parts = [self.memory[int(q * (len(self.memory) - 1))] for q in (0.25, 0.5, 0.75)]
        return (
            f"memory {', '.join(f'{part:.0f}' for part in parts)} MB at the quarters, at most {max(self.memory):.0f} MB"
        )

    def as_json(self) -> dict[str, object]:
        return {"seconds": self.seconds, "most_mb": max(self.memory)}


def write_csv(path: Path, images: list[Path], pairs: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "target"])
        writer.writerows(drawn(images, pairs))


def write_parquet(path: Path, images: list[Path], pairs: int) -> None:
    sources, targets = zip(*drawn(images, pairs), strict=True)
    pq.write_table(
        pa.table({"source": pa.array(sources).dictionary_encode().cast(pa.string()), "target": targets}), path
    )


def drawn(images: list[Path], pairs: int) -> Iterator[tuple[str, str]]:
    chance = random.Random(1)
    for _ in range(pairs):
        yield str(chance.choice(images)), str(chance.choice(images))


def analysis(images: list[Path]) -> float:
    """Seconds to open an engine and analyse the images."""
    began = time.perf_counter()
    with open_engine() as engine:
        for _ in engine.analyze_many(images, detail=Detail.MINIMAL):
            pass
    return time.perf_counter() - began


def start(manifest: Path, out: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "visavis", "batch", str(manifest), "-o", str(out), *words]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def batch(manifest: Path, out: Path, *words: str) -> Measured:
    began, memory = time.perf_counter(), []
    process = start(manifest, out, *words)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        memory.append(watched.memory_info().rss / 1e6)
        time.sleep(0.2)
    assert process.returncode == 0
    return Measured(time.perf_counter() - began, tuple(memory))


def on_ray(manifest: Path, folder: Path, local: float) -> dict[str, float]:
    """Seconds of the same batch on a cluster of two workers, which it starts, and which runs already."""
    ray = import_ray()
    taken = {}
    for name, words in (("started", ("--ray",)), ("running", ("--ray-address", "auto"))):
        if name == "running":
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        out = folder / f"ray-{name}.jsonl"
        taken[name] = batch(manifest, out, *words).seconds
        same = out.read_bytes() == (folder / "whole.jsonl").read_bytes()
        print(
            f"on a Ray cluster ({name}): {taken[name]:.1f} s, throughput {local / taken[name]:.2f}, same rows: {same}"
        )
    ray.shutdown()
    return taken


def kills(manifest: Path, out: Path, seconds: float) -> list[float]:
    """Kill runs at random moments, and let the last one end."""
    chance = random.Random(2)
    moments = []
    for _ in range(KILLS):
        process = start(manifest, out)
        moments.append(chance.uniform(0, seconds / 2))
        try:
            process.wait(moments[-1])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if out.exists() and not out.with_name(out.name + ".parts").exists():
            break
    else:
        with start(manifest, out) as process:
            assert process.wait() == 0
    return moments


def check(out: Path, rows: int) -> None:
    ids = [json.loads(line)["id"] for line in out.open()]
    assert ids == [str(i + 1) for i in range(rows)], "a row is missing or doubled"
