"""A row of a manifest, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.api.compare_faces import render
from visavis.api.errors import to_wire
from visavis.api.response import FieldSet, Json, bounding_box, number
from visavis.comparison import Comparison, Match
from visavis.errors import VisavisError

__all__ = ["BOX", "Row", "RowResult"]

BOX = ("left", "top", "width", "height")
"""The members of `matched_box`, which are those of `BoundingBox`."""


@dataclass(frozen=True, slots=True)
class Row:
    """Two images to compare.

    Attributes:
        id: the name of the row in the output.
        source: the location of the image whose largest face is compared: a path, or `s3://bucket/key`.
        target: the location of the image with whose faces it is compared.
        threshold: 0..100, the similarity from which a face is a match; None for that of all rows.
        fault: what is wrong with the row in the manifest; None for a good row. Its images are then not read.
        same: whether both images show one person, as the manifest says; None if it says nothing.

    Example:
        >>> Row("1", "examples/photos/obama.jpg", "examples/photos/sunak.jpg").threshold is None
        True
    """

    id: str
    source: str
    target: str
    threshold: float | None = None
    fault: str | None = None
    same: bool | None = None


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row: a comparison or an error.

    Attributes:
        row: the row.
        comparison: the comparison; None if it failed.
        error: why it failed; None if it did not.
    """

    row: Row
    comparison: Comparison | None = None
    error: VisavisError | None = None

    @property
    def best(self) -> Match | None:
        """The face of the target with the highest similarity; None if the quality filter left none, or for an error."""
        if self.comparison is None:
            return None
        if self.comparison.matches:
            return self.comparison.matches[0]
        return max(self.comparison.unmatched, key=lambda match: match.similarity, default=None)

    @property
    def disagrees(self) -> bool:
        """Whether the row was compared, and its verdict is not what the manifest says."""
        return self.comparison is not None and self.row.same not in (None, bool(self.comparison.matches))

    def members(self) -> Json:
        """The columns of the row in the output, with every number as the API sends it.

        The columns are `id`, `source`, `target`, and for a comparison `similarity`, `match`, `review`, `faces`,
        `matched_box`, `source_quality` and `target_quality`, or else `error` with `code` and `message`.
        """
        members: Json = {"id": self.row.id, "source": self.row.source, "target": self.row.target}
        if self.comparison is None:
            error = self.error or VisavisError("there is no result")
            return members | {"error": {"code": to_wire(error).code, "message": str(error)}}
        best = self.best
        box = None if best is None else bounding_box(best.face)
        return members | {
            "similarity": None if best is None else number(best.similarity),
            "match": bool(self.comparison.matches),
            "review": best is not None and best.review,
            "faces": len(self.comparison.matches) + len(self.comparison.unmatched),
            "matched_box": None if box is None else {name: box[name.title()] for name in BOX},
            "source_quality": number(self.comparison.source.quality.score),
            "target_quality": None if best is None else number(best.face.quality.score),
        }

    def response(self, attributes: FieldSet) -> Json | None:
        """The members of the response to CompareFaces; None for an error."""
        return None if self.comparison is None else render(self.comparison, attributes)

    def embeddings(self) -> Json:
        """The embeddings of the two faces, as lists of numbers; None where there is no face."""
        best = self.best
        return {
            "source_embedding": None if self.comparison is None else self.comparison.source.embedding.tolist(),
            "target_embedding": None if best is None else best.face.embedding.tolist(),
        }
