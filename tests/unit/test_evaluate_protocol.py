"""Reading a set, and what is said of a wrong one: file, line, and what would be right."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import InvalidRequest
from visavis.evaluate.data.checkpoint import EmbeddingCheckpoint, EmbeddingRecord
from visavis.evaluate.data.embeddings import acquire
from visavis.evaluate.data.errata import read_errata
from visavis.evaluate.data.pairs import read_pairs
from visavis.evaluate.data.protocol import read_folder
from visavis.evaluate.reporting.progress import Progress, comparison_progress, image_progress
from visavis.face import Detail

Maker = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Maker:
    """A set in a folder: images.csv and pairs.csv as given, and empty image files."""

    def make(labels: str | None = None, pairs: str | None = None, images: str = "a1 a2 b1 b2 c1") -> Path:
        (tmp_path / "images").mkdir(exist_ok=True)
        for name in images.split():
            (tmp_path / "images" / f"{name}.jpg").touch()
        for file, text in (("images.csv", labels), ("pairs.csv", pairs)):
            if text is not None:
                (tmp_path / file).write_text(text)
        return tmp_path

    return make


LABELS = "image,identity,sex\na1.jpg,Ann,F\na2.jpg,Ann,F\nb1.jpg,Bob,M\nb2.jpg,Bob,M\nc1.jpg,Cid,M\n"
PAIRS = "source,target,same,fold\na1.jpg,a2.jpg,1,0\na1.jpg,b1.jpg,0,0\nb1.jpg,b2.jpg,1,1\nb2.jpg,c1.jpg,0,1\n"


def test_a_folder_with_images_csv_is_read(folder: Maker) -> None:
    found = read_folder(folder(LABELS), groups=["sex"])
    assert found.images == ("a1.jpg", "a2.jpg", "b1.jpg", "b2.jpg", "c1.jpg")
    assert found.identities == ("Ann", "Bob", "Cid")
    assert found.identity.tolist() == [0, 0, 1, 1, 2]
    assert found.groups["sex"].values == ("F", "M")
    assert found.paths()[0].is_file()


def test_a_folder_of_folders_is_read(tmp_path: Path) -> None:
    for path in ("Ann/1.jpg", "Ann/more/2.PNG", "Bob/1.jpeg", "Bob/notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = read_folder(tmp_path)
    assert found.images == ("Ann/1.jpg", "Ann/more/2.PNG", "Bob/1.jpeg")
    assert found.identity.tolist() == [0, 0, 1]


def test_pairs_take_their_people_from_images_csv(folder: Maker) -> None:
    found = read_pairs(folder(LABELS, PAIRS) / "pairs.csv", groups=["sex"])
    assert found.pairs is not None
    assert found.pairs.same.tolist() == [True, False, True, False]
    assert found.pairs.fold is not None
    assert found.pairs.fold.tolist() == [0, 0, 1, 1]
    assert found.identities == ("Ann", "Bob", "Cid")
    assert not found.inferred


def test_without_images_csv_pairs_of_one_person_make_the_people(folder: Maker) -> None:
    found = read_pairs(folder(None, PAIRS) / "pairs.csv")
    assert found.inferred
    assert len(found.identities) == 3
    assert found.identity[0] == found.identity[1]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("image,sex\na1.jpg,F\n", r"images.csv, line 1: the column 'identity' is missing.*names image, sex"),
        ("image,identity\na1.jpg,Ann\nz9.jpg,Zoe\n", r"line 3: .*z9.jpg does not exist; images are looked for in"),
        ("image,identity\na1.jpg,Ann\na1.jpg,Bob\n", r"line 3: a1.jpg is in line 2 already"),
        ("image,identity\na1.jpg,\n", r"line 2: the column 'identity' is empty"),
        ("image,identity\na1.jpg,Ann,x\n", r"line 2: there are 3 cells, but the first line has 2"),
        (
            "image,identity\na1.jpg,Ann\na2.jpg,Ann\n",
            r"2 images of 1 identities; error rates need at least two people, each with a folder",
        ),
        ("image,identity,identity\na1.jpg,Ann,Ann\n", r"a column is named twice"),
        ("", r"line 1: the column 'image' is missing.*names nothing"),
    ],
)
def test_a_wrong_images_csv_is_named_by_line(folder: Maker, labels: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read_folder(folder(labels))


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ("source,target\na1.jpg,a2.jpg\n", r"pairs.csv, line 1: the column 'same' is missing"),
        ("source,target,same\na1.jpg,a2.jpg,maybe\n", r"must be 1 \(one person\) or 0 \(two people\), not 'maybe'"),
        ("source,target,same\na1.jpg,z9.jpg,1\n", r"line 2: .*z9.jpg does not exist"),
        ("source,target,same\na1.jpg,a1.jpg,1\n", r"line 2: a1.jpg is paired with itself"),
        (
            "source,target,same\na1.jpg,a2.jpg,1\na1.jpg,b1.jpg,0\na2.jpg,a1.jpg,1\n",
            r"line 4: this pair is in line 2 already",
        ),
        ("source,target,same\na1.jpg,a2.jpg,1\n", r"every pair shows one person"),
        ("source,target,same,fold\na1.jpg,a2.jpg,1,\na1.jpg,b1.jpg,0,1\n", r"line 2: the column 'fold' is empty"),
        (
            "source,target,same,fold\na1.jpg,a2.jpg,1,x\na1.jpg,b1.jpg,0,1\n",
            r"`fold` must be a whole number such as 0, not 'x'",
        ),
        ("source,target,same,fold\na1.jpg,a2.jpg,1,1\na1.jpg,b1.jpg,0,1\n", r"there is only one fold"),
        ("source,target,same\na1.jpg,a2.jpg,0\nb1.jpg,b2.jpg,1\n", r"a1.jpg and a2.jpg are labelled as two people"),
        ("source,target,same\n", r"pairs.csv has no pairs"),
    ],
)
def test_wrong_pairs_are_named_by_line(folder: Maker, pairs: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read_pairs(folder(LABELS, pairs) / "pairs.csv")


def test_pairs_that_contradict_each_other_are_refused(folder: Maker) -> None:
    text = "source,target,same\na1.jpg,a2.jpg,1\na2.jpg,b1.jpg,1\na1.jpg,b1.jpg,0\na1.jpg,c1.jpg,0\n"
    with pytest.raises(InvalidRequest, match=r"a1\.jpg and b1\.jpg are labelled as two people, but other pairs"):
        read_pairs(folder(None, text) / "pairs.csv")


def test_what_is_not_there_or_no_text_is_refused(folder: Maker, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not a folder; name a folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        read_pairs(tmp_path / "nothing.csv")
    (tmp_path / "latin.csv").write_bytes(b"source,target,same\nM\xfcller.jpg,b.jpg,1\n")
    with pytest.raises(InvalidRequest, match=r"is not a CSV file in UTF-8: .*; name a CSV file, or save it in UTF-8"):
        read_pairs(tmp_path / "latin.csv")


def test_a_group_column_is_one_of_few_values(folder: Maker) -> None:
    with pytest.raises(InvalidRequest, match="the column 'age' is missing"):
        read_folder(folder(LABELS), groups=["age"])
    names = [f"x{i}" for i in range(21)]
    text = "image,identity,no\n" + "".join(f"{n}.jpg,{n},{n}\n" for n in names)
    with pytest.raises(InvalidRequest, match="'no' has 21 values; group columns have at most 20"):
        read_folder(folder(text, images=" ".join(names)), groups=["no"])


def errata(tmp_path: Path, rows: str) -> Path:
    (tmp_path / "errata.csv").write_text("what,first,second,why\n" + rows)
    return tmp_path / "errata.csv"


def test_errata_leave_out_and_merge(folder: Maker, tmp_path: Path) -> None:
    known = read_errata(errata(tmp_path, "image,a2.jpg,,blurred\npair,c1.jpg,a1.jpg,twins\nsame,Cid,Bob,one man\n"))
    found = read_folder(folder(LABELS), errata=known)
    assert found.images == ("a1.jpg", "b1.jpg", "b2.jpg", "c1.jpg")
    assert found.identities == ("Ann", "Bob")
    assert found.left_out.tolist() == [[0, 3]]


def test_errata_change_listed_pairs_too(folder: Maker, tmp_path: Path) -> None:
    known = read_errata(errata(tmp_path, "pair,b1.jpg,a1.jpg,\nsame,Cid,Bob,\n"))
    found = read_pairs(folder(LABELS, PAIRS) / "pairs.csv", errata=known)
    assert found.pairs is not None
    assert found.pairs.same.tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("swap,a,b,\n", "errata.csv, line 2: `what` must be one of image, pair, same, not 'swap'"),
        ("pair,a1.jpg,,\n", "line 2: the column 'second' is empty"),
        ("image,a1.jpg,a2.jpg,\n", "`second` must be empty where `what` is image"),
        ("image,z9.jpg,,\n", "the errata name the image z9.jpg, which is not in the data set"),
        ("same,Ann,Zoe,\n", "the errata name the identity Zoe"),
    ],
)
def test_wrong_errata_are_refused(folder: Maker, tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read_folder(folder(LABELS), errata=read_errata(errata(tmp_path, row)))


class FakeFace:
    def __init__(self, data: bytes) -> None:
        self.embedding = np.eye(4, dtype=np.float32)[data[0] % 4]
        self.quality = type("Quality", (), {"score": float(data[0])})()


class FakeEngine:
    """Counts what it is asked; a file of one byte has a face, unless the byte is 0."""

    def __init__(self) -> None:
        self.asked = 0

    def analyze_many(self, images: Iterable[bytes], *, largest_only: bool, detail: Detail) -> Iterator[object]:
        assert (largest_only, detail) == (True, Detail.MINIMAL)
        taken = list(islice(images := iter(images), 3))  # As the real one, it is ahead of its caller.
        while taken:
            self.asked += 1
            image = taken.pop(0)
            yield type("Analysis", (), {"faces": (FakeFace(image),) if image[0] else ()})()
            taken += islice(images, 1)


def image_files(tmp_path: Path, values: list[int]) -> list[Path]:
    paths = [tmp_path / f"{i}.jpg" for i in range(len(values))]
    for path, value in zip(paths, values, strict=True):
        path.write_bytes(bytes([value]))
    return paths


def test_images_keep_their_order_and_failures_their_reason(tmp_path: Path) -> None:
    found = acquire(FakeEngine(), image_files(tmp_path, [3, 0, *range(1, 60)]))  # type: ignore[arg-type]
    assert found.failures[:3] == ("", "no face found", "")
    assert found.usable.sum() == 60
    assert found.quality[2:].tolist() == list(range(1, 60))
    assert not found.embeddings[1].any()


def test_no_face_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="none of 2 images has an embedding; the first: no face found"):
        acquire(FakeEngine(), image_files(tmp_path, [0, 0]))  # type: ignore[arg-type]


def test_an_image_that_went_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"gone\.jpg cannot be read"):
        acquire(FakeEngine(), [tmp_path / "gone.jpg"])  # type: ignore[arg-type]


def test_resuming_analyses_no_image_twice(tmp_path: Path) -> None:
    paths, file = image_files(tmp_path, [3, 0, 5, 7]), tmp_path / "work"
    engine = FakeEngine()
    for upto in (2, 4, 4):
        work = EmbeddingCheckpoint(file, {"embedder": "abc"})
        found = acquire(engine, paths[:upto], checkpoint=work)  # type: ignore[arg-type]
        work.close()
    assert engine.asked == 4
    assert found.failures == ("", "no face found", "", "")
    assert found.quality.tolist() == [3, 0, 5, 7]
    assert found.embeddings[2].tolist() == [0, 1, 0, 0]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_line_cut_short_is_dropped_and_done_again(tmp_path: Path) -> None:
    file = tmp_path / "work"
    work = EmbeddingCheckpoint(file, {"embedder": "abc"})
    work.add("one", EmbeddingRecord(np.full(4, 0.5, np.float32), 50.0))
    work.add("two", EmbeddingRecord(None, failure="no face found"))
    work.close()
    file.write_bytes(file.read_bytes()[:-9])
    again = EmbeddingCheckpoint(file, {"embedder": "abc"})
    again.add("three", EmbeddingRecord(None, failure="no face found"))
    again.close()
    last = EmbeddingCheckpoint(file, {"embedder": "abc"})
    last.close()
    assert list(last.done) == ["one", "three"]


@pytest.mark.parametrize("text", ["hello\n", '{"what": "else"}\n', "hello", "[1]\n", "\x00\n"])
def test_another_file_is_neither_resumed_from_nor_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "work").write_text(text)
    with pytest.raises(InvalidRequest, match="is not a file to resume from"):
        EmbeddingCheckpoint(tmp_path / "work", {"embedder": "abc"})
    assert (tmp_path / "work").read_text() == text


def test_embeddings_of_other_networks_are_refused(tmp_path: Path) -> None:
    EmbeddingCheckpoint(tmp_path / "work", {"embedder": "abc"}).close()
    with pytest.raises(InvalidRequest, match="made with other networks"):
        EmbeddingCheckpoint(tmp_path / "work", {"embedder": "def"})


def test_progress_is_a_bar_on_a_terminal_and_ten_lines_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, lines in ((io.StringIO(), 10), (Terminal(), 1)):
        progress = Progress("images", stream)
        for done in range(1001):
            progress(done, 1000)
        assert stream.getvalue().count("\n") == lines
        assert "1,000 of 1,000" in stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_the_short_part_shows_its_progress_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert (comparison_progress(shown=True) is not None) == terminal
    assert image_progress(shown=True) is not None
    assert comparison_progress(shown=False) is image_progress(shown=False) is None
