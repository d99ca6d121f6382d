"""Compares one face with many, by arithmetic on embeddings only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InvalidRequest
from visavis.face import Face
from visavis.similarity_scale import LOWEST_PROMISED, false_match_rate, shown

if TYPE_CHECKING:
    from visavis.drawing import Mark
    from visavis.image import Image
    from visavis.inputs import ImageInput

__all__ = ["DEFAULT_SIMILARITY_THRESHOLD", "Comparison", "Match", "Similarity", "compare", "fuse", "fuse_embeddings"]

DEFAULT_SIMILARITY_THRESHOLD = float(LOWEST_PROMISED)
"""The default of CompareFaces (API reference, SimilarityThreshold)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face of the target, with its similarity.

    Attributes:
        similarity: 0..100 on the calibrated scale, a float32 value.
        cosine: -1..1, of the two embeddings.
        face: the face of the target.
        by_source: the similarity to each source alone, in the order of the sources. With one source it equals
            `similarity`.
        review: whether the similarity is in the review band.

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
        strangers: the sources whose similarity to the first is below `DEFAULT_SIMILARITY_THRESHOLD`, each as its index
            in `sources` and that similarity.

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

    def draw(
        self,
        source: Image | ImageInput | Sequence[Image | ImageInput],
        target: Image | ImageInput,
        suffix: str = ".png",
        *,
        landmarks: bool = False,
    ) -> bytes:
        """Draw the images side by side: the sources' faces, those of the target with their similarities, and lines.

        Matches have a thick green box with a check mark, faces in the review band an orange double one, and the others
        a thin dashed one. They are numbered in the order of `matches`, then `unmatched`. No label covers a face or
        another label; if there is no room, a legend lists the similarities. An image is at most 1600 pixels wide and
        high in the drawing, and a small one is enlarged.

        Args:
            source: the image of the first source, or a list or tuple with the images of all: each a JPEG or PNG as
                bytes, a path or an open file, RGB pixels (h, w, 3) uint8, or a decoded `Image`.
            target: the image of the target, likewise.
            suffix: the format: `.png`, `.jpg` or `.jpeg`, in lower or upper case.
            landmarks: whether the landmarks and the axes of the pose are drawn as well.

        Returns:
            The bytes of the image file. The same arguments give the same bytes.

        Raises:
            InvalidRequest: the suffix is another one, the number of source images is neither one nor that of `sources`,
                an image has a type that is not accepted, or a file cannot be read.
            BadImage, ImageTooLarge, ImageTooSmall: an image cannot be decoded.

        Example:
            >>> from pathlib import Path
            >>> import visavis
            >>> source, target = Path("examples/photos/ardern_2018.jpg"), Path("examples/photos/ardern_2022.jpg")
            >>> drawing = visavis.compare(source, target).draw(source, target)
            >>> drawing[1:4]
            b'PNG'
        """
        from visavis.drawing import Kind, Mark, Picture, check_suffix, compose, encoded, opened

        check_suffix(suffix)
        images = source if isinstance(source, list | tuple) else [source]
        if len(images) not in (1, len(self.sources)):
            raise InvalidRequest(f"there must be an image for each of {len(self.sources)} sources, not {len(images)}")
        names = [f"S{i}" for i in range(1, len(images) + 1)] if len(images) > 1 else ["S"]
        sources = [
            Picture(opened(image), [Mark(face, Kind.SOURCE, name)])
            for image, face, name in zip(images, self.sources, names, strict=False)
        ]
        pictured = Picture(opened(target), self._marks())
        return encoded(compose(sources, pictured, self._note(), landmarks=landmarks), suffix)

    def _marks(self) -> list[Mark]:
        """The faces of the target, numbered."""
        from visavis.drawing import Kind, Mark

        marks: list[Mark] = []
        for verdict, found in (("match", self.matches), ("no match", self.unmatched)):
            for match in found:
                kind = Kind.REVIEW if match.review else Kind.MATCH if found is self.matches else Kind.OTHER
                says = f"review ({verdict})" if match.review else verdict
                name, joined = str(len(marks) + 1), found is self.matches
                marks.append(Mark(match.face, kind, name, shown(match.similarity), says, joined))
        return marks

    def _note(self) -> str:
        """What the threshold means, and which sources show someone else."""
        note = f"A match has a similarity of {self.threshold:g} or more"
        if self.threshold >= LOWEST_PROMISED:
            note += f", which two people of one sex reach once in {1 / false_match_rate(self.threshold):,.0f} pairs"
        for i, similarity in self.strangers:
            note += f". S{i + 1} does not look like S1 (similarity {shown(similarity)})"
        return note + "."


class Similarity(Protocol):
    """Maps a cosine to a similarity; `Calibration.similarity` is one."""

    def __call__(self, cosine: float, qualities: tuple[float, float], /, *, sources: int = 1) -> float:
        """The similarity, 0..100. It must not fall as the cosine rises.

        Args:
            cosine: -1..1, of two faces.
            qualities: the quality scores of the two faces, 0..100.
            sources: how many faces were fused into the first one.
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
    """Compare one or several faces of one person with each of `targets`.

    Several faces are fused into a template. Each target is in exactly one of `matches` and `unmatched`.

    Args:
        sources: at least one face of the person.
        targets: the faces of the target, in any order.
        threshold: 0..100, inclusive: a similarity equal to it is a match.
        similarity: maps a cosine to a similarity.
        review: a band of similarities, low and high, both inclusive; a match in it is marked for review by a person.

    Example:
        comparison = compare([face], faces, threshold=80, similarity=load_calibration().similarity)
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
    return Comparison(
        tuple(sources), *_partitioned(scored, threshold), threshold, tuple(_strangers(sources, similarity))
    )


def _strangers(sources: Sequence[Face], similarity_of: Similarity) -> Iterator[tuple[int, float]]:
    first = sources[0]
    for i, face in enumerate(sources[1:], 1):
        similarity = _match(first.embedding, first.quality.score, face, similarity_of).similarity
        if similarity < DEFAULT_SIMILARITY_THRESHOLD:
            yield i, similarity


def fuse(faces: Sequence[Face]) -> NDArray[np.float32]:
    """Fuse faces into a template: their quality-weighted mean embedding, (d,) float32 of unit length.

    For a single face it is the embedding of that face.
    """
    if len(faces) == 1:
        return faces[0].embedding
    embeddings = np.stack([face.embedding for face in faces])
    return fuse_embeddings(embeddings, np.array([face.quality.score for face in faces]))


def fuse_embeddings(embeddings: NDArray[np.float32], qualities: NDArray[np.float64]) -> NDArray[np.float32]:
    """The weighted mean of embeddings, normalised.

    Args:
        embeddings: (n, d), n at least 1.
        qualities: (n,), the quality scores, 0..100; the weights.

    Returns:
        (d,) float32 of unit length.

    Example:
        >>> fuse_embeddings(np.eye(2, dtype=np.float32), np.array([50.0, 50.0])).round(3).tolist()
        [0.7070000171661377, 0.7070000171661377]
    """
    # Plus 5, so that a face of quality 0 has a small weight.
    mean = (qualities + 5) @ embeddings.astype(np.float64)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _partitioned(scored: Sequence[Match], threshold: float) -> tuple[tuple[Match, ...], tuple[Match, ...]]:
    # The threshold is rounded to float32 like the similarities, because a caller may pass a similarity as threshold.
    threshold = float(np.float32(threshold))
    matches = sorted((m for m in scored if m.similarity >= threshold), key=lambda m: -m.similarity)
    unmatched = sorted((m for m in scored if m.similarity < threshold), key=lambda m: -m.face.visible_area)
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
