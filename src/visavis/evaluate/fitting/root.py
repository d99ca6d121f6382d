"""The zero of a rising function."""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import brentq

__all__ = ["crossing"]


def crossing(function: Callable[[float], float], low: float, high: float) -> float:
    """The x between `low` and `high` at which a rising function crosses zero, to 1e-12.

    Args:
        function: a continuous function that rises from `low` to `high`.
        low: the lower end of the search.
        high: the upper end of the search.

    Returns:
        The zero; `low` where the function is at least 0 there, and `high` where it is at most 0 there.

    Example:
        >>> round(crossing(lambda x: x**2 - 2, 0, 2), 6)
        1.414214
    """
    if function(low) >= 0:
        return low
    if function(high) <= 0:
        return high
    return float(brentq(function, low, high, xtol=1e-12))
