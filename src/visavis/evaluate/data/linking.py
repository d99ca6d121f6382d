"""Things that are the same thing because links join them, directly or through others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["lowest_linked"]


def lowest_linked(count: int, first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    """The lowest index in the connected component of each index.

    Args:
        count: how many indices there are
        first, second: (k,) int32 indices in 0..count-1 that a link joins

    Returns:
        (count,) int32

    Example:
        >>> lowest_linked(4, np.array([3], np.int32), np.array([1], np.int32)).tolist()
        [0, 1, 2, 1]
    """
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    components, component = connected_components(links, directed=False)
    lowest = np.full(components, count, np.int32)
    np.minimum.at(lowest, component, np.arange(count, dtype=np.int32))
    return lowest[component]
