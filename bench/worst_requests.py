"""Sends the requests that cost the most to a server: their time, how long others wait meanwhile, and memory."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image as Pil

from bench.images import photo
from bench.results import save, table
from bench.server import process_of, raw_client, server
from bench.worst import IMAGES as COSTLY

CALLERS = 6

LARGEST = 5_242_880  # bytes of an image in a request
BETWEEN = 0.1  # seconds between two requests of the caller who sends portraits


def flat(side: int, kind: str, mode: str) -> bytes:
    """A square image of one colour: a small file that claims many pixels."""
    buffer = io.BytesIO()
    Pil.new(mode, (side, side)).save(buffer, kind)
    return buffer.getvalue()


IMAGES: Mapping[str, Callable[[], bytes]] = {
    **{name: make for name, make in COSTLY.items() if "megapixels" not in name},
    "JPEG of 100 megapixels, one colour": partial(flat, 10_000, "JPEG", "RGB"),
    "PNG of 100 megapixels, a palette": partial(flat, 10_000, "PNG", "P"),
}
"""Those of `bench worst` that fit into a request, and images that are large although their files are small."""


def run(data: Path | None) -> None:
    del data
    made = {name: make() for name, make in IMAGES.items()}
    images = {name: image for name, image in made.items() if len(image) <= LARGEST}
    rows = []
    for name, image in images.items():
        rows.append([name, *measure([image], callers=1)])
        print(f"  {name}: {rows[-1][1:]}", flush=True)
    rows.append([f"all of them, {CALLERS} callers", *measure(list(images.values()), callers=CALLERS)])
    head = ["both images of a request", "s", "a portrait meanwhile, s", "longest s", "idle MB", "peak over idle MB"]
    table(head, rows)
    save("worst_requests", [dict(zip(head, row, strict=True)) for row in rows])


def measure(images: list[bytes], *, callers: int) -> list[float]:
    """The figures of a row: seconds of the slowest request, of the portraits beside them, and megabytes.

    Args:
        images: each is sent twice by each caller, as source and target.
        callers: how many send at once.
    """
    with server() as endpoint:
        portrait = raw_client(endpoint, {"SourceImage": photo("obama"), "TargetImage": photo("obama")})
        portrait()
        idle, ended, waits = memory(endpoint, "VmRSS"), threading.Event(), []

        def others() -> None:
            waits.append(seconds_of(portrait))
            while not ended.wait(BETWEEN):
                waits.append(seconds_of(portrait))

        def caller(start: int) -> float:
            order = 2 * (images[start:] + images[:start])
            asks = [raw_client(endpoint, dict.fromkeys(("SourceImage", "TargetImage"), image)) for image in order]
            return max(seconds_of(ask) for ask in asks)

        beside = threading.Thread(target=others)
        beside.start()
        with ThreadPoolExecutor(callers) as pool:
            slowest = max(pool.map(caller, range(callers)))
        ended.set()
        beside.join()
        peak = memory(endpoint, "VmHWM") - idle
    return [round(n, 2) for n in (slowest, sorted(waits)[len(waits) // 2], max(waits))] + [round(idle), round(peak)]


def seconds_of(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def memory(endpoint: str, field: str) -> float:
    """A field of the server's /proc/PID/status, in megabytes."""
    status = Path(f"/proc/{process_of(endpoint).pid}/status").read_text("utf-8")
    return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) / 1000
