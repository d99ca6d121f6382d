"""Kinds of faces differ by their lines, text has contrast, and a drawing has room for what stands outside pictures."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pil
from PIL.JpegImagePlugin import get_sampling

from tests.unit.test_response import make_face
from visavis.drawing import Kind, Mark, Picture, compose_one, encoded
from visavis.drawing.marks import Colour
from visavis.drawing.shapes import face_box
from visavis.geometry import Box, Size
from visavis.image import from_pixels


def runs(line: np.ndarray, colour: Colour) -> int:
    """How many separate runs of a colour a row of pixels has."""
    has = np.concatenate([[False], (line == colour).all(axis=1)])
    return int((has[1:] & ~has[:-1]).sum())


@pytest.mark.parametrize(
    ("kind", "across", "along"), [(Kind.SOURCE, 2, 1), (Kind.MATCH, 2, 1), (Kind.REVIEW, 4, 1), (Kind.OTHER, 2, 5)]
)
def test_each_kind_has_a_line_of_its_own(kind: Kind, across: int, along: int) -> None:
    canvas = Pil.new("RGB", (120, 120), (128, 128, 128))
    face_box(canvas, Box(10, 10, 110, 110), kind, 4)
    pixels = np.asarray(canvas)
    most = max(runs(row, kind.colour) for row in pixels[40:80])
    assert most == across
    top = runs(pixels[10], kind.colour)
    assert top >= along if along > 1 else top == 1


def luminance(colour: Colour) -> float:
    """By WCAG 2, 0..1."""
    values = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(values, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("kind", list(Kind))
def test_text_on_a_badge_has_the_contrast_that_wcag_asks_for(kind: Kind) -> None:
    darker, lighter = sorted(map(luminance, (kind.colour, kind.ink)))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_a_label_outside_its_picture_has_room() -> None:
    size = Size(800, 600)
    picture = from_pixels(np.full((600, 800, 3), 128, np.uint8))
    inside, outside = (
        compose_one(Picture(picture, [Mark(make_face(box, size), Kind.MATCH, "1", "99.99")]))
        for box in (Box(300, 200, 500, 400), Box(0, 0, 800, 600))
    )
    assert outside.height > inside.height + 10


def test_a_jpeg_keeps_the_colours_of_small_text() -> None:
    assert get_sampling(Pil.open(io.BytesIO(encoded(Pil.new("RGB", (90, 90)), ".jpg")))) == 0


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("box", [Box(50, 50, 50, 50), Box(50, 50, 52, 53), Box(50, 50, 57, 58), Box(0, 0, 2, 60)])
def test_a_face_smaller_than_its_line_is_drawn_too(kind: Kind, box: Box) -> None:
    canvas = Pil.new("RGB", (60, 60), (128, 128, 128))
    face_box(canvas, box, kind, 5)
    assert (np.asarray(canvas) == kind.colour).all(axis=2).any()


@pytest.mark.parametrize("box", [Box(-900, 100, -800, 200), Box(390, 290, 900, 900), Box(-50, -50, 900, 900)])
def test_a_face_beyond_the_edge_is_drawn_at_the_edge_with_its_landmarks(box: Box) -> None:
    face = make_face(box, Size(400, 300))
    far = replace(face, landmarks=tuple(replace(point, x=point.x - 5000) for point in face.landmarks))
    image = from_pixels(np.full((300, 400, 3), 128, np.uint8))
    for each in (face, far):
        marks = [Mark(each, kind, str(i)) for i, kind in enumerate(Kind)]
        assert compose_one(Picture(image, marks), landmarks=True).width >= 800
