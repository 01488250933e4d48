"""Sensors that lie while runs go on: what is found with a second thermometer, and what without one, in which time."""

from __future__ import annotations

import asyncio
import re

import pytest

from drivers.oven.fault_judge import FaultJudge
from drivers.temperatures import OvenFault, OvenReading
from orchestrator.events import EventKind
from orchestrator.judging.oven_agreement import OvenAgreement
from orchestrator.rack.claims import CommandRefused
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, Store
from simulators.oven.oven import OvenQuirks
from tests.figures import Figure
from tests.oven_service_rig import OVEN, Beside, running, until, warm, warm_rack
from tests.rig import Rig

_K = EventKind


async def test_sensor_that_freezes_in_a_settled_oven_is_contradicted_and_holds(
    rig: Rig, store: Store, figure: Figure
) -> None:
    """The controller shows 60.0 at a steady output while a cold night takes the oven down (faults C12)."""
    beside = Beside(lambda: 60.0)
    async with warm_rack(rig, store, beside) as rack:
        beside.read_degc = lambda: rack.oven.place_degc
        run = await running(rack, warm(cycles=60))
        await asyncio.sleep(1800.0)
        rack.oven.freeze_sensor()
        rack.oven.change_room(5.0)
        off_s = await until(lambda: rack.oven.place_degc < 58.0, 3600.0, 1.0)
        assert run.state.is_live
        held_s = await until(lambda: run.state is RunState.HOLDING, 150.0, 1.0)
        assert rack.oven.place_degc > 57.2
        assert rack.oven.shown_degc == 60.0
        told = rf"{OVEN} shows 60.0 degC, and the thermometer at {OVEN} 57.\d degC: thermometers disagree"
        (message,) = rack.events(_K.OVEN_FAULT)
        assert run.reason.startswith(f"{message}; find out which of the two is right")
        assert re.fullmatch(told, message)
        (report,) = rack.service.ovens.reports()
        assert report.needs_person
        assert report.words.startswith("60.0 degC, holds 60 degC (thermometers disagree); held: ")
        with pytest.raises(CommandRefused, match="thermometers disagree"):
            await rack.service.resume(run.run_id, "ada")
        assert [row.category for row in store.deviations(run.run_id)][:1] == [DeviationCategory.TEMPERATURE_EXCURSION]
        rack.oven.mend()
        rack.oven.change_room(23.0)
        await until(lambda: f"{OVEN}: thermometers disagree is over" in " ".join(rack.events(_K.OVEN_BACK)), 7200.0)
        assert (await rack.service.resume(run.run_id, "ada")).state.is_live
        figure("C12", "frozen sensor in a settled oven: 2 K away after", off_s, "s")
        figure("C12", "from there to the hold, by a second thermometer", held_s, "s")


async def test_fine_sensor_that_freezes_in_a_settled_oven_is_told_without_another(
    rig: Rig, store: Store, figure: Figure
) -> None:
    """A display of hundredths that stands still for half an hour is frozen, whatever the output does (faults C12)."""
    async with warm_rack(rig, store, quirks=OvenQuirks(decimals=2, high_degc=100.0)) as rack:
        run = await running(rack, warm(cycles=60))
        await asyncio.sleep(3600.0)
        assert run.state.is_live
        rack.oven.freeze_sensor()
        took_s = await until(lambda: run.state is RunState.HOLDING, 1900.0)
        assert f"the sensor of {OVEN} is frozen at 60.0 degC, and no thermometer is in it" in run.reason
        assert took_s >= 1790.0
        await until(lambda: rack.oven.target_degc == 25.0, 20.0)
        figure("C12", "frozen sensor of hundredths in a settled oven, told after", took_s, "s")


def _shown(degc: list[float], every_s: float = 5.0) -> list[OvenReading]:
    return [OvenReading(one, 60.0, 60.0, None, every_s * n) for n, one in enumerate(degc)]


@pytest.mark.parametrize(
    ("still_s", "before", "is_told"),
    [
        (None, [59.98], True),
        (None, [59.97], False),
        (1795.0, [59.9], True),
        (1800.0, [59.9], True),
        (1805.0, [59.98], False),
    ],
)
def test_value_that_stands_still_is_judged_by_its_digits_or_as_the_settings_say(
    still_s: float | None, before: list[float], is_told: bool
) -> None:
    """A change by hundredths was seen, or a time is given: without any output, and exactly at its bound."""
    judge = FaultJudge(still_s)
    found = [judge.feed(one) for one in _shown([*before, *[60.0] * 362])]
    assert (OvenFault.SENSOR_FROZEN in found[-1]) == is_told
    assert not any(found[:-3])


def _agreed(own: list[float], beside: list[float], every_s: float = 60.0) -> list[bool]:
    judge, told = OvenAgreement(), []
    for n, (degc, other) in enumerate(zip(own, beside, strict=True)):
        judge.feed(degc, {OVEN: other}, every_s * n)
        told.append(bool(judge.contradicted_by))
    return told


def test_thermometers_are_compared_where_the_oven_is_steady() -> None:
    """Half an hour within a kelvin, then beyond the bound in each reading of two minutes; it ends in the same way."""
    steady = [60.0] * 40
    assert _agreed(steady, [57.9] * 40) == [False] * 32 + [True] * 8
    assert not any(_agreed(steady, [58.0] * 40))
    assert not any(_agreed([60.0, 61.1] * 20, [57.0] * 40))
    assert not any(_agreed(steady, [60.0] * 35 + [57.0, 57.0, 60.0, 57.0, 57.0]))
    assert _agreed(steady, [57.0] * 35 + [59.0, 57.0, 59.0, 59.0, 59.0])[-6:] == [True] * 5 + [False]


async def test_door_that_is_opened_makes_no_contradiction(rig: Rig, store: Store) -> None:
    """The air is cold within seconds and warm within minutes, a cell after many: no sensor lies."""
    beside = Beside(lambda: 60.0)
    async with warm_rack(rig, store, beside, poll_period_s=15.0) as rack:
        beside.read_degc = lambda: rack.oven.place_degc
        run = await running(rack, warm(cycles=60))
        await asyncio.sleep(1800.0)
        for open_s in (60.0, 600.0):
            rack.oven.open_door()
            await asyncio.sleep(open_s)
            rack.oven.close_door()
            await asyncio.sleep(2400.0)
        assert run.state is RunState.HOLDING
        assert not any("disagree" in message for message in rack.events(_K.OVEN_FAULT))


async def test_door_that_stays_open_is_never_said_to_be_closed(rig: Rig, store: Store) -> None:
    """After half an hour without heat it is said that the heat is not back, and what to look at (faults C11)."""
    async with warm_rack(rig, store) as rack:
        await running(rack, warm(cycles=20))
        rack.oven.open_door()
        await asyncio.sleep(2400.0)
        assert not any("door" in message for message in rack.events(_K.OVEN_BACK))
        assert any("the heat has not come back in 30 min" in message for message in rack.events(_K.OVEN_FAULT))
        rack.oven.close_door()
        await until(lambda: any("it is back" in message for message in rack.events(_K.OVEN_BACK)), 3600.0, 60.0)
