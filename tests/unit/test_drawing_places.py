"""No label of a drawing covers a face or another label, wherever the faces are. Lines go around faces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.scenes import marked_pictures
from visavis.drawing.boxes import as_array, free, length_inside
from visavis.drawing.layout import MOST_LINES, MOST_ON_LINES, Layout, Texts, lay_out
from visavis.drawing.marks import Kind, Mark, Picture
from visavis.drawing.panels import LARGEST_SIDE, LEAST_HEIGHT, Panel, font_size, side_by_side, single
from visavis.drawing.placing import Place, Wanted, _around, place_all, place_beside, place_on_line
from visavis.drawing.routing import route, straight
from visavis.drawing.text import SMALLEST
from visavis.geometry import Box, Size

AREA = Box(0, 0, 1000, 800)


def wanted(*faces: Box, width: float = 80, height: float = 24) -> list[Wanted]:
    return [Wanted(face, 30, width, height, AREA) for face in faces]


def overlap(one: Box, other: Box) -> bool:
    return min(one.right, other.right) > max(one.left, other.left) + 1e-6 and (
        min(one.bottom, other.bottom) > max(one.top, other.top) + 1e-6
    )


def assert_apart(labels: list[Box], faces: list[Box]) -> None:
    for i, label in enumerate(labels):
        assert not any(overlap(label, other) for other in labels[i + 1 :])
        assert not any(overlap(label, face) for face in faces)


def boxes(width: float = 1000, height: float = 800) -> SearchStrategy[Box]:
    """Faces of all sizes, nested, overlapping, equal, and at the edges of a picture."""
    side = st.floats(8, 400)
    return st.builds(
        lambda x, y, side: Box(x * width, y * height, min(width, x * width + side), min(height, y * height + side)),
        st.floats(0, 0.99), st.floats(0, 0.99), side,
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(boxes(), min_size=1, max_size=30), st.floats(20, 200), st.floats(10, 40))
def test_no_label_covers_a_label_or_a_face(faces: list[Box], width: float, height: float) -> None:
    places = place_all(wanted(*faces, width=width, height=height), gap=6)
    assert len(places) == len(faces)
    assert_apart([place.box for place in places], faces)
    for place in places:
        assert place.box.width == pytest.approx(width)
        assert place.box.height == pytest.approx(height)


def test_a_label_stands_flush_above_its_face_if_it_can() -> None:
    assert place_beside(wanted(Box(400, 300, 500, 400)), gap=6) == [Place(Box(400, 270, 480, 294))]


def test_a_label_at_the_top_goes_below_and_one_in_a_corner_stays_in_the_area() -> None:
    (top,) = place_beside(wanted(Box(400, 0, 500, 100)), gap=6)
    assert top == Place(Box(400, 106, 480, 130))
    (corner,) = place_beside(wanted(Box(980, 780, 1000, 800)), gap=6)
    assert corner is not None
    assert corner.box.right <= AREA.right


def test_a_badge_stands_over_its_face_also_where_the_text_is_wider() -> None:
    (place,) = place_beside(wanted(Box(500, 300, 520, 330), width=300), gap=6)
    assert place is not None
    assert place.box.left <= 500
    assert place.box.left + 30 >= 520


def test_the_face_with_the_fewest_places_is_served_first() -> None:
    # The second face has no other place than that between the two, which the first would take.
    area = Box(0, 0, 100, 130)
    first, second = Box(0, 60, 100, 100), Box(0, 0, 100, 30)
    pair = [Wanted(first, 20, 90, 20, area), Wanted(second, 20, 90, 20, area)]
    assert all(place_beside(pair, gap=4))


def test_a_label_without_a_place_beside_its_face_stands_apart() -> None:
    outer, inner = Box(200, 200, 800, 600), Box(480, 380, 520, 420)
    assert place_beside(wanted(outer, inner), gap=6)[1] is None
    places = place_all(wanted(outer, inner), gap=6)
    assert [place.apart for place in places] == [False, True]
    assert_apart([place.box for place in places], [outer, inner])


@pytest.mark.parametrize("leftwards", [False, True])
def test_labels_that_find_no_place_in_the_area_stand_in_columns_beside_it(leftwards: bool) -> None:
    area = Box(0, 0, 100, 100)
    places = place_all([Wanted(area, 10, 40, 20, area, leftwards) for _ in range(20)], gap=4)
    assert_apart([place.box for place in places], [area])
    assert all(place.box.right <= 0 if leftwards else place.box.left >= 100 for place in places)


def test_an_area_lower_than_a_label_still_gives_it_a_place() -> None:
    area = Box(0, 0, 100, 5)
    (place,) = place_all([Wanted(area, 10, 40, 20, area)], gap=4)
    assert not overlap(place.box, area)


def test_a_text_on_a_line_is_near_its_end_and_none_if_that_is_taken() -> None:
    line = np.array([[0.0, 100.0], [300.0, 100.0], [300.0, 400.0]])
    box = place_on_line(line, 40, 20, as_array([Box(250, 390, 350, 500)]), gap=5)
    assert box is not None
    assert box.centre[0] == 300
    assert 370 <= box.bottom <= 385
    everywhere = as_array([Box(0, 0, 1000, 1000)])
    assert place_on_line(line, 40, 20, everywhere, gap=5) is None
    assert place_on_line(line, 40, 20, as_array([Box(250, 200, 350, 500)]), gap=5, reach=100) is None


def test_the_length_of_lines_inside_boxes_is_summed() -> None:
    start, ends = np.array([0.0, 0.0]), np.array([[100.0, 0.0], [0.0, 100.0], [30.0, 40.0]])
    inside = length_inside(start, ends, as_array([Box(20, -5, 40, 5), Box(30, -5, 50, 5), Box(-5, 90, 5, 200)]))
    assert inside.round(3).tolist() == [40, 10, 0]
    assert length_inside(start, ends, as_array([])).tolist() == [0, 0, 0]


def test_a_line_goes_around_a_face_and_through_one_only_if_no_way_leads_around() -> None:
    start, end, between = Box(0, 100, 50, 150), Box(500, 100, 550, 150), Box(200, 50, 300, 200)
    (line,) = route(start, [end], [start, end, between])
    assert len(line) > 2
    assert crossing(line, [between]) == 0
    assert line[0].tolist() in [[50, 125], [25, 100], [25, 150]]
    assert line[-1].tolist() in [[500, 125], [525, 100], [525, 150]]
    cage = Box(400, 0, 700, 300)
    (through,) = route(start, [end], [start, end, cage])
    assert crossing(through, [cage]) > 0


def crossing(line: np.ndarray, faces: list[Box]) -> float:
    return float(sum(length_inside(start, end[None], as_array(faces)).sum() for start, end in pairwise(line)))


def test_a_leader_joins_the_nearest_edges() -> None:
    assert straight(Box(0, 0, 10, 10), Box(20, 30, 40, 50)).tolist() == [[10, 10], [20, 30]]
    assert straight(Box(20, 30, 40, 50), Box(0, 0, 10, 10)).tolist() == [[20, 30], [10, 10]]
    assert straight(Box(0, 0, 10, 10), Box(4, 30, 40, 50)).tolist() == [[7, 10], [7, 30]]


def laid_out(faces: int, size: Size, *, matches: int = 1, seed: int = 0, side: float = 0.12) -> Layout:
    """A layout of a comparison with made-up faces, which overlap each other and the edges."""
    source, target = marked_pictures(faces, size, matches=matches, seed=seed, side=side)
    left, right, gap = side_by_side([source], target)
    return lay_out(left, right, font_size(right.box.right - left[0].box.left), gap)


SIZES = [Size(300, 300), Size(1200, 900), Size(6000, 4000), Size(300, 1200), Size(2000, 200)]


@pytest.mark.parametrize("faces", [1, 5, 8, 27, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size.width}x{size.height}")
def test_in_scenes_of_any_size_no_label_or_text_covers_anything(faces: int, size: Size) -> None:
    layout = laid_out(faces, size, matches=min(faces, 3), seed=faces, side=0.25 if faces < 20 else 0.12)
    texts = [item.on_line for item in layout.items if item.on_line]
    assert_apart([*(item.place.box for item in layout.items), *texts], [item.face for item in layout.items])
    assert len(layout.items) == faces + 1
    assert layout.size >= SMALLEST
    for item in layout.items:
        assert item.place.box.height >= 1.3 * SMALLEST


def test_few_faces_have_their_texts_beside_them_and_on_the_lines_of_matches() -> None:
    layout = laid_out(4, Size(1200, 900), matches=2, seed=5)
    assert layout.texts is Texts.ON_LINES
    on_line = [item.mark.name for item in layout.items if item.on_line is not None]
    assert on_line == [item.mark.name for item in layout.items if item.mark.joined] == ["1", "2"]
    assert [item.mark.name for item in layout.items if layout.texts.beside(item.mark)] == ["S", "3", "4"]


def test_with_more_matches_the_texts_stand_beside_and_with_many_there_are_no_lines() -> None:
    for matches, lines in ((MOST_ON_LINES, MOST_ON_LINES), (MOST_LINES, MOST_LINES), (MOST_LINES + 1, 0)):
        layout = laid_out(matches, Size(6000, 4000), matches=matches, side=0.03)
        assert sum(item.line is not None for item in layout.items) == lines
        if matches > MOST_ON_LINES:
            assert layout.texts is Texts.BESIDE


def test_a_crowd_has_badges_and_a_legend() -> None:
    assert laid_out(27, Size(400, 300), seed=2, side=0.3).texts is Texts.IN_LEGEND


def test_lines_go_around_other_faces_and_labels_where_they_can() -> None:
    layout = laid_out(8, Size(1600, 1200), matches=2, seed=4, side=0.08)
    others = [item.face for item in layout.items if not item.mark.joined and item.mark.kind is not Kind.SOURCE]
    labels = [item.place.box for item in layout.items if not item.mark.joined]
    lines = [item.line for item in layout.items if item.line is not None]
    assert len(lines) == 2
    for line in lines:
        assert crossing(line, [*others, *labels]) == 0


def test_the_lines_of_several_sources_meet_between_them_and_the_target() -> None:
    source, target = marked_pictures(2, Size(1200, 900), matches=1)
    left, right, gap = side_by_side([source, source, source], target)
    layout = lay_out(left, right, 20, gap)
    assert layout.hub is not None
    assert max(panel.box.right for panel in left) < layout.hub[0] < right.box.left
    begins = [item.line[0].tolist() for item in layout.items if item.line is not None]
    assert begins == [list(layout.hub)] * 4
    shifted = layout.shifted(10, 20)
    assert shifted.hub == (layout.hub[0] + 10, layout.hub[1] + 20)
    assert [item.place.box.left for item in shifted.items] == [item.place.box.left + 10 for item in layout.items]


@settings(deadline=None, max_examples=60)
@given(st.integers(80, 6000), st.integers(80, 6000), st.integers(1, 30))
def test_pictures_are_enlarged_or_reduced_within_bounds(width: int, height: int, sources: int) -> None:
    source, target = marked_pictures(0, Size(width, height))
    left, right, _ = side_by_side([source] * sources, target)
    for panel in (right, single(target)):
        assert max(panel.box.width, panel.box.height) <= LARGEST_SIDE
        assert panel.box.height >= LEAST_HEIGHT or max(panel.box.width, panel.box.height) == LARGEST_SIDE
        assert panel.box.width / panel.box.height == pytest.approx(width / height, rel=0.05)
    assert_apart([panel.box for panel in left], [right.box])
    assert max(panel.box.bottom for panel in left) <= LARGEST_SIDE + sources  # each is rounded to whole pixels
    assert max(panel.box.right for panel in left) <= 1.6 * LARGEST_SIDE
    assert max(panel.box.right for panel in left) < right.box.left


def test_the_box_of_a_face_is_cut_at_its_picture() -> None:
    _, target = marked_pictures(1, Size(400, 300))
    face = target.marks[0].face
    panel = Panel(Picture(target.image, [Mark(face, Kind.OTHER, "1")]), Box(100, 50, 900, 650), 2.0)
    place = panel.place_of(face)
    assert place.left == max(100, 100 + 2 * face.box.left)
    assert place.bottom == min(650, 50 + 2 * face.box.bottom)


def test_labels_keep_a_distance() -> None:
    near, far = as_array([Box(0, 0, 10, 10)]), as_array([Box(12, 0, 20, 10)])
    assert free(near, far, 2).all()
    assert not free(near, far, 2.5).any()


def test_the_first_choices_of_a_label_have_its_badge_over_the_face() -> None:
    face = Box(500, 300, 540, 350)
    for left, _, right, _ in _around(Wanted(face, 30, 200, 24, AREA), 6)[:10].tolist():
        assert face.left <= left
        assert left + 30 <= face.right
        assert right - left == 200


def test_lines_have_few_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    def bends() -> int:
        layouts = [laid_out(14, Size(1600, 1200), matches=4, seed=seed) for seed in (2, 4, 7)]
        return sum(len(item.line) - 2 for layout in layouts for item in layout.items if item.line is not None)

    few = bends()
    monkeypatch.setattr("visavis.drawing.routing.BEND", 0.0)
    assert few < bends()


def test_a_label_keeps_half_the_gap_from_other_faces() -> None:
    flush, neighbour = Box(400, 270, 480, 294), Box(482, 200, 520, 290)
    placed = place_beside(wanted(Box(400, 300, 500, 400), neighbour), gap=6)
    assert placed[0] not in (None, Place(flush))
    assert place_beside(wanted(Box(400, 300, 500, 400), neighbour), gap=2)[0] is not None
