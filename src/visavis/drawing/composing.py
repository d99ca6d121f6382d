"""Composes the drawing: pictures, lines, boxes, labels and what stands below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pil

from visavis.drawing.labels import draw_label, draw_on_line
from visavis.drawing.landmarks import draw_landmarks
from visavis.drawing.layout import Layout, Texts, lay_out
from visavis.drawing.legend import Legend
from visavis.drawing.marks import Kind, Picture
from visavis.drawing.panels import Panel, font_size, side_by_side, single
from visavis.drawing.routing import straight
from visavis.drawing.shapes import WHITE, disc, face_box, lines
from visavis.drawing.text import SMALLEST
from visavis.geometry import Box, Size

__all__ = ["compose", "compose_one"]


LEAST_WIDTH = 300
"""Pixels of a drawing, so that a line of text has room below a narrow picture."""

ORDER = (Kind.SOURCE, Kind.OTHER, Kind.REVIEW, Kind.MATCH)
"""The boxes that are drawn last lie on top."""


def compose(sources: Sequence[Picture], target: Picture, note: str = "", *, landmarks: bool = False) -> Pil.Image:
    """Draw sources and target side by side, with lines from the sources to the faces that are joined to them.

    A picture is at most `LARGEST_SIDE` pixels wide and high, and at least `LEAST_HEIGHT` high if that allows it.

    Args:
        sources: at least one, with a mark each, or with none at all.
        target: the other picture.
        note: a sentence below the pictures.
        landmarks: whether landmarks and axes of the pose are drawn.
    """
    left, right, gap = side_by_side(sources, target)
    panels = [*left, right]
    size = font_size(right.box.right - left[0].box.left)
    layout = lay_out(left, right, size, gap)
    return _drawn(panels, layout, size, note, key=True, landmarks=landmarks)


def compose_one(picture: Picture, *, landmarks: bool = False) -> Pil.Image:
    """Draw one picture with its faces."""
    panel = single(picture)
    size = font_size(panel.box.width)
    return _drawn([panel], lay_out([], panel, size), size, "", key=False, landmarks=landmarks)


def _drawn(panels: Sequence[Panel], layout: Layout, margin: int, note: str, *, key: bool, landmarks: bool) -> Pil.Image:
    boxes = [*(panel.box for panel in panels), *layout.boxes()]
    frame = Box(
        min(box.left for box in boxes) - margin,
        min(box.top for box in boxes) - margin,
        max(box.right for box in boxes) + margin,
        max(box.bottom for box in boxes) + margin,
    )
    width = max(round(frame.width), LEAST_WIDTH)
    marks = [item.mark for item in layout.items]
    listed = [mark for mark in marks if mark.verdict] if layout.texts is Texts.IN_LEGEND else []
    kinds = [kind for kind in Kind if key and any(mark.kind is kind for mark in marks)]
    below = Legend(listed, kinds, note, max(SMALLEST, round(margin * 0.7)), width - 2 * margin)
    height = round(frame.height) + (below.height + margin if below.height else 0)
    canvas = Pil.new("RGB", (width, height), WHITE)
    x, y = -round(frame.left), -round(frame.top)
    for panel in panels:
        size = Size(round(panel.box.width), round(panel.box.height))
        at = round(panel.box.left) + x, round(panel.box.top) + y
        canvas.paste(Pil.fromarray(np.ascontiguousarray(panel.picture.image.resized(size))), at)
    _draw_items(canvas, layout.shifted(x, y), landmarks=landmarks)
    below.draw(canvas, margin, round(frame.height))
    return canvas


def _draw_items(canvas: Pil.Image, layout: Layout, *, landmarks: bool) -> None:
    """Draw the lowest first: lines, boxes, then labels."""
    items, size = layout.items, layout.size
    width = max(2.0, size / 7)
    for kind in Kind:
        every = [item.line for item in items if item.line is not None and item.mark.kind is kind]
        lines(canvas, every, width, kind.colour, halo=width / 2)
    if layout.hub is not None and any(item.line is not None for item in items):
        disc(canvas, layout.hub, 3 * width, WHITE)
        disc(canvas, layout.hub, 2.2 * width, Kind.SOURCE.colour)
    for item in items:
        if item.place.apart:
            lines(canvas, [straight(item.place.box, item.face)], max(1.5, size / 12), item.mark.kind.colour, halo=1)
    for item in sorted(items, key=lambda item: ORDER.index(item.mark.kind)):
        face_box(canvas, item.face, item.mark.kind, width * 1.3)
        if landmarks:
            box = item.panel.box
            draw_landmarks(canvas, item.mark.face, (box.left, box.top), item.panel.scale)
    for item in items:
        draw_label(canvas, item.place.box, item.mark, size, text=layout.texts.beside(item.mark))
        if item.on_line is not None:
            draw_on_line(canvas, item.on_line, item.mark, size)
