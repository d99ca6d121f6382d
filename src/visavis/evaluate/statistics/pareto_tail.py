"""Extrapolates the tail of a distribution beyond the data with a generalised Pareto distribution.

The exceedances of a high threshold u by any common distribution follow in the limit (Pickands, 1975)

    P(X > u + y | X > u) = (1 + shape * y / scale) ** (-1 / shape)

The fit maximises the likelihood, which is a search over theta = shape / scale alone (Grimshaw, 1993). SciPy's
`genpareto.fit` is not used because it takes no weights, which the bootstrap needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "ParetoTail", "fit_tail"]

_LOWEST_SHAPE = -0.5
"""Below -0.5 the maximum-likelihood estimate has no proper standard error, and below -1 the likelihood has no maximum.
Tails of cosines are far above both."""
_HIGHEST_SHAPE = 1.0
_GRID = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """The upper tail of a distribution: P(X > x) where x is at least a threshold.

    Attributes:
        threshold: the start of the tail.
        rate: P(X > threshold).
        shape: below 0 the tail has an end, at 0 it is exponential, above 0 it is heavy.
        scale: the scale of the exceedances, above 0.

    Example:
        >>> round(ParetoTail(0.35, 1e-3, 0.0, 0.03).quantile(1e-6), 4)
        0.5572
    """

    threshold: float
    rate: float
    shape: float
    scale: float

    def survival(self, x: float) -> float:
        """P(X > x); 0 beyond the end of the tail."""
        y = (x - self.threshold) / self.scale
        if abs(self.shape) < 1e-9:
            return self.rate * float(np.exp(-y))
        inside = 1 + self.shape * y
        return self.rate * float(inside ** (-1 / self.shape)) if inside > 0 else 0.0

    def neg_log10_survival(self, x: float) -> float:
        """-log10 of P(X > x), at most 300. Below the threshold it is a straight line with the slope there."""
        if x < self.threshold:
            return float((x - self.threshold) / self.scale / np.log(10) - np.log10(self.rate))
        return float(-np.log10(max(self.survival(x), 1e-300)))

    def quantile(self, rate: float) -> float:
        """The x with P(X > x) = rate. The argument is at most the rate of the tail."""
        part = np.log(rate / self.rate)
        if abs(self.shape) < 1e-9:
            return float(self.threshold - self.scale * part)
        return float(self.threshold + self.scale / self.shape * np.expm1(-self.shape * part))


def fit_tail(exceedances: Floats, *, threshold: float, rate: float, weights: Floats | None = None) -> ParetoTail:
    """Fit a tail by maximum likelihood.

    Args:
        exceedances: (n,) values minus the threshold, at least 0. Fewer than 30 give no useful fit.
        threshold: the start of the tail.
        rate: the part of the distribution above the threshold.
        weights: (n,) the weight of each exceedance; default: equal weights.

    Example:
        >>> scores = np.random.default_rng(0).normal(0, 0.1, 100_000)
        >>> tail = fit_tail(scores[scores > 0.3] - 0.3, threshold=0.3, rate=(scores > 0.3).mean())
        >>> abs(tail.quantile(1e-6) - 0.475) < 0.05
        True
    """
    w = np.full(len(exceedances), 1 / len(exceedances)) if weights is None else weights / weights.sum()
    y = exceedances / exceedances.max()  # so that the grid does not depend on the unit
    lowest = np.log(1e-3)
    # theta from just above -1 / max(y), where the density ends at the largest value, to far above 0, in log steps.
    below = -1 + np.exp(np.linspace(lowest * 2, 0, _GRID))
    above = np.exp(np.linspace(lowest, -lowest, _GRID))
    thetas = np.concatenate([below[:-1], above])
    best = int(np.argmax(_likelihoods(thetas, y, w)))
    low, high = thetas[max(best - 1, 0)], thetas[min(best + 1, len(thetas) - 1)]
    for _ in range(3):
        fine = np.linspace(low, high, 41)
        best = int(np.argmax(_likelihoods(fine, y, w)))
        low, high = fine[max(best - 1, 0)], fine[min(best + 1, len(fine) - 1)]
    shape, scale = _parameters((low + high) / 2, y, w)
    return ParetoTail(threshold, rate, shape, float(scale * exceedances.max()))


def _parameters(theta: float, y: Floats, w: Floats) -> tuple[float, float]:
    if abs(theta) < 1e-9:
        return 0.0, float(w @ y)
    shape = float(np.clip(w @ np.log1p(theta * y), _LOWEST_SHAPE, _HIGHEST_SHAPE))
    return shape, shape / theta


def _likelihoods(thetas: Floats, y: Floats, w: Floats) -> Floats:
    """(k,) float64: the mean log likelihood at the best scale for each theta."""
    found = np.empty(len(thetas))
    for i, theta in enumerate(thetas):
        if abs(theta) < 1e-9:
            found[i] = -np.log(w @ y) - 1
            continue
        shape = w @ np.log1p(theta * y)
        possible = _LOWEST_SHAPE <= shape <= _HIGHEST_SHAPE and shape / theta > 0
        found[i] = -np.log(shape / theta) - shape - 1 if possible else -np.inf
    return found
