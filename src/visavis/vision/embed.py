"""Aligned crops -> unit vectors, by SFace or an embedder of the user's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.models.session import Session

__all__ = ["Embedded", "Embedder"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """vector:   (d,) float32, unit length; SFace gives 128 dimensions
    strength: its length before; the poorer the picture, the shorter. None for a network whose lengths nobody has held
              against pictures, for they mean nothing then
    """

    vector: NDArray[np.float32]
    strength: float | None


class Embedder:
    """SFace (Zhong and others: "SFace: Sigmoid-constrained hypersphere loss", 2021), or a network like it.

    Args:
        session: a network of one output, (n, d).
        known_strength: the lengths of its vectors are those of SFace, which confidence and quality were fitted on.
        mirrored: embed each crop's mirror image too, and take the mean.
    """

    def __init__(self, session: Session, *, known_strength: bool = True, mirrored: bool = False) -> None:
        self._session = session
        self._known_strength = known_strength
        self._mirrored = mirrored

    def __call__(self, crop: NDArray[np.uint8]) -> Embedded:
        """Embed an aligned crop, (112, 112, 3) uint8 RGB."""
        raw = self._run(crop[None])
        if self._mirrored:
            raw = (raw + self._run(crop[None, :, ::-1])) / 2
        length = float(np.sqrt(raw @ raw))
        # A zero vector, which no face gives, stays one.
        vector = np.asarray(raw / max(length, 1e-12), np.float32)
        # Faces may be remembered and handed out again.
        vector.setflags(write=False)
        return Embedded(vector, length if self._known_strength else None)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        # One output, whatever its name. In float64, so that a vector's product with itself rounds to 1.
        return np.asarray(next(iter(self._session.run(crops).values()))[0], np.float64)
