"""The pages give the scale of the code and the figures of the shipped calibration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from visavis.calibration import load_calibration
from visavis.similarity_scale import LOWEST_PROMISED, PROMISED_FMR

DOCS = Path(__file__).resolve().parents[2] / "docs"

ROW = re.compile(r"^\| (\d+) \| (1e-\d) \| ([\d.]+) \(([\d.]+) to ([\d.]+)\) \| ([\d.]+) % \|$", re.MULTILINE)


def table() -> list[list[float]]:
    """Similarity, FMR, score, its interval and FNMR in per cent of each row of docs/accuracy.md."""
    return [[float(cell) for cell in row] for row in ROW.findall((DOCS / "accuracy.md").read_text("utf-8"))]


def test_the_table_of_the_scale_has_the_promises() -> None:
    assert {similarity: fmr for similarity, fmr, *_ in table()} == PROMISED_FMR


def test_the_table_of_the_scale_has_the_figures_of_the_shipped_calibration() -> None:
    calibration = load_calibration()
    levels: Any = calibration.provenance["levels"]
    for (similarity, _, *score, fnmr), level in zip(table(), levels, strict=True):
        assert similarity == level["similarity"]
        # The page has three decimals, the file four.
        assert score == pytest.approx([level["score"], *level["score_95"]], abs=5.5e-4)
        assert f"{fnmr:g}" == f"{100 * (calibration.false_non_match_rate(similarity) or 0):.2g}"


@pytest.mark.parametrize("page", ["architecture", "evaluate"])
def test_sentences_with_the_scale_have_the_promises(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text("utf-8")
    lowest = LOWEST_PROMISED
    (found,) = re.findall(rf"\b{lowest} is (?:an FMR of )?(1e-\d)((?:(?:,| and) \d+ (?:is|of) 1e-\d)+)", text)
    told = {lowest: float(found[0])} | {int(s): float(r) for s, r in re.findall(r"(\d+) (?:is|of) (1e-\d)", found[1])}
    assert told == PROMISED_FMR


def test_models_gives_the_lowest_promise() -> None:
    text = (DOCS / "models.md").read_text("utf-8")
    assert f"similarity {LOWEST_PROMISED} is a false match rate of 1e-3" in text
    assert PROMISED_FMR[LOWEST_PROMISED] == 1e-3
