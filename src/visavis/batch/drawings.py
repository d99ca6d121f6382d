"""Writes drawings of the rows that a user wants to look at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import numpy as np

from visavis.batch.comparing import Read
from visavis.batch.rows import Row, RowResult
from visavis.drawing import Picture, compose, encoded, opened
from visavis.errors import VisavisError
from visavis.files import writing_atomically
from visavis.image import Image, from_pixels

__all__ = ["DrawOnly", "Drawings"]

SUFFIX = ".jpg"

LONGEST_ID = 80
"""Characters of a row's id in the name of a file. File systems take 255 bytes, and the row's number comes first."""


class DrawOnly(StrEnum):
    """Which rows are drawn.

    Attributes:
        ERRORS: those whose verdict is not what the manifest's column `same` says, and those that failed.
        REVIEW: those whose best face is in the review band.
        MATCHES: those with a match.
    """

    ERRORS = "errors"
    REVIEW = "review"
    MATCHES = "matches"


class Drawings:
    """Writes a JPEG for each chosen row while its result passes by. Only the images of chosen rows are read again.

    Args:
        folder: where the files are written; it must exist.
        only: which rows are drawn; None: all that were compared.
        read: returns the bytes of the image at a location.
        count: of all rows, for names that sort in the order of the rows.

    Attributes:
        drawn: how many files were written.
        failed: how many chosen rows could not be drawn.
        why: the first reason for that; empty if there is none.

    Example:
        >>> Drawings(Path("drawings"), None, Path.read_bytes, 1000).name_of(7, Row("visit 3", "a.jpg", "b.jpg"))
        '0007-visit_3.drawn.jpg'
    """

    def __init__(self, folder: Path, only: DrawOnly | None, read: Read, count: int) -> None:
        self._folder, self._only, self._read = folder, only, read
        self._digits = len(str(count))
        self.drawn = 0
        self.failed = 0
        self.why = ""

    def following(self, results: Iterable[RowResult], start: int) -> Iterator[RowResult]:
        """Yield the results, and draw those that are chosen before they are yielded.

        Args:
            results: in the order of the rows.
            start: how many rows come before them.

        Raises:
            OSError: a file cannot be written.
        """
        for number, result in enumerate(results, start + 1):
            if self._is_chosen(result):
                self._draw(number, result)
            yield result

    def name_of(self, number: int, row: Row) -> str:
        """The name of a row's file: its number, which counts from 1, and its id, if that is another one."""
        text = f"{number:0{self._digits}}"
        if row.id != str(number):
            text += "-" + re.sub(r"[^A-Za-z0-9._-]+", "_", row.id)[:LONGEST_ID]
        # No photo of a user ends so, and none is overwritten where the folder has photos.
        return f"{text}.drawn{SUFFIX}"

    def _is_chosen(self, result: RowResult) -> bool:
        match self._only:
            case None:
                return result.comparison is not None
            case DrawOnly.ERRORS:
                return result.error is not None or result.disagrees
            case DrawOnly.REVIEW:
                return result.best is not None and result.best.review
            case DrawOnly.MATCHES:
                return result.comparison is not None and bool(result.comparison.matches)

    def _draw(self, number: int, result: RowResult) -> None:
        try:
            drawing = self._drawing_of(result)
        except VisavisError as error:
            self.failed += 1
            self.why = self.why or f"row {number}: {error}"
            return
        with writing_atomically(self._folder / self.name_of(number, result.row)) as temporary:
            temporary.write_bytes(drawing)
        self.drawn += 1

    def _drawing_of(self, result: RowResult) -> bytes:
        row = result.row
        if result.comparison is not None:
            return result.comparison.draw(self._read(row.source), self._read(row.target), SUFFIX)
        error = result.error or VisavisError("there is no result")
        if row.fault is not None:
            raise error
        images = [self._opened(location) for location in (row.source, row.target)]
        if not any(images):
            raise error
        source, target = (Picture(image or from_pixels(np.full((600, 450, 3), 230, np.uint8))) for image in images)
        return encoded(compose([source], target, str(error)), SUFFIX)

    def _opened(self, location: str) -> Image | None:
        """The image, or None if it cannot be decoded: a blank sheet stands for it."""
        try:
            return opened(self._read(location))
        except VisavisError:
            return None
