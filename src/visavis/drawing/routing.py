"""Routes lines from one point or face to many faces, around the other faces."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visavis.drawing.boxes import Boxes, as_array, length_inside
from visavis.geometry import Box

__all__ = ["Line", "route", "straight"]

Line = NDArray[np.float64]
"""(n, 2) float64, the points of a line, x before y, in pixels of the drawing."""

CROSSING = 25.0
"""A pixel inside a face counts as so many outside, so that a line crosses a face only where no way leads around."""

BEND = 40.0
"""Pixels that a bend counts, so that a line has few of them."""

AROUND = 8.0
"""Pixels between a line and the corner of a face that it goes around."""


def route(start: Box, ends: Sequence[Box], obstacles: Sequence[Box]) -> list[Line]:
    """The shortest lines from a box to others around obstacles, by Dijkstra's algorithm over the corners of obstacles.

    Args:
        start: where all lines begin: the box of a face, or a box without area for a point.
        ends: where a line ends each.
        obstacles: the boxes of all faces, `start` and `ends` among them.

    Returns:
        A line for each of `ends`, from the edge of `start` to the edge of that box.

    Example:
        >>> start, end = Box(0, 0, 10, 10), Box(100, 0, 110, 10)
        >>> route(start, [end], [start, end])[0].tolist()
        [[10.0, 5.0], [100.0, 5.0]]
    """
    boxes = as_array(obstacles)
    corners = _corners(boxes)
    doors = [_doors(end) for end in ends]
    nodes = np.vstack([corners, *doors])
    came_from, cost, begin = _distances(_doors(start), nodes, boxes)
    lines, at = [], len(corners)
    for door in doors:
        node = at + int(cost[at : at + len(door)].argmin())
        at += len(door)
        points = [nodes[node]]
        while came_from[node] >= 0:
            node = int(came_from[node])
            points.append(nodes[node])
        lines.append(np.array([begin[node], *points[::-1]]))
    return lines


def straight(box: Box, face: Box) -> Line:
    """The shortest straight line from the edge of one box to that of another: (2, 2).

    Example:
        >>> straight(Box(0, 0, 10, 10), Box(20, 0, 30, 40)).tolist()
        [[10.0, 5.0], [20.0, 5.0]]
    """
    x = _nearest_pair(box.left, box.right, face.left, face.right)
    y = _nearest_pair(box.top, box.bottom, face.top, face.bottom)
    return np.array([(x[0], y[0]), (x[1], y[1])], np.float64)


def _nearest_pair(low: float, high: float, other_low: float, other_high: float) -> tuple[float, float]:
    """The points of two intervals that are nearest to each other; the middle of their common part."""
    if high < other_low:
        return high, other_low
    if low > other_high:
        return low, other_high
    middle = (max(low, other_low) + min(high, other_high)) / 2
    return middle, middle


def _doors(box: Box) -> NDArray[np.float64]:
    """Where a line may touch a box: the middles of its sides, (4, 2)."""
    x, y = box.centre
    return np.array([(box.right, y), (box.left, y), (x, box.top), (x, box.bottom)], np.float64)


def _corners(boxes: Boxes) -> NDArray[np.float64]:
    """The points around the corners of boxes, (4 n, 2)."""
    wide = boxes + np.array([-AROUND, -AROUND, AROUND, AROUND])
    return np.asarray(wide[:, [[0, 1], [2, 1], [2, 3], [0, 3]]].reshape(-1, 2))


def _distances(
    starts: NDArray[np.float64], nodes: NDArray[np.float64], boxes: Boxes
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """For each node: the node before it on its shortest line or -1, the cost, and where the line begins if -1."""

    def costs_from(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.hypot(*(nodes - point).T) + CROSSING * length_inside(point, nodes, boxes))

    first = np.array([costs_from(start) for start in starts])
    cost, begin = first.min(axis=0), starts[first.argmin(axis=0)]
    came_from = np.full(len(nodes), -1)
    done = np.zeros(len(nodes), bool)
    queue = list(zip(cost.tolist(), range(len(nodes)), strict=True))
    heapq.heapify(queue)
    while queue:
        so_far, node = heapq.heappop(queue)
        if done[node]:
            continue
        done[node] = True
        through = so_far + BEND + costs_from(nodes[node])
        for other in np.flatnonzero(~done & (through < cost - 1e-6)).tolist():
            cost[other], came_from[other] = through[other], node
            heapq.heappush(queue, (float(through[other]), other))
    return came_from, cost, begin
