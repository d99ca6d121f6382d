"""What is known to be wrong with a data set, said in a file rather than in code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from visavis.evaluate.table import read_rows

__all__ = ["NO_ERRATA", "Errata", "read_errata"]

_KINDS = ("image", "pair", "same")


@dataclass(frozen=True, slots=True)
class Errata:
    """What to leave out, and who is one person under two names.

    images: left out wholly
    pairs:  not compared with each other; each as (one, other), in either order
    same:   identities that are one person
    """

    images: frozenset[str] = frozenset()
    pairs: tuple[tuple[str, str], ...] = ()
    same: tuple[tuple[str, str], ...] = ()

    def name_of(self, identity: str) -> str:
        """The one name of an identity that goes by several: the first in the alphabet."""
        known = {identity}
        while True:
            more = known | {name for pair in self.same if known & set(pair) for name in pair}
            if more == known:
                return min(known)
            known = more


NO_ERRATA = Errata()


def read_errata(file: Path) -> Errata:
    """Read a CSV file with the columns `what`, `first`, `second`; further columns, such as a reason, are for people.

        what,first,second,why
        image,Ann_0003.jpg,,shows two people
        pair,Ann_0001.jpg,Eve_0002.jpg,one picture under two names
        same,Eve,Eva,one person

    Raises:
        InvalidRequest: the file cannot be read, or a line is none of the three kinds.
    """
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
    for row in read_rows(file, ("what", "first", "second")):
        what = row.required("what")
        if what not in _KINDS:
            raise row.wrong(f"{what!r} is not one of {', '.join(_KINDS)}")
        if what == "image" and row["second"]:
            raise row.wrong("a line about one image has no second; write `pair` to keep two pictures apart")
        found[what].append((row.required("first"), "" if what == "image" else row.required("second")))
    return Errata(frozenset(first for first, _ in found["image"]), tuple(found["pair"]), tuple(found["same"]))
