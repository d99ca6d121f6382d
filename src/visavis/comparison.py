"""One face against many: pure arithmetic on embeddings, no images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED
from visavis.face import Face

__all__ = ["DEFAULT_SIMILARITY_THRESHOLD", "Comparison", "Match", "Similarity", "compare", "fuse", "fuse_embeddings"]

DEFAULT_SIMILARITY_THRESHOLD = float(LOWEST_PROMISED)
"""CompareFaces' own default (API reference, SimilarityThreshold)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face of the target, with its similarity.

    Attributes:
        similarity: 0..100 on the calibrated scale, a float32 value.
        cosine: -1..1, of the two embeddings.
        face: the face of the target.
        by_source: the similarity to each source alone, in the order of the sources; with one source, `similarity`.
        review: whether the similarity is in the band that a person should review.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> photos = Path("examples/photos")
        >>> match = visavis.compare(photos / "ardern_2018.jpg", photos / "ardern_2022.jpg").matches[0]
        >>> match.similarity > 99, match.by_source == (match.similarity,)
        (True, True)
    """

    similarity: float
    cosine: float
    face: Face
    by_source: tuple[float, ...] = ()
    review: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest face of each source compared with the faces of the target.

    Attributes:
        sources: the largest face of each source, in their order; at least one.
        matches: the faces at or above the threshold, highest similarity first.
        unmatched: the faces below the threshold, largest face first.
        threshold: 0..100, inclusive.
        strangers: the sources whose face does not match that of the first: the index in `sources`, and the similarity
            to the first, which is below `DEFAULT_SIMILARITY_THRESHOLD`.

    Example:
        >>> from pathlib import Path
        >>> import visavis
        >>> photos = Path("examples/photos")
        >>> comparison = visavis.compare(photos / "obama.jpg", photos / "sunak.jpg")
        >>> len(comparison.matches), len(comparison.unmatched), comparison.threshold
        (0, 1, 80.0)
    """

    sources: tuple[Face, ...]
    matches: tuple[Match, ...]
    unmatched: tuple[Match, ...]
    threshold: float
    strangers: tuple[tuple[int, float], ...] = ()

    @property
    def source(self) -> Face:
        """The face of the first source."""
        return self.sources[0]


class Similarity(Protocol):
    """From a cosine to similarity; `Calibration.similarity` is one."""

    def __call__(self, cosine: float, qualities: tuple[float, float], /, *, sources: int = 1) -> float:
        """0..100 for a cosine of -1..1 between two faces of these quality scores, which must not fall as it rises.

        Args:
            sources: how many faces the first of the two was fused of.
        """
        ...


def compare(
    sources: Sequence[Face],
    targets: Sequence[Face],
    *,
    threshold: float,
    similarity: Similarity,
    review: tuple[float, float] | None = None,
) -> Comparison:
    """Compare one person, shown by one face or several, with each of `targets`.

    Several faces are fused into a template. Every target ends in exactly one of the two lists.

    Args:
        sources: at least one.
        threshold: 0..100, inclusive: a face whose similarity equals it is a match.
        review: a band of similarities, both ends inclusive, whose faces are marked for a person to look at.
    """
    template, best = fuse(sources), max(source.quality.score for source in sources)
    fused = partial(similarity, sources=len(sources))
    scored = [
        replace(
            _reviewed(_match(template, best, face, fused), review),
            by_source=tuple(_match(s.embedding, s.quality.score, face, similarity).similarity for s in sources),
        )
        for face in targets
    ]
    return Comparison(tuple(sources), *_parted(scored, threshold), threshold, tuple(_strangers(sources, similarity)))


def _strangers(sources: Sequence[Face], similarity_of: Similarity) -> Iterator[tuple[int, float]]:
    first = sources[0]
    for i, face in enumerate(sources[1:], 1):
        similarity = _match(first.embedding, first.quality.score, face, similarity_of).similarity
        if similarity < DEFAULT_SIMILARITY_THRESHOLD:
            yield i, similarity


def fuse(faces: Sequence[Face]) -> NDArray[np.float32]:
    """The mean of the faces' embeddings, weighed by quality: (d,) float32 of unit length; of one face, its own."""
    if len(faces) == 1:
        return faces[0].embedding
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


_Scale: TypeAlias = Callable[[float, tuple[float, float]], float]


def _match(embedding: NDArray[np.float32], quality: float, target: Face, similarity: _Scale) -> Match:
    cosine = float(np.dot(embedding, target.embedding))
    cosine = min(1.0, max(-1.0, cosine))
    return Match(
        similarity=float(np.float32(similarity(cosine, (quality, target.quality.score)))), cosine=cosine, face=target
    )
