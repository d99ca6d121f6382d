"""What several source photographs change, and how often genuine pairs fall short."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.calibration import LOWEST_PROMISED, PROMISED_FMR, quality_adjusted, template_adjusted
from visavis.comparison import fuse_embeddings
from visavis.evaluate.pair_scores import pair_scores

Floats = NDArray[np.float64]

__all__ = ["FEWEST_PEOPLE", "fit_fused_shift", "genuine_scores"]

FEWEST_PEOPLE = 20
"""People with four photographs or more below which nothing is said of fused templates."""

_FUSED, _FROM = 3, 4
_AT_FMR = PROMISED_FMR[LOWEST_PROMISED]
_WIDEST = 0.3  # a cosine; no shift is near it


def fit_fused_shift(
    embeddings: NDArray[np.float32],
    quality: Floats,
    identity: NDArray[np.int32],
    group: NDArray[np.int32],
    *,
    seed: int = 1,
) -> float | None:
    """How much nearer strangers come to a template of endlessly many photographs than to one photograph.

    Both are scores as a comparison computes them: templates are weighed by quality, and have the highest quality score
    of their photographs.

    Args:
        embeddings: (n, d) unit vectors, all usable
        quality: (n,) quality scores, 0..100
        identity: (n,)
        group: (n,), impostors share it

    Returns:
        A score, at a false match rate of 1e-3. It is measured with templates of three, which show 1 - 1/3 of it, on
        people with at least four photographs; None where there are too few of those.
    """
    chance = np.random.default_rng(seed)
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
            drawn = chance.choice(own, _FUSED, replace=False)
            template = fuse_embeddings(embeddings[drawn], quality[drawn])
            single = (embeddings[others] @ embeddings[drawn[0]]).astype(np.float64)
            one.append(quality_adjusted(single, quality[drawn[0]], quality[others]))
            fused.append((embeddings[others] @ template).astype(np.float64))
            best.append(np.full(len(single), quality[drawn].max()))
            theirs.append(quality[others])
    if people < FEWEST_PEOPLE:
        return None
    bar = float(np.quantile(np.concatenate(one), 1 - _AT_FMR))
    return _shift_to(bar, *(np.concatenate(parts) for parts in (fused, best, theirs)))


def _shift_to(bar: float, cosines: Floats, best: Floats, theirs: Floats) -> float:
    """The shift at which templates exceed `bar` at the rate at which single photographs do.

    Args:
        cosines: (m,) of templates and strangers
        best, theirs: (m,) their quality scores
    """
    low, high = -_WIDEST, _WIDEST
    for _ in range(24):
        shift = (low + high) / 2
        scores = quality_adjusted(template_adjusted(cosines, shift, _FUSED), best, theirs)
        above = float(np.quantile(scores, 1 - _AT_FMR)) > bar
        low, high = (shift, high) if above else (low, shift)
    return (low + high) / 2


def genuine_scores(embeddings: NDArray[np.float32], quality: Floats, identity: NDArray[np.int32]) -> Floats:
    """Of all pairs of one person's photographs, sorted."""
    parts = [np.empty(0)]
    for person in np.unique(identity):
        own = np.flatnonzero(identity == person)
        first, second = np.triu_indices(len(own), 1)
        parts.append(pair_scores(embeddings, quality, own[first], own[second]))
    return np.sort(np.concatenate(parts))
