"""The options of a comparison, and the quality filter that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.errors import InvalidRequest
from visavis.face import Detail, Face, QualityFilter
from visavis.inputs import choice_of, percent_of, short_repr
from visavis.vision.quality import QUALITY_THRESHOLDS

__all__ = ["CompareOptions", "passes_filter"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """The options of a comparison. Numbers may be given as strings, and choices as strings in any case.

    Attributes:
        similarity_threshold: 0..100, inclusive.
        quality_filter: faces whose quality score is below its threshold are not compared.
        review: a band of similarities, low and high, both inclusive; a match in it is marked for review by a person.
        detail: which fields of the target's faces are computed. For the sources it is always `MINIMAL`.

    Raises:
        InvalidRequest: a value is not allowed; the message names the option and the allowed values.

    Example:
        >>> CompareOptions(similarity_threshold="90", quality_filter="auto").quality_filter
        <QualityFilter.AUTO: 'AUTO'>
    """

    similarity_threshold: float = DEFAULT_SIMILARITY_THRESHOLD
    quality_filter: QualityFilter = QualityFilter.NONE
    review: tuple[float, float] | None = None
    detail: Detail = Detail.ALL

    def __post_init__(self) -> None:
        def convert(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        convert("similarity_threshold", percent_of("similarity_threshold", self.similarity_threshold))
        convert("quality_filter", choice_of("quality_filter", self.quality_filter, QualityFilter))
        convert("detail", choice_of("detail", self.detail, Detail))
        if self.review is not None:
            convert("review", _band(self.review))


def passes_filter(face: Face, quality_filter: QualityFilter) -> bool:
    """Whether the quality score of `face` reaches the threshold of `quality_filter`."""
    return face.quality.score >= QUALITY_THRESHOLDS[quality_filter]


def _band(value: object) -> tuple[float, float]:
    ends = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    if len(ends) != 2:
        raise InvalidRequest(f"review must be two similarities, low and high, not {short_repr(value)}")
    low, high = (percent_of("review", end) for end in ends)
    if low > high:
        raise InvalidRequest(f"review must be two similarities, the lower first, not {short_repr(value)}")
    return low, high
