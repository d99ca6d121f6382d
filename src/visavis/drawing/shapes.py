"""Smooth lines, rounded rectangles and the boxes of faces. Pillow draws without anti-aliasing, so masks are reduced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from visavis.drawing.boxes import moved
from visavis.drawing.marks import Colour, Kind
from visavis.geometry import Box

__all__ = ["WHITE", "check_mark", "disc", "face_box", "lines", "pill"]

WHITE: Colour = (255, 255, 255)

FINE = 3
"""How many times as large as the drawing a mask is drawn."""

Points: TypeAlias = NDArray[np.float64]


def lines(canvas: Pil.Image, every: Sequence[Points], width: float, colour: Colour, halo: float = 0.0) -> None:
    """Draw lines with round bends and ends, and a white halo under all of them.

    Args:
        canvas: is drawn on.
        every: the points of each line, (n, 2), n at least 2.
        width: in pixels.
        colour: of the lines.
        halo: how many pixels it is wider on either side.
    """
    if not every:
        return
    points = np.concatenate(every)
    for wide, ink in ((width + 2 * halo, WHITE), (width, colour)) if halo else ((width, colour),):
        low, high = points.min(axis=0) - wide, points.max(axis=0) + wide
        _paste(canvas, Box(*low.tolist(), *high.tolist()), ink, partial(_stroke, every, wide))


def _stroke(every: Sequence[Points], width: float, mask: ImageDraw.ImageDraw, x: float, y: float) -> None:
    r = width * FINE / 2
    for line in every:
        points = [tuple(point) for point in ((line - (x, y)) * FINE).tolist()]
        mask.line(points, 255, round(width * FINE))
        for a, b in points:
            mask.ellipse((a - r, b - r, a + r, b + r), 255)


def disc(canvas: Pil.Image, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    """Draw a disc."""
    x, y = centre
    pill(canvas, Box(x - radius, y - radius, x + radius, y + radius), radius, colour)


def pill(canvas: Pil.Image, box: Box, radius: float, colour: Colour) -> None:
    """Draw a filled rectangle with rounded corners."""

    def draw(mask: ImageDraw.ImageDraw, x: float, y: float) -> None:
        inner = moved(moved(box, -x, -y), 0, 0, FINE)
        mask.rounded_rectangle((inner.left, inner.top, inner.right - 1, inner.bottom - 1), radius * FINE, 255)

    _paste(canvas, box, colour, draw)


def check_mark(canvas: Pil.Image, box: Box, colour: Colour) -> None:
    """Draw a check mark, which Pillow's font lacks, into a square."""
    at = np.array([(0.08, 0.55), (0.38, 0.85), (0.94, 0.18)])
    lines(canvas, [at * box.width + (box.left, box.top)], max(2.0, box.width * 0.17), colour)


def face_box(canvas: Pil.Image, box: Box, kind: Kind, width: float) -> None:
    """Draw the box of a face in the line of its kind, with a white edge that shows it on any picture.

    Args:
        canvas: is drawn on.
        box: of the face.
        kind: of the face.
        width: of a match's line, in pixels.
    """
    thin = max(2, round(width / 2))
    draw = ImageDraw.Draw(canvas)
    if kind is Kind.OTHER:
        _frame(draw, box, thin + 2, WHITE, grow=1)
        for dash in _dashes(box, 3.5 * thin):
            draw.rectangle(_inside(dash, thin), kind.colour)
        return
    if kind is Kind.REVIEW:
        _frame(draw, box, 3 * thin + 2, WHITE, grow=1)
        _frame(draw, box, thin, kind.colour)
        _frame(draw, _moved_in(box, 2 * thin), thin, kind.colour)
        return
    line = round(width) if kind is Kind.MATCH else max(2, round(width * 0.75))
    _frame(draw, box, line + 2, WHITE, grow=1)
    _frame(draw, box, line, kind.colour)


def _moved_in(box: Box, by: float) -> Box:
    """The box with each edge moved inwards; at least a point."""
    x, y = box.centre
    return Box(min(box.left + by, x), min(box.top + by, y), max(box.right - by, x), max(box.bottom - by, y))


def _frame(draw: ImageDraw.ImageDraw, box: Box, width: int, colour: Colour, grow: int = 0) -> None:
    left, top, right, bottom = round(box.left), round(box.top), round(box.right), round(box.bottom)
    right, bottom = max(left, right - 1), max(top, bottom - 1)  # a face smaller than its line is drawn as a dot
    draw.rectangle((left - grow, top - grow, right + grow, bottom + grow), outline=colour, width=width)


def _dashes(box: Box, length: float) -> list[tuple[float, float, float, float, bool]]:
    """The dashes of a frame: where each begins and ends, and whether it lies at the right or bottom edge."""
    found = []
    for far in (False, True):
        for at, width in _parts(box.width, length):
            y = box.bottom if far else box.top
            found.append((box.left + at, y, box.left + at + width, y, far))
        for at, height in _parts(box.height, length):
            x = box.right if far else box.left
            found.append((x, box.top + at, x, box.top + at + height, far))
    return found


def _parts(side: float, length: float) -> list[tuple[float, float]]:
    """Dashes over a side that begins and ends with one, so that the corners are closed."""
    count = max(1, round(side / length / 2))
    each = side / (2 * count + 1)
    return [(2 * i * each, each) for i in range(count + 1)]


def _inside(dash: tuple[float, float, float, float, bool], width: int) -> tuple[int, int, int, int]:
    """The rectangle of a dash, `width` thick towards the inside of the frame."""
    x, y, end_x, end_y, far = dash
    left, top, right, bottom = round(x), round(y), round(end_x), round(end_y)
    if y == end_y:
        top, bottom = (top - width, top) if far else (top, top + width)
    else:
        left, right = (left - width, left) if far else (left, left + width)
    return left, top, max(left, right - 1), max(top, bottom - 1)


def _paste(
    canvas: Pil.Image, box: Box, colour: Colour, draw: Callable[[ImageDraw.ImageDraw, float, float], None]
) -> None:
    """Fill a shape within a box, which `draw` draws `FINE` times as large about an origin that it is given."""
    left, top = int(np.floor(box.left)), int(np.floor(box.top))
    width, height = int(np.ceil(box.right)) - left, int(np.ceil(box.bottom)) - top
    mask = Pil.new("L", (width * FINE, height * FINE))
    draw(ImageDraw.Draw(mask), left, top)
    canvas.paste(colour, (left, top, left + width, top + height), mask.reduce(FINE))
