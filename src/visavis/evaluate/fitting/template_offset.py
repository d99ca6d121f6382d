"""How much a template of several images raises the scores of impostors; and the scores of genuine pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.comparison import fuse_embeddings
from visavis.cosine_adjustments import quality_adjusted, template_adjusted
from visavis.evaluate.fitting.root import crossing
from visavis.evaluate.statistics.pair_scores import pair_scores
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR

Floats = NDArray[np.float64]

__all__ = ["FEWEST_PEOPLE", "fit_template_offset", "genuine_scores"]

FEWEST_PEOPLE = 20
"""The offset needs this many people with four images or more."""

_FUSED, _FROM = 3, 4
_AT_FMR = PROMISED_FMR[LOWEST_PROMISED]
_LARGEST = 0.3  # as a cosine; offsets are far smaller


def fit_template_offset(
    embeddings: NDArray[np.float32],
    quality: Floats,
    identity: NDArray[np.int32],
    group: NDArray[np.int32],
    *,
    seed: int = 1,
) -> float | None:
    """How much higher impostors score with a template of very many images than with one image.

    A template is closer to everyone, impostors included. Scores are those of a comparison: the images of a template are
    weighted by quality, and its quality score is the highest of its images.

    Args:
        embeddings: (n, d) float32, unit length, of usable images.
        quality: (n,) quality scores, 0..100.
        identity: (n,) int32, the identity of each image.
        group: (n,) int32, the group of each image. Impostors are of one group.
        seed: the seed of the choice of images.

    Returns:
        The offset as a score, at a false match rate of 1e-3. It is measured on people with four images or more, with
        templates of three images, which show 1 - 1/3 of it. None where there are fewer than `FEWEST_PEOPLE` of them.

    Example:
        >>> embeddings = np.eye(4, dtype=np.float32)
        >>> people = np.array([0, 0, 1, 1], np.int32)
        >>> fit_template_offset(embeddings, np.full(4, 90.0), people, np.zeros(4, np.int32)) is None
        True
    """
    random = np.random.default_rng(seed)
    one: list[Floats] = []
    fused: list[Floats] = []
    template_quality: list[Floats] = []
    impostor_quality: list[Floats] = []
    people = 0
    for person in np.unique(identity):
        own = np.flatnonzero(identity == person)
        if len(own) < _FROM:
            continue
        people += 1
        others = (identity != person) & (group == group[own[0]])
        for _ in range(3):
            drawn = random.choice(own, _FUSED, replace=False)
            template = fuse_embeddings(embeddings[drawn], quality[drawn])
            single = (embeddings[others] @ embeddings[drawn[0]]).astype(np.float64)
            one.append(quality_adjusted(single, quality[drawn[0]], quality[others]))
            fused.append((embeddings[others] @ template).astype(np.float64))
            template_quality.append(np.full(len(single), quality[drawn].max()))
            impostor_quality.append(quality[others])
    if people < FEWEST_PEOPLE:
        return None
    threshold = float(np.quantile(np.concatenate(one), 1 - _AT_FMR))
    return _offset_to(threshold, *(np.concatenate(parts) for parts in (fused, template_quality, impostor_quality)))


def _offset_to(threshold: float, cosines: Floats, template_quality: Floats, impostor_quality: Floats) -> float:
    """The offset at which templates reach `threshold` as often as single images do.

    Args:
        threshold: the score of single images at the false match rate.
        cosines: (m,) the cosine of each template and impostor.
        template_quality: (m,) the quality scores of the templates.
        impostor_quality: (m,) the quality scores of the impostors.
    """

    def missing(offset: float) -> float:
        scores = quality_adjusted(template_adjusted(cosines, offset, _FUSED), template_quality, impostor_quality)
        return threshold - float(np.quantile(scores, 1 - _AT_FMR))

    return crossing(missing, -_LARGEST, _LARGEST)


def genuine_scores(embeddings: NDArray[np.float32], quality: Floats, identity: NDArray[np.int32]) -> Floats:
    """(m,) float64: the scores of all genuine pairs, sorted.

    Args:
        embeddings: (n, d) float32, unit length, of usable images.
        quality: (n,) quality scores, 0..100.
        identity: (n,) int32, the identity of each image.
    """
    parts = [np.empty(0)]
    for person in np.unique(identity):
        own = np.flatnonzero(identity == person)
        first, second = np.triu_indices(len(own), 1)
        parts.append(pair_scores(embeddings, quality, own[first], own[second]))
    return np.sort(np.concatenate(parts))
