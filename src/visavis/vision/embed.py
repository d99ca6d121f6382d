"""Aligned crops -> unit vectors, by SFace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.models.session import Session

__all__ = ["Embedded", "Embedder"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """vector:   (128,) float32, unit length
    strength: its length before; the poorer the picture, the shorter
    """

    vector: NDArray[np.float32]
    strength: float


class Embedder:
    """SFace (Zhong and others: "SFace: Sigmoid-constrained hypersphere loss", 2021): 128 dimensions."""

    def __init__(self, session: Session, *, mirrored: bool = False) -> None:
        """Args:
        mirrored: embed each crop's mirror image too, and take the mean
        """
        self._session = session
        self._mirrored = mirrored

    def __call__(self, crop: NDArray[np.uint8]) -> Embedded:
        """Embed an aligned crop, (112, 112, 3) uint8 RGB."""
        # In float64, so that a vector's product with itself rounds to 1.
        raw = self._session.run(crop[None])["fc1"][0].astype(np.float64)
        if self._mirrored:
            raw = (raw + self._session.run(crop[None, :, ::-1])["fc1"][0]) / 2
        length = float(np.sqrt(raw @ raw))
        # A zero vector, which no face gives, stays one.
        return Embedded(np.asarray(raw / max(length, 1e-12), np.float32), length)
