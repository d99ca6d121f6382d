"""What is compared with what; and reading a labelled folder, of which every pair is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.errata import NO_ERRATA, Errata
from visavis.evaluate.table import Row, read_rows

__all__ = [
    "Codes",
    "Groups",
    "Labels",
    "Pairs",
    "Protocol",
    "check_errata",
    "labelled",
    "must_exist",
    "read_folder",
    "read_labels",
]

PICTURES = {".jpg", ".jpeg", ".png"}
MOST_GROUPS = 20
"""Values of a group column; beyond it, it is a name or a number rather than a group."""

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """A column by which figures are told apart.

    values: what it holds, in alphabetical order; "" where it is empty
    codes:  (n,) int32, index into `values`, one an image
    """

    values: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """`m` pairs.

    source, target: (m,) int32, index into the protocol's images
    same:           (m,) bool, one person
    fold:           (m,) int32, or None where the file has no folds
    """

    source: Codes
    target: Codes
    same: NDArray[np.bool_]
    fold: Codes | None

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """`n` images and who is on them.

    name:       of the data set, for the report
    folder:     where the images lie
    images:     paths below `folder`, with forward slashes
    identity:   (n,) int32, index into `identities`
    groups:     by column
    left_out:   (k, 2) int32, pairs of images that are not compared, smaller index first
    pairs:      None: every image with every other
    inferred:   identities were not given but inferred: images of a pair of one person are one identity
    """

    name: str
    folder: Path
    images: tuple[str, ...]
    identity: Codes
    identities: tuple[str, ...]
    groups: Mapping[str, Groups]
    left_out: Codes
    pairs: Pairs | None = None
    inferred: bool = False

    def paths(self) -> list[Path]:
        return [self.folder / image for image in self.images]


def read_folder(folder: Path, *, groups: Sequence[str] = (), errata: Errata = NO_ERRATA) -> Protocol:
    """Every pair of a labelled folder.

    The folder holds `images.csv` (columns image, identity and any to group by) beside `images/`, or a folder for each
    identity.

    Args:
        groups: columns of images.csv to tell figures apart by.

    Raises:
        InvalidRequest: the folder is neither, a line is wrong, an image is not there, or there are not two identities.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is not a folder; name a folder of labelled pictures or a CSV file of pairs")
    if (folder / "images.csv").is_file():
        below = folder / "images" if (folder / "images").is_dir() else folder
        labels = read_labels(folder / "images.csv", groups=groups, below=below)
    else:
        if groups:
            raise InvalidRequest(f"figures by {groups[0]!r} need {folder / 'images.csv'} with that column")
        below, labels = folder, _labels_from_folders(folder)
    check_errata(errata, labels)
    return labelled(folder.resolve().name, below, labels, groups, errata)


Labels = dict[str, tuple[str, dict[str, str]]]
"""Image -> (identity, {group column: value})."""


def read_labels(file: Path, *, groups: Sequence[str], below: Path | None) -> Labels:
    """Read images.csv.

    Args:
        below: where the images must be; None: not looked for.
    """
    labels: Labels = {}
    lines: dict[str, int] = {}
    for row in read_rows(file, ("image", "identity", *groups)):
        image = row.required("image")
        if image in lines:
            raise row.wrong(f"{image} stands in line {lines[image]} already; an image has one line")
        lines[image] = row.line
        if below is not None:
            must_exist(row, below, image)
        labels[image] = (row.required("identity"), {column: row[column] for column in groups})
    return labels


def _labels_from_folders(folder: Path) -> Labels:
    return {
        path.relative_to(folder).as_posix(): (person.name, {})
        for person in sorted(p for p in folder.iterdir() if p.is_dir())
        for path in sorted(person.rglob("*"))
        if path.suffix.lower() in PICTURES
    }


def must_exist(row: Row, below: Path, image: str) -> None:
    """Refuse a line whose image is not there."""
    if not (below / image).is_file():
        raise row.wrong(f"{below / image} is not there; images are looked for in {below}")


def labelled(name: str, folder: Path, labels: Labels, groups: Sequence[str], errata: Errata) -> Protocol:
    """The images of `labels` less the errata, every pair of them."""
    images = tuple(image for image in labels if image not in errata.images)
    who = [errata.name_of(labels[image][0]) if errata.same else labels[image][0] for image in images]
    identities, identity = _coded(who)
    if len(identities) < 2:
        raise InvalidRequest(
            f"{folder} has {len(images)} images of {len(identities)} identities; error rates need at least two people"
        )
    number = {image: i for i, image in enumerate(images)}
    left_out = [sorted((number[a], number[b])) for a, b in errata.pairs if a in number and b in number]
    return Protocol(
        name=name,
        folder=folder,
        images=images,
        identity=identity,
        identities=identities,
        groups={column: _grouped(column, [labels[image][1][column] for image in images]) for column in groups},
        left_out=np.array(left_out, np.int32).reshape(-1, 2),
    )


def check_errata(errata: Errata, labels: Labels) -> None:
    """Refuse a name that is not in the set: it is a slip of the pen, and the error it was to mend would stay."""
    people = {who for who, _ in labels.values()}
    for image in (*errata.images, *(name for pair in errata.pairs for name in pair)):
        if image not in labels:
            raise InvalidRequest(f"the errata name the image {image}, which the set does not hold")
    for name in (name for pair in errata.same for name in pair):
        if name not in people:
            raise InvalidRequest(f"the errata name the identity {name}, which the set does not hold")


def _grouped(column: str, cells: Sequence[str]) -> Groups:
    values, codes = _coded(cells)
    if len(values) > MOST_GROUPS:
        raise InvalidRequest(f"the column {column!r} has {len(values)} values; a group has at most {MOST_GROUPS}")
    return Groups(values, codes)


def _coded(words: Iterable[str]) -> tuple[tuple[str, ...], Codes]:
    words = list(words)
    values = sorted(set(words))
    number = {value: i for i, value in enumerate(values)}
    return tuple(values), np.array([number[word] for word in words], np.int32)
