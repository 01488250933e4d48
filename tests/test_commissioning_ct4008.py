"""A commissioning of a CT-4008 finds out what the reference leaves open, and passes no more than it has announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drivers.interfaces import ChannelState
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.bound import BeyondBound, Bound
from orchestrator.commissioning.ct4008 import QUESTIONS
from orchestrator.commissioning.ct4008_voltages import ranges
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, Rest, Until
from simulators.neware.settings import Trouble
from tests.commissioning_rig import CHANNEL, MOST_A, OHM, LoggedResistor, Operator, open_commissioning

SETUP = Setup("ct4008", "ct4008", CHANNEL, OHM, MOST_A)
TINY_A = 0.05 * MOST_A


async def _asked(progress: Progress | None = None, **rig: Any) -> tuple[list[Asked], LoggedResistor]:  # noqa: ANN401 - options of the rig
    async with open_commissioning(**rig) as opened:
        asked = await commission(QUESTIONS, opened.hands, Operator(), progress or Progress(None, SETUP), wall_time)
        return asked, opened.resistor


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (LoggedResistor(OHM, rest_v=3.3), "take the cell out"),
        (LoggedResistor(10.0), "10.14 ohm where 1000 ohm were declared"),
        (LoggedResistor(1e9), "the holder is empty"),
        (LoggedResistor(-OHM), "the sense leads are exchanged"),
    ],
    ids=["cell", "other resistor", "empty", "sense leads"],
)
async def test_what_is_no_declared_resistor_ends_it_after_a_tiny_current(held: LoggedResistor, words: str) -> None:
    """A cell, another resistor, an empty holder or exchanged leads are named, and only a twentieth has flowed."""
    asked, resistor = await _asked(resistor=held)
    assert (asked[-1].question, asked[-1].found.outcome) == ("resistor", Outcome.WRONG)
    assert words in asked[-1].found.concluded
    assert resistor.most_a <= TINY_A


async def test_tester_whose_limits_end_nothing_ends_its_commissioning() -> None:
    """No limit guards such a channel: the question is wrong, nothing more is asked, and no more than was said flows."""
    async with open_commissioning() as rig:
        rig.bench.tester.make_trouble(CHANNEL, Trouble(ignore_protections=True))
        asked = await commission(QUESTIONS, rig.hands, Operator(), Progress(None, SETUP), wall_time)
        assert (asked[-1].question, asked[-1].found.outcome) == ("protection", Outcome.WRONG)
        assert "no limit guards this channel" in asked[-1].found.concluded
        assert rig.resistor.most_a <= MOST_A
        assert not rig.bench.tester.channels[CHANNEL].busy


@pytest.mark.parametrize("off_by", [{"ohm": 0.8}, {"current_factor": 0.8}], ids=["reading", "setting"])
async def test_range_that_is_far_off_is_wrong(off_by: dict[str, float]) -> None:
    """A range whose current is a fifth off, by the resistor's voltage or from what was ordered, is never kept."""
    async with open_commissioning(resistor=LoggedResistor(off_by.get("ohm", 1.0) * OHM)) as rig:
        rig.bench.tester.make_trouble(CHANNEL, Trouble(current_factor=off_by.get("current_factor", 1.0)))
        rig.hands.bound = Bound(MOST_A, OHM, 20.0, MOST_A)
        found = await ranges(rig.hands)
    assert found.outcome is Outcome.WRONG
    assert "0.1 mA: " in found.concluded
    assert not found.settings


class Leaves(Operator):
    """A person who presses Ctrl-C when a question begins."""

    def agrees(self, question: str) -> bool:
        """Leave before the one of the stop."""
        if "stop-delay" in question:
            raise KeyboardInterrupt
        return True


async def test_interrupted_commissioning_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was answered before an interruption is not asked again, unless it was found with another resistor."""
    path = tmp_path / "progress.json"
    async with open_commissioning() as rig:
        with pytest.raises(KeyboardInterrupt):
            await commission(QUESTIONS, rig.hands, Leaves(), Progress(path, SETUP), wall_time)
        again, operator = Progress(path, SETUP), Operator(declined=["("])
        assert [one.question for one in again.asked][-2:] == ["resistor", "clock"]
        await commission(QUESTIONS, rig.hands, operator, again, wall_time)
    assert not any(said.startswith("clock") for said in operator.said)
    assert again.answered("stop-delay") is not None
    assert Progress(path, Setup("ct4008", "ct4008", CHANNEL, 2 * OHM, MOST_A)).asked == []


async def test_question_that_breaks_off_leaves_nothing_flowing() -> None:
    """A fault in the middle of a question, while current flows, ends with the channel at rest."""
    async with open_commissioning() as rig:
        hands = rig.hands
        hands.bound = Bound(MOST_A, OHM, 60.0, MOST_A)
        await hands.start(hands.segment([ConstantCurrent(MOST_A, Until(time_s=60.0))]))
        assert (await hands.look()).state is ChannelState.WORKING
        await hands.off()
        assert (await hands.look()).state is ChannelState.STOPPED


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (ConstantCurrent(-1.01 * MOST_A, Until(time_s=1.0)), "would pass 1.01 mA, and 1 mA were announced"),
        (ConstantCurrent(MOST_A, Until(voltage_v=1.0)), "would last inf s"),
        (ConstantVoltage(Direction.CHARGE, 1.1, Until(time_s=1.0), current_limit_a=MOST_A), "at 1.1 V would pass"),
        (ConstantVoltage(Direction.CHARGE, 0.5, Until(time_s=1.0)), "has no limit of its current"),
        (Rest(Until(time_s=61.0)), "would last 61 s, and 60 s were announced"),
    ],
    ids=["current", "endless", "voltage", "unlimited", "time"],
)
async def test_order_beyond_what_was_announced_is_never_sent(step: Any, words: str) -> None:  # noqa: ANN401 - any step
    """The bound refuses an order of more current, voltage or time than was announced, before anything is sent."""
    async with open_commissioning() as rig:
        rig.hands.bound = Bound(MOST_A, OHM, 60.0, MOST_A)
        with pytest.raises(BeyondBound, match=words):
            await rig.hands.run([step])
        assert rig.bench.tester.channels[CHANNEL].tests == []
