"""Labels: a badge with the name of a face, its sign, and a text beside it."""

from __future__ import annotations

from PIL import Image as Pil
from PIL import ImageDraw

from visavis.drawing.marks import Colour, Kind, Mark
from visavis.drawing.shapes import WHITE, check_mark, pill
from visavis.drawing.text import font, printable, text_width
from visavis.geometry import Box

__all__ = ["INK", "draw_label", "draw_on_line", "label_size", "on_line_size", "write"]

INK: Colour = (28, 32, 38)
"""Of text on white."""

HEIGHT, PADDING, RADIUS, SIGN = 1.4, 0.38, 0.3, 0.8
"""Of a label: its height, the space before and after its text, its corners, and its sign, in font sizes."""


def label_size(mark: Mark, size: int, *, text: bool) -> tuple[float, float, float]:
    """The width of the badge, and width and height of the whole label, in whole pixels.

    Args:
        mark: of the face.
        size: of the font in pixels.
        text: whether the text stands beside the badge.
    """
    sign = (SIGN + PADDING / 2) * size if mark.kind in (Kind.MATCH, Kind.REVIEW) else 0
    badge = round(text_width(mark.name, size) + sign + 2 * PADDING * size)
    beside = text_width(mark.text, size) + 2 * PADDING * size if text and mark.text else 0
    return badge, round(badge + beside), round(HEIGHT * size)


def draw_label(canvas: Pil.Image, box: Box, mark: Mark, size: int, *, text: bool) -> None:
    """Draw a label into its place, a box of `label_size`, with a white edge of a pixel inside it."""
    radius = RADIUS * size
    pill(canvas, box, radius, WHITE)
    inner = Box(box.left + 1, box.top + 1, box.right - 1, box.bottom - 1)
    right = box.left + label_size(mark, size, text=False)[0] - 1
    badge = Box(inner.left, inner.top, right, inner.bottom)
    pill(canvas, badge, radius, mark.kind.colour)
    x, middle = badge.left + PADDING * size, (box.top + box.bottom) / 2
    write(canvas, (x, middle), mark.name, size, mark.kind.ink)
    x += text_width(mark.name, size) + PADDING / 2 * size
    if mark.kind is Kind.MATCH:
        half = SIGN * size / 2
        check_mark(canvas, Box(x, middle - half, x + 2 * half, middle + half), mark.kind.ink)
    elif mark.kind is Kind.REVIEW:
        write(canvas, (x + 0.1 * size, middle), "?", size, mark.kind.ink)
    if text and mark.text:
        write(canvas, (badge.right + PADDING * size, middle), mark.text, size, INK)


def on_line_size(mark: Mark, size: int) -> tuple[float, float]:
    """Width and height of a text on a line."""
    return float(round(text_width(mark.text, size) + 2 * PADDING * size)), float(round(HEIGHT * size))


def draw_on_line(canvas: Pil.Image, box: Box, mark: Mark, size: int) -> None:
    """Draw a text on a line: white, with an edge in the colour of the line."""
    edge = max(2.0, size / 10)
    pill(canvas, box, box.height / 2, mark.kind.colour)
    inner = Box(box.left + edge, box.top + edge, box.right - edge, box.bottom - edge)
    pill(canvas, inner, inner.height / 2, WHITE)
    write(canvas, (box.left + PADDING * size, box.centre[1]), mark.text, size, INK)


def write(canvas: Pil.Image, at: tuple[float, float], text: str, size: int, colour: Colour) -> None:
    """Write a line of text from `at` on, which is the left end of the middle of its capital letters."""
    x, y = at
    # The anchor "ls" is the baseline; capitals and digits of this font are 0.70 of its size high.
    ImageDraw.Draw(canvas).text((x, round(y + 0.35 * size)), printable(text), colour, font(size), anchor="ls")
