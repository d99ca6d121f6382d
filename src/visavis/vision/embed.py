"""Embeds aligned crops as unit vectors, with SFace or with an embedder that the user added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.models.session import Session

__all__ = ["Embedded", "Embedder"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedding, and its norm before normalisation.

    Attributes:
        vector: (d,) float32, unit length, read-only; d is 128 for SFace.
        embedding_norm: at least 0, lower for poorer images; about 12 for a good face with SFace. None if the norms of
            the embedder are not calibrated.
    """

    vector: NDArray[np.float32]
    embedding_norm: float | None


class Embedder:
    """SFace (Zhong and others: "SFace: Sigmoid-constrained hypersphere loss", 2021), or a similar network.

    Args:
        session: of a network with one output, (n, d).
        norm_is_calibrated: whether the embedding norms are SFace's, on which confidence and quality were fitted.
        mirrored: whether the mirror image of each crop is embedded too, and the mean is taken.

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
        # A zero vector stays zero; no face gives one.
        vector = np.asarray(raw / max(norm, 1e-12), np.float32)
        # Read-only, because the face cache returns the same array several times.
        vector.setflags(write=False)
        return Embedded(vector, norm if self._norm_is_calibrated else None)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        # The only output, because its name differs between embedders. In float64, so that the dot product of a unit
        # vector with itself rounds to 1.
        return np.asarray(next(iter(self._session.run(crops).values()))[0], np.float64)
