"""Which images are compared with each other. Reads a labelled folder, of which every pair is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.data.csv_rows import Row, read_rows
from visavis.evaluate.data.errata import NO_ERRATA, Errata
from visavis.files import IMAGE_SUFFIXES

__all__ = [
    "Codes",
    "ComparisonProtocol",
    "Groups",
    "Labels",
    "Pairs",
    "build_protocol",
    "check_errata",
    "must_exist",
    "read_folder",
    "read_labels",
]

MOST_GROUPS = 20
"""The most values of a group column. A column with more values has names or numbers and not groups."""

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """A column of labels. Each of its values gets error rates.

    Attributes:
        values: the values of the column in alphabetical order; "" is an empty cell.
        codes: (n,) int32, the index into `values` of each image.
    """

    values: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """`m` pairs of images.

    Attributes:
        source: (m,) int32, index into the protocol's images.
        target: (m,) int32, index into the protocol's images.
        same: (m,) bool, both images show one person.
        fold: (m,) int32, the fold of each pair; None where the list has no folds.
    """

    source: Codes
    target: Codes
    same: NDArray[np.bool_]
    fold: Codes | None

    def __len__(self) -> int:
        return len(self.source)

    def among(self, images: NDArray[np.bool_]) -> Pairs:
        """The pairs that have both images in the selection `images`, (n,) bool."""
        both = images[self.source] & images[self.target]
        fold = None if self.fold is None else self.fold[both]
        return Pairs(self.source[both], self.target[both], self.same[both], fold)


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonProtocol:
    """`n` images, the identity of each, and which of them are compared.

    Attributes:
        name: the name of the data set, for the report.
        folder: the folder of the images.
        images: the paths of the images below `folder`, with forward slashes.
        identity: (n,) int32, index into `identities`.
        identities: the names of the people, in alphabetical order.
        groups: the group columns by name.
        left_out: (k, 2) int32, pairs of images that are not compared, smaller index first.
        pairs: the pairs that are compared; None: every image is compared with every other.
        inferred: identities were not given, so images that are linked by pairs of one person are one identity.
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
        """The files of the images, in the order of `images`."""
        return [self.folder / image for image in self.images]


def read_folder(folder: Path, *, groups: Sequence[str] = (), errata: Errata = NO_ERRATA) -> ComparisonProtocol:
    """Read a labelled folder, of which every pair is compared.

    Args:
        folder: either contains `images.csv` (columns image, identity, and any group columns) and the images, beside it
            or in `images/`; or contains one folder for each identity.
        groups: columns of `images.csv`. Each value of each column gets error rates too.
        errata: label errors to leave out.

    Raises:
        InvalidRequest: the folder is neither, a line is wrong, an image is missing, or there is one identity.

    Example:
        >>> protocol = read_folder(Path("examples/photos"))
        >>> len(protocol.images), protocol.identities
        (6, ('Ardern', 'Macron', 'Obama', 'Sunak'))
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is not a folder; name a folder of labelled images or a CSV file of pairs")
    if (folder / "images.csv").is_file():
        below = folder / "images" if (folder / "images").is_dir() else folder
        labels = read_labels(folder / "images.csv", groups=groups, below=below)
    else:
        if groups:
            raise InvalidRequest(f"groups by {groups[0]!r} need {folder / 'images.csv'} with that column")
        below, labels = folder, _labels_from_folders(folder)
    check_errata(errata, labels)
    return build_protocol(folder.resolve().name, below, labels, groups, errata)


Labels = dict[str, tuple[str, dict[str, str]]]
"""Maps an image to its identity and its values by group column."""


def read_labels(file: Path, *, groups: Sequence[str], below: Path | None) -> Labels:
    """Read images.csv.

    Args:
        file: a CSV file with the columns image and identity, and those of `groups`.
        groups: the group columns to read.
        below: the folder that must contain the images; None: this is not checked.

    Raises:
        InvalidRequest: a line is wrong, an image has two lines, or an image is missing.
    """
    labels: Labels = {}
    lines: dict[str, int] = {}
    for row in read_rows(file, ("image", "identity", *groups)):
        image = row.required("image")
        if image in lines:
            raise row.wrong(f"{image} is in line {lines[image]} already; list each image once")
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
        if path.suffix.lower() in IMAGE_SUFFIXES
    }


def must_exist(row: Row, below: Path, image: str) -> None:
    """Check that the image of a line exists in the folder `below`.

    Raises:
        InvalidRequest: it does not; the text names the line.
    """
    if not (below / image).is_file():
        raise row.wrong(f"{below / image} does not exist; images are looked for in {below}")


def build_protocol(
    name: str, folder: Path, labels: Labels, groups: Sequence[str], errata: Errata
) -> ComparisonProtocol:
    """A protocol that compares every pair of the images of `labels`, except for the errata.

    Args:
        name: the name of the data set.
        folder: the folder of the images.
        labels: the identity and the group values of each image.
        groups: the columns of `labels` to keep.
        errata: label errors to leave out.

    Raises:
        InvalidRequest: there are fewer than two identities, or a group column has too many values.
    """
    images = tuple(image for image in labels if image not in errata.images)
    merged = errata.merged_names()
    who = [merged.get(labels[image][0], labels[image][0]) for image in images]
    identities, identity = _coded(who)
    if len(identities) < 2:
        raise InvalidRequest(
            f"{folder} has {len(images)} images of {len(identities)} identities; error rates need at least two people, "
            "each with a folder of images below it, or with lines in images.csv"
        )
    number = {image: i for i, image in enumerate(images)}
    left_out = [sorted((number[a], number[b])) for a, b in errata.pairs if a in number and b in number]
    return ComparisonProtocol(
        name=name,
        folder=folder,
        images=images,
        identity=identity,
        identities=identities,
        groups={column: _grouped(column, [labels[image][1][column] for image in images]) for column in groups},
        left_out=np.array(left_out, np.int32).reshape(-1, 2),
    )


def check_errata(errata: Errata, labels: Labels) -> None:
    """Check that the errata name only images and identities of the data set.

    A name that is not in the set is probably misspelt, and the label error would stay in.


    Raises:
        InvalidRequest: an image or identity of the errata is not in the set.
    """
    people = {who for who, _ in labels.values()}
    for image in (*errata.images, *(name for pair in errata.pairs for name in pair)):
        if image not in labels:
            raise InvalidRequest(f"the errata name the image {image}, which is not in the data set")
    for name in (name for pair in errata.same for name in pair):
        if name not in people:
            raise InvalidRequest(f"the errata name the identity {name}, which is not in the data set")


def _grouped(column: str, cells: Sequence[str]) -> Groups:
    values, codes = _coded(cells)
    if len(values) > MOST_GROUPS:
        raise InvalidRequest(
            f"the column {column!r} has {len(values)} values; group columns have at most {MOST_GROUPS}"
        )
    return Groups(values, codes)


def _coded(words: Iterable[str]) -> tuple[tuple[str, ...], Codes]:
    words = list(words)
    values = sorted(set(words))
    number = {value: i for i, value in enumerate(values)}
    return tuple(values), np.array([number[word] for word in words], np.int32)
