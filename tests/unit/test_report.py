"""Drawings of faces, of made-up faces on a made-up image."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from tests.conftest import encode, gradient
from tests.unit.test_response import make_comparison, make_face
from visavis.errors import BadImage, InvalidRequest
from visavis.image import decode
from visavis.inputs import ImageInput
from visavis.report import draw_comparison, draw_faces

PNG = encode(gradient(400, 300))


def size_of(drawing: bytes) -> tuple[int, int]:
    return Pil.open(io.BytesIO(drawing)).size


def test_an_image_may_be_given_in_each_form_that_an_engine_takes(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    forms: list[ImageInput] = [PNG, file, io.BytesIO(PNG), np.asarray(gradient(400, 300))]
    drawings = {draw_faces(decode(PNG), [make_face()]), *(draw_faces(form, [make_face()]) for form in forms)}
    assert len(drawings) == 1
    assert drawings != {draw_faces(PNG, [])}
    assert size_of(*drawings) == (400, 300)


def test_source_and_target_are_drawn_side_by_side() -> None:
    drawing = draw_comparison(PNG, encode(gradient(200, 500)), make_comparison())
    assert size_of(drawing) == (400 + 12 + 200, 500)


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
