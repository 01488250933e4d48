"""A commissioning of a source meter on a resistor: every open point is found, and no more flows than was said."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from benchmarks.commissioning.draws import Flips, pairwise
from benchmarks.commissioning.meters import SET_WITHIN, SWITCHES, MeterAtHand, missed, usual
from benchmarks.commissioning.resistor import MOST_A, OHM, LoggedResistor, Operator
from orchestrator.commissioning.questions import Outcome
from orchestrator.commissioning.smu import QUESTIONS
from simulators.faults import Fault, Spoil


@pytest.mark.parametrize("flips", pairwise(SWITCHES), ids=lambda flips: str(flips["model"]))
async def test_every_open_point_of_a_source_meter_is_found(flips: Flips) -> None:
    """In each pair of points all are found and written, no more flows than 1 mA, and the output is off behind it."""
    wrong, most_a = await missed(flips)
    assert wrong == []
    assert 0.99 * MOST_A < most_a <= SET_WITHIN * MOST_A


@pytest.mark.parametrize(
    ("question", "quirk"),
    [
        ("reconnect", {"port_hangs_after_disconnect": True}),
        ("resistor", {"current_sign": -1}),
    ],
)
async def test_what_speaks_against_a_source_meter_ends_its_commissioning(question: str, quirk: dict[str, Any]) -> None:
    """A port that lets nobody in again, and a current of the other sign, end it, with a twentieth of the current."""
    there = MeterAtHand(usual(), **quirk)
    asked = await there.commissioned()
    assert (asked[-1].question, asked[-1].found.outcome) == (question, Outcome.WRONG)
    assert there.resistor.most_a <= SET_WITHIN * 0.05 * MOST_A
    assert not there.output_on


@pytest.mark.parametrize("rest_v", [-3.3, 1.1, 3.3, 4.9])
async def test_cell_in_the_place_of_the_resistor_gets_no_current(rest_v: float) -> None:
    """A cell is known by its voltage before any current is passed; no limit of the source lies below it."""
    cell = LoggedResistor(OHM, rest_v=rest_v)
    asked = await MeterAtHand(usual(), cell).commissioned()
    assert (asked[-1].question, asked[-1].found.outcome) == ("resistor", Outcome.WRONG)
    assert cell.most_a < 1e-6


@pytest.mark.parametrize("question", [one.name for one in QUESTIONS if one.of_most and one.name != "resistor"])
async def test_cell_that_came_after_the_resistor_was_found_gets_no_current(question: str) -> None:
    """What is asked again days later stands on a resistor that may be a cell now: it is looked at each time."""
    before = await MeterAtHand(usual()).commissioned()
    cell = LoggedResistor(OHM, rest_v=3.3)
    there = MeterAtHand(usual(), cell)
    asked = await there.commissioned(only=[question], before=before)
    found = next(one.found for one in asked if one.question == question)
    assert found.outcome is Outcome.WRONG
    assert "that is no resistor" in found.concluded
    assert cell.most_a < 1e-6
    assert not there.output_on


async def test_cell_that_takes_the_place_of_the_resistor_ends_the_commissioning() -> None:
    """A later look that finds a voltage at rest is the last: no question behind it looks, with the output on, again."""
    cell = LoggedResistor(OHM)
    there = MeterAtHand(usual(), cell)

    class Exchanges(Operator):
        def agrees(self, question: str) -> bool:
            cell.rest_v = 3.3 if "(sink)" in question else cell.rest_v
            return True

    asked = await there.commissioned(Exchanges())
    assert (asked[-1].question, asked[-1].found.outcome) == ("sink", Outcome.WRONG)
    assert "that is no resistor" in asked[-1].found.concluded


@pytest.mark.parametrize("question", [one.name for one in QUESTIONS if one.of_most])
async def test_ctrl_c_in_any_question_leaves_the_output_off(question: str) -> None:
    """Cancelled in the middle of each question that passes a current, the output is off behind it."""
    there = MeterAtHand(usual())

    class Waits(Operator):
        def tell(self, sentence: str) -> None:
            if sentence.startswith(f"{question} ("):
                begun.set()

    begun = asyncio.Event()
    running = asyncio.create_task(there.commissioned(Waits()))
    await begun.wait()
    while abs(there.unit.instrument.unit.point().current_a) < 1e-6:  # noqa: ASYNC110 - the unit tells nobody
        await asyncio.sleep(0.01)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert not there.output_on


async def test_error_in_a_question_leaves_the_output_off() -> None:
    """Readings that are lost in the middle of a question leave it open, and the output off behind it."""
    there = MeterAtHand(usual())

    class Spoils(Operator):
        def agrees(self, question: str) -> bool:
            if "(sink)" in question:
                there.unit.wire.spoil(Fault(Spoil.SILENT, ":OUTP?", times=2))
            return True

    asked = await there.commissioned(Spoils())
    found = {one.question: one.found.outcome for one in asked}
    assert found["sink"] is Outcome.UNDECIDED
    assert not there.output_on
