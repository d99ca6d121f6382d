"""Connected components: the things that links join, directly or through other things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["lowest_linked"]


def lowest_linked(count: int, first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    """The lowest index in the connected component of each index.

    Args:
        count: the number of indices.
        first: (k,) int32, one end of each link, 0..count-1.
        second: (k,) int32, the other end of each link.

    Returns:
        (count,) int32 indices.

    Example:
        >>> lowest_linked(4, np.array([3], np.int32), np.array([1], np.int32)).tolist()
        [0, 1, 2, 1]
    """
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    components, component = connected_components(links, directed=False)
    lowest = np.full(components, count, np.int32)
    np.minimum.at(lowest, component, np.arange(count, dtype=np.int32))
    return lowest[component]
