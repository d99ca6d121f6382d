"""The embeddings of a data set's images, by the engine that the settings choose."""

from __future__ import annotations

from pathlib import Path

from visavis import __version__
from visavis.evaluate.acquire import Acquired, acquire
from visavis.evaluate.protocol import Protocol
from visavis.evaluate.work import WorkFile
from visavis.models.manifest import load_manifest
from visavis.models.user_provided import input_of
from visavis.runtime import chosen_embedder, open_uncalibrated
from visavis.settings import SHIPPED_EMBEDDER, Settings

__all__ = ["embed_images"]


def embed_images(protocol: Protocol, settings: Settings, *, resume: Path | None, progress: bool) -> Acquired:
    """Open an engine, embed the largest face of each image, and close the engine. The embedder needs no calibration.

    Args:
        protocol: whose images to embed
        settings: embedder, accuracy, device and threads
        resume: file with the embeddings of an interrupted run, to which new ones are added; None: keep none
        progress: report progress on standard error

    Raises:
        InvalidRequest: an image cannot be read, no image has a face, or `resume` was made with other networks.
    """
    checkpoint = WorkFile(resume, _made_by(settings)) if resume else None
    try:
        with open_uncalibrated(settings) as engine:
            # One more than the engine's own threads, so that reading a file does not keep a core waiting.
            return acquire(
                engine, protocol.paths(), threads=settings.threads + 1, work=checkpoint, quiet=not progress
            )  # fmt: skip
    finally:
        if checkpoint:
            checkpoint.close()


def _made_by(settings: Settings) -> dict[str, str]:
    """All that an embedding depends on beside the image."""
    networks = {name: model.sha256 for name, model in load_manifest().models.items()}
    embedder = chosen_embedder(settings)
    if embedder.user_provided:
        # The same file with another input is another embedder.
        networks |= {SHIPPED_EMBEDDER: embedder.sha256, "input": input_of(embedder.build)}
    return {"visavis": __version__, "accuracy": settings.accuracy, "device": settings.device, **networks}
