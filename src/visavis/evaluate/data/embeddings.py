"""The embedding of each image's largest face. An image without one is a failure to acquire, not an error."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis import __version__
from visavis.analysis import Analysis
from visavis.engine import Engine
from visavis.errors import InvalidRequest, VisavisError
from visavis.evaluate.data.checkpoint import EmbeddingCheckpoint, EmbeddingRecord
from visavis.evaluate.data.protocol import ComparisonProtocol
from visavis.face import Detail
from visavis.models.manifest import load_manifest
from visavis.models.shipped import SHIPPED_EMBEDDERS
from visavis.models.user_provided import input_of
from visavis.runtime import chosen_embedder, open_uncalibrated
from visavis.settings import Settings

__all__ = ["NO_FACE", "Acquired", "ProgressCallback", "acquire", "embed_images", "made_by", "record_of", "stacked"]

NO_FACE = "no face found"
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
        return acquire(engine, protocol.paths(), checkpoint=checkpoint, progress=progress)


def made_by(settings: Settings) -> dict[str, str]:
    """Everything that an embedding depends on, except the image."""
    embedder, models = chosen_embedder(settings), load_manifest().models
    networks = {name: model.sha256 for name, model in models.items() if name not in SHIPPED_EMBEDDERS}
    networks["embedder"] = embedder.network_sha256
    if embedder.user_provided:
        # The same file with another input format gives other embeddings.
        networks["input"] = input_of(embedder.build)
    if settings.precision != "f32":
        networks["precision"] = settings.precision
    return {"visavis": __version__, "accuracy": settings.accuracy, "device": settings.device, **networks}


def acquire(
    engine: Engine,
    paths: Sequence[Path],
    *,
    checkpoint: EmbeddingCheckpoint | None = None,
    progress: ProgressCallback | None = None,
) -> Acquired:
    """Analyse the largest face of each image, as many images at a time as the engine has threads.

    Args:
        engine: an open engine; it needs no calibration.
        paths: the files of the images.
        checkpoint: the images in it are not analysed again, and new ones are added to it.
        progress: called after each image.

    Raises:
        InvalidRequest: an image cannot be read, or none gives an embedding.

    Example:
        >>> import visavis
        >>> with visavis.open_engine() as engine:
        ...     acquired = acquire(engine, [Path("examples/photos/obama.jpg")])
        >>> acquired.usable.tolist()
        [True]
    """
    if progress:
        progress(0, len(paths))
    results: list[EmbeddingRecord] = []
    for sha256, record in _records(engine, paths, {} if checkpoint is None else checkpoint.done):
        if checkpoint is not None and sha256 not in checkpoint.done:
            checkpoint.add(sha256, record)
        results.append(record)
        if progress:
            progress(len(results), len(paths))
    return stacked(results)


def _records(
    engine: Engine, paths: Sequence[Path], done: Mapping[str, EmbeddingRecord]
) -> Iterator[tuple[str, EmbeddingRecord]]:
    """The SHA-256 and the record of each image, in the order of the paths. Images in `done` are not analysed."""
    waiting: deque[tuple[str, EmbeddingRecord | None]] = deque()

    def new_images() -> Iterator[bytes]:
        for path in paths:
            data = _read(path)
            sha256 = hashlib.sha256(data).hexdigest()
            waiting.append((sha256, done.get(sha256)))
            if sha256 not in done:
                yield data

    def known() -> Iterator[tuple[str, EmbeddingRecord]]:
        while waiting and waiting[0][1] is not None:
            sha256, record = waiting.popleft()
            assert record is not None
            yield sha256, record

    for analysis in engine.analyze_many(new_images(), largest_only=True, detail=Detail.MINIMAL):
        yield from known()
        yield waiting.popleft()[0], record_of(analysis)
    yield from known()


def record_of(analysis: Analysis | VisavisError) -> EmbeddingRecord:
    """The embedding of an image's largest face, or the reason why there is none.

    Args:
        analysis: as `Engine.analyze_many` yields it.
    """
    if isinstance(analysis, VisavisError):
        return EmbeddingRecord(None, failure=f"{type(analysis).__name__}: {analysis}")
    if not analysis.faces:
        return EmbeddingRecord(None, failure=NO_FACE)
    return EmbeddingRecord(analysis.faces[0].embedding, analysis.faces[0].quality.score)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error


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
