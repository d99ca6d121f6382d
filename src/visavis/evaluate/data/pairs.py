"""Reads a list of pairs. Only the listed pairs are compared."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.evaluate.data.csv_rows import Row, read_rows
from visavis.evaluate.data.errata import NO_ERRATA, Errata
from visavis.evaluate.data.linking import lowest_linked
from visavis.evaluate.data.protocol import (
    Codes,
    ComparisonProtocol,
    Labels,
    Pairs,
    build_protocol,
    check_errata,
    must_exist,
    read_labels,
)

__all__ = ["read_pairs"]


def read_pairs(
    file: Path, *, images: Path | None = None, groups: Sequence[str] = (), errata: Errata = NO_ERRATA
) -> ComparisonProtocol:
    """Read the pairs of a CSV file with the columns source, target, same (1 or 0) and, if there are folds, fold.

    Identities and groups are read from `images.csv` beside the file. Where it does not exist, images that are linked by
    pairs of one person are taken as one identity.

    Args:
        file: the list of pairs.
        images: the folder of the images; default: `images` beside the file, or else the folder of the file.
        groups: columns of `images.csv`. Each value of each column gets error rates too.
        errata: label errors to leave out.

    Raises:
        InvalidRequest: a line is wrong or repeated, an image is missing, or all pairs are of one kind.

    Example:
        >>> protocol = read_pairs(Path("examples/photos/pairs.csv"))
        >>> len(protocol.pairs)
        4
    """
    below = images or (file.parent / "images" if (file.parent / "images").is_dir() else file.parent)
    rows, names = _read_pair_rows(file, below)
    beside = file.parent / "images.csv"
    if beside.is_file():
        known = read_labels(beside, groups=groups, below=None)
        check_errata(errata, known)
        if missing := next((name for name in names if name not in known), None):
            raise InvalidRequest(f"{file} names {missing}, but {beside} does not")
        labels: Labels = {name: known[name] for name in names}
    elif groups:
        raise InvalidRequest(f"groups by {groups[0]!r} need {beside} with the columns image, identity and {groups[0]}")
    else:
        labels = {name: (who, {}) for name, who in _linked(rows, names).items()}
        check_errata(errata, labels)
    protocol = build_protocol(file.stem, below, labels, groups, errata)
    return _with_pairs(protocol, rows, names, file, inferred=not beside.is_file(), merged=bool(errata.same))


@dataclass(frozen=True, slots=True, eq=False)
class _PairRows:
    source: Codes  # index into the names, which are in the order of the file
    target: Codes
    same: NDArray[np.bool_]
    fold: Codes | None


def _read_pair_rows(file: Path, below: Path) -> tuple[_PairRows, list[str]]:
    number: dict[str, int] = {}
    # A cell of an array has four bytes. A list needs ten times that, and there may be a hundred million pairs.
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
        raise row.wrong(f"`same` must be 1 (one person) or 0 (two people), not {value!r}")
    return value in {"1", "true"}


def _fold(row: Row) -> int:
    value = row.required("fold")
    if not value.isdecimal():
        raise row.wrong(f"`fold` must be a whole number such as 0, not {value!r}")
    return int(value)


def _check_pair_rows(file: Path, rows: _PairRows, lines: Codes, images: int) -> None:
    if not len(rows.same):
        raise InvalidRequest(f"{file} has no pairs")
    low, high = np.minimum(rows.source, rows.target), np.maximum(rows.source, rows.target)
    key = low.astype(np.int64) * images + high
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        first, second = lines[order[again[0]]], lines[order[again[0] + 1]]
        raise InvalidRequest(f"{file}, line {second}: this pair is in line {first} already; list each pair once")
    if not rows.same.any() or rows.same.all():
        kind = "two people" if not rows.same.any() else "one person"
        raise InvalidRequest(f"{file}: every pair shows {kind}; error rates need pairs of both kinds")
    if rows.fold is not None and len(np.unique(rows.fold)) < 2:
        raise InvalidRequest(f"{file}: there is only one fold; k-fold accuracy needs two, or no column `fold`")


def _linked(rows: _PairRows, names: Sequence[str]) -> dict[str, str]:
    """Map each image to an identity: the first image that pairs of one person link it with."""
    first = lowest_linked(len(names), rows.source[rows.same], rows.target[rows.same])
    return {name: names[i] for name, i in zip(names, first.tolist(), strict=True)}


def _with_pairs(
    protocol: ComparisonProtocol, rows: _PairRows, names: Sequence[str], file: Path, *, inferred: bool, merged: bool
) -> ComparisonProtocol:
    """Add the file's pairs to the protocol, except for those that the errata leave out.

    `inferred` means that the identities come from the pairs and not from images.csv. `merged` means that the errata
    merge identities, so that labels of pairs may contradict the identities.

    Raises:
        InvalidRequest: a pair's label contradicts the identities.
    """
    number = {image: i for i, image in enumerate(protocol.images)}
    to = np.array([number.get(name, -1) for name in names], np.int32)
    source, target = to[rows.source], to[rows.target]
    left_out = {(int(a), int(b)) for a, b in protocol.left_out}
    kept = (source >= 0) & (target >= 0)
    if left_out:
        listed = zip(np.minimum(source, target).tolist(), np.maximum(source, target).tolist(), strict=True)
        kept &= np.array([pair not in left_out for pair in listed])
    same = protocol.identity[source] == protocol.identity[target]
    wrong = np.flatnonzero(kept & (same != rows.same))
    if len(wrong) and not merged:
        a, b = names[rows.source[wrong[0]]], names[rows.target[wrong[0]]]
        says = "one person" if rows.same[wrong[0]] else "two people"
        other = "other pairs link them as one person" if inferred else "images.csv says otherwise"
        raise InvalidRequest(f"{file}: {a} and {b} are labelled as {says}, but {other}")
    fold = None if rows.fold is None else rows.fold[kept]
    pairs = Pairs(source[kept], target[kept], same[kept], fold)
    return replace(protocol, pairs=pairs, inferred=inferred)
