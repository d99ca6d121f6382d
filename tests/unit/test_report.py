"""Drawings of faces, of made-up faces on a made-up image."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pil

from tests.conftest import encode, gradient
from tests.scenes import made_up_faces
from tests.unit.test_response import make_comparison, make_face
from visavis.comparison import Comparison, Match
from visavis.drawing.legend import Legend
from visavis.drawing.marks import Kind
from visavis.drawing.panels import LARGEST_SIDE, LEAST_HEIGHT
from visavis.drawing.text import SMALLEST, font, printable
from visavis.errors import BadImage, InvalidRequest
from visavis.geometry import Size
from visavis.image import decode, from_pixels
from visavis.inputs import ImageInput
from visavis.report import draw_comparison, draw_faces

PNG = encode(gradient(400, 300))


def opened(drawing: bytes) -> Pil.Image:
    return Pil.open(io.BytesIO(drawing)).convert("RGB")


def coloured(drawing: bytes, colour: tuple[int, int, int]) -> int:
    """How many pixels have exactly this colour."""
    return int((np.asarray(opened(drawing)) == colour).all(axis=2).sum())


def comparison_of(faces: int, size: Size, matches: int = 1, **others: object) -> Comparison:
    found = [Match(99.5 - i / 10, 0.5, face) for i, face in enumerate(made_up_faces(faces, size))]
    whole = Comparison((make_face(),), tuple(found[:matches]), tuple(found[matches:]), threshold=80.0)
    return replace(whole, **others)  # type: ignore[arg-type]


def grey(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def test_an_image_may_be_given_in_each_form_that_an_engine_takes(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    forms: list[ImageInput] = [PNG, file, io.BytesIO(PNG), np.asarray(gradient(400, 300))]
    drawings = {draw_faces(decode(PNG), [make_face()]), *(draw_faces(form, [make_face()]) for form in forms)}
    assert len(drawings) == 1
    assert drawings != {draw_faces(PNG, [])}


def test_source_and_target_are_drawn_side_by_side() -> None:
    drawing = opened(draw_comparison(grey(400, 300), grey(200, 500), make_comparison()))
    # Both are enlarged: to 800 x 600 and 240 x 600.
    assert 800 + 240 < drawing.width < 800 + 240 + 200
    assert 600 < drawing.height < 600 + 200


def test_the_same_comparison_gives_the_same_bytes() -> None:
    for suffix in (".png", ".jpg"):
        one, other = (draw_comparison(PNG, PNG, make_comparison(), suffix) for _ in range(2))
        assert one == other


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "PNG"), (".JPG", "JPEG"), (".jpeg", "JPEG")])
def test_the_suffix_selects_the_format(suffix: str, kind: str) -> None:
    assert Pil.open(io.BytesIO(draw_faces(PNG, [], suffix))).format == kind


@pytest.mark.parametrize("suffix", ["png", ".gif", "", None])
def test_any_other_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^suffix must be one of \.png, \.jpg, \.jpeg, not "):
        draw_faces(PNG, [], suffix)
    with pytest.raises(InvalidRequest, match=r"^suffix must be one of \.png, \.jpg, \.jpeg, not "):
        draw_comparison(PNG, PNG, make_comparison(), suffix)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(BadImage):
        draw_faces(b"text", [])
    with pytest.raises(InvalidRequest, match="an image must not be a str"):
        draw_faces("a.png", [])  # type: ignore[arg-type]


def test_there_is_one_source_image_or_one_for_each_source() -> None:
    face = make_face()
    comparison = replace(make_comparison(), sources=(face, face, face))
    one, three = (opened(comparison.draw(images, PNG)) for images in (PNG, [PNG, PNG, PNG]))
    assert three.width < one.width
    assert opened(comparison.draw([PNG], PNG)).size == one.size
    with pytest.raises(InvalidRequest, match="there must be an image for each of 3 sources, not 2"):
        comparison.draw((PNG, PNG), PNG)


@pytest.mark.parametrize("faces", [0, 1, 27])
@pytest.mark.parametrize(("width", "height"), [(300, 300), (80, 1000), (6000, 400), (1500, 1000)])
def test_the_size_of_a_drawing_is_bounded(faces: int, width: int, height: int) -> None:
    drawing = opened(draw_comparison(grey(300, 200), grey(width, height), comparison_of(faces, Size(width, height))))
    assert drawing.height >= LEAST_HEIGHT
    assert max(drawing.size) <= 2.5 * LARGEST_SIDE


def test_each_kind_of_face_has_its_colour_and_its_entry_in_the_key() -> None:
    size = Size(900, 600)
    found = [Match(99, 0.5, face, review=i == 1) for i, face in enumerate(made_up_faces(3, size))]
    whole = Comparison((make_face(),), tuple(found[:2]), tuple(found[2:]), threshold=80.0)
    drawing = draw_comparison(grey(400, 300), grey(900, 600), whole)
    for kind in Kind:
        assert coloured(drawing, kind.colour) > 500
    without = draw_comparison(grey(400, 300), grey(900, 600), replace(whole, matches=whole.matches[:1]))
    assert coloured(without, Kind.REVIEW.colour) == 0


def test_a_source_has_no_box_of_a_match_and_the_other_way_round() -> None:
    unmatched = replace(make_comparison(), matches=())
    assert coloured(draw_comparison(grey(400, 300), grey(400, 300), unmatched), Kind.MATCH.colour) == 0


def test_landmarks_and_axes_are_drawn_only_on_demand() -> None:
    draws: list[Callable[..., bytes]] = [
        lambda **options: draw_comparison(grey(400, 300), grey(400, 300), make_comparison(), **options),
        lambda **options: draw_faces(grey(400, 300), [make_face()], **options),
    ]
    for draw in draws:
        assert coloured(draw(), (213, 94, 0)) == 0
        assert coloured(draw(landmarks=True), (213, 94, 0)) > 20


def test_faces_without_landmarks_and_emotions_are_drawn_too() -> None:
    face = replace(make_face(emotions=()), landmarks=())
    assert draw_faces(PNG, [face], landmarks=True) == draw_faces(PNG, [face])


def test_a_crowd_makes_the_drawing_higher_by_a_legend() -> None:
    few, many = (
        opened(draw_comparison(grey(300, 300), grey(300, 300), comparison_of(count, Size(300, 300)))).height
        for count in (2, 60)
    )
    assert many > few + 100


def test_the_note_says_what_the_threshold_means_and_whose_face_differs() -> None:
    comparison = replace(make_comparison(), threshold=90.0, strangers=((1, 12.345),))
    note = comparison._note()
    assert note.startswith("A match has a similarity of 90 or more, which two people of one sex reach once in 10,000 ")
    assert note.endswith("S2 does not look like S1 (similarity 12.34).")
    assert replace(make_comparison(), threshold=12.5)._note() == "A match has a similarity of 12.5 or more."


def test_faces_are_numbered_and_described_in_the_order_of_the_answer() -> None:
    found = comparison_of(3, Size(400, 300))
    marks = replace(found, unmatched=(replace(found.unmatched[0], review=True), found.unmatched[1]))._marks()
    assert [(mark.name, mark.text, mark.verdict, mark.kind, mark.joined) for mark in marks] == [
        ("1", "99.50", "match", Kind.MATCH, True),
        ("2", "99.40", "review (no match)", Kind.REVIEW, False),
        ("3", "99.30", "no match", Kind.OTHER, False),
    ]


def test_text_is_legible_and_never_empty_boxes() -> None:
    left, top, right, bottom = font(SMALLEST).getbbox("0123456789")
    assert bottom - top >= 9
    assert right - left > 9 * 10 / 2
    assert printable("Zoë ✓ 1") == "Zo? ? 1"


def test_a_long_note_is_broken_into_lines() -> None:
    one, three = (Legend([], [], "word " * words, 14, 400).height for words in (3, 30))
    assert three >= 3 * one


def test_an_image_is_not_changed_by_drawing_on_it() -> None:
    pixels = grey(900, 700)
    image = from_pixels(pixels)
    draw_faces(image, made_up_faces(3, Size(900, 700)))
    assert (pixels == 128).all()
