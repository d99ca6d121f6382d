"""The output of a batch: every row once, whatever stopped it, and whole or not there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import posix
from tests.unit.test_comparison import make_face
from visavis.api.response import FieldSet
from visavis.batch import output as module
from visavis.batch.counts import Counts
from visavis.batch.output import Columns, Output
from visavis.batch.rows import Row, RowResult
from visavis.comparison import compare
from visavis.errors import BadImage, InvalidRequest


def similarity(cosine: float, qualities: tuple[float, float], /, *, sources: int = 1) -> float:
    del qualities, sources
    return 100 * cosine


def result(number: int) -> RowResult:
    """Every third row fails; the others have a similarity of 50 or 100."""
    row = Row(str(number), "a.jpg", "b.jpg")
    if number % 3 == 0:
        return RowResult(row, error=BadImage("target: cut short"))
    faces = [make_face(1.0 if number % 3 == 1 else 0.5)]
    return RowResult(row, compare([make_face()], faces, threshold=80, similarity=similarity, review=(40, 60)))


def results(start: int, end: int, *, then: BaseException | None = None) -> Iterator[RowResult]:
    yield from map(result, range(start, end))
    if then is not None:
        raise then


def refused(output: Output, text: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(text)), output.opened():
        pass


def ids(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return [str(value) for value in pq.read_table(path)["id"].to_pylist()]
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_ROWS", 4)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(28, "No space left on device"), MemoryError()])
def test_a_run_that_was_stopped_goes_on_with_the_next_row(tmp_path: Path, suffix: str, stop: BaseException) -> None:
    path = tmp_path / f"out{suffix}"
    output = Output(path, "x")
    with output.opened(), pytest.raises(type(stop)):
        output.write(results(0, 10, then=stop))
    assert not path.exists()
    again = Output(path, "x")
    with again.opened():
        assert again.done == 10
        again.write(results(10, 13))
        counts = again.finish()
    assert ids(path) == [str(i) for i in range(13)]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert (counts.rows, counts.matches, counts.review, counts.errors) == (
        13, 4, 4, {"InvalidImageFormatException": 5},
    )  # fmt: skip


def test_what_a_killed_run_left_half_written_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    output = Output(path, "x")
    with output.opened():
        output.write(results(0, 8))
    folder = tmp_path / "out.jsonl.parts"
    (folder / ".000000000008-4.jsonl.tmp").write_text('{"id":')
    (folder / "000000000008-4.counts").write_text(json.dumps(Counts(rows=4).as_json()))
    (folder / "000000000012-4.jsonl").write_text("a part after a gap")
    again = Output(path, "x")
    with again.opened():
        assert again.done == 8
        again.write(results(8, 14))
        assert again.finish().rows == 14
    assert ids(path) == [str(i) for i in range(14)]


def test_a_run_that_was_killed_after_its_last_write_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    output = Output(path, "x")
    with output.opened():
        output.write(results(0, 5))
    path.write_text("the whole output")
    again = Output(path, "x")
    with again.opened():
        assert again.finish().rows == 5
    assert path.read_text() == "the whole output"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_goes_on_only_with_what_it_began(tmp_path: Path) -> None:
    output = Output(tmp_path / "out.jsonl", "x")
    with output.opened():
        output.write(results(0, 3))
    refused(Output(tmp_path / "out.jsonl", "y"), "out.jsonl.parts is of a run with other rows, other options")


def test_two_processes_do_not_write_one_output(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Output(path, "x").opened():
        refused(Output(path, "x"), f"another process writes {path}")


def test_a_finished_output_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("rows")
    refused(Output(tmp_path / "out.jsonl", "x"), "out.jsonl exists; name another file, or delete it")
    with pytest.raises(InvalidRequest, match=re.escape("must end in .jsonl, .ndjson, .parquet, not out.csv")):
        Output(tmp_path / "out.csv", "x")


def test_parquet_has_the_rows_of_json_lines(tmp_path: Path) -> None:
    columns = Columns(FieldSet.DEFAULT, embeddings=True)
    for suffix in (".jsonl", ".parquet"):
        output = Output(tmp_path / f"out{suffix}", "x", columns)
        with output.opened():
            output.write(results(0, 9))
            output.finish()
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    for line, row in zip(lines, table, strict=True):
        if row["response"] is not None:
            row["response"] = json.loads(row["response"])
        assert {name: value for name, value in row.items() if value is not None} == {
            name: value for name, value in line.items() if value is not None
        }
    assert lines[1]["response"]["FaceMatches"][0]["Similarity"] == lines[1]["similarity"] == 100.0
    assert lines[1]["target_embedding"] == make_face(1.0).embedding.tolist()
    assert "response" not in lines[0]


def test_embeddings_are_written_only_if_they_are_asked_for(tmp_path: Path) -> None:
    output = Output(tmp_path / "out.jsonl", "x", Columns(FieldSet.ALL))
    with output.opened():
        output.write(results(0, 3))
        output.finish()
    assert "embedding" not in (tmp_path / "out.jsonl").read_text()


@posix
def test_an_output_with_embeddings_is_readable_by_its_user_only(tmp_path: Path) -> None:
    modes = []
    for embeddings in (True, False):
        output = Output(tmp_path / f"{embeddings}.jsonl", "x", Columns(embeddings=embeddings))
        with output.opened():
            output.write(results(0, 3))
            (part,) = (tmp_path / f"{embeddings}.jsonl.parts").glob("*.jsonl")
            modes.append(part.stat().st_mode & 0o077)
            output.finish()
        modes.append((tmp_path / f"{embeddings}.jsonl").stat().st_mode & 0o077)
    assert modes[:2] == [0, 0]
    assert modes[2:] == [0o044, 0o044]


def test_an_output_without_rows_is_an_empty_file_with_columns(tmp_path: Path) -> None:
    for suffix in (".jsonl", ".parquet"):
        output = Output(tmp_path / f"out{suffix}", "x")
        with output.opened():
            output.write(iter(()))
            assert str(output.finish()) == "0 rows: 0 matches, 0 others, 0 errors"
        assert ids(tmp_path / f"out{suffix}") == []


def test_the_counts_are_shown_with_a_histogram() -> None:
    counts = Counts()
    for number in range(9):
        counts.add(result(number))
    assert str(counts).splitlines() == [
        "9 rows: 3 matches, 3 others, 3 errors",
        "3 rows for review",
        "           3  InvalidImageFormatException",
        "similarity of the best face",
        *(f"  {10 * i:>3} to {10 * (i + 1):<3}  {0:>10}" for i in range(5)),
        f"   50 to 60            3  {'#' * 40}",
        *(f"  {10 * i:>3} to {10 * (i + 1):<3}  {0:>10}" for i in range(6, 9)),
        f"   90 to 100           3  {'#' * 40}",
    ]  # fmt: skip
    assert Counts.total([json.dumps(counts.as_json())] * 2).as_json() == {
        "rows": 18, "matches": 6, "review": 6, "errors": {"InvalidImageFormatException": 6},
        "similarities": [0, 0, 0, 0, 0, 6, 0, 0, 0, 6],
    }  # fmt: skip
