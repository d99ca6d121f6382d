"""The table of mutants stays in step with the code."""

from __future__ import annotations

from pathlib import Path

from tools.mutant_table import MUTANTS

ROOT = Path(__file__).parent.parent.parent


def test_the_old_text_of_each_mutant_occurs_exactly_once() -> None:
    texts = {mutant.file: (ROOT / "src/visavis" / mutant.file).read_text("utf-8") for mutant in MUTANTS}
    assert [mutant.name for mutant in MUTANTS if texts[mutant.file].count(mutant.old) != 1] == []


def test_each_mutant_differs_from_the_code_and_from_the_others() -> None:
    assert [mutant.name for mutant in MUTANTS if mutant.new == mutant.old] == []
    assert len({(mutant.name, mutant.tests) for mutant in MUTANTS}) == len(MUTANTS)


def test_the_tests_that_must_notice_exist() -> None:
    assert {test for mutant in MUTANTS for test in mutant.tests if not (ROOT / test).is_file()} == set()
