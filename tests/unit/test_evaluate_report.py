"""What a report says, and the commands that write it."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.pages import Page
from visavis.calibration import Calibration, load_calibration
from visavis.cli import main
from visavis.errors import InvalidRequest
from visavis.evaluate import calibrating, evaluating
from visavis.evaluate.data.embeddings import Acquired
from visavis.evaluate.data.protocol import ComparisonProtocol, Groups, Pairs
from visavis.evaluate.reporting.html_report import as_html
from visavis.evaluate.reporting.json_report import as_json
from visavis.evaluate.reporting.markdown_report import as_markdown
from visavis.evaluate.reporting.plots import (
    plot_calibration,
    plot_det,
    plot_error_discard,
    plot_scores,
    write_plots,
)
from visavis.evaluate.statistics.counting import evaluate
from visavis.evaluate.statistics.evaluation import Evaluation


def made_up(n: int = 300, *, listed: bool = False) -> tuple[ComparisonProtocol, Acquired]:
    """100 people of three images; the first image has no face, quality falls with noise."""
    random = np.random.default_rng(1)
    identity = (np.arange(n) // 3).astype(np.int32)
    centres = random.normal(size=(n // 3, 24))
    noise = random.uniform(0.2, 1.4, size=(n, 1))
    vectors = centres[identity] + noise * random.normal(size=(n, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0
    failures = ("no face found", *[""] * (n - 1))
    pairs = None
    if listed:
        i, j = (index.astype(np.int32)[::17] for index in np.triu_indices(n, 1))
        pairs = Pairs(i, j, identity[i] == identity[j], (i % 5).astype(np.int32))
    protocol = ComparisonProtocol(
        name="made-up",
        folder=Path(),
        images=tuple(f"{k}.jpg" for k in range(n)),
        identity=identity,
        identities=tuple(f"p{k}" for k in range(n // 3)),
        groups={"sex": Groups(("", "F", "M"), (1 + identity % 2).astype(np.int32))},
        left_out=np.array([[4, 9]], np.int32),
        pairs=pairs,
    )
    return protocol, Acquired(vectors.astype(np.float32), 100 - 50 * noise[:, 0], failures)


BY = {"visavis": "x"}


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(*made_up(), load_calibration(), folds=made_up(listed=True)[0], replicates=200, provenance=BY)


def test_every_rate_has_its_counts_and_both_intervals(found: Evaluation) -> None:
    stored = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert stored["set"]["genuine"] == 298
    assert stored["set"]["impostor"] == 299 * 298 // 2 - 298 - 1
    at_80 = stored["at_similarity"][0]
    for error in ("fmr", "fnmr"):
        figure = at_80[error]
        assert figure["rate"] == figure["errors"] / figure["trials"]
        assert figure["wilson_95"][0] < figure["rate"] < figure["wilson_95"][1]
        assert figure["bootstrap_95"][0] < figure["rate"] < figure["bootstrap_95"][1]
    assert stored["failure_to_acquire"]["images"] == [{"image": "0.jpg", "why": "no face found"}]
    assert stored["failure_to_acquire"]["genuine_comparisons_lost"] == 2
    assert [t["support"] for t in stored["tar_at_fmr"]] == [
        "sufficient",
        "sufficient",
        "sufficient",
        "thin",
        "insufficient",
        "insufficient",
    ]
    assert stored["tar_at_fmr"][4]["tar"] is None
    assert len(stored["k_fold_accuracy"]["folds"]) == 5
    assert {g["value"] for g in stored["groups"]} == {"", "F", "M"}


def test_group_figures_are_of_pairs_within_the_group(found: Evaluation) -> None:
    by_value = {g.value: g for g in found.groups}
    men, women = by_value["M"].points[0], by_value["F"].points[0]
    assert women.fmr.rate.trials == 149 * 148 // 2 - 148
    assert men.fmr.rate.trials == 150 * 149 // 2 - 150 - 1
    assert women.fnmr.rate.trials + men.fnmr.rate.trials == 298


def test_errors_fall_with_poor_images_when_quality_is_useful(found: Evaluation) -> None:
    d = found.error_discard
    assert d.discarded[0] == 0
    assert d.fnmr[0] == found.points[0].fnmr.rate.value
    assert d.fnmr[len(d.fnmr) // 2] < 0.6 * d.fnmr[0]


def test_the_markdown_says_what_the_data_cannot(found: Evaluation) -> None:
    text = as_markdown(found, ["det.png", "det.svg"])
    assert "300 images of 100 people" in text
    assert "insufficient: 44,252 impostors, 3,000,000 needed" in text
    assert "thin: 4 false matches expected, 30 needed" in text
    assert "## By sex" in text
    assert "![Plot of the false non-match rate against the false match rate](det.png)" in text
    assert "det.svg" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_the_page_has_the_content_of_the_markdown(found: Evaluation) -> None:
    data = as_html(found)
    page = Page(data)
    page.assert_self_contained(data)
    page.assert_accessible()
    lines = as_markdown(found).splitlines()
    written = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rows = [row for table in page.tables.values() for row in table]
    assert rows == [row for row in written if set(row) != {"---"}]
    assert len(rows) > 40
    texts = [line.lstrip("#- ") for line in lines if line and not line.startswith("|")]
    assert [text for text in texts if text not in page.text] == []
    assert page.all("img") == []


def test_the_page_contains_the_plots(found: Evaluation) -> None:
    data = as_html(found, {"det.png": b"png", "det.svg": b"<svg/>"})
    page = Page(data)
    page.assert_self_contained(data)
    (image,) = page.all("img")
    assert image["src"] == "data:image/svg+xml;base64,PHN2Zy8+"
    assert image["alt"] == "Plot of the false non-match rate against the false match rate"


def test_the_name_of_an_image_ends_no_cell(found: Evaluation) -> None:
    named = replace(found, most_similar_impostors=(("a|b.jpg", "<b>.jpg", 0.9),))
    assert r"| 0.900 | a\|b.jpg | <b>.jpg |" in as_markdown(named)
    assert ["0.900", "a|b.jpg", "<b>.jpg"] in Page(as_html(named)).table("Above a score of 0.5")


def test_listed_pairs_give_the_same_kinds_of_figures() -> None:
    protocol, acquired = made_up(listed=True)
    found = evaluate(protocol, acquired, load_calibration(), replicates=50)
    assert found.k_fold is not None
    assert found.points[0].fmr.bootstrap is not None
    assert protocol.pairs is not None
    touched = (protocol.pairs.source == 0) | (protocol.pairs.target == 0)
    assert found.curve.genuine + found.curve.impostors == len(protocol.pairs) - touched.sum()


def test_without_drawing_people_only_wilson_is_there() -> None:
    found = evaluate(*made_up(), load_calibration(), replicates=0)
    assert found.points[0].fnmr.bootstrap is None
    assert "| - |" in as_markdown(found)


@pytest.mark.slow
@pytest.mark.parametrize("plot", [plot_scores, plot_det, plot_calibration, plot_error_discard])
def test_a_plot_is_drawn_on_the_given_axes(found: Evaluation, plot: Callable[[Evaluation, Axes], Axes]) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot(found, right) is right
    assert right.get_title()
    assert right.get_legend() is not None
    assert not left.get_title()


@pytest.mark.slow
def test_without_axes_a_plot_makes_a_figure_of_pyplot(found: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    pyplot.switch_backend("Agg")
    axes = plot_det(found)
    assert axes.figure is pyplot.gcf()
    pyplot.close("all")


@pytest.mark.slow
def test_images_of_one_quality_have_no_plot_of_discards(tmp_path: Path) -> None:
    protocol, acquired = made_up()
    even = evaluate(protocol, replace(acquired, quality=np.full(300, 50.0)), load_calibration(), replicates=0)
    assert not any(name.startswith("discard") for name in write_plots(even, tmp_path))
    assert plot_error_discard(even, Figure().add_subplot()).get_legend() is None


@pytest.mark.slow
def test_plots_are_drawn_in_both_formats(found: Evaluation, tmp_path: Path) -> None:
    names = write_plots(found, tmp_path)
    assert names == [f"{n}.{k}" for n in ("scores", "det", "calibration", "discard") for k in ("png", "svg")]
    assert all((tmp_path / name).stat().st_size > 5_000 for name in names)
    assert b"<dc:date>" not in (tmp_path / "det.svg").read_bytes()


def test_without_matplotlib_the_message_says_how_to_get_it(
    found: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InvalidRequest, match=r'pip install "visavis\[evaluate\]"'):
        write_plots(found, tmp_path)


def people_folder(tmp_path: Path, people: int = 3) -> Path:
    for k in range(people):
        (tmp_path / "set" / f"p{k}").mkdir(parents=True)
        for i in range(2):
            (tmp_path / "set" / f"p{k}" / f"{i}.jpg").touch()
    return tmp_path / "set"


def test_the_command_writes_a_report_without_plots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = np.repeat(np.eye(3, 8, dtype=np.float32), 2, axis=0)
    monkeypatch.setattr(evaluating, "embed_images", lambda *_, **__: Acquired(vectors, np.full(6, 100.0), ("",) * 6))
    words = ["evaluate", str(people_folder(tmp_path)), "--out", str(tmp_path / "out"), "--no-plots"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "similarity 80: FMR 0.00e+00 (0 of 12), FNMR 0.00 % (0 of 3)" in out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.html", "report.json", "report.md"]
    assert "Plots" not in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["eer"]["rate"] == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["evaluate", str(people_folder(tmp_path)), "--out", str(tmp_path / "file")]) == 2
    assert (
        f"--out must be a folder, which is created if it does not exist, not '{tmp_path / 'file'}'"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--images", "."], "--images needs a CSV file of pairs"),
        (["--group", "sex"], "groups by 'sex' need"),
        (["--calibration", "nowhere.json"], "--calibration must be a file that can be read, not 'nowhere.json'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["evaluate", str(people_folder(tmp_path)), *words]) == 2
    assert says in capsys.readouterr().err


def test_calibrate_refuses_a_small_set_before_it_analyses_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "calibration.json"
    assert main(["calibrate", str(people_folder(tmp_path)), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "too few impostor pairs to fit a scale: 12." in said
    assert "needs 300,000 pairs" in said
    assert not out.exists()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Acquired]:
    """1,300 people of one image each: 421,850 impostor pairs of one sex."""
    folder = tmp_path_factory.mktemp("crowd")
    rows = ["image,identity,sex"]
    for k in range(1300):
        (folder / f"{k}.jpg").touch()
        rows.append(f"{k}.jpg,p{k},{'FM'[k % 2]}")
    (folder / "images.csv").write_text("\n".join(rows))
    vectors = np.random.default_rng(2).normal(size=(1300, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return folder, Acquired(vectors, np.full(1300, 100.0), ("",) * 1300)


def test_calibrate_writes_a_scale_that_visavis_reads(
    crowd: tuple[Path, Acquired], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, vectors = crowd
    monkeypatch.setattr(calibrating, "embed_images", lambda *_, **__: vectors)
    out = tmp_path / "calibration.json"
    assert main(["calibrate", str(folder), "--name", "a crowd", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "1e-04" in said
    assert "(extrapolated)" in said
    calibration = Calibration.read(out)
    assert calibration.provenance["data_set"] == "a crowd"
    assert calibration.provenance["impostor_pairs"] == {"F": 210_925, "M": 210_925}
    # Cosines of random directions in 64 dimensions have a deviation of 1/8, and a lighter tail than the normal's.
    assert calibration.similarity(3.09 / 8) == pytest.approx(80, abs=1.5)


@pytest.mark.slow
def test_the_fold_check_says_what_was_counted_and_what_is_thin(
    crowd: tuple[Path, Acquired], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, vectors = crowd
    monkeypatch.setattr(calibrating, "embed_images", lambda *_, **__: vectors)
    assert main(["calibrate", str(folder), "--check-folds", "--folds", "10"]) in {0, 1}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "fitted on 9 folds, counted on the other, 10 times"
    assert lines[2].split()[:2] == ["80", "F"]
    assert lines[2].count("*") == 1  # within the folds there are too few pairs
    assert lines[-1].startswith("for unseen pairs the promise is ")


def test_one_fold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(people_folder(tmp_path)), "--folds", "1"]) == 2
    assert "--folds must be a whole number from 2 to 1000, not '1'" in capsys.readouterr().err
