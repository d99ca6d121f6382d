"""Decides where labels and lines of a drawing go, how large the text is, and whether a legend lists the faces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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

REACH = 8.0
"""Font sizes: how far the text on a line may be from the face, if there are several lines."""

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

    def boxes(self) -> Iterator[Box]:
        """What the drawing must have room for beside the pictures: labels, lines and texts on them."""
        for item in self.items:
            yield item.place.box
            if item.line is not None:
                yield Box(*item.line.min(axis=0).tolist(), *item.line.max(axis=0).tolist())
            if item.on_line is not None:
                yield item.on_line

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
    scene = _Scene(sources, target, gap)
    few = sum(mark.joined for mark in scene.marks) <= MOST_ON_LINES
    for texts in Texts if few else (Texts.BESIDE, Texts.IN_LEGEND):
        for smaller in _sizes(size):
            places = [place for place in place_beside(scene.wanted(smaller, texts), smaller / 4) if place]
            if len(places) == len(scene.marks):
                layout = scene.layout(smaller, texts, places)
                if texts is not Texts.ON_LINES or all(i.on_line for i in layout.items if i.mark.joined):
                    return layout
    smallest = _sizes(size)[-1]
    places = place_all(scene.wanted(smallest, Texts.IN_LEGEND), smallest / 4)
    return scene.layout(smallest, Texts.IN_LEGEND, places)


class _Scene:
    """The faces of all pictures, whose labels and lines are not placed yet."""

    def __init__(self, sources: Sequence[Panel], target: Panel, gap: float) -> None:
        marked = [(mark, panel) for panel in (*sources, target) for mark in panel.picture.marks]
        self.marks = [mark for mark, _ in marked]
        self._panels = [panel for _, panel in marked]
        self._faces = [panel.place_of(mark.face) for mark, panel in marked]
        self._target = target
        self._sources = len(sources)
        middle = (target.box.top + target.box.bottom) / 2
        self._hub = (target.box.left - gap / 2, middle) if len(sources) > 1 else None

    def wanted(self, size: int, texts: Texts) -> list[Wanted]:
        """The labels, which want a place."""
        return [
            Wanted(
                face, *label_size(mark, size, text=texts.beside(mark)), _area(panel, size), panel is not self._target
            )
            for mark, panel, face in zip(self.marks, self._panels, self._faces, strict=True)
        ]

    def layout(self, size: int, texts: Texts, places: Sequence[Place]) -> Layout:
        """The layout with lines between these places, and texts on them where there is room."""
        lines = self._lines(places)
        on_lines: list[Box | None] = [None] * len(lines)
        if texts is Texts.ON_LINES:
            on_lines = self._on_lines(size, places, lines)
        rows = zip(self.marks, self._panels, self._faces, places, lines, on_lines, strict=True)
        return Layout([Item(*row) for row in rows], size, texts, self._hub)

    def _lines(self, places: Sequence[Place]) -> list[Line | None]:
        """The line of each match from the source, or from the hub, which has one to each source as well."""
        joined = [i for i, mark in enumerate(self.marks) if mark.joined]
        lines: list[Line | None] = [None] * len(self.marks)
        if not self._sources or not 0 < len(joined) <= MOST_LINES:
            return lines
        start = self._faces[0] if self._hub is None else Box(*self._hub, *self._hub)
        ends = joined if self._hub is None else [*range(self._sources), *joined]
        # A line goes around a face together with its label, but must reach a face that it ends at.
        obstacles = [
            _around_both(face, place.box) if not mark.joined and not place.apart else face
            for mark, face, place in zip(self.marks, self._faces, places, strict=True)
        ]
        obstacles[: self._sources] = self._faces[: self._sources]
        obstacles += [places[i].box for i in joined]
        for i, line in zip(ends, route(start, [self._faces[i] for i in ends], obstacles), strict=True):
            lines[i] = line
        return lines

    def _on_lines(self, size: int, places: Sequence[Place], lines: Sequence[Line | None]) -> list[Box | None]:
        """The places of the texts of matches on their lines; near the face, if there are several lines."""
        obstacles, found = as_array([*self._faces, *(place.box for place in places)]), []
        reach = REACH * size if sum(mark.joined for mark in self.marks) > 1 else math.inf
        for mark, line in zip(self.marks, lines, strict=True):
            box = None
            if mark.joined and line is not None:
                box = place_on_line(line, *on_line_size(mark, size), obstacles, size / 4, reach)
            found.append(box)
            obstacles = np.vstack([obstacles, as_array([box] if box else [])])
        return found


def _around_both(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )


def _sizes(largest: int) -> list[int]:
    """Font sizes to try. The smallest is legible at 1:1, and not too small for a drawing that is shown smaller."""
    return [max(SMALLEST, round(largest * part)) for part in (1, 0.85, 0.7, 0.6)]


def _area(panel: Panel, size: int) -> Box:
    """A picture with a margin for the labels of faces at its edge."""
    box = panel.box
    return Box(box.left - 2.5 * size, box.top - 2 * size, box.right + 2.5 * size, box.bottom + 2 * size)
