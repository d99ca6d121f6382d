"""The score of a pair of faces, bit for bit the score from which a comparison computes the similarity.

A comparison takes the float32 dot product of two embeddings and adjusts it by the faces' quality in float64. This
module uses the same operations. A matrix product adds in another order and differs by up to 1e-6, which moves pairs
across a threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.cosine_adjustments import quality_adjusted

__all__ = ["SCORE", "block_scores", "pair_scores"]

SCORE = "cosine after the quality adjustment that compare applies"
"""The definition of the score, for reports."""

_CHUNK = 1 << 15  # pairs at a time; a chunk of embeddings of 512 numbers has 128 MB

Embeddings = NDArray[np.float32]
Floats = NDArray[np.float64]
Indices = NDArray[np.integer]


def pair_scores(embeddings: Embeddings, quality: Floats, first: Indices, second: Indices) -> Floats:
    """The score of each pair.

    Args:
        embeddings: (n, d) float32, unit length.
        quality: (n,) quality scores, 0..100.
        first: (m,) the index of one image of each pair.
        second: (m,) the index of the other image.

    Returns:
        (m,) float64, -1..1.

    Example:
        >>> one = np.eye(2, dtype=np.float32)
        >>> pair_scores(one, np.array([90.0, 90.0]), np.array([0, 0]), np.array([0, 1])).tolist()
        [1.0, 0.0]
    """
    scores = np.empty(len(first))
    for start in range(0, len(first), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        i, j = first[chunk], second[chunk]
        scores[chunk] = _scores(_dot(embeddings[i], embeddings[j]), quality[i], quality[j])
    return scores


def block_scores(
    embeddings: Embeddings, quality: Floats, other_embeddings: Embeddings, other_quality: Floats
) -> Floats:
    """(r, c) float64: the score of each of r faces with each of c others. The arguments are as for `pair_scores`."""
    cosines = _dot(embeddings[:, None, :], other_embeddings[None, :, :])
    return _scores(cosines, quality[:, None], other_quality[None, :])


def _dot(one: Embeddings, other: Embeddings) -> NDArray[np.float32]:
    """The dot products along the last axis. The other axes are broadcast.

    NumPy computes the product of a 1 x d and a d x 1 matrix with the same operations as `np.dot` of two vectors.
    """
    return np.asarray(np.matmul(one[..., None, :], other[..., :, None])[..., 0, 0])


def _scores(cosines: NDArray[np.float32], quality: Floats, other_quality: Floats) -> Floats:
    return quality_adjusted(np.clip(cosines, -1, 1).astype(np.float64), quality, other_quality)
