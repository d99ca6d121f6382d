"""Aligned crops -> unit vectors, by SFace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.models.session import Session

__all__ = ["Embedder"]


class Embedder:
    """SFace (Zhong and others: "SFace: Sigmoid-constrained hypersphere loss", 2021): 128 dimensions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(112, 112, 3) uint8 RGB -> (128,) float32 of unit length."""
        return unit(self._session.run(crop[None])["fc1"][0])


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """`vector` (d,) at unit length; a zero vector, which no face gives, stays as it is."""
    # In float64, so that a vector's product with itself rounds to 1.
    wide = vector.astype(np.float64)
    length = float(np.sqrt(wide @ wide))
    return np.asarray(wide / length if length else wide, np.float32)
