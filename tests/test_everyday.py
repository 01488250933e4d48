"""Twenty and more everyday tests, as shipped: each is proven, is foretold, runs on the simulated rack as foretold.

They are cut to be over soon; ``CELLRIG_WHOLE_RECIPES=1`` runs them whole. The bounds are those of docs/forecast.md.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestrator.events import EventKind
from orchestrator.report.forecast_compared import Compared, StepCompared, compared, steps_compared
from orchestrator.states import RunState
from orchestrator.store import open_store
from protocols.forecast import forecast
from protocols.loading import shipped_recipes
from protocols.plausibility import plausibility
from protocols.program import Program
from protocols.proof import Proof, prove
from protocols.step_forecast import AS_MEASURED
from tests.everyday import EVERYDAY, Everyday

_PAGE = (Path(__file__).parents[1] / "docs" / "forecast.md").read_text("utf-8")
_WHOLE = os.environ.get("CELLRIG_WHOLE_RECIPES") == "1"

# Part of the forecast by which a step that its time or charge ends may differ, or so many seconds.
_SET, _SET_S = 0.01, 2.0
# Parts of the forecast between which a step lies that its voltage or its taper ends.
_BY_CELL = (0.45, 1.15)
# Parts between which a visit to the potentiostat lies.
_MEASURED = (0.75, 1.05)
# Part by which the whole may take longer, pass more or need more records than was foretold.
_MORE = 0.05


def test_bounds_are_those_of_the_page() -> None:
    """What is held here is what people are told."""
    low, high = (f"{part:.0%}".replace("%", " %") for part in _BY_CELL)
    for words in (
        f"within {_SET:.0%}".replace("%", " %") + f" or {_SET_S:.0f} s",
        f"{low} to {high} of the forecast",
        "{:.0f} to {:.0f} %".format(*(100 * part for part in _MEASURED)),
        f"at most {_MORE:.0%} more".replace("%", " %"),
    ):
        assert words in _PAGE, words


def test_everyday_tests_are_all_that_is_shipped() -> None:
    """No shipped recipe is left out, and there are more than twenty."""
    assert [one.recipe for one in EVERYDAY] == list(shipped_recipes())
    assert len(EVERYDAY) > 20


@pytest.mark.parametrize("everyday", EVERYDAY, ids=lambda one: one.recipe)
def test_everyday_test_runs_as_it_is_foretold(everyday: Everyday, tmp_path: Path) -> None:
    """It is plausible, is proven, completes, and differs from its forecast by less than the page says."""
    values = () if _WHOLE else everyday.soon
    program = everyday.program(values)
    assert plausibility(program).sentences == ()
    proof = prove(program)
    assert isinstance(proof, Proof), proof
    ended = everyday.run(values, tmp_path / "s.db")
    assert ended.state is RunState.COMPLETED, ended.reason
    with open_store(tmp_path / "s.db", read_only=True) as store:
        whole, steps = compared(store, ended.run_id), steps_compared(store, ended.run_id)
        # Polls are seldom here, and steps have intervals of their own: no clock was set, and none drifts.
        assert [event.message for event in store.events(ended.run_id) if event.kind is EventKind.TESTER_CLOCK] == []
    _whole_inside(whole, program, proof)
    for step in steps:
        _step_inside(step)
    # What a condition has passed over is not run; all else is.
    if not program.decides:
        assert all(step.executions for step in steps)


def _whole_inside(whole: list[Compared], program: Program, proof: Proof) -> None:
    for one in whole:
        assert 0 <= one.measured <= one.foretold * (1 + _MORE), one
    duration_s = next(one.measured for one in whole if one.what == "duration_h") * 3600
    between_s = forecast(program).between_s
    assert proof.shortest_s - 1 <= duration_s <= proof.longest_s * (1 + _MORE) + between_s


def _step_inside(step: StepCompared) -> None:
    """See that a step ends by what was foretold, but once, and after the time that was foretold."""
    if not step.executions:
        return
    ahead, part = step.ahead, step.mean_s / step.ahead.expected_s
    if ahead.is_measurement:
        assert _MEASURED[0] <= part <= _MEASURED[1], step
        return
    by_itself = _reason(ahead.ends_by)
    others = sum(count for reason, count in step.ends if reason != by_itself)
    if by_itself is None or others:
        assert by_itself is None or others <= 1, step
        assert step.mean_s <= ahead.longest_s * (1 + _SET), step
    elif by_itself in {"time", "capacity"}:
        assert abs(part - 1) <= _SET or abs(step.mean_s - ahead.expected_s) <= _SET_S, step
        # A share of what was measured is that of a cell that holds less than its nominal capacity.
        inside = AS_MEASURED in ahead.what and _BY_CELL[0] <= step.mean_ah / ahead.charge_ah <= _BY_CELL[1]
        assert step.mean_ah == pytest.approx(ahead.charge_ah, rel=_SET) or by_itself == "time" or inside, step
    else:
        assert _BY_CELL[0] <= part <= _BY_CELL[1], step


def _reason(ends_by: str) -> str | None:
    """Give the reason that a tester has for an end as a forecast tells it; None where the host watches for one."""
    units = {"mAh": "capacity", "mA": "current", "V": "voltage"}
    found = re.fullmatch(r"[-0-9.e]+ (mAh|mA|V)", ends_by)
    return units[found[1]] if found else "time" if ends_by == "time" else None
