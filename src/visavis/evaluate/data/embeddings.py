"""The embedding of each image's largest face. An image without one is a failure to acquire, not an error."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis import __version__
from visavis.engine import Engine
from visavis.errors import BadImage, ImageTooLarge, ImageTooSmall, InvalidRequest
from visavis.evaluate.data.checkpoint import EmbeddingCheckpoint, EmbeddingRecord
from visavis.evaluate.data.protocol import ComparisonProtocol
from visavis.face import Detail
from visavis.models.manifest import load_manifest
from visavis.models.shipped import SHIPPED_EMBEDDERS
from visavis.models.user_provided import input_of
from visavis.runtime import chosen_embedder, open_uncalibrated
from visavis.settings import Settings

__all__ = ["NO_FACE", "Acquired", "ProgressCallback", "acquire", "analyse", "embed_images", "made_by", "stacked"]

NO_FACE = "no face found"
_AHEAD = 16
"""Images that are read or analysed at a time. Memory use then does not grow with the number of images."""

ProgressCallback = Callable[[int, int], None]
"""Called with the number of parts of a task that are done, from 0, and the number of all parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """The embeddings of `n` images, or the reasons why there are none.

    Attributes:
        embeddings: (n, d) float32, unit length; zeros where an image has no embedding.
        quality: (n,) float64, the quality scores, 0..100.
        failures: (n,) the reason why an image has no embedding; "" where it has one.
    """

    embeddings: NDArray[np.float32]
    quality: NDArray[np.float64]
    failures: tuple[str, ...]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(n,) bool: the image has an embedding."""
        return np.array([not why for why in self.failures])


def embed_images(
    protocol: ComparisonProtocol,
    settings: Settings,
    *,
    resume: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Acquired:
    """Open an engine, embed the largest face of each image, and close the engine. The embedder needs no calibration.

    Args:
        protocol: names the images.
        settings: embedder, accuracy, device and threads.
        resume: a file with the embeddings of an interrupted run, to which new ones are added; None: write no file.
        progress: called after each image.

    Raises:
        InvalidRequest: an image cannot be read, no image has a face, or `resume` was made with other networks.
        ModelError: a network is missing and cannot be fetched.

    Example:
        >>> from visavis.evaluate.data.protocol import read_folder
        >>> acquired = embed_images(read_folder(Path("examples/photos")), Settings.from_env())
        >>> acquired.embeddings.shape
        (6, 128)
    """
    opened = EmbeddingCheckpoint(Path(resume), made_by(settings)) if resume else nullcontext()
    with opened as checkpoint, open_uncalibrated(settings) as engine:
        # One more than the engine's own threads, so that reading a file does not keep a core waiting.
        threads = settings.threads + 1
        return acquire(engine, protocol.paths(), threads=threads, checkpoint=checkpoint, progress=progress)


def made_by(settings: Settings) -> dict[str, str]:
    """Everything that an embedding depends on, except the image."""
    embedder, models = chosen_embedder(settings), load_manifest().models
    networks = {name: model.sha256 for name, model in models.items() if name not in SHIPPED_EMBEDDERS}
    networks["embedder"] = embedder.network_sha256
    if embedder.user_provided:
        # The same file with another input format gives other embeddings.
        networks["input"] = input_of(embedder.build)
    return {"visavis": __version__, "accuracy": settings.accuracy, "device": settings.device, **networks}


def acquire(
    engine: Engine,
    paths: Sequence[Path],
    *,
    threads: int,
    checkpoint: EmbeddingCheckpoint | None = None,
    progress: ProgressCallback | None = None,
) -> Acquired:
    """Analyse the largest face of each image, `threads` images at a time.

    Args:
        engine: an open engine; it needs no calibration.
        paths: the files of the images.
        threads: the number of images that are analysed at a time.
        checkpoint: the images in it are not analysed again, and new ones are added to it.
        progress: called after each image.

    Raises:
        InvalidRequest: an image cannot be read, or none gives an embedding.

    Example:
        >>> import visavis
        >>> with visavis.open_engine() as engine:
        ...     acquired = acquire(engine, [Path("examples/photos/obama.jpg")], threads=1)
        >>> acquired.usable.tolist()
        [True]
    """
    done = {} if checkpoint is None else checkpoint.done

    def record_of(path: Path) -> tuple[str, EmbeddingRecord]:
        data = _read(path)
        sha256 = hashlib.sha256(data).hexdigest()
        return sha256, done.get(sha256) or analyse(engine, data)

    if progress:
        progress(0, len(paths))
    results: list[EmbeddingRecord] = []
    with ThreadPoolExecutor(threads) as pool:
        for sha256, record in _in_order(pool, record_of, paths):
            if checkpoint is not None and sha256 not in checkpoint.done:
                checkpoint.add(sha256, record)
            results.append(record)
            if progress:
                progress(len(results), len(paths))
    return stacked(results)


def analyse(engine: Engine, data: bytes) -> EmbeddingRecord:
    """The embedding of an image's largest face, or the reason why there is none."""
    try:
        faces = engine.analyze(data, largest_only=True, detail=Detail.MINIMAL).faces
    except (BadImage, ImageTooLarge, ImageTooSmall) as error:
        return EmbeddingRecord(None, failure=f"{type(error).__name__}: {error}")
    if not faces:
        return EmbeddingRecord(None, failure=NO_FACE)
    return EmbeddingRecord(faces[0].embedding, faces[0].quality.score)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error


def _in_order(
    pool: ThreadPoolExecutor, record_of: Callable[[Path], tuple[str, EmbeddingRecord]], paths: Iterable[Path]
) -> Iterator[tuple[str, EmbeddingRecord]]:
    waiting: deque[Future[tuple[str, EmbeddingRecord]]] = deque()
    try:
        for path in paths:
            if len(waiting) == _AHEAD:
                yield waiting.popleft().result()
            waiting.append(pool.submit(record_of, path))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def stacked(results: Sequence[EmbeddingRecord]) -> Acquired:
    """The records of images as arrays.

    Raises:
        InvalidRequest: no record has an embedding.

    Example:
        >>> stacked([EmbeddingRecord(np.ones(1, np.float32), quality=87.5)]).usable.tolist()
        [True]
    """
    sizes = {len(record.embedding) for record in results if record.embedding is not None}
    if not sizes:
        raise InvalidRequest(f"none of {len(results)} images has an embedding; the first: {results[0].failure}")
    (size,) = sizes
    embeddings = np.zeros((len(results), size), np.float32)
    for i, record in enumerate(results):
        if record.embedding is not None:
            embeddings[i] = record.embedding
    return Acquired(embeddings, np.array([r.quality for r in results]), tuple(r.failure for r in results))
