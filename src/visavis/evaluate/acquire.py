"""Pictures -> embeddings, each computed once; a picture that gives none is a failure to acquire, not an error."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.engine import Engine
from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall, InvalidRequest
from visavis.evaluate.progress import Progress
from visavis.evaluate.work import Found, WorkFile
from visavis.face import Detail

__all__ = ["NO_FACE", "Acquired", "acquire"]

NO_FACE = "no face found"
_AHEAD = 16
"""Pictures on their way at once; bounds the memory, whatever the number of pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """What `n` pictures gave.

    embeddings: (n, d) float32, unit length; zeros where there is none
    quality:    (n,) float64, 0..100
    failures:   (n,) why there is none; "" where there is one
    """

    embeddings: NDArray[np.float32]
    quality: NDArray[np.float64]
    failures: tuple[str, ...]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(n,) bool: there is an embedding."""
        return np.array([not why for why in self.failures])


def acquire(
    engine: Engine, paths: Sequence[Path], *, threads: int, work: WorkFile | None = None, quiet: bool = False
) -> Acquired:
    """Analyse the largest face of each picture, `threads` at a time.

    Args:
        work: pictures that stand in it are not analysed again, and new ones are added.
        quiet: report no progress on standard error.

    Raises:
        InvalidRequest: a picture cannot be read, or none gives an embedding.
    """
    done = {} if work is None else work.done

    def look(path: Path) -> tuple[str, Found]:
        data = _read(path)
        sha256 = hashlib.sha256(data).hexdigest()
        return sha256, done.get(sha256) or analyse(engine, data)

    progress = None if quiet else Progress("pictures", len(paths))
    results: list[Found] = []
    with ThreadPoolExecutor(threads) as pool:
        for sha256, found in _in_order(pool, look, paths):
            if work is not None and sha256 not in work.done:
                work.add(sha256, found)
            results.append(found)
            if progress:
                progress.at(len(results))
    return _stacked(results)


def analyse(engine: Engine, data: bytes) -> Found:
    """The embedding of a picture's largest face, or why there is none."""
    try:
        faces = engine.analyze(data, largest_only=True, detail=Detail.MINIMAL).faces
    except (BadImage, ImageTooLarge, ImageTooSmall) as error:
        return Found(None, failure=f"{type(error).__name__}: {error}")
    return Found(faces[0].embedding, faces[0].quality.score) if faces else Found(None, failure=NO_FACE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error


def _in_order(
    pool: ThreadPoolExecutor, look: Callable[[Path], tuple[str, Found]], paths: Iterable[Path]
) -> Iterator[tuple[str, Found]]:
    waiting: deque[Future[tuple[str, Found]]] = deque()
    try:
        for path in paths:
            if len(waiting) == _AHEAD:
                yield waiting.popleft().result()
            waiting.append(pool.submit(look, path))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _stacked(results: Sequence[Found]) -> Acquired:
    sizes = {len(found.embedding) for found in results if found.embedding is not None}
    if not sizes:
        raise InvalidRequest(f"none of {len(results)} pictures gave a face; the first: {results[0].failure}")
    (size,) = sizes
    embeddings = np.zeros((len(results), size), np.float32)
    for i, found in enumerate(results):
        if found.embedding is not None:
            embeddings[i] = found.embedding
    return Acquired(embeddings, np.array([f.quality for f in results]), tuple(f.failure for f in results))
