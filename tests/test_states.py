"""The table of states: no move that skips a check, and the page drawn from it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.interfaces import ChannelState
from orchestrator.states import ENDED, MOVES, IllegalMove, RunState, diagram, move

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")


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
    """Completed leads nowhere, stopped and failed only to the stop of a start that comes late; a trip to stopped."""
    assert MOVES[RunState.COMPLETED] == frozenset()
    assert MOVES[RunState.STOPPED] == MOVES[RunState.FAILED] == {RunState.UNKNOWN}
    assert MOVES[RunState.TRIPPED] == {RunState.STOPPED}
    assert RunState.TRIPPED in ENDED


def _state_sets(text: str) -> Iterator[str]:
    """Give the displays of two states or more in a module, by name or by word."""
    words = {state.value for state in (*RunState, *ChannelState)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            named = [part for part in node.elts if re.match(r"(RunState|ChannelState)\.[A-Z]", ast.unparse(part))]
            spelt = [part for part in node.elts if isinstance(part, ast.Constant) and part.value in words]
            if len(named) > 1 or len(spelt) > 1:
                yield ast.unparse(node)


def test_what_a_state_means_is_said_once() -> None:
    """Only the states themselves say which of them belong together; everybody else asks for a property."""
    own = {ROOT / "orchestrator" / "states.py", ROOT / "drivers" / "interfaces.py"}
    modules = [path for folder in ("orchestrator", "drivers") for path in (ROOT / folder).rglob("*.py")]
    texts = {str(module.relative_to(ROOT)): module.read_text("utf-8") for module in modules if module not in own}
    said = [(name, found) for name, text in texts.items() for found in _state_sets(text)]
    assert said == []
    assert list(_state_sets("_BUSY = {ChannelState.WORKING, ChannelState.OTHER}"))
    assert list(_state_sets("_OVER = ('completed', 'failed')"))


def test_a_move_that_is_not_in_the_table_is_refused() -> None:
    """The error names both states."""
    with pytest.raises(IllegalMove, match="tripped to running"):
        move(RunState.TRIPPED, RunState.RUNNING)
