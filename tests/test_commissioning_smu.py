"""A commissioning of a source meter on a resistor: signs, limit, and what a lost connection leaves on."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome
from orchestrator.commissioning.smu import QUESTIONS, SourceHands
from simulators.smu import Quirks, SimulatedSmu
from tests.commissioning_rig import MOST_A, OHM, LoggedResistor, Operator
from tests.smu_rig import CHANNEL, smu_rig


async def _asked(resistor: LoggedResistor, quirks: Quirks) -> tuple[list[Asked], SimulatedSmu]:
    rig = smu_rig(quirks=quirks)
    unit = SimulatedSmu(rig.of_unit.model, asyncio.get_running_loop().time, resistor, quirks=quirks)
    rig.at_address = unit
    source = rig.source()
    hands = SourceHands(source, rig.of_unit, rig.settings.interval_s, OHM, MOST_A)
    setup = Setup("smu", "smu", CHANNEL, OHM, MOST_A)
    try:
        asked = await commission(QUESTIONS, hands, Operator(), Progress(None, setup), wall_time)
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


async def test_cell_in_the_place_of_the_resistor_gets_no_current() -> None:
    """A cell is known by its voltage before any current is passed."""
    cell = LoggedResistor(OHM, rest_v=1.1)
    asked, _ = await _asked(cell, Quirks())
    assert (asked[-1].question, asked[-1].found.outcome) == ("resistor", Outcome.WRONG)
    assert cell.most_a < 1e-6
