"""How much several source images raise the scores of impostors, and the scores of genuine pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR, quality_adjusted, template_adjusted
from visavis.comparison import fuse_embeddings
from visavis.evaluate.fitting.root import crossing
from visavis.evaluate.statistics.pair_scores import pair_scores

Floats = NDArray[np.float64]

__all__ = ["FEWEST_PEOPLE", "fit_template_offset", "genuine_scores"]

FEWEST_PEOPLE = 20
"""People with four images or more that the offset needs."""

_FUSED, _FROM = 3, 4
_AT_FMR = PROMISED_FMR[LOWEST_PROMISED]
_LARGEST = 0.3  # as a cosine; no offset is near it


def fit_template_offset(
    embeddings: NDArray[np.float32],
    quality: Floats,
    identity: NDArray[np.int32],
    group: NDArray[np.int32],
    *,
    seed: int = 1,
) -> float | None:
    """How much higher impostors score with a template of very many images than with one image.

    A template is nearer to everyone, impostors included. Scores are those of a comparison: templates are weighted by
    quality, and have the highest quality score of their images.

    Args:
        embeddings: (n, d) float32, unit length, of usable images.
        quality: (n,) quality scores, 0..100.
        identity: (n,) int32.
        group: (n,) int32, which impostors share.
        seed: of the choice of images.

    Returns:
        The offset as a score, at a false match rate of 1e-3. It is measured with templates of three images, which show
        1 - 1/3 of it, on people with at least four images. None where there are fewer than `FEWEST_PEOPLE` of those.

    Example:
        >>> offset = fit_template_offset(embeddings, quality, identity, group)  # doctest: +SKIP
    """
    random = np.random.default_rng(seed)
    one: list[Floats] = []
    fused: list[Floats] = []
    best: list[Floats] = []
    theirs: list[Floats] = []
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
            best.append(np.full(len(single), quality[drawn].max()))
            theirs.append(quality[others])
    if people < FEWEST_PEOPLE:
        return None
    threshold = float(np.quantile(np.concatenate(one), 1 - _AT_FMR))
    return _offset_to(threshold, *(np.concatenate(parts) for parts in (fused, best, theirs)))


def _offset_to(threshold: float, cosines: Floats, best: Floats, theirs: Floats) -> float:
    """The offset at which templates reach `threshold` as often as single images do.

    Args:
        threshold: score that single images reach at the false match rate.
        cosines: (m,) of templates and impostors.
        best, theirs: (m,) their quality scores.
    """

    def missing(offset: float) -> float:
        scores = quality_adjusted(template_adjusted(cosines, offset, _FUSED), best, theirs)
        return threshold - float(np.quantile(scores, 1 - _AT_FMR))

    return crossing(missing, -_LARGEST, _LARGEST)


def genuine_scores(embeddings: NDArray[np.float32], quality: Floats, identity: NDArray[np.int32]) -> Floats:
    """(m,) the scores of all genuine pairs, sorted.

    Args:
        embeddings: (n, d) float32, unit length, of usable images.
        quality: (n,) quality scores, 0..100.
        identity: (n,) int32.
    """
    parts = [np.empty(0)]
    for person in np.unique(identity):
        own = np.flatnonzero(identity == person)
        first, second = np.triu_indices(len(own), 1)
        parts.append(pair_scores(embeddings, quality, own[first], own[second]))
    return np.sort(np.concatenate(parts))
