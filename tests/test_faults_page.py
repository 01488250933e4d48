"""The catalogue of faults is whole, its tests are there and name their faults, and the page of faults says the same."""

import re

import pytest

from tests.faults.__main__ import Outcomes, main, told
from tests.faults.catalogue import (
    COUNTS,
    END,
    MOST_NOT_INJECTED,
    PAGE,
    ROOT,
    SAFE,
    Fault,
    catalogue,
    sentences,
    with_catalogue,
)

_NUMBERS = [fault.number for fault in catalogue()]


def test_catalogue_has_every_fault_once() -> None:
    """Ninety faults in nine groups, in order, each with a safe behaviour that begins with one of the five words."""
    assert [f"{group}{number:02}" for group, count in COUNTS.items() for number in range(1, count + 1)] == _NUMBERS
    assert len(_NUMBERS) == 90
    assert [fault.number for fault in catalogue() if not fault.safe.startswith(SAFE)] == []


def test_few_faults_are_not_injected_and_each_says_why() -> None:
    """Ten at most, none of link, instruments, content of measurements or process."""
    without = {fault.number: fault for fault in catalogue() if not fault.tests}
    reasons = {number for number, fault in without.items() if fault.not_injected}
    assert without.keys() == reasons
    assert len(reasons) <= MOST_NOT_INJECTED
    assert [number for number in reasons if without[number].must_be_injected] == []


@pytest.mark.parametrize("fault", [fault for fault in catalogue() if fault.tests], ids=lambda fault: fault.number)
def test_tests_of_a_fault_are_there_and_name_it(fault: Fault) -> None:
    """Whoever follows a fault finds a test that says in its sentence that it injects it."""
    for name in fault.tests:
        file, _, function = name.partition("::")
        sentence = sentences(file).get(function, "")
        named = re.finditer(r"\b([A-I])(\d\d)(?:-[A-I](\d\d))?\b", sentence)
        number = int(fault.number[1:])
        assert any(
            found[1] == fault.number[0] and int(found[2]) <= number <= int(found[3] or found[2]) for found in named
        ), f"{name} does not name {fault.number}"


@pytest.mark.parametrize("fault", [fault for fault in catalogue() if fault.figure], ids=lambda fault: fault.number)
def test_figure_of_a_fault_is_measured_by_one_of_its_tests(fault: Fault) -> None:
    """What the catalogue says to be measured is kept by a test, so that the table has its value."""
    files = {name.partition("::")[0] for name in fault.tests}
    kept = f'figure("{fault.number}", "{fault.figure}'
    assert any(kept in (ROOT / "tests" / file).read_text("utf-8") for file in files)


def test_page_has_the_catalogue_as_it_is() -> None:
    """``python -m tests.faults --write`` was run after the last change of the catalogue."""
    page = PAGE.read_text("utf-8")
    assert with_catalogue(page) == page


def test_further_faults_of_the_page_are_shown_by_tests_that_are_there() -> None:
    """What was learnt beside the catalogue names the files that show it."""
    rows = [line.split("|")[3] for line in PAGE.read_text("utf-8").partition(END)[2].splitlines() if "`" in line]
    files = [name for row in rows for name in re.findall(r"`(test_\w+\.py)`", row)]
    assert len(files) > 15
    assert [name for name in files if not (ROOT / "tests" / name).is_file()] == []


def test_table_tells_what_failed_and_what_did_not_run() -> None:
    """One case of a test decides; a test that never ran is no success, and a fault without any is told."""
    outcomes = Outcomes()
    fault = Fault("A01", "x", "y", "RIDE: z", ("test_a.py::test_one", "test_b.py::test_two"))
    assert told(fault, outcomes)[0] == "NOT RUN"
    outcomes.cases["test_a.py::test_one"] = ["passed", "passed"]
    assert told(fault, outcomes)[0] == "NOT RUN"
    outcomes.cases["test_b.py::test_two"] = ["passed"]
    assert told(fault, outcomes) == ("passed", "3 cases")
    outcomes.cases["test_b.py::test_two"] += ["failed"]
    assert told(fault, outcomes)[0] == "FAILED"
    assert told(Fault("A02", "x", "y", "RIDE: z"), outcomes)[0] == "MISSING"


def test_unknown_fault_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Who mistypes a number reads which there are, and nothing runs."""
    with pytest.raises(SystemExit):
        main(["A99"])
    assert "A01 to A14" in capsys.readouterr().err
