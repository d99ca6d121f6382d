"""The common parts of tools that fit numbers: the data folder, bootstrap intervals, the report and the file.

A tool reads labelled images, fits the numbers of one file in the package, and prints the shipped and the new numbers.
It writes the file only with `--write`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.files import writing_atomically
from visavis.models.store import ModelStore
from visavis.runtime import open_store
from visavis.settings import Settings

__all__ = [
    "Arguments",
    "Labelled",
    "Refit",
    "as_text",
    "bootstrap",
    "data_parser",
    "identities",
    "labelled",
    "parse",
    "parse_data",
    "refits",
    "report",
    "stored",
    "write",
]

Floats = NDArray[np.float64]

PACKAGE = Path(__file__).parent.parent / "src/visavis"
REPLICATES = 200


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments that every tool has.

    Attributes:
        data: the folder with `lfw-dev/`, `scenes/` and `recorded/`.
        images: the largest number of images of lfw-dev.
        write: whether to write the file in the package.
        cache: a file that stores the measurements on the images, so that a second run is fast.
        students: a folder of embedders that were trained without some of the people (`bench.students`), with which each
            person is measured; None to measure with the embedder that ships.
    """

    data: Path
    images: int
    write: bool
    cache: Path | None
    students: Path | None = None


def parse(description: str | None, words: Sequence[str] | None = None, *, images: int = 600) -> Arguments:
    """Parse the arguments of a tool.

    Args:
        description: the description of the tool in `--help`.
        words: the arguments; by default those of the command line.
        images: the default of `--images`.
    """
    parser = data_parser(description)
    parser.add_argument(
        "--images", type=int, default=images, help=f"the largest number of images of lfw-dev (default: {images})"
    )
    parser.add_argument("--cache", type=Path, help="a file (.npz) that keeps the measurements for the next run")
    parser.add_argument(
        "--students",
        type=Path,
        help="folder of embedders that were trained without some of the people (bench.students)",
    )
    given = parse_data(parser, words)
    return Arguments(given.data, given.images, given.write, given.cache, given.students)


def data_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the arguments that every tool has: the data folder and `--write`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "data",
        nargs="?",
        type=Path,
        default=os.environ.get("VISAVIS_DATA"),
        help="folder with lfw-dev/, scenes/ and recorded/ (default: VISAVIS_DATA)",
    )
    parser.add_argument("--write", action="store_true", help="write the numbers into the package")
    return parser


def parse_data(parser: argparse.ArgumentParser, words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse with a parser made by `data_parser`. `data` of the result is an existing folder.

    Args:
        parser: with further arguments of the tool.
        words: the arguments; by default those of the command line.
    """
    given = parser.parse_args(words)
    if given.data is None:
        parser.error("name a data folder, or set VISAVIS_DATA")
    given.data = Path(given.data)
    if not given.data.is_dir():
        parser.error(f"data must be a folder, not {given.data}")
    return given


@dataclass(frozen=True, slots=True)
class Labelled:
    """An image of lfw-dev.

    Attributes:
        file: the path.
        identity: the name of the person.
        sex: the label of sex, which is used only to group impostors.
    """

    file: Path
    identity: str
    sex: str


def labelled(data: Path, most: int, *, several: bool = False, seed: int = 1) -> list[Labelled]:
    """Draw a sample of lfw-dev: all images of people in random order.

    Args:
        data: the folder with `lfw-dev/`.
        most: the largest number of images.
        several: whether to use only people with more than one image.
        seed: the seed of the order.
    """
    folder = data / "lfw-dev"
    people: dict[str, list[Labelled]] = {}
    with (folder / "images.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            one = Labelled(folder / "images" / row["image"], row["identity"], row["sex"])
            people.setdefault(one.identity, []).append(one)
    names = [name for name, images in sorted(people.items()) if len(images) > several]
    chosen: list[Labelled] = []
    for i in np.random.default_rng(seed).permutation(len(names)):
        if len(chosen) + len(people[names[i]]) <= most:
            chosen += people[names[i]]
    return chosen


def identities(data: Path) -> dict[str, str]:
    """The name of the person in each image of lfw-dev, by the name of the image's file.

    Args:
        data: the folder with `lfw-dev/`.
    """
    return {image.file.name: image.identity for image in labelled(data, sys.maxsize)}


def bootstrap(
    groups: Sequence[object] | NDArray[Any],
    fit: Callable[[NDArray[np.intp]], Sequence[float]],
    *,
    replicates: int = REPLICATES,
    seed: int = 1,
) -> Floats:
    """Compute the 95 % bootstrap interval of a fit, with whole groups drawn with replacement.

    Args:
        groups: (n,) the person, or the image, of each row. With a unique value for each row, single rows are drawn.
        fit: maps the indices of rows, with repetition, to k numbers.
        replicates: the number of fits.
        seed: the seed of the draws.

    Returns:
        (2, k), the 2.5 % and 97.5 % quantiles.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    rng = np.random.default_rng(seed)
    fits = [
        fit(np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]))
        for _ in range(replicates)
    ]
    return np.quantile(np.asarray(fits, np.float64), [0.025, 0.975], axis=0)


