"""What the report of a comparison says, of made-up faces on made-up images."""

from __future__ import annotations

import base64
import hashlib
import platform
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.conftest import encode, gradient
from tests.pages import Page
from tests.unit.test_response import make_face
from visavis import __version__
from visavis.calibration import load_calibration
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison, Match
from visavis.comparison_report import ReportedImage, report_comparison
from visavis.comparison_report.meaning import same_person_below, strangers_reach, strangers_sentence
from visavis.comparison_report.page import LIMITS
from visavis.errors import InvalidRequest
from visavis.face import Quality, QualityFilter, QualityReason
from visavis.settings import Settings
from visavis.vision.expression import NETWORK

ROOT = Path(__file__).resolve().parents[2]
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CALIBRATION = load_calibration()
PHOTO = encode(gradient(400, 300))
SETTINGS = Settings(Path("/nowhere"))


def make_comparison(*similarities: float, sources: int = 1, threshold: float = 80, review: bool = False) -> Comparison:
    faces = [Match(s, s / 100, make_face(), (s,) * sources, review) for s in similarities]
    matches = tuple(sorted((m for m in faces if m.similarity >= threshold), key=lambda m: -m.similarity))
    unmatched = tuple(m for m in faces if m.similarity < threshold)
    return Comparison((make_face(),) * sources, matches, unmatched, threshold)


def report(comparison: Comparison, *names: str, time: datetime = TIME, **options: object) -> Page:
    *sources, target = (
        ReportedImage(name, PHOTO)
        for name in names or [*(f"{i}.jpg" for i in range(len(comparison.sources))), "target.jpg"]
    )
    given = {"calibration": CALIBRATION, "settings": SETTINGS, **options}
    data = report_comparison(comparison, sources, target, time=time, **given)  # type: ignore[arg-type]
    page = Page(data)
    page.assert_self_contained(data)
    page.assert_accessible()
    assert "embedding" not in page.text
    return page


def test_each_face_has_a_row_numbered_from_the_best_match_on() -> None:
    page = report(make_comparison(20.0, 85.119, 99.999))
    rows = page.table("Faces")
    assert [row[:3] for row in rows] == [
        ["Face", "Similarity", "Verdict"],
        ["source S", "", ""],
        ["1", "99.99", "match"],
        ["2", "85.11", "match"],
        ["3", "20.00", "no match"],
    ]
    assert rows[2][3:] == [
        "80 x 120 at 40, 30",
        "roll 1, yaw -2, pitch 3",
        "88: brightness 71, sharpness 53",
        "calm 20, smile 97",
        "99.9",
    ]


def test_the_reasons_of_a_poor_face_are_named_and_what_was_not_computed_is_empty() -> None:
    poor = Quality(30.0, 80.0, 41.0, (QualityReason.LOW_BRIGHTNESS, QualityReason.EXTREME_POSE))
    face = replace(make_face(), quality=poor, emotions=(), smile=None)
    row = report(Comparison((face,), (), (Match(5.0, 0.1, face),), 80)).table("Faces")[2]
    assert row[5:7] == ["41: brightness 30, sharpness 80; poor in low brightness, extreme pose", ""]


@pytest.mark.parametrize(
    ("comparison", "verdict", "says"),
    [
        (
            make_comparison(99.999),
            "Match, similarity 99.99",
            "The face of the target has a similarity of 99.99 to the source. The threshold is 80.",
        ),
        (make_comparison(99.999), "Match", "Fewer than 1 in 1,000,000 pairs of strangers of the same sex score"),
        (
            make_comparison(10.0, 1.0),
            "No match, similarity 10.00",
            "None of 2 faces of the target reaches it.1 in 10 pairs of strangers of the same sex score this high;",
        ),
        (make_comparison(90.0, 85.0, 1.0), "Match", "2 of 3 faces of the target reach it.1 in 10,000 pairs"),
        (make_comparison(90.0, 1.0), "Match", "1 of 2 faces of the target reaches it."),
        (make_comparison(85.0, review=True), "Review by a person, similarity 85.00", "to the source, in the review"),
        (make_comparison(50.0, review=True), "Review by a person", "The threshold is 80."),
        (make_comparison(90.0, sources=3), "Match", "to the 3 sources together."),
        (make_comparison(), "No match", "No face of the target was compared, because none passes the quality filter."),
    ],
)
def test_the_verdict_is_said_in_words(comparison: Comparison, verdict: str, says: str) -> None:
    text = report(comparison).text
    assert verdict in text
    assert says in text


