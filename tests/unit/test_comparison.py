from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.comparison import Comparison, compare, fuse
from visavis.face import Face, Pose, Quality
from visavis.geometry import Box, Size


def make_face(cosine: float = 1.0, side: float = 100) -> Face:
    """A face whose embedding has `cosine` with that of `make_face()`."""
    embedding = np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)
    return Face(Box(0, 0, side, side), Size(400, 300), 99.0, (), Pose(0, 0, 0), Quality(50, 50, 50), embedding)


def hundredfold(cosine: float, _: tuple[float, float], *, sources: int = 1) -> float:
    """A scale that is easy to read; each further source lowers the similarity by one point."""
    return round(100 * max(0.0, cosine), 3) - (sources - 1)


def compared(threshold: float, *targets: Face) -> Comparison:
    return compare([make_face()], targets, threshold=threshold, similarity=hundredfold)


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


def of_quality(score: float, embedding: list[float]) -> Face:
    face = make_face()
    quality = Quality(50, 50, score)
    return Face(face.box, face.image_size, 99.0, (), face.pose, quality, np.array(embedding, np.float32))


def test_a_template_leans_towards_the_better_image() -> None:
    template = fuse([of_quality(95, [1, 0]), of_quality(15, [0, 1])])
    assert np.linalg.norm(template) == pytest.approx(1)
    assert template[0] == pytest.approx(5 * template[1])


def test_the_template_of_one_image_is_its_embedding() -> None:
    assert fuse([make_face()]).tolist() == make_face().embedding.tolist()


def test_with_several_sources_each_ones_own_similarity_is_told() -> None:
    sources = [of_quality(50, [1, 0]), of_quality(50, [0, 1])]
    result = compare(sources, [of_quality(50, [1, 0])], threshold=60, similarity=hundredfold)
    (match,) = result.matches
    assert match.similarity == pytest.approx(100 * 0.5**0.5 - 1, abs=1e-3)
    assert match.by_source == pytest.approx((100, 0))
    assert result.sources == tuple(sources)
    assert result.source is sources[0]


@pytest.mark.parametrize(("cosine", "review"), [(0.69, False), (0.7, True), (0.85, True), (0.9, True), (0.91, False)])
def test_similarities_in_the_band_are_marked_for_review(cosine: float, review: bool) -> None:
    result = compare([make_face()], [make_face(cosine)], threshold=80, similarity=hundredfold, review=(70, 90))
    (match,) = (*result.matches, *result.unmatched)
    assert match.review is review


def test_sources_that_do_not_match_the_first_are_strangers() -> None:
    sources = [make_face(1.0), make_face(0.9), make_face(0.3), make_face(0.79)]
    result = compare(sources, [make_face()], threshold=0, similarity=hundredfold)
    assert result.strangers == ((2, 30.0), (3, 79.0))


def test_sources_that_all_match_the_first_are_no_strangers() -> None:
    alike = [make_face(1.0), make_face(0.8), make_face(0.9)]
    assert compare(alike, [make_face()], threshold=0, similarity=hundredfold).strangers == ()


def test_unmatched_faces_are_ordered_by_what_the_image_shows_of_them() -> None:
    cut, whole = make_face(0.1, side=100), make_face(0.2, side=80)
    cut = replace(cut, box=Box(-60, 0, 40, 100))
    assert [u.face for u in compared(80, cut, whole).unmatched] == [whole, cut]


def test_a_threshold_that_float32_cannot_hold_is_reached_by_the_same_similarity() -> None:
    assert compare([make_face()], [make_face()], threshold=80.1, similarity=lambda *_, **__: 80.1).matches
    assert float(np.float32(80.1)) < 80.1


def test_a_cosine_beyond_1_counts_as_1() -> None:
    long = replace(make_face(), embedding=np.array([1.0001, 0], np.float32))
    (match,) = compare([long], [long], threshold=0, similarity=hundredfold).matches
    assert (match.cosine, match.similarity) == (1, 100)


class RecordingScale:
    """A scale that records its arguments: the qualities, and how many faces were fused into the first."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[float, float], int]] = []

    def __call__(self, _: float, qualities: tuple[float, float], *, sources: int = 1) -> float:
        self.calls.append((qualities, sources))
        return 90.0


def test_the_scale_gets_the_quality_of_source_and_target() -> None:
    scale = RecordingScale()
    (match,) = compare([of_quality(70, [1, 0])], [of_quality(30, [1, 0])], threshold=0, similarity=scale).matches
    assert set(scale.calls) == {((70, 30), 1)}
    assert match.by_source == (match.similarity,)


def test_a_template_has_the_quality_of_its_best_image() -> None:
    scale, sources = RecordingScale(), [of_quality(40, [1, 0]), of_quality(75, [1, 0]), of_quality(60, [1, 0])]
    compare(sources, [of_quality(30, [1, 0])], threshold=0, similarity=scale)
    assert [qualities for qualities, fused_of in scale.calls if fused_of == 3] == [(75, 30)]
    assert {qualities for qualities, fused_of in scale.calls if fused_of == 1} >= {(40, 30), (75, 30), (60, 30)}
