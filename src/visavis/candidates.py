"""Chooses which detections of an image are read, and how carefully, so that no image costs many times a usual one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visavis.image import Image
from visavis.mapping import MapFunction
from visavis.orientation import Candidate, OrientationResolver
from visavis.vision.confidence import MIN_CONFIDENCE, face_confidence
from visavis.vision.detect import Detections
from visavis.vision.embed import Embedded

__all__ = ["FIRST_DETECTIONS", "confidence_of", "maybe_largest", "most_doubtful_of", "read_candidates"]

FIRST_DETECTIONS = 120
"""An image of a crowd may have thousands of detections. The largest 120 are read, and if they are too few faces, as
many more as faces are missing. The largest by the detector's boxes are nearly the largest by the final ones."""

_LEAST_FACES = 2 / 3
"""The part of the detections that must be faces, or no more are read. So at most 151 are read for 101 faces."""

_MAYBE_LARGEST = 0.4
"""The order of the detector's boxes by size differs slightly from that of the final boxes. A face whose detected box
has less than this fraction of the largest visible area cannot become the largest."""

_FEW = 30
"""In an image with more detections, only the largest 30 are read for the largest face, because in a crowd of faces of
one size the others have no better claim, and fewer faces in doubt are read at other rotations."""

_DOUBTFUL, _DOUBTFUL_OF_MANY = 8, 3
"""How many faces of one image are read at other rotations, with few and with many detections. Each takes as long as
seven others. An ordinary image has none or one."""


def read_candidates(
    orientation: OrientationResolver,
    image: Image,
    found: Detections,
    *,
    limit: int,
    most_doubtful: int,
    map_function: MapFunction,
) -> list[Candidate]:
    """One candidate for each face, in no order, from as many of the detections as `limit` faces need.

    Args:
        orientation: reads detections.
        image: upright.
        found: the detections, largest first.
        limit: how many faces are needed.
        most_doubtful: how many faces are read at other rotations.
        map_function: distributes the work on several faces.
    """
    candidates: list[Candidate] = []
    start, end = 0, FIRST_DETECTIONS
    while True:
        batch = found.take(np.arange(start, min(end, len(found))))
        read = orientation.resolve(image, batch, map_function, most_doubtful=most_doubtful)
        candidates = _deduplicate(candidates + read)
        # Without an embedding a candidate has the presence of an upright face.
        faces = sum(c.embedded is None or confidence_of(c, c.embedded) >= MIN_CONFIDENCE for c in candidates)
        if faces >= limit or faces < _LEAST_FACES * end or len(found) <= end:
            return candidates
        start, end, most_doubtful = end, end + limit - faces, 0


def confidence_of(candidate: Candidate, embedded: Embedded) -> float:
    """The confidence that a candidate is a face, 0..100."""
    return face_confidence(candidate.score, candidate.mesh.presence, embedded.embedding_norm, candidate.size)


def most_doubtful_of(found: Detections) -> int:
    """How many faces of an image with these detections are read at other rotations."""
    return _DOUBTFUL if len(found) <= _FEW else _DOUBTFUL_OF_MANY


def maybe_largest(areas: NDArray[np.float32]) -> NDArray[np.intp]:
    """The indices of the detections that are read for the largest face.

    Args:
        areas: (n,), the visible areas of the detections, largest first.
    """
    ordered = areas[:_FEW].astype(np.float64)
    return np.flatnonzero(ordered >= _MAYBE_LARGEST * ordered[:1])


def _deduplicate(candidates: list[Candidate]) -> list[Candidate]:
    """Keep one candidate per face, because two detections can have the same face.

    A candidate whose centre lies in the box of one with a higher presence is dropped.
    """
    kept: list[Candidate] = []
    for face in sorted(candidates, key=lambda c: -c.mesh.presence):
        x, y = face.box.centre
        if not any(k.box.left < x < k.box.right and k.box.top < y < k.box.bottom for k in kept):
            kept.append(face)
    return kept
