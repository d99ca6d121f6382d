"""One face against many: pure arithmetic on embeddings, no pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from visavis.face import Face

__all__ = ["DEFAULT_SIMILARITY_THRESHOLD", "Comparison", "Match", "compare"]

DEFAULT_SIMILARITY_THRESHOLD = 80.0
"""CompareFaces' own default (API reference, SimilarityThreshold)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face of the target whose similarity reached the threshold.

    similarity: 0..100 on the calibrated scale, a float32 value
    cosine:     -1..1, of the two embeddings
    """

    similarity: float
    cosine: float
    face: Face


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest face of the source against the faces of the target.

    matches:   highest similarity first
    unmatched: the `Match`es below the threshold, largest face first
    """

    source: Face
    matches: tuple[Match, ...]
    unmatched: tuple[Match, ...]
    threshold: float


def compare(
    source: Face, targets: Sequence[Face], *, threshold: float, similarity: Callable[[float], float]
) -> Comparison:
    """Compare `source` with each of `targets`; every one ends in exactly one of the two lists.

    Args:
        threshold: 0..100, inclusive: a face whose similarity equals it is a match.
        similarity: from cosine, -1..1, to similarity, 0..100; must not decrease.
    """
    # Similarity is settled to float32 first, since that is what a caller sees and may hand back as a threshold;
    # the threshold likewise, for 0.1 travels as the double 0.1 but the face's similarity does not.
    bar = float(np.float32(threshold))
    scored = [_match(source, face, similarity) for face in targets]
    matches = sorted((m for m in scored if m.similarity >= bar), key=lambda m: -m.similarity)
    unmatched = sorted((m for m in scored if m.similarity < bar), key=lambda m: -m.face.box.area)
    return Comparison(source, tuple(matches), tuple(unmatched), threshold)


def _match(source: Face, target: Face, similarity: Callable[[float], float]) -> Match:
    cosine = float(np.dot(source.embedding, target.embedding))
    cosine = min(1.0, max(-1.0, cosine))
    return Match(similarity=float(np.float32(similarity(cosine))), cosine=cosine, face=target)
