"""The bound of a commissioning refuses what was not announced, of every kind of instrument, before anything is sent."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.commissioning.meters import MeterAtHand, usual
from benchmarks.commissioning.ovens import WARMEST_DEGC, OvenAtHand
from benchmarks.commissioning.ovens import usual as usual_oven
from benchmarks.commissioning.resistor import MOST_A, OHM, Operator
from drivers.errors import NotConfirmed
from drivers.sources import Drive, Held
from orchestrator.commissioning.bound import BeyondBound, Bound
from protocols.techniques import (
    CurrentStep,
    CurrentSteps,
    HeldVoltage,
    Impedance,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)

BOUND = Bound(MOST_A, OHM, 60.0, MOST_A)
_MOST_V = MOST_A * OHM


@pytest.mark.parametrize(
    ("drive", "words"),
    [
        (Drive(Held.CURRENT, -1.01 * MOST_A, 1.7, MOST_A), "the source would pass 1.01 mA, and 1 mA were announced"),
        (Drive(Held.CURRENT, MOST_A, 1.7, 1.01 * MOST_A), "the source would pass 1.01 mA"),
        (Drive(Held.CURRENT, float("nan"), 1.7, MOST_A), "the source would pass nan mA"),
        (Drive(Held.VOLTAGE, -1.01 * _MOST_V, MOST_A, _MOST_V), "-1.01 V would pass 1.01 mA"),
        (Drive(Held.VOLTAGE, _MOST_V, MOST_A, 1.01 * _MOST_V), "1 V would pass 1.01 mA"),
        (Drive(Held.VOLTAGE, _MOST_V, 1.21 * MOST_A, _MOST_V), "the source's limit is above 1.2 mA"),
    ],
    ids=["current", "largest current", "no number", "voltage", "largest voltage", "limit"],
)
def test_order_to_a_source_beyond_what_was_announced_is_refused(drive: Drive, words: str) -> None:
    """A source is given no larger current, and no voltage or limit that could pass one, now or later."""
    BOUND.check_drive(Drive(Held.CURRENT, -MOST_A, 1.7, MOST_A), 60.0)
    BOUND.check_drive(Drive(Held.VOLTAGE, -_MOST_V, 1.2 * MOST_A, _MOST_V), 60.0)
    with pytest.raises(BeyondBound, match=words):
        BOUND.check_drive(drive, 1.0)


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        (HeldVoltage(-1.01 * _MOST_V, 1.0), "held_voltage would pass 1.01 mA, and 1 mA were announced"),
        (CurrentSteps((CurrentStep(0.0, 1.0), CurrentStep(-1.01 * MOST_A, 1.0)), 1.5, -1.5), "would pass 1.01 mA"),
        (ReversedCurrent(MOST_A, 1.01 * MOST_A, 1.0, 1.0, 1.5, -1.5), "would pass 1.01 mA"),
        (ReversedCurrent(1.01 * MOST_A, MOST_A, 1.0, 1.0, 1.5, -1.5), "would pass 1.01 mA"),
        (Impedance(1e5, 1e3, amplitude_v=0.72 * _MOST_V), "eis would pass 1.018 mA"),
        (Impedance(1e5, 1e3, amplitude_v=0.1 * _MOST_V, bias_v=-0.9 * _MOST_V), "eis would pass 1.041 mA"),
        (VoltageSteps(0.0, 0.1, -0.1, 1.0), "voltage_steps has no place in a commissioning"),
        (OpenCircuit(1e4), "were announced; nothing was sent"),
    ],
    ids=["voltage", "step", "discharge", "charge", "amplitude", "bias and amplitude", "unknown", "time"],
)
def test_measurement_beyond_what_was_announced_is_refused(technique: Technique, words: str) -> None:
    """A potentiostat is given no larger current, no voltage that could pass one, no more time, and no other kind."""
    bound = Bound(MOST_A, OHM, 120.0, MOST_A)
    bound.check_technique(HeldVoltage(-_MOST_V, 1.0))
    bound.check_technique(Impedance(1e5, 1e3, amplitude_v=0.7 * _MOST_V))
    with pytest.raises(BeyondBound, match=words):
        bound.check_technique(technique)


async def test_source_is_sent_nothing_of_an_order_that_is_refused() -> None:
    """The hands at a source meter ask the bound before they prepare anything."""
    there = MeterAtHand(usual())
    hands = there.hands(Operator())
    await hands.source.open()
    hands.bound = BOUND
    before = list(there.unit.received)
    for drive, for_s in (
        (hands.current(1.01 * MOST_A), 1.0),
        (hands.voltage(_MOST_V, 1.21 * MOST_A), 1.0),
        (hands.current(MOST_A), 60.1),
    ):
        with pytest.raises(BeyondBound):
            await hands.on(drive, for_s)
    assert list(there.unit.received) == before
    assert not there.output_on
    await hands.source.close()


async def test_source_is_on_no_longer_than_was_announced() -> None:
    """A question whose readings take longer than it has said is ended at the time that it has said, output off."""
    there = MeterAtHand(usual(reading_more_s=2.5))
    loop, on_s = asyncio.get_running_loop(), []

    async def look() -> None:
        while True:
            if abs(there.unit.instrument.unit.point().current_a) > 0.99 * MOST_A:
                on_s.append(loop.time())
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    slow = there.settings.units[0].model_copy(update={"reply_timeout_s": 10.0})
    there.settings = there.settings.model_copy(update={"units": (slow,)})
    hands = there.hands(Operator())
    await hands.source.open()
    hands.bound = Bound(MOST_A, OHM, 10.0, MOST_A)
    with pytest.raises(NotConfirmed, match="it was on for 10 s, as long as was announced"):
        await hands.measured(hands.current(MOST_A))
    await hands.off()
    looking.cancel()
    # The reading that is under way is ended before the output is switched off.
    assert 9.5 < on_s[-1] - on_s[0] < 10.0 + 2.6
    assert not there.output_on
    await hands.source.close()


async def test_oven_is_ordered_no_set_point_that_was_not_announced() -> None:
    """None above the stated temperature, and none at all in a question that was announced as one without."""
    there = OvenAtHand(usual_oven())
    hands = there.hands(Operator())
    hands.bound = BOUND
    for degc in (WARMEST_DEGC + 0.1, float("nan")):
        with pytest.raises(BeyondBound, match="40 degC were announced; nothing was sent"):
            await hands.order(degc)
    hands.bound = Bound(0.0, 0.0, 0.0, 0.0)
    with pytest.raises(BeyondBound, match="orders no set point"):
        await hands.order(30.0)
    assert there.oven.highest_order_degc < -100.0
    await hands.close()
