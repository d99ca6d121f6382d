"""What several source photographs change, and how often genuine pairs fall short."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

__all__ = ["FEWEST_PEOPLE", "fit_fused_shift", "genuine_cosines"]

FEWEST_PEOPLE = 20
"""People with four photographs or more below which nothing is said of fused templates."""

_FUSED, _FROM = 3, 4
_AT_FMR = 1e-3


def fit_fused_shift(
    embeddings: NDArray[np.float32], identity: NDArray[np.int32], group: NDArray[np.int32], *, seed: int = 1
) -> float | None:
    """How much nearer strangers come to a template of endlessly many photographs than to one photograph.

    Args:
        embeddings: (n, d) unit vectors, all usable
        identity: (n,)
        group: (n,), impostors share it

    Returns:
        A cosine, at a false match rate of 1e-3. It is measured with templates of three, which show 1 - 1/3 of it, on
        people with at least four photographs; None where there are too few of those.
    """
    chance = np.random.default_rng(seed)
    one: list[Floats] = []
    fused: list[Floats] = []
    people = 0
    for person in np.unique(identity):
        own = np.flatnonzero(identity == person)
        if len(own) < _FROM:
            continue
        people += 1
        others = embeddings[(identity != person) & (group == group[own[0]])]
        for _ in range(3):
            drawn = embeddings[chance.choice(own, _FUSED, replace=False)]
            template = drawn.mean(axis=0)
            one.append(others @ drawn[0])
            fused.append(others @ (template / np.linalg.norm(template)))
    if people < FEWEST_PEOPLE:
        return None
    single, several = (np.quantile(np.concatenate(c), 1 - _AT_FMR) for c in (one, fused))
    return float((several - single) / (1 - 1 / _FUSED))


def genuine_cosines(embeddings: NDArray[np.float32], identity: NDArray[np.int32]) -> Floats:
    """Of all pairs of one person's photographs, sorted."""
    parts = [np.empty(0)]
    for person in np.unique(identity):
        own = embeddings[identity == person]
        upper = np.triu_indices(len(own), 1)
        parts.append((own @ own.T)[upper].astype(np.float64))
    return np.sort(np.concatenate(parts))
