"""What a person types in a commissioning is taken as what it says, or asked again; ``?`` decides nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from benchmarks.commissioning.meters import CHANNEL, MeterAtHand
from benchmarks.commissioning.meters import usual as usual_meter
from benchmarks.commissioning.ovens import WARMEST_DEGC, OvenAtHand, usual
from benchmarks.commissioning.resistor import MOST_A, OHM, Operator
from orchestrator.cli.answers import UNKNOWN, chosen, number
from orchestrator.cli.commission import _AtTheTerminal
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning import oven_panel as panel
from orchestrator.commissioning import smu_leads as leads
from orchestrator.commissioning.oven import questions as oven_questions
from orchestrator.commissioning.oven_setup import OvenSetup
from orchestrator.commissioning.oven_simulated import AtSimulatedOven
from orchestrator.commissioning.people import Person, StandIn
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Outcome
from orchestrator.commissioning.smu import QUESTIONS
from orchestrator.commissioning.smu_simulated import AtSimulatedMeter
from simulators.oven.hands import HandsAtOven
from simulators.smu.control import HandsAtUnits

WORDS = (panel.YES, panel.NO)


class _Unsure(StandIn):
    """A person who does not know the answer to one question, and to all others what ``person`` does."""

    def __init__(self, person: Person, question: str) -> None:
        super().__init__(person)
        self.question = question
        self.asked: list[str] = []

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Keep the question; answer it unless it is that one."""
        self.asked.append(question)
        return None if question == self.question else await self._person.chooses(question, choices)

    async def reads(self, question: str, unit: str) -> float | None:
        """Read what the other one reads."""
        return await self._person.reads(question, unit)


def test_what_is_typed_is_read_in_any_capitals_with_comma_and_unit() -> None:
    """``No`` is no, ``30,3`` and ``30.3 degC`` are 30.3, ``?`` is nothing."""
    assert [chosen(said, WORDS) for said in ("no", " No", "NO ", "Yes", "?")] == ["no", "no", "no", "yes", None]
    read = [number(said, "degC") for said in ("30.3", "30,3", "30.3 degC", "30,3 °C", "-5c", "?")]
    assert read == [30.3, 30.3, 30.3, 30.3, -5.0, None]


@pytest.mark.parametrize("said", ["done", "n", "", "no?", "nan", "1,234.5", "86 degF", "30 mV", "inf"])
def test_what_is_no_answer_is_no_answer(said: str) -> None:
    """A word of another question, a part of one, another unit and what is no number are refused."""
    with pytest.raises(ValueError, match="where you do not know"):
        chosen(said, WORDS)
    with pytest.raises(ValueError, match="where you do not know"):
        number(said, "degC")


def test_mistyped_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The prompt says what it takes, and stands again until one of these is typed."""
    person = _AtTheTerminal("ada", agrees_to_all=False, is_quiet=False)
    read, write = os.pipe()
    told = ""

    async def types(asked: Coroutine[Any, Any, object], *lines: str) -> object:
        nonlocal told
        answer, shown = asyncio.create_task(asked), ""
        for count, line in enumerate(lines, 1):
            while shown.count(f"{UNKNOWN}): ") < count:
                await asyncio.sleep(0.005)
                shown += capsys.readouterr().err
            os.write(write, f"{line}\n".encode())
        found = await answer
        told += shown + capsys.readouterr().err
        return found

    async def ask() -> list[object]:
        return [
            await types(person.chooses(panel.CONTROLS, WORDS), "done", "n", "No"),
            await types(person.reads("What is shown?", "degC"), "warm", "30,3"),
            await types(person.reads("What is shown?", "degC"), "?"),
        ]

    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert asyncio.run(ask()) == ["no", 30.3, None]
    os.close(write)
    assert "'done' is no answer here: type yes or no, or ? where you do not know" in told
    assert "'warm' is no number in degC" in told


@pytest.mark.parametrize(
    ("question", "of", "undone"),
    [
        (panel.CONTROLS, "silence", ""),
        (panel.STAND_BY, "standby", panel.RUN_AGAIN),
        (panel.OPEN_SENSOR, "sensor-break", panel.CLOSE_SENSOR),
    ],
)
async def test_what_nobody_knows_of_an_oven_is_no_finding(question: str, of: str, undone: str) -> None:
    """It is undecided, and what may have been switched or taken off is asked back."""
    there = OvenAtHand(usual())
    at_oven = HandsAtOven(there.oven)
    person = _Unsure(AtSimulatedOven(Operator(), at_oven.do, at_oven.state), question)
    hands = there.hands(person)
    progress = Progress(None, OvenSetup("oven", "oven", "oven", 0.0, 0.0, WARMEST_DEGC))
    asked = await commission(oven_questions(WARMEST_DEGC), hands, person, progress, wall_time, [of])
    await hands.close()
    assert next(one.found.outcome for one in asked if one.question == of) is Outcome.UNDECIDED
    assert undone in ["", *person.asked]


@pytest.mark.parametrize(
    ("question", "of", "undone"),
    [(leads.RESISTOR_OFF, "off-state", leads.RESISTOR_ON), (leads.LEAD_OFF, "open-sense", leads.LEAD_ON)],
)
async def test_lead_that_may_be_off_is_asked_back(question: str, of: str, undone: str) -> None:
    """Who does not know whether a lead was taken off is asked to put it back, and nothing is found."""
    there = MeterAtHand(usual_meter())
    at_meter = HandsAtUnits({CHANNEL: there.unit})
    person = _Unsure(AtSimulatedMeter(Operator(), lambda verb: at_meter.do(f"{CHANNEL} {verb}")), question)
    hands = there.hands(person)
    progress = Progress(None, Setup("smu", "smu", CHANNEL, OHM, MOST_A))
    asked = await commission(QUESTIONS, hands, person, progress, wall_time, [of])
    await hands.source.close()
    assert next(one.found.outcome for one in asked if one.question == of) is Outcome.UNDECIDED
    assert undone in person.asked
