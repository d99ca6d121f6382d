"""Embeds aligned crops as unit vectors, by SFace or by an embedder that the user added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.models.session import Session

__all__ = ["Embedded", "Embedder"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedding, and its norm before it was made a unit vector.

    vector:         (d,) float32, unit length; SFace gives 128 dimensions
    embedding_norm: above 0; lower for poorer images, with SFace about 12 on a good face. None for an embedder whose
                    norm is not calibrated, because nothing is known about what it means
    """

    vector: NDArray[np.float32]
    embedding_norm: float | None


class Embedder:
    """SFace (Zhong and others: "SFace: Sigmoid-constrained hypersphere loss", 2021), or a network like it.

    Args:
        session: a network of one output, (n, d).
        norm_is_calibrated: whether its embedding norms are SFace's, to which confidence and quality were fitted.
        mirrored: embed each crop's mirror image too, and take the mean.

    Example:
        embedder = Embedder(runtime.session(Path("model.xml")))
        cosine = embedder(crop).vector @ embedder(other_crop).vector
    """

    def __init__(self, session: Session, *, norm_is_calibrated: bool = True, mirrored: bool = False) -> None:
        self._session = session
        self._norm_is_calibrated = norm_is_calibrated
        self._mirrored = mirrored

    def __call__(self, crop: NDArray[np.uint8]) -> Embedded:
        """Embed an aligned crop, (112, 112, 3) uint8 RGB."""
        raw = self._run(crop[None])
        if self._mirrored:
            raw = (raw + self._run(crop[None, :, ::-1])) / 2
        norm = float(np.sqrt(raw @ raw))
        # A zero vector, which no face gives, stays zero.
        vector = np.asarray(raw / max(norm, 1e-12), np.float32)
        # Read-only, because the face cache returns the same array again.
        vector.setflags(write=False)
        return Embedded(vector, norm if self._norm_is_calibrated else None)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        # One output, whatever its name. In float64, so that a vector's product with itself rounds to 1.
        return np.asarray(next(iter(self._session.run(crops).values()))[0], np.float64)
