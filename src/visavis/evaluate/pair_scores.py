"""The score of a pair of faces: bit for bit the one that a comparison looks up on the curve.

A comparison takes the float32 dot product of two embeddings, and lowers it by the faces' quality in float64. The same
operations are used here, because a matrix product sums in another order: it differs by up to 1e-6, which moves pairs
across a threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import quality_adjusted

__all__ = ["SCORE", "block_scores", "pair_scores"]

SCORE = "cosine after the quality adjustment that compare applies"
"""What is counted, for reports."""

_CHUNK = 1 << 15  # pairs at a time; with embeddings of 512 numbers a chunk has 128 MB

Embeddings = NDArray[np.float32]
Floats = NDArray[np.float64]
Indices = NDArray[np.integer]


def pair_scores(embeddings: Embeddings, quality: Floats, first: Indices, second: Indices) -> Floats:
    """(m,) the score of each pair.

    Args:
        embeddings: (n, d) unit length
        quality: (n,) quality scores, 0..100
        first, second: (m,) indices
    """
    scores = np.empty(len(first))
    for start in range(0, len(first), _CHUNK):
        of = slice(start, start + _CHUNK)
        i, j = first[of], second[of]
        scores[of] = _scores(_dot(embeddings[i], embeddings[j]), quality[i], quality[j])
    return scores


def block_scores(
    embeddings: Embeddings, quality: Floats, other_embeddings: Embeddings, other_quality: Floats
) -> Floats:
    """(r, c) the score of every one of r faces with every one of c others; arguments as for `pair_scores`."""
    cosines = _dot(embeddings[:, None, :], other_embeddings[None, :, :])
    return _scores(cosines, quality[:, None], other_quality[None, :])


def _dot(one: Embeddings, other: Embeddings) -> NDArray[np.float32]:
    """Dot products along the last axis, the others broadcast.

    A product of 1 x d and d x 1 matrices is what NumPy computes as it does `np.dot` of two vectors.
    """
    return np.asarray(np.matmul(one[..., None, :], other[..., :, None])[..., 0, 0])


def _scores(cosines: NDArray[np.float32], quality: Floats, other_quality: Floats) -> Floats:
    return quality_adjusted(np.clip(cosines, -1, 1).astype(np.float64), quality, other_quality)
