"""Error rates of embeddings of degraded copies, for the tools that train the embedder."""

from __future__ import annotations

import numpy as np
from bench.degrade import DEGRADATIONS
from numpy.typing import NDArray

__all__ = ["KINDS", "rates_table"]

FMR = 1e-3

KINDS = ("FNMR, both degraded", "FNMR, plain and degraded", "FMR, both degraded", "FMR, plain and degraded")
"""The rows of a table: the rate, and which images of a pair are degraded."""


def rates_table(
    vectors: NDArray[np.float32], seen: NDArray[np.bool_], identity: NDArray[np.str_], sex: NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    """Error rates of each copy.

    Args:
        vectors: (d, n, 128) unit embeddings, one of each copy in the order of `bench.degrade`, the plain one first.
        seen: (d, n) whether a face was found.
        identity: (n,) the people.
        sex: (n,) their sex.

    Returns:
        A row of `KINDS` -> the copy, or "mean" -> the rate. FNMR is in %, where this copy has an FMR of 1e-3 among
        impostors of the same sex. FMR is in 1e-3, at the threshold of plain pairs.
    """
    different = identity[:, None] != identity
    genuine, impostor = ~different & ~np.eye(len(identity), dtype=np.bool_), different & (sex[:, None] == sex)
    table: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    plain = np.quantile((vectors[0] @ vectors[0].T)[impostor & seen[0][:, None] & seen[0]], 1 - FMR)
    for i, how in enumerate(DEGRADATIONS):
        for kind, first in (("both degraded", i), ("plain and degraded", 0)):
            cosines = vectors[first] @ vectors[i].T
            both = seen[first][:, None] & seen[i]
            threshold = np.quantile(cosines[impostor & both], 1 - FMR)
            table[f"FNMR, {kind}"][how] = 100 * float((cosines[genuine & both] < threshold).mean())
            table[f"FMR, {kind}"][how] = 1000 * float((cosines[impostor & both] >= plain).mean())
    for rates in table.values():
        rates["mean"] = float(np.mean(list(rates.values())))
    return table
