"""The rows of a CSV file. Errors name the file and the line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from visavis.errors import InvalidRequest

__all__ = ["Row", "read_rows"]


class Row:
    """One line of a CSV file. It knows its file and line, which error messages name.

    Attributes:
        line: the number of the line in the file, from 1.
    """

    __slots__ = ("_cells", "_file", "line")

    def __init__(self, file: Path, line: int, cells: dict[str, str]) -> None:
        self._file, self.line, self._cells = file, line, cells

    def __getitem__(self, column: str) -> str:
        """The cell without white space around it; empty where the file lacks the column."""
        return self._cells.get(column, "").strip()

    def required(self, column: str) -> str:
        """The cell, without white space around it.

        Raises:
            InvalidRequest: the cell is empty.
        """
        if not (value := self[column]):
            raise self.wrong(f"the column {column!r} is empty")
        return value

    def has(self, column: str) -> bool:
        """Whether the file has this column, even if the cell is empty."""
        return column in self._cells

    def wrong(self, why: str) -> InvalidRequest:
        """The error to raise about this line."""
        return InvalidRequest(f"{self._file}, line {self.line}: {why}")


def read_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file whose first line names its columns, one at a time.

    Args:
        file: a CSV file in UTF-8, with or without a byte order mark.
        columns: the columns that the file must have; it may have others.

    Yields:
        The rows that are not empty, in the order of the file.

    Raises:
        InvalidRequest: the file cannot be read, is not UTF-8, lacks a column, or a row has too few or too many cells.

    Example:
        >>> row = next(read_rows(Path("examples/photos/images.csv"), ("image", "identity")))
        >>> row.line, row["image"]
        (2, 'ardern_2018.jpg')
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = csv.reader(opened)
            header = [name.strip() for name in next(lines, [])]
            _check_header(file, header, columns)
            for cells in lines:
                row = Row(file, lines.line_num, dict(zip(header, cells, strict=False)))
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise row.wrong(f"there are {len(cells)} cells, but the first line has {len(header)}")
                yield row
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(
            f"{file} is not a CSV file in UTF-8: {error}; name a CSV file, or save it in UTF-8"
        ) from error


def _check_header(file: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        has = ", ".join(header) if any(header) else "nothing"
        raise InvalidRequest(
            f"{file}, line 1: the column {missing[0]!r} is missing; the first line must name "
            f"{', '.join(columns)}, and names {has}"
        )
    if len(set(header)) < len(header):
        raise InvalidRequest(f"{file}, line 1: a column is named twice: {', '.join(header)}")
