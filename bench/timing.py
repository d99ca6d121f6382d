"""Times functions on a noisy machine. Functions to compare run in turns, so that noise affects all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Times", "interleaved", "ratio"]


@dataclass(frozen=True, slots=True)
class Times:
    """The durations of rounds.

    Attributes:
        seconds: in the order of the rounds.
    """

    seconds: tuple[float, ...]

    @property
    def ms(self) -> float:
        """The median, in milliseconds."""
        return 1000 * statistics.median(self.seconds)

    def quantile(self, part: float) -> float:
        """The quantile `part`, 0..1, of the durations in milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    def as_json(self) -> dict[str, object]:
        return {
            "ms": round(self.ms, 3),
            "fastest_ms": round(1000 * min(self.seconds), 3),
            "quartiles_ms": [round(self.quantile(q), 3) for q in (0.25, 0.75)],
            "rounds": len(self.seconds),
        }


def interleaved(
    ways: Mapping[str, Callable[[], object]], *, rounds: int = 25, seconds: float = 20.0, warm: int = 2
) -> dict[str, Times]:
    """Run each function once in every round, for `rounds` rounds, or for five or more until `seconds` have passed."""
    for _ in range(warm):
        for way in ways.values():
            way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    began = time.perf_counter()
    for turn in range(rounds):
        if turn >= 5 and time.perf_counter() - began > seconds:
            break
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    return {name: Times(tuple(values)) for name, values in taken.items()}


def ratio(one: Times, other: Times) -> float:
    """The median of the ratios within rounds, because a slow period affects both durations of a round."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))
