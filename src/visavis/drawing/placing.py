"""Places labels so that none covers a face or another label. Plane geometry only; nothing is drawn here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visavis.drawing.boxes import Boxes, as_array, free, length_inside
from visavis.geometry import Box

__all__ = ["Place", "Wanted", "place_all", "place_beside", "place_on_line"]

ALONG = (0.0, 1.0, 0.5, 0.25, 0.75)
"""Where a badge stands along a side of its face, in the order of preference: 0 is flush left or at the top."""

CROSSING = 4.0
"""A pixel of a leader line inside a face counts as so many outside: a detour is better than a line through a face."""

TRIED = 100
"""Of the free spots, only so many nearest ones are tried, because each is checked for faces that its line crosses."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A label that wants a place.

    Attributes:
        face: the box of its face, in pixels of the drawing.
        badge: the width of its left part in pixels, which stands over the face if possible, so that a reader sees whose
            label it is.
        width: of the whole label, in pixels.
        height: of the label, in pixels.
        area: where the label may stand: its picture with a margin around it.
        leftwards: whether a label that finds no place there goes to the left of the area, not to its right.
    """

    face: Box
    badge: float
    width: float
    height: float
    area: Box
    leftwards: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label stands.

    Attributes:
        box: of the label.
        apart: whether it stands apart from its face, so that a leader line must join them.
    """

    box: Box
    apart: bool = False


def place_beside(wanted: Sequence[Wanted], gap: float) -> list[Place | None]:
    """Place labels directly beside their faces; None where no place is free.

    The labels with the fewest places come first.

    Args:
        wanted: the labels. Every label keeps away from every face among them.
        gap: pixels between a label and its face. Other labels and faces keep half of it.

    Example:
        >>> place_beside([Wanted(Box(40, 40, 80, 80), 12, 30, 12, Box(0, 0, 200, 200))], gap=4)
        [Place(box=Box(left=40.0, top=24.0, right=70.0, bottom=36.0), apart=False)]
    """
    faces = as_array(each.face for each in wanted)
    possible = [around[free(around, faces, gap / 2)] for around in (_around(each, gap) for each in wanted)]
    placed: list[Place | None] = [None] * len(wanted)
    taken = np.empty((0, 4))
    for i in sorted(range(len(wanted)), key=lambda i: len(possible[i])):
        left = possible[i][free(possible[i], taken, gap / 2)]
        if len(left):
            placed[i] = Place(Box(*left[0].tolist()))
            taken = np.vstack([taken, left[:1]])
    return placed


def place_all(wanted: Sequence[Wanted], gap: float) -> list[Place]:
    """Place every label: beside its face, or else on the nearest free spot, or else outside its area.

    Args:
        wanted: as for `place_beside`.
        gap: as for `place_beside`.

    Example:
        >>> outer, inner, area = Box(0, 0, 100, 100), Box(40, 40, 60, 60), Box(0, 0, 100, 100)
        >>> [place.apart for place in place_all([Wanted(box, 9, 9, 9, area) for box in (outer, inner)], gap=2)]
        [True, True]
    """
    faces = as_array(each.face for each in wanted)
    beside = place_beside(wanted, gap)
    taken = np.vstack([faces, as_array(place.box for place in beside if place)])
    places = []
    for each, place in zip(wanted, beside, strict=True):
        if place is None:
            place = Place(_nearest(each, faces, taken, gap), apart=True)
            taken = np.vstack([taken, as_array([place.box])])
        places.append(place)
    return places


def place_on_line(
    line: NDArray[np.float64], width: float, height: float, obstacles: Boxes, gap: float, reach: float = math.inf
) -> Box | None:
    """The place of a label on a line, as near as possible to the line's end; None if none is free.

    Args:
        line: (n, 2), the points of the line in pixels of the drawing, n at least 2.
        width: of the label.
        height: of the label.
        obstacles: (m, 4), faces and labels.
        gap: pixels to keep from the obstacles.
        reach: pixels between the line's end and the middle of the label, at most.

    Example:
        >>> place_on_line(np.array([[0.0, 0.0], [100.0, 0.0]]), 20, 10, as_array([Box(90, -20, 130, 20)]), gap=2)
        Box(left=68.0, top=-5.0, right=88.0, bottom=5.0)
    """
    centres = np.array(list(_steps(line[::-1])))
    centres = centres[np.hypot(*(centres - line[-1]).T) <= reach]
    half = np.array([width / 2, height / 2])
    candidates = np.hstack([centres - half, centres + half])
    left = candidates[free(candidates, obstacles, gap)]
    return Box(*left[0].tolist()) if len(left) else None


def _steps(line: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Points on a line, at most 2 pixels apart, from its beginning on."""
    for start, end in pairwise(line):
        count = max(1, int(np.hypot(*(end - start)) // 2))
        yield from start + (end - start) * np.linspace(0, 1, count, endpoint=False)[:, None]
    yield line[-1]


def _around(wanted: Wanted, gap: float) -> Boxes:
    """The places beside a face that lie in the label's area, the best first."""
    face, width, height = wanted.face, wanted.width, wanted.height
    over = [face.left + at * (face.width - wanted.badge) for at in ALONG]
    down = [face.top + at * (face.height - height) for at in ALONG]
    above, below = face.top - gap - height, face.bottom + gap
    right, left, flush = face.right + gap, face.left - gap - width, face.right - width
    spots = [(x, y) for y in (above, below) for x in over]
    spots += [(x, y) for x in (right, left) for y in down]
    spots += [(x, y) for y in (above, below) for x in (right, flush, left)]
    return _within(np.array(spots, np.float64), wanted)


def _within(spots: NDArray[np.float64], wanted: Wanted) -> Boxes:
    """The labels whose top left corners are the spots, without those that leave the area."""
    area, boxes = wanted.area, _boxes(spots, wanted)
    inside = (spots >= (area.left, area.top)) & (boxes[:, 2:] <= (area.right, area.bottom))
    return np.asarray(boxes[inside.all(axis=1)])


def _boxes(spots: NDArray[np.float64], wanted: Wanted) -> Boxes:
    return np.hstack([spots, spots + np.array([wanted.width, wanted.height])])


def _nearest(wanted: Wanted, faces: Boxes, taken: Boxes, gap: float) -> Box:
    """The free spot in the area with the shortest leader line; else one in the first column outside that has any."""
    area, column = wanted.area, wanted.width + gap
    spots = _within(_grid(wanted, np.arange(area.left, area.right - wanted.width, wanted.width / 2)), wanted)
    x = area.left - column if wanted.leftwards else area.right + gap
    while not len(left := spots[free(spots, taken, gap / 2)]):
        spots = _boxes(_grid(wanted, np.array([x])), wanted)
        x += -column if wanted.leftwards else column
    centre = np.array(wanted.face.centre)
    away = np.hypot(*((left[:, :2] + left[:, 2:]) / 2 - centre).T)
    nearest = left[away.argsort(kind="stable")[:TRIED]]
    centres = (nearest[:, :2] + nearest[:, 2:]) / 2
    others = faces[(faces != as_array([wanted.face])).any(axis=1)]
    cost = np.sort(away)[:TRIED] + CROSSING * length_inside(centre, centres, others)
    return Box(*nearest[cost.argmin()].tolist())


def _grid(wanted: Wanted, across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spots at these x, half a label apart over the height of the area: (n, 2)."""
    top, lowest = wanted.area.top, wanted.area.bottom - wanted.height
    down = np.arange(top, max(top, lowest) + 1e-6, wanted.height / 2)
    return np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
