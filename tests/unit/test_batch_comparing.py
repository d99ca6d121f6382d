"""Rows in their order, each image analysed once, and nothing kept that could grow without bound."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import linux
from tests.unit.test_comparison import make_face
from visavis.analysis import Analysis, AnalyzedImage
from visavis.batch.comparing import compare_analyzed_rows
from visavis.batch.pictures import AnalyzedImages
from visavis.batch.rows import Row, RowResult
from visavis.compare_options import CompareOptions
from visavis.errors import BadImage, InvalidRequest, ObjectUnavailable, VisavisError
from visavis.geometry import Size

SIZE = Size(100, 100)


def analysed(*scores: float) -> AnalyzedImage:
    """An image with a face for each of these cosines with the first axis."""
    faces = tuple(make_face(cosine) for cosine in scores)
    return AnalyzedImage(Analysis(SIZE, faces[:1]), Analysis(SIZE, faces))


def similarity(cosine: float, qualities: tuple[float, float], /, *, sources: int = 1) -> float:
    del qualities, sources
    return float(np.float32(100 * max(0.0, cosine)))


class Images:
    """Analyses images by a table, and notes the order."""

    def __init__(self, table: dict[str, AnalyzedImage | VisavisError]) -> None:
        self.table = table
        self.order: list[str] = []

    def __call__(self, locations: Iterable[str]) -> Iterator[AnalyzedImage | VisavisError]:
        for location in locations:
            self.order.append(location)
            yield self.table[location]


TABLE: dict[str, AnalyzedImage | VisavisError] = {
    "one": analysed(1.0),
    "like": analysed(0.3, 0.9),
    "other": analysed(0.2),
    "empty": analysed(),
    "broken": BadImage("cut short"),
    "gone": ObjectUnavailable("missing"),
}


def compared(rows: Iterable[Row], images: Images, *, window: int = 3) -> Iterator[RowResult]:
    return compare_analyzed_rows(rows, images, CompareOptions(80), similarity, window=window)


def test_each_image_is_analysed_once_in_whatever_rows_and_roles_it_is() -> None:
    images = Images(TABLE)
    pairs = [("one", "like"), ("like", "one"), ("one", "other"), ("other", "like"), ("one", "one"), ("other", "one")]
    results = list(compared([Row(str(i), *pair) for i, pair in enumerate(pairs)], images))
    assert images.order == ["one", "like", "other"]
    assert [result.row.id for result in results] == ["0", "1", "2", "3", "4", "5"]
    best = [result.best for result in results]
    assert [round(match.similarity) for match in best if match] == [90, 30, 20, 99, 100, 20]
    assert results[0].members()["match"] is True
    assert results[2].members()["match"] is False


def test_a_row_that_fails_has_the_error_of_the_service_and_stops_nothing() -> None:
    pairs = [("broken", "gone"), ("one", "gone"), ("empty", "broken"), ("one", "empty"), ("one", "like")]
    rows = [Row(str(i), *pair) for i, pair in enumerate(pairs)]
    rows.insert(0, Row("bad", "no such image", "", fault="target is missing"))
    members = [result.members() for result in compared(rows, Images(TABLE))]
    assert [m.get("error") for m in members] == [
        {"code": "InvalidParameterException", "message": "target is missing"},
        {"code": "InvalidImageFormatException", "message": "source: cut short"},
        {"code": "InvalidS3ObjectException", "message": "target: missing"},
        {"code": "InvalidParameterException", "message": "source: no face was found"},
        {"code": "InvalidParameterException", "message": "target: no face was found"},
        None,
    ]
    assert set(members[0]) == {"id", "source", "target", "error"}


def test_a_row_may_have_a_threshold_of_its_own() -> None:
    rows = [Row("1", "one", "like", threshold=90.5), Row("2", "one", "like"), Row("3", "one", "other", threshold=20)]
    members = [result.members() for result in compared(rows, Images(TABLE))]
    assert [each["match"] for each in members] == [False, True, True]
    assert [each["similarity"] for each in members] == [pytest.approx(90), pytest.approx(90), pytest.approx(20)]


def test_rows_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def rows() -> Iterator[Row]:
        for i in range(1_000_000):
            taken.append(i)
            yield Row(str(i), "one", "other")

    results = compared(rows(), Images(TABLE), window=100)
    assert len(list(islice(results, 250))) == 250
    assert len(taken) == 300


def test_a_result_is_there_as_soon_as_its_images_are() -> None:
    images = Images(TABLE)
    results = compared([Row("1", "one", "like"), Row("2", "other", "empty")], images)
    next(results)
    assert images.order == ["one", "like"]


def test_the_analyses_that_memory_does_not_hold_are_the_same_when_they_are_needed_again() -> None:
    with closing(AnalyzedImages(faces_in_memory=9)) as images:
        for i in range(100):
            assert images.claim(str(i))
            assert images.get(str(i)) is None
            images.put(str(i), TABLE["like"] if i else TABLE["broken"])
        assert len(images._recent) == 4
        assert not images.claim("0")
        error, like = images.get("0"), images.get("7")
        assert isinstance(error, BadImage)
        assert str(error) == "cut short"
        assert pickle.dumps(like) == pickle.dumps(pickle.loads(pickle.dumps(TABLE["like"])))


def test_an_error_of_the_engine_is_not_an_error_of_a_row() -> None:
    def failing(locations: Iterable[str]) -> Iterator[AnalyzedImage]:
        del locations
        raise MemoryError
        yield

    with pytest.raises(MemoryError):
        list(compare_analyzed_rows([Row("1", "a", "b")], failing, CompareOptions(), similarity))


def test_a_path_is_read_and_a_uri_refused() -> None:
    from visavis.batch.comparing import read_path

    with pytest.raises(InvalidRequest, match="s3:// is not read here"):
        read_path("s3://bucket/key")


def link_of(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # it was the descriptor that listed the folder
        return ""


@linux
def test_what_memory_does_not_hold_is_in_a_file_without_a_name() -> None:
    with closing(AnalyzedImages(faces_in_memory=2)) as images:
        before = set(map(link_of, Path("/proc/self/fd").iterdir()))
        for number in range(200):
            images.put(str(number), BadImage("x" * 1_000_000))
        opened = set(map(link_of, Path("/proc/self/fd").iterdir())) - before
        (file,) = [name for name in opened if "etilqs" in name]  # as SQLite calls its temporary files
        assert file.endswith(" (deleted)")
        assert len(str(images.get("0"))) == 1_000_000
    assert file not in map(link_of, Path("/proc/self/fd").iterdir())
