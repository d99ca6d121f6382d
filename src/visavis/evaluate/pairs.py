"""Reading a list of pairs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.errata import NO_ERRATA, Errata
from visavis.evaluate.protocol import Codes, Labels, Pairs, Protocol, check_errata, labelled, must_exist, read_labels
from visavis.evaluate.table import Row, read_rows

__all__ = ["read_pairs"]


def read_pairs(
    file: Path, *, images: Path | None = None, groups: Sequence[str] = (), errata: Errata = NO_ERRATA
) -> Protocol:
    """The pairs of a CSV file with the columns source, target, same (1 or 0) and, if there are folds, fold.

    Where `images.csv` lies beside it, identities and groups are read there; otherwise images of pairs of one person
    are taken as one identity.

    Args:
        images: the folder that the file's images lie in; default: `images` beside it, else the file's own folder.

    Raises:
        InvalidRequest: a line is wrong or there twice, an image is not there, or all pairs are of one kind.
    """
    below = images or (file.parent / "images" if (file.parent / "images").is_dir() else file.parent)
    rows, names = _read_pair_rows(file, below)
    beside = file.parent / "images.csv"
    if beside.is_file():
        known = read_labels(beside, groups=groups, below=None)
        check_errata(errata, known)
        if missing := next((name for name in names if name not in known), None):
            raise InvalidRequest(f"{file} names {missing}, which {beside} does not")
        labels: Labels = {name: known[name] for name in names}
    elif groups:
        raise InvalidRequest(f"figures by {groups[0]!r} need {beside} with the columns image, identity, {groups[0]}")
    else:
        labels = {name: (who, {}) for name, who in _linked(rows, names).items()}
        check_errata(errata, labels)
    protocol = labelled(file.stem, below, labels, groups, errata)
    return _with_pairs(protocol, rows, names, file, inferred=not beside.is_file(), merged=bool(errata.same))


@dataclass(frozen=True, slots=True, eq=False)
class _PairRows:
    source: Codes  # index into the names as they came
    target: Codes
    same: NDArray[np.bool_]
    fold: Codes | None


def _read_pair_rows(file: Path, below: Path) -> tuple[_PairRows, list[str]]:
    number: dict[str, int] = {}
    # Four bytes a cell: a list of numbers would need ten times that, and there may be a hundred million pairs.
    source, target, same, fold, line = (array("i") for _ in range(5))
    for row in read_rows(file, ("source", "target", "same")):
        for column, ends in (("source", source), ("target", target)):
            name = row.required(column)
            if name not in number:
                must_exist(row, below, name)
                number[name] = len(number)
            ends.append(number[name])
        if source[-1] == target[-1]:
            raise row.wrong(f"{row['source']} is paired with itself")
        same.append(_yes_or_no(row))
        if row.has("fold"):
            fold.append(_fold(row))
        line.append(row.line)
    rows = _PairRows(
        np.array(source, np.int32),
        np.array(target, np.int32),
        np.array(same, bool),
        np.array(fold, np.int32) if fold else None,
    )
    _check_pair_rows(file, rows, np.array(line, np.int32), len(number))
    return rows, list(number)


def _yes_or_no(row: Row) -> bool:
    value = row.required("same").lower()
    if value not in {"1", "0", "true", "false"}:
        raise row.wrong(f"`same` is {value!r}; write 1 for one person, 0 for two")
    return value in {"1", "true"}


def _fold(row: Row) -> int:
    value = row.required("fold")
    if not value.isdecimal():
        raise row.wrong(f"`fold` is {value!r}; it must be a whole number such as 0")
    return int(value)


def _check_pair_rows(file: Path, rows: _PairRows, lines: Codes, images: int) -> None:
    if not len(rows.same):
        raise InvalidRequest(f"{file} holds no pairs")
    low, high = np.minimum(rows.source, rows.target), np.maximum(rows.source, rows.target)
    key = low.astype(np.int64) * images + high
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        first, second = lines[order[again[0]]], lines[order[again[0] + 1]]
        raise InvalidRequest(f"{file}, line {second}: this pair stands in line {first} already; a pair counts once")
    if not rows.same.any() or rows.same.all():
        kind = "two people" if not rows.same.any() else "one person"
        raise InvalidRequest(f"{file}: every pair is of {kind}; error rates need pairs of both kinds")
    if rows.fold is not None and len(np.unique(rows.fold)) < 2:
        raise InvalidRequest(f"{file}: there is one fold only; k-fold accuracy needs two, or no column `fold`")


def _linked(rows: _PairRows, names: Sequence[str]) -> dict[str, str]:
    """Image -> a name for its person: the first image that it is linked with by pairs of one person."""
    parent = list(range(len(names)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for a, b in zip(rows.source[rows.same].tolist(), rows.target[rows.same].tolist(), strict=True):
        parent[max(root(a), root(b))] = min(root(a), root(b))
    return {name: names[root(i)] for i, name in enumerate(names)}


def _with_pairs(
    protocol: Protocol, rows: _PairRows, names: Sequence[str], file: Path, *, inferred: bool, merged: bool
) -> Protocol:
    """Turn the file's image numbers into the protocol's; drop what the errata leave out; labels must not contradict."""
    number = {image: i for i, image in enumerate(protocol.images)}
    to = np.array([number.get(name, -1) for name in names], np.int32)
    source, target = to[rows.source], to[rows.target]
    apart = {(int(a), int(b)) for a, b in protocol.left_out}
    kept = (source >= 0) & (target >= 0)
    if apart:
        listed = zip(np.minimum(source, target).tolist(), np.maximum(source, target).tolist(), strict=True)
        kept &= np.array([pair not in apart for pair in listed])
    same = protocol.identity[source] == protocol.identity[target]
    wrong = np.flatnonzero(kept & (same != rows.same))
    if len(wrong) and not merged:
        a, b = names[rows.source[wrong[0]]], names[rows.target[wrong[0]]]
        says = "one person" if rows.same[wrong[0]] else "two people"
        other = "other pairs link them as one person" if inferred else "images.csv says otherwise"
        raise InvalidRequest(f"{file}: {a} and {b} are said to be {says}, but {other}")
    fold = None if rows.fold is None else rows.fold[kept]
    pairs = Pairs(source[kept], target[kept], same[kept], fold)
    return replace(protocol, pairs=pairs, inferred=inferred)
