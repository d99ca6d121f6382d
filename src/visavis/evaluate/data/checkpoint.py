"""A file of the embeddings computed so far, from which an interrupted run continues.

Embeddings are personal data, so the file is written only where a user names it. Each line is a JSON object. The first
line says what the file is and which networks made it. Each further line is one image, keyed by the SHA-256 of its
bytes. A last line that is cut short is dropped.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest

__all__ = ["EmbeddingCheckpoint", "EmbeddingRecord"]

_WHAT = "visavis embeddings: personal data, to be deleted when done with"


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingRecord:
    """The result of one image.

    Attributes:
        embedding: (d,) float32, unit length; None where the image has none.
        quality: the face's quality score, 0..100.
        failure: the reason why there is no embedding; empty where there is one.
    """

    embedding: NDArray[np.float32] | None
    quality: float = 0.0
    failure: str = ""


class EmbeddingCheckpoint:
    """The records of the images that are done. New records are appended to the file.

    Args:
        file: created if it does not exist, readable by its owner only.
        networks: everything that the embeddings depend on, as name and value. A file with other values is refused.

    Attributes:
        done: the records by the SHA-256 of the image's bytes, in hexadecimal.

    Raises:
        InvalidRequest: the file is something else, was made with other networks, or cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "embeddings")
        >>> with EmbeddingCheckpoint(file, {"embedder": "fb14..."}) as checkpoint:
        ...     checkpoint.add("0c2d...", EmbeddingRecord(np.ones(1, np.float32), quality=87.5))
        >>> with EmbeddingCheckpoint(file, {"embedder": "fb14..."}) as checkpoint:
        ...     checkpoint.done["0c2d..."].quality
        87.5
    """

    def __init__(self, file: Path, networks: Mapping[str, str]) -> None:
        self._header = {"what": _WHAT, **networks}
        self.done: dict[str, EmbeddingRecord] = {}
        try:
            complete = self._read(file) if file.exists() else 0
            # Readable by its owner only, because these are biometric data.
            self._out: IO[bytes] = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            self._out.truncate(complete)
            self._out.seek(complete)
        except OSError as error:
            raise InvalidRequest(f"{file} cannot be used to resume from: {error.strerror}") from error
        if not complete:
            self._write(self._header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, sha256: str, record: EmbeddingRecord) -> None:
        """Append the record of the image with this SHA-256, in hexadecimal."""
        self.done[sha256] = record
        stored: dict[str, object] = {"sha256": sha256, "quality": record.quality, "failure": record.failure}
        if record.embedding is not None:
            stored["embedding"] = base64.b64encode(record.embedding.astype("<f4").tobytes()).decode()
        self._write(stored)

    def close(self) -> None:
        """Close the file. `done` stays usable."""
        self._out.close()

    def _write(self, line: Mapping[str, object]) -> None:
        self._out.write(json.dumps(line).encode() + b"\n")
        self._out.flush()

    def _read(self, file: Path) -> int:
        """Read the records, and return the number of bytes in complete lines."""
        complete = 0
        with file.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._parse(file, line, first=complete == 0)
                complete += len(line)
        if not complete and file.stat().st_size:
            raise InvalidRequest(f"{file} is not a file to resume from")
        return complete

    def _parse(self, file: Path, line: bytes, *, first: bool) -> None:
        try:
            stored = json.loads(line)
            if first:
                self._check(file, stored)
                return
            raw = stored.get("embedding")
            embedding = None if raw is None else np.frombuffer(base64.b64decode(raw, validate=True), "<f4")
            record = EmbeddingRecord(embedding, float(stored["quality"]), str(stored["failure"]))
            self.done[stored["sha256"]] = record
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise InvalidRequest(f"{file} is not a file to resume from: {error}") from error

    def _check(self, file: Path, stored: Mapping[str, object]) -> None:
        if stored.get("what") != _WHAT:
            raise InvalidRequest(f"{file} is not a file to resume from; name a file that visavis wrote, or a new file")
        if dict(stored) != self._header:
            raise InvalidRequest(
                f"{file} was made with other networks or another version of visavis; delete it, and start again"
            )
