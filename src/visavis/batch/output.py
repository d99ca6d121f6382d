"""Writes the rows of a batch so that a run that was stopped at any moment goes on where it was.

Rows are written in parts, to a folder beside the output. A part appears there complete or not at all. When all rows are
there, the parts are joined to the output, which also appears complete or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from visavis.api.response import FieldSet, Json
from visavis.batch.counts import Counts
from visavis.batch.formats import Format, format_of, write_rows
from visavis.batch.rows import RowResult
from visavis.errors import InvalidRequest

__all__ = ["Columns", "Output"]

PART_ROWS, PART_SECONDS = 20_000, 10.0
"""A part has at most so many rows, and those of at most so many seconds."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the output has beside the columns that it always has.

    Attributes:
        response: the fields of `response`, the whole response to CompareFaces; None for no such column.
        embeddings: whether there are columns for the embeddings.
    """

    response: FieldSet | None = None
    embeddings: bool = False

    def of(self, result: RowResult) -> Json:
        """The columns of a row."""
        members = result.members()
        if self.response is not None and result.comparison is not None:
            members["response"] = result.response(self.response)
        return members | result.embeddings() if self.embeddings else members


class Output:
    """The output of one run. Use it as a context manager, which keeps other processes away from it.

    Args:
        path: the file, which ends in .jsonl, .ndjson or .parquet.
        fingerprint: differs if the rows or the options do; a run goes on only with what it began.
        columns: of the file.

    Attributes:
        done: how many rows are written already.
        complete: whether the output exists already. An earlier run was stopped before it deleted the parts.

    Raises:
        InvalidRequest: the file has another suffix, or pyarrow is missing.
    """

    def __init__(self, path: Path, fingerprint: str, columns: Columns = Columns()) -> None:
        self._path = path
        self._folder = path.with_name(path.name + ".parts")
        self._fingerprint = fingerprint
        self._columns = columns
        self._format: Format = format_of(path, response=columns.response is not None, embeddings=columns.embeddings)
        # Embeddings are personal data, so only the user may read them.
        self._mode = 0o600 if columns.embeddings else 0o666
        self.done = 0
        self.complete = False

    @contextmanager
    def opened(self) -> Iterator[Output]:
        """Begin, or go on with what an earlier run left.

        Raises:
            InvalidRequest: the output exists, another process writes it, or an earlier run had other rows or options.
        """
        if self._path.exists() and not self._folder.exists():
            raise InvalidRequest(f"{self._path} exists; name another file, or delete it")
        self._folder.mkdir(exist_ok=True)
        try:
            with FileLock(self._folder / ".lock", timeout=0):
                self._check_fingerprint()
                self.complete = self._path.exists()
                self.done = sum(part.count for part in self._parts())
                yield self
        except Timeout as error:
            raise InvalidRequest(f"another process writes {self._path}") from error

    def _check_fingerprint(self) -> None:
        state = self._folder / "run.json"
        if not state.exists():
            _write(state, lambda path: path.write_text(json.dumps({"fingerprint": self._fingerprint})))
        elif json.loads(state.read_text())["fingerprint"] != self._fingerprint:
            raise InvalidRequest(
                f"{self._folder} is of a run with other rows, other options or another version; "
                "delete it to begin again, or name another output"
            )

    def write(self, results: Iterable[RowResult], after_row: Callable[[], None] = lambda: None) -> None:
        """Write the results of the rows after the first `done`.

        If `results` raises, or on Ctrl-C, the rows until then are written first.

        Args:
            results: in the order of the rows.
            after_row: called after each.
        """
        rows: list[Json] = []
        counts, began = Counts(), time.monotonic()
        try:
            for result in results:
                rows.append(self._columns.of(result))
                counts.add(result)
                after_row()
                if len(rows) == PART_ROWS or time.monotonic() - began > PART_SECONDS:
                    self._write_part(rows, counts)
                    rows, counts, began = [], Counts(), time.monotonic()
        finally:
            if rows:
                self._write_part(rows, counts)

    def _write_part(self, rows: Sequence[Json], counts: Counts) -> None:
        part = _Part(self._folder, self.done, len(rows))
        # The part is written last, because only a part that exists counts.
        _write(part.counts, lambda path: path.write_text(json.dumps(counts.as_json())))
        _write(part.path, lambda path: write_rows(rows, path), self._mode)
        self.done += len(rows)

    def finish(self) -> Counts:
        """Join the parts to the output, delete them, and return the counts of all rows."""
        parts = list(self._parts())
        total = Counts.total(part.counts.read_text() for part in parts)
        if not self.complete:
            _write(self._path, lambda path: self._format.join([part.path for part in parts], path), self._mode)
        shutil.rmtree(self._folder, ignore_errors=True)
        return total

    def _parts(self) -> Iterator[_Part]:
        """The parts in their order, up to the first gap."""
        starts = {part.start: part for part in map(_Part.named, self._folder.glob("*-*.jsonl"))}
        at = 0
        while at in starts:
            yield starts[at]
            at += starts[at].count


@dataclass(frozen=True, slots=True)
class _Part:
    """A file with some of the rows, and one with their counts."""

    folder: Path
    start: int
    count: int

    @classmethod
    def named(cls, path: Path) -> _Part:
        start, count = path.stem.split("-")
        return cls(path.parent, int(start), int(count))

    @property
    def path(self) -> Path:
        return self.folder / f"{self.start:012}-{self.count}.jsonl"

    @property
    def counts(self) -> Path:
        return self.folder / f"{self.start:012}-{self.count}.counts"


def _write(target: Path, write: Callable[[Path], object], mode: int = 0o666) -> None:
    """Write a file completely, also to the disk, before it has its name. The user's umask limits `mode`."""
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.touch(mode)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
