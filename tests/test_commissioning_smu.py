"""A commissioning of a source meter on a resistor: signs, limit, and what a lost connection leaves on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome
from orchestrator.commissioning.smu import QUESTIONS, SourceHands
from simulators.smu import Quirks, SimulatedSmu
from tests.commissioning_rig import MOST_A, OHM, LoggedResistor, Operator
from tests.smu_rig import CHANNEL, smu_rig


async def _asked(
    resistor: LoggedResistor, quirks: Quirks, only: Sequence[str] = (), before: Sequence[Asked] = ()
) -> tuple[list[Asked], SimulatedSmu]:
    rig = smu_rig(quirks=quirks)
    unit = SimulatedSmu(rig.of_unit.model, asyncio.get_running_loop().time, resistor, quirks=quirks)
    rig.at_address = unit
    source = rig.source()
    hands = SourceHands(source, rig.settings, CHANNEL, OHM, MOST_A)
    setup = Setup("smu", "smu", CHANNEL, OHM, MOST_A)
    progress = Progress(None, setup)
    for one in before:
        progress.keep(one)
    try:
        asked = await commission(QUESTIONS, hands, Operator(), progress, wall_time, only)
    finally:
        await source.close()
    return asked, unit


@pytest.mark.parametrize("stays", [True, False])
async def test_every_open_point_is_found(stays: bool) -> None:
    """Signs, limit and what a lost connection leaves on are found, and no more flows than was announced."""
    resistor = LoggedResistor(OHM)
    asked, unit = await _asked(resistor, Quirks(output_stays_on_disconnect=stays))
    assert [one.found.concluded for one in asked if one.found.outcome is not Outcome.FOUND] == []
    facts = {name: value for one in asked for name, value in one.found.facts.items()}
    assert (facts["below_zero"], facts["limit_acts"], facts["output_stays_on"]) == (True, True, stays)
    assert facts["resistance_ohm"] == pytest.approx(OHM, rel=0.01)
    assert 0.99 * MOST_A < resistor.most_a <= 1.002 * MOST_A  # the unit's own error of setting
    assert not unit.instrument.unit.output


@pytest.mark.parametrize("rest_v", [-3.3, 1.1, 3.3, 4.9])
async def test_cell_in_the_place_of_the_resistor_gets_no_current(rest_v: float) -> None:
    """A cell is known by its voltage before any current is passed; no limit of the source lies below it."""
    cell = LoggedResistor(OHM, rest_v=rest_v)
    asked, _ = await _asked(cell, Quirks())
    assert (asked[-1].question, asked[-1].found.outcome) == ("resistor", Outcome.WRONG)
    assert cell.most_a < 1e-6


@pytest.mark.parametrize("question", ["sink", "limit", "reading-time", "link-loss"])
async def test_cell_that_came_after_the_resistor_was_found_gets_no_current(question: str) -> None:
    """What is asked again days later stands on a resistor that may be a cell now: it is looked at each time."""
    before, _ = await _asked(LoggedResistor(OHM), Quirks())
    cell = LoggedResistor(OHM, rest_v=3.3)
    asked, unit = await _asked(cell, Quirks(), [question], before)
    found = next(one.found for one in asked if one.question == question)
    assert (found.outcome, "that is no resistor" in found.concluded) == (Outcome.UNDECIDED, True)
    assert cell.most_a < 1e-6
    assert not unit.instrument.unit.output
