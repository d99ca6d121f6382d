"""Measures how many images a second `Engine.analyze_many` analyses, with one thread and with two."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.images import PHOTOS, group
from bench.results import save, table
from bench.timing import interleaved, ratio
from visavis.engine import Engine
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

REPEATED = 5


def run(data: Path | None) -> None:
    del data
    portraits = [path.read_bytes() for path in sorted(PHOTOS.glob("*.jpg"))] * REPEATED
    kinds = {"portraits": portraits, "portraits and groups of 5": portraits[: len(portraits) // 2] + [group(5)] * 5}
    rows, figures = [], []
    with ExitStack() as stack:
        engines = {n: stack.enter_context(open_engine(replace(Settings.from_env(), threads=n))) for n in (1, 2)}
        for kind, images in kinds.items():
            for detail in Detail:
                ways = {n: partial(analysed, engine, images, detail) for n, engine in engines.items()}
                times = interleaved({str(n): way for n, way in ways.items()}, rounds=9, seconds=60, warm=1)
                gain = ratio(times["1"], times["2"])
                per_second = {way: 1000 * len(images) / each.ms for way, each in times.items()}
                rows.append([f"{kind}, {detail.value}", per_second["1"], per_second["2"], gain])
                figures.append({"images": kind, "detail": detail.value, "per_second": per_second, "two_over_one": gain})
    table(["images a second", "one thread", "two threads", "two / one"], rows)
    save("stream", figures)


def analysed(engine: Engine, images: list[bytes], detail: Detail) -> None:
    for found in engine.analyze_many(images, detail=detail):
        assert not isinstance(found, Exception), found
