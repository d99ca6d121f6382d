"""A file from which an interrupted run goes on. It holds embeddings, so it is written only where a user asks for it.

One JSON object a line: first what the file is and the networks it was made with, then one line a picture, known by the
SHA-256 of its bytes. A line that was cut short by whatever stopped the run is dropped.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest

__all__ = ["Found", "WorkFile"]

_WHAT = "visavis embeddings: personal data, to be deleted when done with"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a picture gave.

    embedding: (d,) float32, unit length; None where there is none
    quality:   0..100, the face's quality score
    failure:   why there is no embedding; empty otherwise
    """

    embedding: NDArray[np.float32] | None
    quality: float = 0.0
    failure: str = ""


class WorkFile:
    """Pictures done so far, by the SHA-256 of their bytes; further ones are appended. Use as a context manager.

    Args:
        networks: what the embeddings depend on; a file made with others is refused.

    Raises:
        InvalidRequest: the file is something else, was made with other networks, or cannot be written.
    """

    def __init__(self, file: Path, networks: Mapping[str, str]) -> None:
        self._header = {"what": _WHAT, **networks}
        self.done: dict[str, Found] = {}
        try:
            whole = self._read(file) if file.exists() else 0
            # Readable by its owner only: these are biometric data.
            self._out: IO[bytes] = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            self._out.truncate(whole)
            self._out.seek(whole)
        except OSError as error:
            raise InvalidRequest(f"{file} cannot be used to resume from: {error.strerror}") from error
        if not whole:
            self._write(self._header)

    def add(self, sha256: str, found: Found) -> None:
        """Append one picture."""
        self.done[sha256] = found
        stored: dict[str, object] = {"sha256": sha256, "quality": found.quality, "failure": found.failure}
        if found.embedding is not None:
            stored["embedding"] = base64.b64encode(found.embedding.astype("<f4").tobytes()).decode()
        self._write(stored)

    def close(self) -> None:
        self._out.close()

    def _write(self, line: Mapping[str, object]) -> None:
        self._out.write(json.dumps(line).encode() + b"\n")
        self._out.flush()

    def _read(self, file: Path) -> int:
        """Read what is there; returns the bytes of its whole lines."""
        whole = 0
        with file.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._take(file, line, first=whole == 0)
                whole += len(line)
        if not whole and file.stat().st_size:
            raise InvalidRequest(f"{file} is not a file to resume from")
        return whole

    def _take(self, file: Path, line: bytes, *, first: bool) -> None:
        try:
            stored = json.loads(line)
            if first:
                self._check(file, stored)
                return
            raw = stored.get("embedding")
            embedding = None if raw is None else np.frombuffer(base64.b64decode(raw, validate=True), "<f4")
            self.done[stored["sha256"]] = Found(embedding, float(stored["quality"]), str(stored["failure"]))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise InvalidRequest(f"{file} is not a file to resume from: {error}") from error

    def _check(self, file: Path, stored: Mapping[str, object]) -> None:
        if stored.get("what") != _WHAT:
            raise InvalidRequest(f"{file} is not a file to resume from; name one that visavis made, or a new one")
        if dict(stored) != self._header:
            raise InvalidRequest(f"{file} was made with other networks or another visavis; delete it and start afresh")
