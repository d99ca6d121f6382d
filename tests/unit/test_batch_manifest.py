"""Manifests: every row is there, whatever is wrong with it, and reading goes on from any row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from visavis.api.objects import FolderStore, NoStore
from visavis.batch.locations import Locations
from visavis.batch.manifest import LONGEST_LINE, every_pair, read_manifest
from visavis.batch.rows import Row
from visavis.errors import ImageTooLarge, InvalidRequest, ObjectUnavailable


def rows_of(path: Path, content: bytes) -> list[Row]:
    path.write_bytes(content)
    manifest = read_manifest(path)
    rows = list(manifest.rows_from(0))
    assert manifest.count == len(rows)
    assert list(manifest.rows_from(1)) == rows[1:]
    return rows


def test_csv_has_columns_in_any_order_and_a_row_without_an_id_gets_its_number(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path / "m.csv",
        '\ufefftarget,note,threshold,source,id\nb.jpg,x,,a.jpg,\n"b,2.jpg",,90.5,"line\nbreak",É\n'.encode(),
    )
    assert rows == [Row("1", "a.jpg", "b.jpg"), Row("É", "line\nbreak", "b,2.jpg", 90.5)]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"a,", Row("1", "a", "", fault="target is missing")),
        (b"a", Row("1", "a", "", fault="target is missing")),
        (b",b", Row("1", "", "b", fault="source is missing")),
        (b"a,b,1,2", Row("1", "a", "b", 1.0, fault="the row has more values than the heading")),
        (b"a,b,101", Row("1", "a", "b", fault="threshold must be a number from 0 to 100, not '101'")),
        (b"a,b,nan", Row("1", "a", "b", fault="threshold must be a number from 0 to 100, not 'nan'")),
        (b"\xff,b", Row("1", "?", "b", fault="source is not UTF-8")),
    ],
)
def test_a_wrong_row_of_csv_keeps_its_place(tmp_path: Path, line: bytes, row: Row) -> None:
    rows = rows_of(tmp_path / "m.csv", b"source,target,threshold\n" + line + b"\na,b\n")
    assert rows == [row, Row("2", "a", "b")]


def test_a_manifest_may_say_which_pairs_show_one_person(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "m.csv", b"source,target,same\na,b,1\na,b,FALSE\na,b,\na,b,maybe\n")
    assert [row.same for row in rows] == [True, False, None, None]
    assert [row.fault for row in rows] == [
        None, None, None, "same must be 1 (one person) or 0 (two people), not 'maybe'"
    ]  # fmt: skip
    pq.write_table(pa.table({"source": ["a", "a"], "target": ["b", "b"], "same": [True, None]}), tmp_path / "m.parquet")
    assert [row.same for row in read_manifest(tmp_path / "m.parquet").rows_from(0)] == [True, None]
    lines = b'{"source": "a", "target": "b", "same": 0}\n{"source": "a", "target": "b", "same": true}\n'
    assert [row.same for row in rows_of(tmp_path / "m.jsonl", lines)] == [False, True]


def test_a_field_too_long_for_csv_is_one_wrong_row(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path / "m.csv", b"source,target\n" + b"x" * 200_000 + b",b\na,b\n")
    assert first.fault == "row 1 is not CSV: field larger than field limit (131072)"
    assert second == Row("2", "a", "b")


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b'{"source": "a"}', Row("1", "a", "", fault="target is missing")),
        (b'{"source": 7, "target": "b", "id": 3}', Row("3", "", "b", fault="source must be a text")),
        (b'{"source": "a", "target": "b", "threshold": true}',
         Row("1", "a", "b", fault="threshold must be a number from 0 to 100, not True")),
        (b'["a", "b"]', Row("1", "", "", fault="the line must be a JSON object, not ['a', 'b']")),
        (b'{"source": "\\ud800", "target": "b"}', Row("1", "?", "b", fault="source is not UTF-8")),
        (b'"' + b"x" * (3 * LONGEST_LINE) + b'"', Row("1", "", "", fault="the line has more than 1000000 characters")),
    ],
)  # fmt: skip
def test_a_wrong_line_of_json_keeps_its_place(tmp_path: Path, line: bytes, row: Row) -> None:
    rows = rows_of(tmp_path / "m.jsonl", line + b'\n\n{"source": "a", "target": "b", "id": "z", "threshold": 3}')
    assert rows == [row, Row("z", "a", "b", 3.0)]


def test_what_is_not_json_keeps_its_place(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "m.jsonl", b"{nonsense\n" + b"[" * 100_000 + b"\n")
    assert [row.fault and row.fault.split(":")[0] for row in rows] == ["the line is not JSON"] * 2


def test_parquet_may_have_numbers_as_ids_and_rows_without_values(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    columns = {"id": [1, None], "source": ["a", "b"], "target": ["c", None], "threshold": [None, 50.0], "more": [1, 2]}
    pq.write_table(pa.table(columns), path)
    rows = list(read_manifest(path).rows_from(0))
    assert rows == [Row("1", "a", "c"), Row("2", "b", "", 50.0, fault="target is missing")]
    assert list(read_manifest(path).rows_from(1)) == rows[1:]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("m.csv", b"a,source\n1,2\n", "has no column target; it has a, source, and it needs source and target"),
        ("m.csv", b"", "has no column source and no column target; it has none"),
        ("m.txt", b"source,target\n", "must end in .csv, .jsonl, .ndjson, .parquet"),
        ("m.parquet", b"source,target\n", "cannot be read: Parquet magic bytes not found"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRequest, match=text):
        read_manifest(tmp_path / name)


def test_another_manifest_has_another_fingerprint(tmp_path: Path) -> None:
    prints = set()
    for name, content in (("a.csv", "source,target\n1,2\n"), ("b.csv", "source,target\n1,3\n")):
        (tmp_path / name).write_text(content)
        prints.add(read_manifest(tmp_path / name).fingerprint)
    prints |= {every_pair(["a"], ["b", "c"]).fingerprint, every_pair(["a", "b"], ["c"]).fingerprint}
    assert len(prints) == 4


def test_every_source_is_paired_with_every_target() -> None:
    manifest = every_pair(["a", "b"], ["c", "d", "e"])
    rows = list(manifest.rows_from(0))
    assert [row.source + row.target for row in rows] == ["ac", "ad", "ae", "bc", "bd", "be"]
    assert [row.id for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert list(manifest.rows_from(4)) == rows[4:]
    assert manifest.count == 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "deep/er/c.jpeg", "notes.txt", "d.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["a.PNG", "b.jpg", "deep/er/c.jpeg"]),
        ("/*.gif", ["d.gif"]),
        ("/**/*.jp*g", ["b.jpg", "deep/er/c.jpeg"]),
        ("/notes.txt", ["notes.txt"]),
    ],
)
def test_a_folder_a_pattern_or_a_file_names_images(folder: Path, text: str, names: list[str]) -> None:
    assert Locations(NoStore()).images(f"{folder}{text}") == [f"{folder}/{name}" for name in names]


@pytest.mark.parametrize("text", ["/none", "/*.bmp", "/deep/none.jpg"])
def test_nothing_found_is_an_error_that_says_what_to_give(folder: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"names no image; give a folder .* a pattern .* or s3://bucket/prefix"):
        Locations(NoStore()).images(f"{folder}{text}")


def test_objects_are_listed_and_read_by_their_uris(folder: Path) -> None:
    locations = Locations(FolderStore({"photos": folder}))
    assert locations.images("s3://photos/deep/") == ["s3://photos/deep/er/c.jpeg"]
    assert locations.images("s3://photos") == [f"s3://photos/{n}" for n in ("a.PNG", "b.jpg", "deep/er/c.jpeg")]
    assert locations.read("s3://photos/deep/er/c.jpeg") == b"deep/er/c.jpeg"
    assert locations.read(f"{folder}/b.jpg") == b"b.jpg"
    with pytest.raises(ObjectUnavailable, match="bucket other cannot be listed"):
        locations.images("s3://other/")
    for wrong in ("s3://photos", "s3:///a.jpg", "s3://photos/"):
        with pytest.raises(InvalidRequest, match="must have the form s3://bucket/key"):
            locations.read(wrong)
    with pytest.raises(InvalidRequest, match="https:// is not read here; give the path of a file"):
        locations.read("https://example.com/a.jpg")


def test_an_object_over_the_services_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(bytes(15 * 1024 * 1024 + 1))
    with pytest.raises(ImageTooLarge):
        Locations(FolderStore({"photos": tmp_path})).read("s3://photos/a.jpg")
