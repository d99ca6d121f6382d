"""Which rows of a batch are drawn, under which names, and what is said of those that cannot be drawn."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from PIL import Image as Pil

from tests.conftest import encode, gradient
from tests.unit.test_response import make_comparison, make_face
from visavis.batch.drawings import Drawings, DrawOnly
from visavis.batch.rows import Row, RowResult
from visavis.comparison import Comparison, Match
from visavis.errors import InvalidRequest, NoFace, VisavisError

PNG = encode(gradient(400, 300))


def read(location: str) -> bytes:
    if location == "missing":
        raise InvalidRequest("missing cannot be read")
    return b"text" if location == "text" else PNG


def row(name: str, *, same: bool | None = None, source: str = "a", target: str = "b", fault: str | None = None) -> Row:
    return Row(name, source, target, fault=fault, same=same)


def opened(file: Path) -> Pil.Image:
    return Pil.open(io.BytesIO(file.read_bytes()))


def unmatched(*, review: bool = False) -> Comparison:
    return Comparison((make_face(),), (), (Match(40.0, 0.2, make_face(), review=review),), threshold=80.0)


RESULTS = [
    RowResult(row("1", same=True), make_comparison()),
    RowResult(row("2", same=False), make_comparison()),
    RowResult(row("3", same=True), unmatched()),
    RowResult(row("visit/4: ö", same=False), unmatched(review=True)),
    RowResult(row("5"), error=NoFace("target: no face was found")),
    RowResult(row("6", source="missing"), error=InvalidRequest("source: missing cannot be read")),
    RowResult(row("7", source="missing", target="text"), error=InvalidRequest("source: missing cannot be read")),
    RowResult(row("8", source="", fault="source is missing"), error=InvalidRequest("source is missing")),
]


def drawn(
    folder: Path, only: DrawOnly | None, results: Sequence[RowResult] = RESULTS, start: int = 0
) -> tuple[list[str], Drawings]:
    drawings = Drawings(folder, only, read, 10)
    assert list(drawings.following(results, start)) == list(results)
    return sorted(path.name for path in folder.iterdir()), drawings


@pytest.mark.parametrize(
    ("only", "numbers", "failed"),
    [
        (None, ["01", "02", "03", "04-visit_4_"], 0),
        (DrawOnly.ERRORS, ["02", "03", "05", "06"], 2),
        (DrawOnly.REVIEW, ["04-visit_4_"], 0),
        (DrawOnly.MATCHES, ["01", "02"], 0),
    ],
)
def test_rows_are_chosen(tmp_path: Path, only: DrawOnly | None, numbers: list[str], failed: int) -> None:
    names, drawings = drawn(tmp_path, only)
    assert names == [f"{number}.drawn.jpg" for number in numbers]
    assert (drawings.drawn, drawings.failed) == (len(numbers), failed)
    for name in names:
        assert opened(tmp_path / name).format == "JPEG"


def test_the_first_row_that_cannot_be_drawn_is_named_with_the_reason(tmp_path: Path) -> None:
    _, drawings = drawn(tmp_path, DrawOnly.ERRORS)
    assert drawings.why == "row 7: source: missing cannot be read"


def test_a_comparison_whose_image_is_gone_meanwhile_is_counted(tmp_path: Path) -> None:
    names, drawings = drawn(tmp_path, None, [RowResult(row("1", source="missing"), make_comparison())])
    assert (names, drawings.failed, drawings.why) == ([], 1, "row 1: missing cannot be read")


def test_rows_of_a_run_that_goes_on_have_their_own_numbers(tmp_path: Path) -> None:
    assert drawn(tmp_path, DrawOnly.MATCHES, RESULTS[:1], start=6)[0] == ["07-1.drawn.jpg"]


def test_only_the_images_of_chosen_rows_are_read(tmp_path: Path) -> None:
    locations: list[str] = []

    def counting(location: str) -> bytes:
        locations.append(location)
        return PNG

    for _ in Drawings(tmp_path, DrawOnly.REVIEW, counting, 10).following(RESULTS, 0):
        pass
    assert locations == ["a", "b"]


def test_a_row_is_drawn_before_it_is_passed_on(tmp_path: Path) -> None:
    results: Iterable[RowResult] = Drawings(tmp_path, None, read, 10).following(RESULTS, 0)
    next(iter(results))
    assert [path.name for path in tmp_path.iterdir()] == ["01.drawn.jpg"]


def test_an_id_is_cut_and_never_leaves_the_folder(tmp_path: Path) -> None:
    drawings = Drawings(tmp_path, None, read, 1)
    assert drawings.name_of(1, row("../../x")) == "1-.._.._x.drawn.jpg"
    assert len(drawings.name_of(1, row("x" * 1000))) < 100


def test_a_row_without_a_result_is_drawn_as_failed(tmp_path: Path) -> None:
    names, _ = drawn(tmp_path, DrawOnly.ERRORS, [RowResult(row("1"), error=VisavisError("x"))])
    assert names == ["01.drawn.jpg"]
    assert opened(tmp_path / names[0]).width > 600