def test_a_face_in_the_review_band_is_marked_and_keeps_its_verdict() -> None:
    faces = report(make_comparison(85.0, 50.0, review=True)).table("Faces")
    assert [row[2] for row in faces[2:]] == ["match, for review", "no match, for review"]


def test_several_sources_are_all_shown_with_the_similarity_to_each_and_a_stranger_is_named() -> None:
    comparison = replace(make_comparison(90.0, sources=3), strangers=((2, 12.345),))
    page = report(comparison)
    (image,) = page.all("img")
    assert base64.b64decode(image["src"].partition(";base64,")[2]) == comparison.draw([PHOTO] * 3, PHOTO, ".jpg")
    faces = page.table("Faces")
    assert faces[0][1:4] == ["Similarity", "To each source", "Verdict"]
    assert [row[:4] for row in faces[1:]] == [
        ["source S1", "", "", ""],
        ["source S2", "", "", ""],
        ["source S3", "", "", "unlike S1: 12.34"],
        ["1", "90.00", "90.00, 90.00, 90.00", "match"],
    ]
    assert "Source S3 does not look like S1 (similarity 12.34)" in page.text
    assert [row[0] for row in page.table("Pictures")[1:]] == ["source S1", "source S2", "source S3", "target"]


def test_the_scale_is_that_of_the_calibration_and_has_each_face_in_its_row() -> None:
    page = report(make_comparison(99.5, 90.0, 79.99, 0.5))
    assert page.table("The scale")[1:] == [
        ["0", "all", "-", "4"],
        ["1", "1 in 2", "-", ""],
        ["10", "1 in 10", "-", ""],
        ["50", "1 in 100", "1.1 %", "3"],
        ["80", "1 in 1,000", "1.9 %", ""],
        ["90", "1 in 10,000", "4.4 %", "2"],
        ["97", "1 in 100,000", "9.3 %", ""],
        ["99", "1 in 1,000,000", "17.5 %", "1"],
    ]
    assert "From 97 on they are extrapolated" in page.text


def places(page: Page, class_: str) -> list[float]:
    return [float(line["x1"].rstrip("%")) for line in page.all("line") if line["class"] == class_]


def test_the_bar_has_a_mark_for_each_face_in_the_order_of_similarity() -> None:
    page = report(make_comparison(100.0, 99.2, 90.0, 80.0, 50.0, 1.0, 0.0))
    ticks, faces = places(page, "mark")[:7], sorted(places(page, "mark")[7:])
    assert ticks == sorted(ticks)
    assert len(faces) == 7
    assert faces[1:5] == [ticks[0], *ticks[2:5]]
    assert places(page, "threshold") == [ticks[3]]
    assert ticks[-1] < faces[-2] < faces[-1] < 100
    assert faces[0] > 0


def test_many_faces_at_one_place_are_counted() -> None:
    assert "27 faces" in report(make_comparison(*[2.0] * 27)).text
    assert "1, 2, 3" in report(make_comparison(*[2.0] * 3)).text


def test_faces_in_a_row_of_the_scale_are_named_by_their_runs() -> None:
    page = report(make_comparison(2.0, 3.0, 60.0, 4.0, 5.0, 6.0, 61.0))
    assert [row[3] for row in page.table("The scale")[1:]] == ["", "1 to 2, 4 to 6", "", "3, 7", "", "", "", ""]


def test_the_review_band_is_drawn_and_explained() -> None:
    page = report(make_comparison(85.0), options=CompareOptions(review=(50, 90)))
    assert [box["class"] for box in page.all("rect")] == ["above", "bar", "band"]
    assert "A person reviews similarities from 50 to 90." in page.text
    assert "1 in 10,000 get to 90." in page.text
    assert "1.1 % stay below 50." in page.text
    assert ["review band", "50 to 90"] in page.table("Settings")


