"""One face against many: pure arithmetic on embeddings, no pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED
from visavis.face import Face

__all__ = ["DEFAULT_SIMILARITY_THRESHOLD", "Comparison", "Match", "compare", "compare_fused", "fuse", "fuse_embeddings"]

DEFAULT_SIMILARITY_THRESHOLD = float(LOWEST_PROMISED)
"""CompareFaces' own default (API reference, SimilarityThreshold)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face of the target whose similarity reached the threshold.

    similarity: 0..100 on the calibrated scale, a float32 value
    cosine:     -1..1, of the two embeddings
    by_source:  with several source photographs, the similarity to each of them alone, in their order; else empty
    review:     the similarity lies in the band in which a person was asked to look
    """

    similarity: float
    cosine: float
    face: Face
    by_source: tuple[float, ...] = ()
    review: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest face of the source against the faces of the target.

    sources:   with several source photographs the largest face of each, in their order, `source` the first of them
    strangers: of these, the ones whose face does not match the first: index in `sources`, and the similarity to the
               first, which is below `DEFAULT_SIMILARITY_THRESHOLD`
    matches:   highest similarity first
    unmatched: the `Match`es below the threshold, largest face first
    """

    source: Face
    matches: tuple[Match, ...]
    unmatched: tuple[Match, ...]
    threshold: float
    sources: tuple[Face, ...] = ()
    strangers: tuple[tuple[int, float], ...] = ()


Similarity: TypeAlias = Callable[[float, tuple[float, float]], float]


def compare(
    source: Face,
    targets: Sequence[Face],
    *,
    threshold: float,
    similarity: Similarity,
    review: tuple[float, float] | None = None,
) -> Comparison:
    """Compare `source` with each of `targets`; every one ends in exactly one of the two lists.

    Args:
        review: a band of similarities, both ends inclusive, whose faces are marked for a person to look at.
        threshold: 0..100, inclusive: a face whose similarity equals it is a match.
        similarity: from a cosine, -1..1, and the two faces' quality scores to similarity, 0..100; must not decrease
            with the cosine.
    """
    scored = [_match(source.embedding, source.quality.score, face, similarity) for face in targets]
    matches, unmatched = _parted([_reviewed(match, review) for match in scored], threshold)
    return Comparison(source, matches, unmatched, threshold)


def compare_fused(
    sources: Sequence[Face],
    targets: Sequence[Face],
    *,
    threshold: float,
    fused: Similarity,
    single: Similarity,
    review: tuple[float, float] | None = None,
) -> Comparison:
    """Compare one person's several faces, fused into a template, with each of `targets`.

    Args:
        sources: at least one.
        fused: from a cosine with the template to similarity.
        single: from a cosine with one face to similarity.
    """
    template, best = fuse(sources), max(source.quality.score for source in sources)
    scored = [
        replace(
            _reviewed(_match(template, best, face, fused), review),
            by_source=tuple(_match(s.embedding, s.quality.score, face, single).similarity for s in sources),
        )
        for face in targets
    ]
    return Comparison(
        sources[0], *_parted(scored, threshold), threshold, tuple(sources), tuple(_strangers(sources, single))
    )


def _strangers(sources: Sequence[Face], single: Similarity) -> Iterator[tuple[int, float]]:
    first = sources[0]
    for i, face in enumerate(sources[1:], 1):
        similarity = _match(first.embedding, first.quality.score, face, single).similarity
        if similarity < DEFAULT_SIMILARITY_THRESHOLD:
            yield i, similarity


def fuse(faces: Sequence[Face]) -> NDArray[np.float32]:
    """The mean of the faces' embeddings, weighed by quality: (d,) float32 of unit length."""
    embeddings = np.stack([face.embedding for face in faces])
    return fuse_embeddings(embeddings, np.array([face.quality.score for face in faces]))


def fuse_embeddings(embeddings: NDArray[np.float32], qualities: NDArray[np.float64]) -> NDArray[np.float32]:
    """The mean of (n, d) embeddings, weighed by their (n,) quality scores, 0..100: (d,) float32 of unit length."""
    # A face of no quality at all still says a little.
    mean = (qualities + 5) @ embeddings.astype(np.float64)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _parted(scored: Sequence[Match], threshold: float) -> tuple[tuple[Match, ...], tuple[Match, ...]]:
    # Similarity is settled to float32 already, since that is what a caller sees and may hand back as a threshold;
    # the threshold is brought to the same, for 0.1 travels as the double 0.1 but the face's similarity does not.
    bar = float(np.float32(threshold))
    matches = sorted((m for m in scored if m.similarity >= bar), key=lambda m: -m.similarity)
    unmatched = sorted((m for m in scored if m.similarity < bar), key=lambda m: -m.face.visible_area)
    return tuple(matches), tuple(unmatched)


def _reviewed(match: Match, band: tuple[float, float] | None) -> Match:
    return replace(match, review=band is not None and band[0] <= match.similarity <= band[1])


def _match(embedding: NDArray[np.float32], quality: float, target: Face, similarity: Similarity) -> Match:
    cosine = float(np.dot(embedding, target.embedding))
    cosine = min(1.0, max(-1.0, cosine))
    return Match(
        similarity=float(np.float32(similarity(cosine, (quality, target.quality.score)))), cosine=cosine, face=target
    )
