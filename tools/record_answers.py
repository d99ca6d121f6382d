"""Record the responses of every interface to real photos, so that two states of the project can be compared.

    python -m tools.record_answers OUT.jsonl [--data FOLDER] [--lfw 200]
    diff before.jsonl after.jsonl

The file has one line for each door and pair. The doors are the in-process client, the server over HTTP, and `visavis
compare --json`. The threshold is 0, so that every face has a similarity. The pairs are those of the example photos.
With `--data` there are also pairs of one person of the scenes with every scene, and pairs of lfw-dev.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import visavis

PHOTOS = Path(__file__).parent.parent / "examples/photos"

Door = Callable[[Path, Path], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, help="a folder with scenes/ and lfw-dev/")
    parser.add_argument("--lfw", type=int, default=200, metavar="N", help="pairs of lfw-dev")
    args = parser.parse_args()
    pairs = list(chosen_pairs(args.data, args.lfw))
    with served() as url, args.out.open("w", encoding="utf-8") as out:
        unsigned = Config(signature_version=UNSIGNED)
        http = boto3.client("rekognition", endpoint_url=url, region_name="us-east-1", config=unsigned)
        doors: dict[str, Door] = {"client": through(visavis.client()), "http": through(http), "cli": by_command}
        for source, target in pairs:
            answers = {name: door(source, target) for name, door in doors.items()}
            for name, answer in answers.items():
                row = {"door": name, "source": source.name, "target": target.name, "answer": answer}
                out.write(json.dumps(row) + "\n")
            if len({json.dumps(answer) for answer in answers.values() if "Error" not in str(answer)}) > 1:
                print(f"the doors differ: {source.name} and {target.name}")
    print(f"{len(pairs)} pairs through {len(doors)} doors: {args.out}")


def chosen_pairs(data: Path | None, lfw: int) -> Iterator[tuple[Path, Path]]:
    yield from itertools.combinations(sorted(PHOTOS.glob("*.jpg")), 2)
    if data is None:
        return
    scenes = sorted((data / "scenes/images").glob("*.jpg"))
    yield from ((next(p for p in scenes if p.stem.endswith("_A")), scene) for scene in scenes)
    with (data / "lfw-dev/pairs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images = data / "lfw-dev/images"
    for row in rows[:: max(1, len(rows) // lfw)][:lfw]:
        yield images / row["source"], images / row["target"]


@contextmanager
def served() -> Iterator[str]:
    """Run a server in another process, and yield its address."""
    command = [sys.executable, "-u", "-m", "visavis", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
        finally:
            process.terminate()


def through(client: Any) -> Door:
    def door(source: Path, target: Path) -> object:
        images = {"SourceImage": {"Bytes": source.read_bytes()}, "TargetImage": {"Bytes": target.read_bytes()}}
        try:
            answer = client.compare_faces(**images, SimilarityThreshold=0)
        except ClientError as error:
            return error.response["Error"]["Code"]
        del answer["ResponseMetadata"]
        return answer

    return door


def by_command(source: Path, target: Path) -> object:
    command = [sys.executable, "-m", "visavis", "compare", "--json", "--threshold", "0", str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.stdout else f"Error {done.returncode}"


if __name__ == "__main__":
    main()