def test_words_of_a_rate_say_how_well_it_is_known() -> None:
    assert [strangers_reach(CALIBRATION, s) for s in (0, 1, 70, 99, 100)] == [
        "more than 1 in 2",
        "1 in 2",
        "1 in 460",
        "1 in 1,000,000",
        "fewer than 1 in 1,000,000",
    ]
    assert "not checked" in strangers_sentence(CALIBRATION, 79.9)
    assert strangers_sentence(CALIBRATION, 80) == "1 in 1,000 pairs of strangers of the same sex score this high."
    assert "extrapolated" in strangers_sentence(CALIBRATION, 97)


def test_a_scale_of_another_origin_has_no_rate_that_it_does_not_know() -> None:
    unknown = replace(CALIBRATION, provenance={}, fnmr=CALIBRATION.fnmr[:0])
    assert same_person_below(unknown, 80) == "-"
    text = report(make_comparison(99.9), calibration=unknown, options=CompareOptions(review=(50, 90))).text
    assert "extrapolated" not in text
    assert "stay below" not in text
    assert "data that its file does not name" in text


def test_hashes_sizes_settings_and_versions_are_those_of_what_was_compared() -> None:
    page = report(make_comparison(90.0), "a.png", "b.png", options=CompareOptions(quality_filter=QualityFilter.AUTO))
    digest = hashlib.sha256(PHOTO).hexdigest()
    assert page.table("Pictures")[1:] == [
        [role, name, "400 x 300", f"{len(PHOTO):,}", digest]
        for role, name in (("source S", "a.png"), ("target", "b.png"))
    ]
    networks = {row[0]: row[2] for row in page.table("Networks")[1:]}
    assert networks["expression"] == hashlib.sha256(NETWORK.read_bytes()).hexdigest()
    scale = ROOT / "src/visavis/calibrations/robust-sface-standard.json"
    assert networks["similarity scale"] == hashlib.sha256(scale.read_bytes()).hexdigest()
    assert networks["embedder, changed weights"] == CALIBRATION.model_sha256
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in networks.values())
    settings = {row[0]: row[1] for row in page.table("Settings")}
    assert settings["quality filter"] == "AUTO"
    assert settings["review band"] == "none"
    assert settings["visavis"] == __version__
    assert settings["Python"] == platform.python_version()
    sface = report(make_comparison(90.0), settings=replace(SETTINGS, embedder="sface")).table("Networks")
    assert [row[0] for row in sface[1:]] == [
        "detector",
        "mesh",
        "iris",
        "expression",
        "embedder sface",
        "similarity scale",
    ]


def test_the_time_is_utc_and_the_command_is_that_of_a_shell() -> None:
    at = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    page = report(make_comparison(90.0), time=at, command=("visavis", "compare", "a b.jpg", "c.jpg"))
    assert page.title == "Comparison of faces, 2026-01-02 03:04:05 UTC"
    assert page.all("time") == [{"datetime": "2026-01-02T03:04:05Z"}]
    assert "visavis compare 'a b.jpg' c.jpg" in page.text
    assert not report(make_comparison(90.0)).all("pre")


def test_a_report_without_a_time_has_the_present_one() -> None:
    images = [ReportedImage("a", PHOTO), ReportedImage("b", PHOTO)]
    before = datetime.now(UTC).replace(microsecond=0)
    data = report_comparison(make_comparison(1.0), images[:1], images[1], calibration=CALIBRATION, settings=SETTINGS)
    (time,) = Page(data).all("time")
    assert before <= datetime.fromisoformat(time["datetime"]) <= datetime.now(UTC)


def test_images_of_another_comparison_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="sources must be the images of the 2 faces of the comparison, not 1"):
        report(make_comparison(1.0, sources=2), "source.jpg", "target.jpg")


def test_names_of_files_are_text_only() -> None:
    names = ['"><img src=x onerror=alert(1)>.jpg', "<script>alert(1)</script>\u202egpj.exe\udcff"]
    page = report(make_comparison(1.0), *names, command=("visavis", "compare", *names))
    assert [row[1] for row in page.table("Pictures")[1:]] == [names[0], r"<script>alert(1)</script>\u202egpj.exe\udcff"]
    assert r"'<script>alert(1)</script>\u202egpj.exe\udcff'" in page.text


def test_the_limits_are_those_of_the_readme() -> None:
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert LIMITS
    for limit in LIMITS:
        assert limit.rstrip(".") in readme
    text = report(make_comparison(1.0)).text
    assert all(limit in text for limit in LIMITS)
