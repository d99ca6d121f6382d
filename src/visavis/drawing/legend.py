"""What stands below the pictures: rows that list the faces, the kinds of boxes, and a note."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image as Pil

from visavis.drawing.labels import INK, draw_label, label_size, write
from visavis.drawing.marks import Kind, Mark
from visavis.drawing.shapes import face_box
from visavis.drawing.text import text_width
from visavis.geometry import Box

__all__ = ["Legend"]

ROW, SPACE = 1.75, 0.8
"""The height of a row and the space between columns, in font sizes."""

NAMES = {Kind.SOURCE: "source", Kind.MATCH: "match", Kind.REVIEW: "for review", Kind.OTHER: "no match"}


class Legend:
    """The rows below the pictures.

    Args:
        listed: the faces to list, in their order.
        kinds: the kinds of boxes to explain, in their order.
        note: a sentence, broken into lines; may be empty.
        size: of the font in pixels.
        width: of the drawing in pixels, within its margins.

    Attributes:
        height: in pixels.
    """

    def __init__(self, listed: Sequence[Mark], kinds: Sequence[Kind], note: str, size: int, width: float) -> None:
        self._size, self._listed, self._kinds = size, listed, kinds
        self._badge = max((label_size(mark, size, text=False)[0] for mark in listed), default=0)
        self._text = max((text_width(mark.text, size) for mark in listed), default=0)
        verdict = max((text_width(mark.verdict, size) for mark in listed), default=0)
        self._column = self._badge + self._text + verdict + 3.5 * SPACE * size
        columns = max(1, int((width + SPACE * size) // self._column)) if listed else 1
        self._rows = math.ceil(len(listed) / columns)
        self._note = _broken(note, width, size)
        rows = self._rows + (0.5 if listed else 0) + bool(kinds) + len(self._note)
        self.height = round(rows * ROW * size)

    def draw(self, canvas: Pil.Image, left: float, top: float) -> None:
        """Draw the rows from a point on."""
        size, step = self._size, ROW * self._size
        for i, mark in enumerate(self._listed):
            column, row = divmod(i, self._rows)
            x, middle = left + column * self._column, top + (row + 0.5) * step
            _, width, height = label_size(mark, size, text=False)
            x += self._badge
            box = Box(x - width, middle - height / 2, x, middle + height / 2)
            draw_label(canvas, box, mark, size, text=False)
            x += SPACE * size
            write(canvas, (x + self._text - text_width(mark.text, size), middle), mark.text, size, INK)
            write(canvas, (x + self._text + SPACE * size, middle), mark.verdict, size, INK)
        top += (self._rows + (0.5 if self._listed else 0)) * step
        x = left
        for kind in self._kinds:
            middle = top + 0.5 * step
            swatch = Box(round(x), round(middle - 0.5 * size), round(x + 1.5 * size), round(middle + 0.5 * size))
            face_box(canvas, swatch, kind, size / 6)
            write(canvas, (swatch.right + 0.5 * size, middle), NAMES[kind], size, INK)
            x = swatch.right + (0.5 + 2 * SPACE) * size + text_width(NAMES[kind], size)
        top += bool(self._kinds) * step
        for i, line in enumerate(self._note):
            write(canvas, (left, top + (i + 0.5) * step), line, size, INK)


def _broken(text: str, width: float, size: int) -> list[str]:
    """The text in lines that are at most `width` wide, except those of a single word."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
