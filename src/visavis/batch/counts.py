"""Counts what became of rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from visavis.api.errors import to_wire
from visavis.batch.rows import RowResult

__all__ = ["Counts"]

BINS = 10
"""Of the histogram of similarities, each of the same width."""


@dataclass(slots=True)
class Counts:
    """How many rows there were of each kind.

    Attributes:
        rows: all rows.
        matches: rows whose best face is a match.
        review: rows whose best face is in the review band.
        errors: rows that failed, by the code of the error.
        similarities: rows with a best face, by ten bins of its similarity; 100 is in the last one.

    Example:
        >>> print(Counts(rows=1, matches=1, similarities=Counter({9: 1})))
        1 row: 1 match, 0 others, 0 errors
        ...
    """

    rows: int = 0
    matches: int = 0
    review: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    similarities: Counter[int] = field(default_factory=Counter)

    def add(self, result: RowResult) -> None:
        """Count one more row."""
        self.rows += 1
        if result.error is not None:
            self.errors[to_wire(result.error).code] += 1
        best = result.best
        if best is not None:
            self.matches += bool(result.comparison and result.comparison.matches)
            self.review += best.review
            self.similarities[min(int(best.similarity / 100 * BINS), BINS - 1)] += 1

    def as_json(self) -> dict[str, object]:
        """The numbers, for a file; `total` reads them again."""
        return {
            "rows": self.rows, "matches": self.matches, "review": self.review, "errors": dict(self.errors),
            "similarities": [self.similarities[i] for i in range(BINS)],
        }  # fmt: skip

    @classmethod
    def total(cls, texts: Iterable[str]) -> Counts:
        """The sum of counts that were written with `as_json`."""
        total = cls()
        for text in texts:
            values: dict[str, Any] = json.loads(text)
            total.rows += values["rows"]
            total.matches += values["matches"]
            total.review += values["review"]
            total.errors.update(values["errors"])
            total.similarities.update(dict(enumerate(values["similarities"])))
        return total

    def __str__(self) -> str:
        """The numbers as lines: rows, errors by code, and a histogram of similarities."""
        failed = self.errors.total()
        others = self.rows - self.matches - failed
        head = f"{_many(self.rows, 'row')}: {_many(self.matches, 'match', 'matches')}, {_many(others, 'other')}, "
        lines = [head + _many(failed, "error")]
        if self.review:
            lines.append(f"{_many(self.review, 'row')} for review")
        lines += [f"  {count:>10,}  {code}" for code, count in self.errors.most_common()]
        if self.similarities:
            lines.append("similarity of the best face")
            most = max(self.similarities.values())
            for i in range(BINS):
                count, width = self.similarities[i], 100 // BINS
                bar = "#" * -(-40 * count // most)
                lines.append(f"  {width * i:>3} to {width * (i + 1):<3}  {count:>10,}  {bar}".rstrip())
        return "\n".join(lines)


def _many(count: int, one: str, several: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"
