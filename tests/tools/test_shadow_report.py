"""The report tells where two services disagree, and claims nothing that their answers do not tell."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import tools.shadow_log
from tools.shadow_log import Answer, Pair, read_log
from tools.shadow_report import as_markdown, equal_rate_thresholds, kappa, main

from visavis.errors import InvalidRequest

Lines = Sequence[object]
BOX = {"Left": 0.1, "Top": 0.1, "Width": 0.4, "Height": 0.4}


def response(*similarities: float, unmatched: int = 0, left: float = 0.1) -> dict[str, object]:
    face = {"BoundingBox": BOX | {"Left": left}}
    matches = [{"Similarity": similarity, "Face": face} for similarity in similarities]
    return {"FaceMatches": matches, "UnmatchedFaces": [face] * unmatched, "ResponseMetadata": {"HTTPStatusCode": 200}}


def answer(name: str, *similarities: float, unmatched: int = 0, left: float = 0.1, **more: object) -> dict[str, object]:
    return {"id": name, "response": response(*similarities, unmatched=unmatched, left=left), **more}


def error(name: str, code: str) -> dict[str, object]:
    return {"id": name, "error": {"code": code, "message": "text"}}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8")
    return path


def report(folder: Path, amazon: Lines, visavis: Lines, threshold: float = 80, asked: float = 80) -> str:
    logs = [read_log(write(folder / name, *lines), asked) for name, lines in (("a", amazon), ("v", visavis))]
    return as_markdown(logs[0], logs[1], threshold)


def rows(text: str, section: str) -> list[list[str]]:
    """The cells of the tables of a section, without their headings."""
    part = text.split(f"## {section}")[1].split("\n## ")[0]
    lines = [line[2:-2].split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [line for i, line in enumerate(lines) if line[0] != "---" and lines[i + 1 : i + 2] != [["---"] * len(line)]]


def test_the_best_of_several_matches_counts_and_every_face_is_counted(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "a", answer("1", 85.0, 97.5, unmatched=2)))
    assert log.answers["1"][:4] == (None, 4, 97.5, 97.5)


def test_an_unmatched_face_is_below_the_threshold_of_its_request(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "a", answer("1", unmatched=1), answer("2", unmatched=1, threshold=90)), 70)
    assert [(found.low, found.high) for found in log.answers.values()] == [(0, 70), (0, 90)]


def test_a_response_without_a_face_is_no_match_at_any_threshold(tmp_path: Path) -> None:
    found = read_log(write(tmp_path / "a", answer("1"))).answers["1"]
    assert [found.matches(threshold) for threshold in (0, 50, 100)] == [False, False, False]


def test_a_batch_tells_the_similarity_of_an_unmatched_face(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "v", answer("1", unmatched=1, similarity=41.5)))
    assert (log.answers["1"].low, log.answers["1"].high) == (41.5, 41.5)


@pytest.mark.parametrize(
    ("found", "threshold", "matches"),
    [
        (Answer(None, 1, 80, 80), 80, True),
        (Answer(None, 1, 79.9, 79.9), 80, False),
        (Answer(None, 1, 0, 80), 80, False),
        (Answer(None, 1, 0, 80), 90, False),
        (Answer(None, 1, 0, 80), 79, None),
        (Answer(None, 0, 0, 0), 0, False),
    ],
)
def test_a_verdict_is_told_only_where_the_answer_tells_it(
    found: Answer, threshold: float, *, matches: bool | None
) -> None:
    assert found.matches(threshold) is matches


def test_ids_without_a_verdict_are_left_out_of_the_table_and_the_lowest_threshold_is_named(tmp_path: Path) -> None:
    text = report(tmp_path, [answer("1", unmatched=1), answer("2", 95)], [answer("1", 60), answer("2", 60)], 70, 85)
    assert rows(text, "Matches at 70")[:2] == [["match", "0", "1"], ["no match", "0", "0"]]
    assert "1 ids have no verdict at 70" in text
    assert "85 is the lowest `--threshold`" in text


def test_the_table_of_verdicts_counts_each_pair_once(tmp_path: Path) -> None:
    amazon = [answer("1", 99), answer("2", 99), answer("3", unmatched=1), answer("4", unmatched=1), answer("5", 85)]
    visavis = [answer("1", 90), answer("2", unmatched=1), answer("3", 95), answer("4", unmatched=1), answer("5", 80)]
    text = report(tmp_path, amazon, visavis)
    found = rows(text, "Matches at 80")
    assert found[:2] == [["match", "2", "1"], ["no match", "1", "1"]]
    assert found[2] == ["agreement", "60.0% (23.1% to 88.2%)"]
    assert "Cohen's kappa: 0.167" in text


def test_kappa_is_that_of_its_definition() -> None:
    table = Counter({(True, True): 20, (True, False): 5, (False, True): 10, (False, False): 15})
    assert kappa(table) == pytest.approx(0.4)
    assert kappa(Counter({(True, True): 3, (False, False): 4})) == 1
    assert math.isnan(kappa(Counter({(True, True): 3})))


def known(*similarities: float) -> list[Answer]:
    return [Answer(None, 1, similarity, similarity) for similarity in similarities]


def test_the_suggested_thresholds_are_those_with_as_many_matches() -> None:
    assert equal_rate_thresholds(known(90, 70, 95, 20), 2) == (70, 90, 2)
    assert equal_rate_thresholds(known(90, 70), 2) == (0, 70, 2)
    assert equal_rate_thresholds(known(90, 70), 0) == (90, math.inf, 0)


def test_of_equal_similarities_all_match_at_once() -> None:
    assert equal_rate_thresholds(known(90, 80, 80, 80), 3) == (0, 80, 4)


def test_no_threshold_is_suggested_where_a_verdict_is_unknown() -> None:
    below_80 = Answer(None, 1, 0, 80)
    assert equal_rate_thresholds([*known(90, 85, 60), below_80], 2) == (80, 85, 2)
    assert equal_rate_thresholds([*known(90, 85, 60), below_80], 3) is None


def test_errors_are_counted_by_both_codes(tmp_path: Path) -> None:
    amazon = [error("1", "InvalidParameterException"), answer("2", 99), answer("3", 99), answer("4", 99)]
    visavis = [error("1", "InvalidParameterException"), error("2", "ThrottlingException"), answer("3", 99), answer("4")]
    text = report(tmp_path, amazon, visavis)
    assert rows(text, "Errors") == [
        ["none", "none", "2", "3"],
        ["InvalidParameterException", "InvalidParameterException", "1", "1"],
        ["none", "ThrottlingException", "1", "2"],
    ]
    assert "the 2 ids that both services answered" in text


def test_the_numbers_of_faces_are_compared(tmp_path: Path) -> None:
    amazon = [answer("1", 99), answer("2", 99, unmatched=2), answer("3", 99), answer("4", 99)]
    visavis = [answer("1", 99), answer("2", 99), answer("3", 99, unmatched=1), answer("4", unmatched=1)]
    assert [row[1] for row in rows(report(tmp_path, amazon, visavis), "Faces")] == ["2", "1", "1"]


def test_similarities_and_boxes_are_those_of_ids_that_both_matched(tmp_path: Path) -> None:
    amazon = [answer("1", 90), answer("2", 92), answer("3", 99)]
    visavis = [answer("1", 96), answer("2", 94, left=0.3), answer("3", unmatched=1)]
    text = report(tmp_path, amazon, visavis)
    assert rows(text, "Similarities")[2] == ["visavis - Amazon", "2.00", "2.20", "3.00", "4.00", "5.00", "5.80", "6.00"]
    assert "IoU of the matched boxes: median 0.67, above 0.5 50.0%" in text  # 1, and a half overlap: 1/3


def test_a_gap_to_an_unknown_similarity_is_the_least_that_it_can_be() -> None:
    below_80, at_95 = Answer(None, 1, 0, 80), Answer(None, 1, 95, 95)
    assert Pair("1", at_95, below_80).gap == Pair("1", below_80, at_95).gap == 15
    assert Pair("1", known(60)[0], below_80).gap == Pair("1", below_80, below_80).gap == 0


def test_ids_with_two_verdicts_are_listed_first_and_those_without_a_difference_not(tmp_path: Path) -> None:
    amazon = [answer("far", 99), answer("split", 79, threshold=70), answer("same", 90), answer("unknown", unmatched=1)]
    visavis = [answer("far", 85), answer("split", 81), answer("same", 90), answer("unknown", unmatched=1)]
    assert [row[0] for row in rows(report(tmp_path, amazon, visavis), "Largest")] == ["split", "far"]


def test_at_most_20_disagreements_are_listed_with_the_largest_first(tmp_path: Path) -> None:
    amazon = [answer(str(i), 82) for i in range(30)]
    visavis = [answer(str(i), 82 + i / 2) for i in range(30)]
    found = rows(report(tmp_path, amazon, visavis), "Largest")
    assert [row[0] for row in found] == [str(i) for i in range(29, 9, -1)]
    assert found[0] == ["29", "82.00", "96.50", "no"]


def test_missing_doubled_and_broken_lines_are_counted_and_named(tmp_path: Path) -> None:
    batch_without_full = {"id": "7", "similarity": 99, "match": True}
    both = answer("8", 99) | {"error": {"code": "x", "message": ""}}
    amazon = [answer("1", 99), answer("1", 10), answer("2", 99), "{", "[]", "", batch_without_full, both]
    text = report(tmp_path, amazon, [answer("1", 99), answer("3", 99)])
    assert rows(text, "Lines") == [
        ["ids in both files", "1", "1"],
        ["ids only in this file", "1", "1"],
        ["further lines of an id, not used", "1", "0"],
        ["broken lines, not used", "4", "0"],
        ["matches below the threshold of their request", "0", "0"],
    ]
    assert "Amazon, ids only in this file: 2.\n" in text
    assert "Amazon, further lines of an id, not used: 1.\n" in text
    assert "line 4: it is not JSON in UTF-8; line 5: it is not a JSON object; line 7: it must have either" in text


@pytest.mark.parametrize(
    "line",
    [
        {"response": {}},
        {"id": True, "response": response(99)},
        {"id": "1"},
        {"id": "1", "response": {"FaceDetails": []}},
        {"id": "1", "response": []},
        {"id": "1", "response": response(math.nan)},
        {"id": "1", "response": response(101)},
        {"id": "1", "response": response(99), "threshold": "high"},
        {"id": "1", "error": "failed"},
        "[" * 100_000,
    ],
)
def test_a_line_of_another_form_is_broken(tmp_path: Path, line: object) -> None:
    log = read_log(write(tmp_path / "a", line, answer("2", 99)))
    assert list(log.answers) == ["2"]
    assert [why.split(":")[0] for why in log.broken] == ["line 1"]


def test_a_line_that_is_too_long_is_broken_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.shadow_log, "LONGEST_LINE", 1000)
    log = read_log(write(tmp_path / "a", answer("1", 99, image="x" * 5000), answer("2", 99)))
    assert list(log.answers) == ["2"]
    assert log.broken == ["line 1: it has more than 1,000 bytes"]


def test_matches_below_the_stated_threshold_are_reported(tmp_path: Path) -> None:
    text = report(tmp_path, [answer("1", 60)], [answer("1", 99)])
    assert "Amazon, matches below the threshold of their request: 1.\n" in text
    assert "state it with `--request-threshold`" in text
    assert "state it" not in report(tmp_path, [answer("1", 60)], [answer("1", 99)], asked=50)


def test_a_threshold_that_float32_rounds_down_is_not_contradicted(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "a", answer("1", 99.69999694824219, threshold=99.7)))
    assert log.contradicted == []


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "a", "\ufeff" + json.dumps(answer("1", 99))))
    assert list(log.answers) == ["1"]


def test_a_number_is_the_same_id_as_its_text(tmp_path: Path) -> None:
    assert "| ids in both files | 1 | 1 |" in report(tmp_path, [answer("1", 99) | {"id": 1}], [answer("1", 99)])


def test_long_names_are_cut_and_markdown_in_them_is_not_kept(tmp_path: Path) -> None:
    long, odd = "x" * 5000, "a|b`<c>\n"
    lines = [answer(long, 99), answer(odd, 99), error("e", "y" * 5000)]
    text = report(tmp_path, lines, [answer(long, 90), answer(odd, 95), error("e", "code")])
    assert "x" * 60 + "..." in text
    assert "x" * 61 not in text
    assert "y" * 61 not in text
    assert "| a?b??c?? |" in text


def test_the_command_prints_the_report_or_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    amazon, visavis = write(tmp_path / "a", answer("1", 99)), write(tmp_path / "v", answer("1", 75))
    assert main([str(amazon), str(visavis), "--threshold", "90"]) == 0
    printed = capsys.readouterr().out
    assert "## Matches at 90" in printed
    assert main([str(amazon), str(visavis), "--threshold", "90", "-o", str(tmp_path / "report.md")]) == 0
    assert (tmp_path / "report.md").read_text("utf-8") == printed


@pytest.mark.parametrize(
    ("amazon", "visavis", "options", "why"),
    [
        (None, [answer("1", 99)], [], "a cannot be read: No such file"),
        ([], [answer("1", 99)], [], "a has no line that can be used: it is empty"),
        (["{"], [answer("1", 99)], [], "a has no line that can be used: line 1: it is not JSON"),
        ([answer("1", 99)], [answer("2", 99)], [], "no id is in both files; their first ids are 1 and 2"),
        ([answer("1", 99)], [answer("1", 99)], ["--threshold", "101"], "--threshold must be a number from 0 to 100"),
    ],
)
def test_an_error_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], amazon: Lines | None, visavis: Lines,
    options: list[str], why: str,
) -> None:  # fmt: skip
    if amazon is not None:
        write(tmp_path / "a", *amazon)
    assert main([str(tmp_path / "a"), str(write(tmp_path / "v", *visavis)), *options]) == 2
    assert why in capsys.readouterr().err


def test_a_report_without_an_answered_id_ends_with_the_errors(tmp_path: Path) -> None:
    assert "## Matches" not in report(tmp_path, [error("1", "A")], [answer("1", 99)])


def test_no_overlap_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no id is in both"):
        report(tmp_path, [answer("1", 99)], [answer("2", 99)])
