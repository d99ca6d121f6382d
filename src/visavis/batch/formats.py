"""The files that a batch writes: parts in JSON Lines, which are then joined to JSON Lines or Parquet.

Parts are JSON Lines in any case, because writing Parquet takes 100 MB, which the networks need while they run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from visavis.api.response import Json
from visavis.batch.manifest import parquet
from visavis.batch.rows import BOX
from visavis.errors import InvalidRequest

__all__ = ["OUTPUT_SUFFIXES", "Format", "JsonLines", "Parquet", "format_of", "write_rows"]

OUTPUT_SUFFIXES = (".jsonl", ".ndjson", ".parquet")


class Format(Protocol):
    """How the parts of an output are joined."""

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Write a file with the rows of all parts, in their order. Memory does not grow with their number."""


def write_rows(rows: Sequence[Json], path: Path) -> None:
    """Write a part: one JSON object a line, in ASCII."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n")


def format_of(path: Path, *, response: bool, embeddings: bool) -> Format:
    """The format that the suffix of `path` names.

    Args:
        path: the output file.
        response: whether rows have the column `response`.
        embeddings: whether rows have the columns `source_embedding` and `target_embedding`.

    Raises:
        InvalidRequest: the suffix is another one, or pyarrow is missing.

    Example:
        >>> type(format_of(Path("out.jsonl"), response=False, embeddings=False)).__name__
        'JsonLines'
    """
    suffix = path.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        raise InvalidRequest(f"the output must end in {', '.join(OUTPUT_SUFFIXES)}, not {path.name}")
    if suffix == ".parquet":
        return Parquet(response=response, embeddings=embeddings)
    return JsonLines()


class JsonLines:
    """The parts one after the other."""

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """See `Format.join`."""
        with path.open("wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)


class Parquet:
    """Parquet with the same columns in every row, null where a row has none. `response` is the text of the JSON.

    Args:
        response: whether there is a column `response`.
        embeddings: whether there are columns for the embeddings.
    """

    def __init__(self, *, response: bool, embeddings: bool) -> None:
        self._parquet = parquet()
        import pyarrow as pa

        box = pa.struct([(name, pa.float32()) for name in BOX])
        columns = [
            ("id", pa.string()), ("source", pa.string()), ("target", pa.string()), ("similarity", pa.float32()),
            ("match", pa.bool_()), ("review", pa.bool_()), ("faces", pa.int32()), ("matched_box", box),
            ("source_quality", pa.float32()), ("target_quality", pa.float32()),
            ("error", pa.struct([("code", pa.string()), ("message", pa.string())])),
        ]  # fmt: skip
        if response:
            columns.append(("response", pa.string()))
        if embeddings:
            columns += [(name, pa.list_(pa.float32())) for name in ("source_embedding", "target_embedding")]
        self._schema = pa.schema(columns)
        self._table = pa.Table

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """See `Format.join`."""
        with self._parquet.ParquetWriter(path, self._schema) as writer:
            for part in parts:
                with part.open(encoding="ascii") as file:
                    rows = [_plain(json.loads(line)) for line in file]
                writer.write_table(self._table.from_pylist(rows, schema=self._schema))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    response = row.get("response")
    return row if response is None else row | {"response": json.dumps(response, separators=(",", ":"))}
