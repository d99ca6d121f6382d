"""Decides where labels and lines of a drawing go, how large the text is, and whether a legend lists the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from visavis.drawing.boxes import as_array, moved
from visavis.drawing.labels import label_size, on_line_size
from visavis.drawing.marks import Mark
from visavis.drawing.panels import Panel
from visavis.drawing.placing import Place, Wanted, place_all, place_beside, place_on_line
from visavis.drawing.routing import Line, route
from visavis.drawing.text import SMALLEST
from visavis.geometry import Box

__all__ = ["Item", "Layout", "Texts", "lay_out"]


MOST_ON_LINES = 6
"""With more matches their lines run so close together that a reader cannot tell whose a text on a line is."""


MOST_LINES = 12
"""With more matches there are no lines, because they would hide the picture."""


class Texts(Enum):
    """Where the texts of faces stand.

    Attributes:
        ON_LINES: on the line of a match, and beside the badge of any other face.
        BESIDE: beside the badge of every face.
        IN_LEGEND: in a legend below.
    """

    ON_LINES = "on lines"
    BESIDE = "beside"
    IN_LEGEND = "in legend"

    def beside(self, mark: Mark) -> bool:
        """Whether the text of a face stands beside its badge."""
        return self is Texts.BESIDE or (self is Texts.ON_LINES and not mark.joined)


@dataclass(frozen=True, slots=True)
class Item:
    """A face in its place. Boxes are in pixels of the drawing.

    Attributes:
        mark: what is drawn.
        panel: the picture that it is on.
        face: its box, within the picture.
        place: of its label.
        line: from the sources to the face, or None.
        on_line: the place of its text on the line, or None.
    """

    mark: Mark
    panel: Panel
    face: Box
    place: Place
    line: Line | None = None
    on_line: Box | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is.

    Attributes:
        items: the faces.
        size: of the font in pixels.
        texts: where the texts stand.
        hub: where the lines of several sources meet, or None.
    """

    items: Sequence[Item]
    size: int
    texts: Texts
    hub: tuple[float, float] | None = None

    def shifted(self, x: float, y: float) -> Layout:
        """The same layout elsewhere."""

        def shift(item: Item) -> Item:
            return Item(
                item.mark,
                replace(item.panel, box=moved(item.panel.box, x, y)),
                moved(item.face, x, y),
                replace(item.place, box=moved(item.place.box, x, y)),
                None if item.line is None else item.line + np.array([x, y]),
                None if item.on_line is None else moved(item.on_line, x, y),
            )

        hub = None if self.hub is None else (self.hub[0] + x, self.hub[1] + y)
        return Layout([shift(item) for item in self.items], self.size, self.texts, hub)


def lay_out(sources: Sequence[Panel], target: Panel, size: int, gap: float = 0.0) -> Layout:
    """Place the labels of all faces, and route the lines.

    A similarity stands on the line of a match, if there are few matches, or else beside the badge. Text is as large as
    possible, but smaller text at every face comes before a legend. If not even the badges find a place beside their
    faces, some stand apart, and a leader line joins each to its face.

    Args:
        sources: the pictures at the left; may be empty.
        target: the other picture.
        size: the largest font size in pixels.
        gap: the width between the sources and the target.
    """
    marks = [(mark, panel) for panel in (*sources, target) for mark in panel.picture.marks]
    faces = [panel.place_of(mark.face) for mark, panel in marks]
    hub = (target.box.left - gap / 2, (target.box.top + target.box.bottom) / 2) if len(sources) > 1 else None
    lines = _lines([mark for mark, _ in marks], faces, len(sources), hub)
    few = sum(mark.joined for mark, _ in marks) <= MOST_ON_LINES

    def wanted(size: int, texts: Texts) -> list[Wanted]:
        return [
            Wanted(face, *label_size(mark, size, text=texts.beside(mark)), _area(panel, size), panel is not target)
            for (mark, panel), face in zip(marks, faces, strict=True)
        ]

    def layout(size: int, texts: Texts, places: Sequence[Place]) -> Layout:
        on_lines: list[Box | None] = [None] * len(marks)
        if texts is Texts.ON_LINES:
            on_lines = _on_lines([mark for mark, _ in marks], faces, places, lines, size)
        items = [
            Item(mark, panel, face, place, line, on_line)
            for (mark, panel), face, place, line, on_line in zip(marks, faces, places, lines, on_lines, strict=True)
        ]
        return Layout(items, size, texts, hub)

    for texts in Texts if few else (Texts.BESIDE, Texts.IN_LEGEND):
        for smaller in _sizes(size):
            places = [place for place in place_beside(wanted(smaller, texts), smaller / 4) if place]
            if len(places) == len(marks):
                found = layout(smaller, texts, places)
                if all(item.on_line or texts is not Texts.ON_LINES or not item.mark.joined for item in found.items):
                    return found
    smallest = _sizes(size)[-1]
    return layout(smallest, Texts.IN_LEGEND, place_all(wanted(smallest, Texts.IN_LEGEND), smallest / 4))


def _on_lines(
    marks: Sequence[Mark], faces: Sequence[Box], places: Sequence[Place], lines: Sequence[Line | None], size: int
) -> list[Box | None]:
    """The places of the texts of matches on their lines, near the face."""
    obstacles, found = as_array([*faces, *(place.box for place in places)]), []
    for mark, line in zip(marks, lines, strict=True):
        width, height = on_line_size(mark, size)
        box = place_on_line(line, width, height, obstacles, size / 4) if mark.joined and line is not None else None
        found.append(box)
        obstacles = np.vstack([obstacles, as_array([box] if box else [])])
    return found


def _sizes(largest: int) -> list[int]:
    """Font sizes to try. The smallest is legible at 1:1, and not too small for a drawing that is shown smaller."""
    return [max(SMALLEST, round(largest * part)) for part in (1, 0.85, 0.7, 0.6)]


def _area(panel: Panel, size: int) -> Box:
    """A picture with a margin for the labels of faces at its edge."""
    box = panel.box
    return Box(box.left - 2.5 * size, box.top - 2 * size, box.right + 2.5 * size, box.bottom + 2 * size)


def _lines(
    marks: Sequence[Mark], faces: Sequence[Box], sources: int, hub: tuple[float, float] | None
) -> list[Line | None]:
    """The line of each face: to a match from the source, or from the hub, which has one to each source as well."""
    joined = [i for i, mark in enumerate(marks) if mark.joined]
    lines: list[Line | None] = [None] * len(marks)
    if not sources or not 0 < len(joined) <= MOST_LINES:
        return lines
    start = faces[0]
    if hub is not None:
        start = Box(*hub, *hub)
        joined = [*range(sources), *joined]
    for i, line in zip(joined, route(start, [faces[i] for i in joined], faces), strict=True):
        lines[i] = line
    return lines