@dataclass(frozen=True, slots=True)
class Refit:
    """A shipped number, its new fit, and the bootstrap interval of the new fit."""

    name: str
    shipped: float
    fitted: float
    low: float
    high: float

    @property
    def reproduced(self) -> bool:
        """Whether the shipped number is in the interval."""
        return self.low <= self.shipped <= self.high


def report(refits: Sequence[Refit], effects: Mapping[str, str]) -> str:
    """Return the table that a tool prints.

    Args:
        refits: the numbers, one in each line.
        effects: what the new numbers change, and by how much.
    """
    lines = [f"{'number':28}{'shipped':>10}{'fitted':>10}   95 % interval       shipped is in it"]
    for r in refits:
        interval = f"{r.low:9.4f} to {r.high:9.4f}   {'yes' if r.reproduced else 'NO'}"
        lines.append(f"{r.name:28}{r.shipped:10.4f}{r.fitted:10.4f}   {interval}")
    lines += [f"{what}: {how}" for what, how in effects.items()]
    return "\n".join(lines)


def refits(shipped: Mapping[str, float], fitted: Sequence[float], interval: Floats) -> list[Refit]:
    """Make refits from shipped numbers by name, new ones in the same order, and the result (2, k) of `bootstrap`."""
    rows = zip(shipped.items(), fitted, interval.T, strict=True)
    return [Refit(name, old, float(new), float(low), float(high)) for (name, old), new, (low, high) in rows]


def stored(name: str) -> dict[str, Any]:
    """Read the file `name` of fitted numbers in the package."""
    text = (PACKAGE / name).read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def write(
    name: str,
    numbers: Mapping[str, object],
    *,
    origin: str,
    data: Mapping[str, object],
    networks: Sequence[str],
    tool: str,
    package: Path = PACKAGE,
) -> None:
    """Write a file of fitted numbers with today's date and the SHA-256 of the networks in the manifest.

    Args:
        name: the name of the file in the package.
        numbers: the fitted numbers.
        origin: a description of the fit.
        data: the data set and the number of faces.
        networks: the names of networks in the manifest.
        tool: the command that fits the numbers.
        package: the folder to write to.
    """
    content = {
        "numbers": dict(numbers),
        "origin": origin,
        "data": dict(data),
        "date": datetime.now(UTC).date().isoformat(),
        "networks": hashes(networks, open_store(Settings.from_env())),
        "tool": tool,
    }
    with writing_atomically(package / name) as temporary:
        temporary.write_text(as_text(content), "utf-8")
    print(f"wrote {package / name}; run the tests and python -m tools.pin_faces")


def hashes(networks: Sequence[str], store: ModelStore) -> dict[str, str]:
    """The SHA-256 that identifies each network, by name."""
    return {name: store.manifest.models[name].network_sha256 for name in networks}


def as_text(content: Mapping[str, object]) -> str:
    """Format JSON with one entry in each line down to the third level. Deeper values are not broken into lines."""
    return "{\n" + ",\n".join(_members(content)) + "\n}\n"


def _members(content: Mapping[str, object]) -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            inner = ",\n".join(f"  {json.dumps(key)}: {_deep(item)}" for key, item in value.items())
            yield f" {json.dumps(name)}: {{\n{inner}\n }}"
        else:
            yield f" {json.dumps(name)}: {json.dumps(value)}"


def _deep(value: object) -> str:
    """A nested object with one entry in each line, or any other value in one line."""
    if not isinstance(value, Mapping):
        return json.dumps(value)
    return "{\n" + ",\n".join(f"   {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()) + "\n  }"
