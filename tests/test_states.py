"""The table of states: no move that skips a check, and the page drawn from it."""

import re
from pathlib import Path

import pytest

from orchestrator.states import ENDED, MOVES, IllegalMove, RunState, diagram, move

PAGE = (Path(__file__).parent.parent / "docs" / "states.md").read_text(encoding="utf-8")


def test_page_is_drawn_from_the_table() -> None:
    """docs/states.md holds the table's diagram as it is."""
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    assert drawn == diagram()


@pytest.mark.parametrize("state", RunState)
def test_every_state_is_explained(state: RunState) -> None:
    """No state without a row."""
    assert re.search(rf"^\| .*\b{state.value}\b.* \|", PAGE, re.MULTILINE)


def test_only_armed_and_unseen_and_unknown_lead_to_running() -> None:
    """Nothing is energised without preflight; a held run passes it again."""
    assert {old for old, new in MOVES.items() if RunState.RUNNING in new} == {
        RunState.ARMED,
        RunState.UNSEEN,
        RunState.UNKNOWN,
    }
    assert {old for old, new in MOVES.items() if RunState.ARMED in new} == {RunState.PREFLIGHT}


def test_what_is_over_stays_over() -> None:
    """Completed, stopped and failed lead nowhere; a trip only to stopped."""
    for state in (RunState.COMPLETED, RunState.STOPPED, RunState.FAILED):
        assert MOVES[state] == frozenset()
    assert MOVES[RunState.TRIPPED] == {RunState.STOPPED}
    assert RunState.TRIPPED in ENDED


def test_a_move_that_is_not_in_the_table_is_refused() -> None:
    """The error names both states."""
    with pytest.raises(IllegalMove, match="tripped to running"):
        move(RunState.TRIPPED, RunState.RUNNING)
