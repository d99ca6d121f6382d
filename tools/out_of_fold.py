"""Embed every image with an embedder that never saw the person, for `visavis evaluate` and `visavis calibrate`.

    python -m tools.out_of_fold DATA --students FOLDER --out FILE [--accuracy high]
    visavis calibrate DATA/lfw-dev --resume FILE ...

FILE has the format of `--resume`, and claims to be made by the embedder that ships, whose rates on new people it
estimates. It contains personal data; delete it afterwards.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.students import Students
from tools.fitting import data_parser, parse_data

from visavis.engine import Engine
from visavis.evaluate.data.checkpoint import EmbeddingCheckpoint
from visavis.evaluate.data.embeddings import acquire, made_by
from visavis.settings import ACCURACIES, Settings


def main(words: Sequence[str] | None = None) -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--students", type=Path, required=True, help="a folder as bench.students reads it")
    parser.add_argument("--out", type=Path, required=True, help="the file, which is made or continued")
    parser.add_argument("--accuracy", choices=ACCURACIES, default="standard")
    given: argparse.Namespace = parse_data(parser, words)
    settings = replace(Settings.from_env(), accuracy=given.accuracy)
    students = Students(given.students, settings)
    with (given.data / "lfw-dev/images.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    with EmbeddingCheckpoint(given.out, made_by(settings)) as checkpoint:
        for stages in students.analyzers:
            own = [row["image"] for row in rows if students[row["identity"]] is stages]
            paths = [given.data / "lfw-dev/images" / image for image in own]
            engine = Engine(stages, None, threads=settings.threads)
            acquire(engine, paths, checkpoint=checkpoint)
    print(f"{len(checkpoint.done)} images in {given.out}")


if __name__ == "__main__":
    main()
