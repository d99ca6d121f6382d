"""What a comparison is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.face import QualityFilter

__all__ = ["CompareOptions"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """similarity_threshold: 0..100, inclusive; quality_filter: the bar that faces of both pictures must clear."""

    similarity_threshold: float = 80.0
    quality_filter: QualityFilter = QualityFilter.NONE
