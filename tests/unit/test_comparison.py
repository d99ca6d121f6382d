from __future__ import annotations

import numpy as np
import pytest

from visavis.comparison import Comparison, compare
from visavis.face import Face, Pose, Quality
from visavis.geometry import Box, Size


def make_face(cosine: float = 1.0, side: float = 100) -> Face:
    """A face whose embedding has `cosine` with that of `make_face()`."""
    embedding = np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)
    return Face(Box(0, 0, side, side), Size(400, 300), 99.0, (), Pose(0, 0, 0), Quality(50, 50, 50), embedding)


def compared(threshold: float, *targets: Face) -> Comparison:
    return compare(make_face(), targets, threshold=threshold, similarity=lambda cosine: 100 * max(0.0, cosine))


def test_matches_come_most_similar_first() -> None:
    result = compared(20, make_face(0.5), make_face(0.9), make_face(0.3))
    assert [m.similarity for m in result.matches] == pytest.approx([90, 50, 30])


def test_unmatched_faces_come_largest_first() -> None:
    result = compared(80, make_face(0.5, side=10), make_face(0.1, side=30), make_face(0.2, side=20))
    assert [u.face.box.width for u in result.unmatched] == [30, 20, 10]


def test_every_face_is_in_exactly_one_list() -> None:
    faces = [make_face(c / 10) for c in range(11)]
    result = compared(50, *faces)
    assert len(result.matches) + len(result.unmatched) == len(faces)
    assert all(m.similarity >= 50 for m in result.matches)
    assert all(u.similarity < 50 for u in result.unmatched)


def test_the_threshold_is_inclusive_for_the_similarity_a_caller_was_shown() -> None:
    shown = compared(0, make_face(0.123456789)).matches[0].similarity
    assert compared(shown, make_face(0.123456789)).matches
    above = float(np.nextafter(np.float32(shown), np.float32(100)))
    assert not compared(above, make_face(0.123456789)).matches


def test_a_threshold_of_0_matches_everyone() -> None:
    assert len(compared(0, make_face(-1.0), make_face(0.0)).matches) == 2


def test_a_face_is_wholly_similar_to_itself() -> None:
    assert compared(100, make_face()).matches[0].similarity == 100.0


def test_an_embedding_is_not_shown_in_the_text_of_a_face() -> None:
    assert "embedding" not in repr(make_face())
