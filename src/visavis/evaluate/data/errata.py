"""Known label errors of a data set, read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visavis.evaluate.data.csv_rows import read_rows
from visavis.evaluate.data.linking import lowest_linked

__all__ = ["NO_ERRATA", "Errata", "errata_or_none", "read_errata"]

_KINDS = ("image", "pair", "same")


@dataclass(frozen=True, slots=True)
class Errata:
    """Images and pairs to leave out, and names that belong to one person.

    Attributes:
        images: images that are left out of every comparison.
        pairs: pairs of images that are not compared, as (one, other), in either order.
        same: pairs of identities that are one person.

    Example:
        >>> Errata(same=(("Eve", "Eva"),)).merged_names()
        {'Eva': 'Eva', 'Eve': 'Eva'}
    """

    images: frozenset[str] = frozenset()
    pairs: tuple[tuple[str, str], ...] = ()
    same: tuple[tuple[str, str], ...] = ()

    def merged_names(self) -> dict[str, str]:
        """Map each name of a person who has several to the first of these names in alphabetical order."""
        names = sorted({name for pair in self.same for name in pair})
        if not names:
            return {}
        number = {name: i for i, name in enumerate(names)}
        links = np.array([[number[one], number[other]] for one, other in self.same], np.int32)
        lowest = lowest_linked(len(names), links[:, 0], links[:, 1])
        return {name: names[i] for name, i in zip(names, lowest.tolist(), strict=True)}


NO_ERRATA = Errata()


def errata_or_none(file: str | Path | None) -> Errata:
    """The errata of a file; `NO_ERRATA` without a file. The errors are those of `read_errata`."""
    return read_errata(Path(file)) if file else NO_ERRATA


def read_errata(file: Path) -> Errata:
    """Read a CSV file with the columns `what`, `first` and `second`. Further columns, such as a reason, are not read.

    Raises:
        InvalidRequest: the file cannot be read, or a line is none of the three kinds.

    Example:
        The file names the three kinds of errata in the column `what`:

            what,first,second,why
            image,Ann_0003.jpg,,shows two people
            pair,Ann_0001.jpg,Eve_0002.jpg,one image under two names
            same,Eve,Eva,one person
    """
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
    for row in read_rows(file, ("what", "first", "second")):
        what = row.required("what")
        if what not in _KINDS:
            raise row.wrong(f"`what` must be one of {', '.join(_KINDS)}, not {what!r}")
        if what == "image" and row["second"]:
            raise row.wrong("`second` must be empty where `what` is image; write pair to leave out one comparison")
        found[what].append((row.required("first"), "" if what == "image" else row.required("second")))
    return Errata(frozenset(first for first, _ in found["image"]), tuple(found["pair"]), tuple(found["same"]))
