"""Reads the rows of a manifest, or makes one for each pair of two sets of images.

A row that is wrong stays a row, with its fault. Only a file that is no manifest at all is refused.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from visavis.batch.rows import Row
from visavis.errors import InvalidRequest
from visavis.files import sha256_of
from visavis.inputs import percent_of, short_repr
from visavis.parsing import BadValue, flag

__all__ = ["MANIFEST_SUFFIXES", "Manifest", "every_pair", "parquet", "read_manifest"]

MANIFEST_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")

NEEDED, OPTIONAL = ("source", "target"), ("id", "threshold", "same")

LONGEST_LINE = 1_000_000
"""Characters of a line. A row has two locations, an id and a threshold."""

BATCH = 10_000
"""Rows of a Parquet file that are read at a time."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Rows that can be read again from any row on.

    Attributes:
        count: how many rows there are.
        fingerprint: differs for other rows; hexadecimal digits.
        rows_from: returns the rows from a number on, which counts from 0.
    """

    count: int
    fingerprint: str
    rows_from: Callable[[int], Iterator[Row]]


def read_manifest(path: Path) -> Manifest:
    r"""Open a manifest: CSV with a heading, JSON Lines, or Parquet, by its suffix.

    Columns are `source` and `target`, and optionally `id`, `threshold` and `same` (1 for one person, 0 for two); others
    are ignored. A row without an id gets its number, which counts from 1.

    Args:
        path: the file.

    Raises:
        InvalidRequest: the file cannot be read, has another suffix, or lacks a column.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "pairs.csv"
        ...     _ = path.write_text("source,target\na.jpg,b.jpg\n")
        ...     [row.id for row in read_manifest(path).rows_from(0)]
        ['1']
    """
    readers: dict[str, Callable[[Path], Iterator[Row]]] = {
        ".csv": _from_csv, ".jsonl": _from_json_lines, ".ndjson": _from_json_lines, ".parquet": _from_parquet,
    }  # fmt: skip
    read = readers.get(path.suffix.lower())
    if read is None:
        raise InvalidRequest(f"{path} is not a manifest; its name must end in {', '.join(MANIFEST_SUFFIXES)}")
    try:
        digest = sha256_of(path)
        count = parquet().ParquetFile(path).metadata.num_rows if read is _from_parquet else sum(1 for _ in read(path))
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        raise InvalidRequest(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return Manifest(count, digest, lambda start: islice(read(path), start, None))


def every_pair(sources: Sequence[str], targets: Sequence[str]) -> Manifest:
    """A row for each source with each target. Its id is its number, which counts from 1.

    Args:
        sources: locations.
        targets: locations.

    Example:
        >>> [(row.source, row.target) for row in every_pair(["a", "b"], ["c"]).rows_from(0)]
        [('a', 'c'), ('b', 'c')]
    """

    def rows_from(start: int) -> Iterator[Row]:
        for i in range(start, len(sources) * len(targets)):
            one, other = divmod(i, len(targets))
            yield Row(str(i + 1), sources[one], targets[other])

    digest = hashlib.sha256(json.dumps([sources, targets]).encode()).hexdigest()
    return Manifest(len(sources) * len(targets), digest, rows_from)


def parquet() -> Any:
    """Pyarrow's module for Parquet.

    Raises:
        InvalidRequest: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise InvalidRequest("Parquet needs pyarrow: pip install 'visavis[batch]'") from error
    return pyarrow.parquet


def _from_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, restkey="")
        try:
            _check_columns(path, reader.fieldnames or [])
        except csv.Error as error:
            raise InvalidRequest(f"{path} is not CSV: {error}") from error
        number = 0
        while True:
            number += 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _faulty(number, f"row {number} is not CSV: {error}")
                continue
            if "" in values:
                yield _row(number, values, "the row has more values than the heading")
            else:
                yield _row(number, values)


def _from_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            if not line.strip():
                continue
            number += 1
            if len(line) > LONGEST_LINE:
                _skip_line(file)
                yield _faulty(number, f"the line has more than {LONGEST_LINE} characters")
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield _faulty(number, f"the line is not JSON: {error}")
                continue
            if isinstance(values, dict):
                yield _row(number, values)
            else:
                yield _faulty(number, f"the line must be a JSON object, not {short_repr(values)}")


def _skip_line(file: TextIO) -> None:
    while (part := file.readline(LONGEST_LINE)) and not part.endswith("\n"):
        pass


def _from_parquet(path: Path) -> Iterator[Row]:
    with parquet().ParquetFile(path) as file:
        names = file.schema_arrow.names
        _check_columns(path, names)
        columns = [name for name in (*NEEDED, *OPTIONAL) if name in names]
        number = 0
        for batch in file.iter_batches(BATCH, columns=columns, use_threads=False):
            for values in batch.to_pylist():
                number += 1
                yield _row(number, values)


def _check_columns(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InvalidRequest(
            f"{path} has no column {' and no column '.join(missing)}; it has {', '.join(names) or 'none'}, "
            f"and it needs {' and '.join(NEEDED)}, and may have {', '.join(OPTIONAL)}"
        )


def _faulty(number: int, fault: str) -> Row:
    return Row(str(number), "", "", fault=fault)


def _row(number: int, values: Mapping[str, object], fault: str | None = None) -> Row:
    """The row of a manifest's values, which may be of any type."""
    faults = [fault] if fault else []
    texts = {}
    for name in NEEDED:
        value = values.get(name)
        texts[name] = _printable(value) if isinstance(value, str) else ""
        if not texts[name]:
            faults.append(f"{name} is missing" if value in (None, "") else f"{name} must be a text")
        elif texts[name] != value:
            faults.append(f"{name} is not UTF-8")
    threshold = None
    if (given := values.get("threshold")) not in (None, ""):
        try:
            threshold = percent_of("threshold", given)
        except InvalidRequest as error:
            faults.append(str(error))
    same = None
    if (given := values.get("same")) not in (None, ""):
        try:
            same = flag(str(given))
        except BadValue:
            faults.append(f"same must be 1 (one person) or 0 (two people), not {short_repr(given)}")
    called = values.get("id")
    name = str(number) if called in (None, "") else _printable(str(called))
    return Row(name, texts["source"], texts["target"], threshold, "; ".join(faults) or None, same)


def _printable(text: str) -> str:
    """`text` with characters that UTF-8 cannot encode replaced with `?`."""
    return text.encode("utf-8", "replace").decode()
