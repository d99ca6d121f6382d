"""The sizes and places of the pictures of a drawing: sources at the left, the target at the right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from visavis.drawing.boxes import moved
from visavis.drawing.marks import Picture
from visavis.drawing.text import SMALLEST
from visavis.face import Face
from visavis.geometry import Box, Size

__all__ = ["LARGEST_SIDE", "LEAST_HEIGHT", "Panel", "font_size", "side_by_side", "single"]

LARGEST_SIDE = 1600
"""Pixels of a picture in the drawing; larger ones are reduced. Two of them fill a screen of 4K."""

LEAST_HEIGHT = 600
"""Pixels; smaller pictures are enlarged, but not beyond `LARGEST_SIDE`, so that labels have room beside faces."""

LARGEST_FONT = 32
"""Pixels: one in a hundred of the widest drawing, of two pictures of `LARGEST_SIDE`."""

STACKED = 4
"""As many sources stand one above the other. More stand in a square."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture in its place.

    Attributes:
        picture: what it shows.
        box: where it stands in the drawing, in whole pixels.
        scale: pixels of the drawing for each pixel of the picture.
    """

    picture: Picture
    box: Box
    scale: float

    def place_of(self, face: Face) -> Box:
        """The part of a face's box within the picture, at least a point, in pixels of the drawing."""
        box, frame = moved(face.box, self.box.left, self.box.top, self.scale), self.box
        left, right = (min(max(x, frame.left), frame.right) for x in (box.left, box.right))
        top, bottom = (min(max(y, frame.top), frame.bottom) for y in (box.top, box.bottom))
        return Box(left, top, right, bottom)


def font_size(width: float) -> int:
    """The font size for pictures that are `width` pixels wide together, in pixels.

    Example:
        >>> [font_size(width) for width in (600, 1800, 5000)]
        [16, 28, 32]
    """
    return max(SMALLEST + 2, min(LARGEST_FONT, round(width / 64)))


def single(picture: Picture) -> Panel:
    """A picture alone."""
    return _at(picture, 0, 0, _scale(picture.image.size))


def side_by_side(sources: Sequence[Picture], target: Picture) -> tuple[list[Panel], Panel, float]:
    """Sources and target, the sources in a column as high as the target.

    Args:
        sources: at least one.
        target: the other picture.

    Returns:
        The panels of the sources, that of the target, and the width of the gap between them.
    """
    right = _at(target, 0, 0, _scale(target.image.size))
    height = max(right.box.height, LEAST_HEIGHT)
    rows = max(min(len(sources), STACKED), math.ceil(math.sqrt(len(sources))))
    between = 2.5 * font_size(right.box.width)
    each = (height - (rows - 1) * between) / rows
    widest = LARGEST_SIDE / math.ceil(len(sources) / rows)
    columns = [list(_column(sources[i : i + rows], each, widest, between)) for i in range(0, len(sources), rows)]
    left: list[Panel] = []
    x = 0.0
    for column in columns:
        width = max(panel.box.width for panel in column)
        left += [_moved(panel, round(x + (width - panel.box.width) / 2), 0) for panel in column]
        x += width + between
    x -= between
    gap = 6.0 * font_size(x + right.box.width)
    bottom = max(panel.box.bottom for panel in left)
    middle = max(bottom, right.box.bottom) / 2
    left = [_moved(panel, 0, round(middle - bottom / 2)) for panel in left]
    return left, _moved(right, round(x + gap), round(middle - right.box.height / 2)), gap


def _scale(size: Size) -> float:
    return min(max(1.0, LEAST_HEIGHT / size.height), LARGEST_SIDE / size.longer)


def _column(pictures: Iterable[Picture], height: float, width: float, between: float) -> Iterator[Panel]:
    y = 0.0
    for picture in pictures:
        size = picture.image.size
        panel = _at(picture, 0, y, min(height / size.height, width / size.width))
        yield panel
        y += panel.box.height + between


def _at(picture: Picture, x: float, y: float, scale: float) -> Panel:
    size = picture.image.size
    width, height = max(1, round(size.width * scale)), max(1, round(size.height * scale))
    return Panel(picture, Box(round(x), round(y), round(x) + width, round(y) + height), scale)


def _moved(panel: Panel, x: float, y: float) -> Panel:
    return Panel(panel.picture, moved(panel.box, x, y), panel.scale)
