"""The paper's page has the numbers that the project was given and no others, each beside ours with the difference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.demo import CELLS
from orchestrator.paper.experiments import LABELS, run_experiments
from orchestrator.paper.numbers import NOT_STATED, Basis, PaperNumber
from orchestrator.paper.page import find, page
from orchestrator.report.blocks import Report, TextTable
from orchestrator.report.journal_page import style
from orchestrator.store import open_store

MODELS = Path(__file__).resolve().parent.parent / "docs" / "cell-models.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, list[PaperNumber]]:
    """Run all experiments, cut short, and give the page and its numbers."""
    runs = run_experiments(tmp_path_factory.mktemp("paper"), 1, is_quick=True)
    with open_store(runs.store, read_only=True) as store, style():
        return page(store, runs, find(store, runs))


def test_page_has_every_experiment_with_its_pictures(made: tuple[Report, list[PaperNumber]]) -> None:
    """All ten cells ran; each experiment has pictures, and every number its row."""
    report, numbers = made
    tables = [block for chapter in report.chapters for block in chapter.blocks if isinstance(block, TextTable)]
    assert [row[1] for row in tables[-1].rows] == list(LABELS)
    assert {row[6] for row in tables[-1].rows} == {"program finished"}
    assert len(tables[0].rows) == len(numbers)
    drawn = {picture.name for picture in report.pictures}
    assert {
        "li-li-0.2-time",
        "li-li-0.4-plated",
        "plating-time",
        "lfp-cycle",
        "lfp-capacity",
        "R000009-nyquist",
    } <= drawn


def test_papers_numbers_are_those_that_the_demo_and_the_models_state(made: tuple[Report, list[PaperNumber]]) -> None:
    """No number of the paper is made up: each is among the words of the demo's cells or of docs/cell-models.md."""
    stated = [float(text) for cell in CELLS for text in re.findall(r"\d+(?:\.\d+)?", cell.paper)]
    models = MODELS.read_text("utf-8")
    theirs = [number for number in made[1] if number.paper is not None and number.basis is not Basis.SET]
    assert [number.paper for number in theirs if number.paper not in stated] == []
    assert len(theirs) == 10
    sigma = next(number for number in made[1] if number.unit == "1e-4 S/cm")
    assert f"{sigma.paper:g}e-4" in models


def test_what_is_not_known_is_empty_and_says_why(made: tuple[Report, list[PaperNumber]]) -> None:
    """A number that the paper lacks, or that a cut run did not reach, is a dash with the reason beside it."""
    report, numbers = made
    for number in numbers:
        assert number.reason or None not in (number.paper, number.ours)
        assert (number.difference is None) == (number.at_least or None in (number.paper, number.ours))
    table = next(block for block in report.chapters[0].blocks if isinstance(block, TextTable))
    plated = next(row for row in table.rows if row[1] == "mean overpotential / mV")
    assert (plated[2], plated[4], plated[5], plated[7]) == ("-", "-", "-", NOT_STATED)
    early = next(number for number in numbers if number.quantity == "capacity, cycle 5" and number.paper == 143.85)
    assert early.difference == pytest.approx(0.0, abs=2.0)
