"""Runs in an oven: soaked before the start, one temperature for all, held or tripped by how far the oven is away."""

from __future__ import annotations

import asyncio
import re

import pytest

from drivers.errors import NotConfirmed
from orchestrator.checks import CheckName, Outcome
from orchestrator.events import EventKind
from orchestrator.events.run_words import run_words
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import NO_TERMS
from orchestrator.rack.ovens import BenchOvens, Ovens
from orchestrator.runs.recovery import Recovery
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, RunRow, Store
from protocols.temperature import CellTemperature, WhenLeft
from tests.figures import Figure
from tests.oven_rig import OvenRig
from tests.oven_service_rig import OTHER, OUTSIDE, OVEN, Beside, running, served_again, until, warm, warm_rack
from tests.rig import CHANNEL, Rig

_K = EventKind


async def test_run_soaks_before_its_first_current_and_each_record_has_its_temperature(rig: Rig, store: Store) -> None:
    """The set point is ordered, the wait is told with its end, and the cell is at its temperature when it begins."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        run = rack.service.submit(warm(wanted=CellTemperature(60.0), cycles=1), "ada")
        await asyncio.sleep(300.0)
        assert run.state is RunState.PREFLIGHT
        said = run_words(run.update())
        assert re.search(r"R000001 \(21-1-3\) is soaking: \d\d\.\d of 60 degC, about \d+ min left$", said), said
        await until(lambda: run.state.is_live, 3600.0)
        readings = rack.service.ovens.places.oven_since(OVEN, 0.0)
        assert all(abs(degc - 60.0) <= 0.5 for _, degc in readings[-110:])
        await until(lambda: run.state is RunState.COMPLETED, 7200.0, 60.0)
        found = store.connection.execute("SELECT temperature_degc FROM sample").fetchall()
        assert len(found) > 50
        assert all(degc is not None and abs(degc - 60.0) < 1.0 for (degc,) in found)
        assert rack.events(_K.SOAKED) == [f"{OVEN} has been within 0.5 K of 60 degC for 10 min"]
        # Nobody wants it warm any more: the safe set point is left.
        await asyncio.sleep(10.0)
        assert rack.oven.target_degc == 25.0


async def test_two_runs_of_one_oven_that_want_different_temperatures_are_refused(rig: Rig, store: Store) -> None:
    """Both are named; the same temperature, a channel elsewhere, and a run that wants none are taken."""
    async with warm_rack(rig, store) as rack:
        first = rack.service.submit(warm(), "ada")
        with pytest.raises(CommandRefused, match=rf"21-1-5\) wants 25 degC on 21-1-5, and {first.run_id} on 21-1-3 "):
            rack.service.submit(warm(OTHER, CellTemperature(25.0)), "bob")
        rack.service.submit(warm(OUTSIDE, CellTemperature(25.0)), "bob")
        second = rack.service.submit(warm(OTHER), "bob")
        await until(lambda: first.state.is_live and second.state.is_live, 7200.0, 30.0)


async def test_run_whose_oven_never_reaches_it_does_not_begin(rig: Rig, store: Store) -> None:
    """A heater that does not heat: after the stated time the run fails, and nothing was started (faults C11)."""
    async with warm_rack(rig, store, is_cold=True, reach_within_s=1800.0) as rack:
        rack.oven.open_heater()
        run = rack.service.submit(warm(), "ada")
        await until(lambda: run.state is RunState.FAILED, 1900.0, 60.0)
        assert run.reason.startswith(f"{OVEN} is not at 60 degC after 30 min: ")
        assert not store.tests(run.run_id)


async def test_stuck_heater_holds_all_channels_of_the_oven_then_trips_them(
    rig: Rig, store: Store, figure: Figure
) -> None:
    """Held within a minute of being 5 K too hot, tripped at 70 degC; the cell outside goes on (faults C10, C11)."""
    async with warm_rack(rig, store) as rack:
        first = await running(rack, warm(cycles=20))
        second = await running(rack, warm(OTHER, cycles=20))
        outside = await running(rack, warm(OUTSIDE, None, cycles=20))
        rack.oven.stick_heater()
        held_s = await until(lambda: RunState.HOLDING in {first.state, second.state}, 150.0, 1.0)
        assert rack.oven.place_degc < 63.0
        tripped_s = await until(lambda: first.state is second.state is RunState.TRIPPED, 200.0, 1.0)
        assert "cut out at 70 degC" in first.reason
        assert outside.state.is_live
        assert rack.oven.target_degc == 25.0
        assert len(rack.events(_K.OVEN_TOO_HOT)) == 1
        spans = [
            row for row in store.deviations(first.run_id) if row.category is DeviationCategory.TEMPERATURE_EXCURSION
        ]
        assert len(spans) == 1
        assert spans[0].ended_unix_s is not None
        figure("C10", "time from a stuck heater to both channels held", held_s, "s")
        figure("C11", "time from a stuck heater to both channels tripped", held_s + tripped_s, "s")


async def test_open_door_warns_and_holds_when_it_stays_open(rig: Rig, store: Store) -> None:
    """Half a minute is told and holds nothing; minutes hold the channels, resumed when it has soaked (faults C11)."""
    async with warm_rack(rig, store) as rack:
        run = await running(rack, warm(cycles=20))
        rack.oven.open_door()
        await asyncio.sleep(30.0)
        rack.oven.close_door()
        await asyncio.sleep(1200.0)
        assert run.state.is_live
        assert any("door open" in message for message in rack.events(_K.OVEN_FAULT))
        assert len(rack.events(_K.OVEN_LEFT)) >= 1
        rack.oven.open_door()
        await until(lambda: run.state is RunState.HOLDING, 240.0)
        with pytest.raises(CommandRefused, match="resume it within 2 K of it"):
            await rack.service.resume(run.run_id, "ada")
        rack.oven.close_door()
        await until(lambda: abs(rack.oven.shown_degc - 60.0) < 1.0, 2400.0, 1.0)
        with pytest.raises(CommandRefused, match="was not seen within 2 K of it for 1 min: resume it in 1 min"):
            await rack.service.resume(run.run_id, "ada")
        await asyncio.sleep(120.0)
        assert (await rack.service.resume(run.run_id, "ada")).state.is_live


async def test_recipe_that_only_marks_goes_on_with_a_deviation(rig: Rig, store: Store) -> None:
    """``when_left: mark``: the cold is a span of the run's data; the other run of the oven is held."""
    async with warm_rack(rig, store) as rack:
        marked = await running(
            rack, warm(wanted=CellTemperature(60.0, soak_s=60.0, when_left=WhenLeft.MARK), cycles=20)
        )
        other = await running(rack, warm(OTHER, cycles=20))
        rack.oven.open_door()
        await until(lambda: other.state is RunState.HOLDING, 300.0)
        assert marked.state.is_live
        rack.oven.close_door()
        await until(lambda: any("it is back" in message for message in rack.events(_K.OVEN_BACK)), 3600.0, 60.0)
        (span,) = store.deviations(marked.run_id)
        assert span.category is DeviationCategory.TEMPERATURE_EXCURSION
        assert span.ended_unix_s is not None
        assert span.ended_unix_s - span.started_unix_s > 100.0


async def test_broken_sensor_holds_after_the_time_of_grace(rig: Rig, store: Store, figure: Figure) -> None:
    """Not a number: records have no temperature, and the channels are held after five minutes (faults C12)."""
    async with warm_rack(rig, store) as rack:
        run = await running(rack, warm(cycles=20))
        rack.oven.break_sensor()
        took_s = await until(lambda: run.state is RunState.HOLDING, 400.0)
        assert took_s >= 300.0
        figure("C12", "time from a broken sensor to the hold", took_s, "s")
        assert f"the sensor of {OVEN} shows no temperature" in run.reason
        newest = "SELECT temperature_degc FROM sample ORDER BY unix_time_s DESC LIMIT 1"
        assert store.connection.execute(newest).fetchone() == (None,)


async def test_thermometer_in_the_oven_stands_in_for_a_broken_sensor(rig: Rig, store: Store) -> None:
    """The run goes on with the second sensor's temperature, and is held by it where it shows heat (faults C12)."""
    shown = [60.5]
    async with warm_rack(rig, store, Beside(lambda: shown[0])) as rack:
        run = await running(rack, warm(cycles=20))
        rack.oven.break_sensor()
        await asyncio.sleep(900.0)
        assert run.state.is_live
        newest = "SELECT temperature_degc FROM sample ORDER BY unix_time_s DESC LIMIT 1"
        assert store.connection.execute(newest).fetchone() == (60.5,)
        shown[0] = 66.0
        await until(lambda: run.state is RunState.HOLDING, 60.0)


async def test_frozen_sensor_is_no_temperature_and_holds_at_once(rig: Rig, store: Store) -> None:
    """After ten minutes of one value under a moving output: nobody knows how hot it is (faults C12)."""
    async with warm_rack(rig, store) as rack:
        run = await running(rack, warm(cycles=20))
        rack.oven.open_door()
        await asyncio.sleep(10.0)
        rack.oven.close_door()
        await until(lambda: rack.oven.shown_degc < 56.0, 60.0, 1.0)
        await until(lambda: rack.oven.shown_degc > 57.0, 300.0, 1.0)
        rack.oven.freeze_sensor()
        took_s = await until(lambda: run.state is RunState.HOLDING, 900.0)
        assert f"the sensor of {OVEN} is frozen at 57." in run.reason
        assert took_s >= 590.0
        assert rack.oven.target_degc == 25.0


async def test_sensor_that_freezes_while_a_run_soaks_leaves_the_safe_set_point(rig: Rig, store: Store) -> None:
    """The run waits and says why; the oven is not heated again, and its memory is written twice (faults C12)."""
    async with warm_rack(rig, store, is_cold=True, reach_within_s=3600.0) as rack:
        run = rack.service.submit(warm(), "ada")
        await until(lambda: rack.oven.shown_degc > 55.0, 900.0, 1.0)
        rack.oven.freeze_sensor()
        await until(lambda: rack.oven.target_degc == 25.0, 700.0)
        await asyncio.sleep(1200.0)
        assert run.state is RunState.PREFLIGHT
        assert run.reason.startswith(f"soaking: the sensor of {OVEN} is frozen at 55.")
        assert rack.oven.target_degc == 25.0
        assert rack.driver_rig.controller.writes == 2
        await until(lambda: run.state is RunState.FAILED, 3600.0, 60.0)
        assert not store.tests(run.run_id)


async def test_oven_that_does_not_answer_is_told_and_holds_after_the_time_of_grace(rig: Rig, store: Store) -> None:
    """A dead oven delays nobody: the tester's records go on, and another run begins outside meanwhile (fault A05)."""
    async with warm_rack(rig, store) as rack:
        run = await running(rack, warm(cycles=20))
        rack.oven.cut_power()
        outside = await running(rack, warm(OUTSIDE, None))
        assert outside.state.is_live
        await until(lambda: run.state is RunState.HOLDING, 500.0)
        assert len(rack.events(_K.OVEN_LOST)) == 1
        rack.oven.restore_power()
        await until(lambda: f"{OVEN} answers again" in rack.events(_K.OVEN_BACK), 300.0)


async def test_soaking_run_is_stopped_at_once(rig: Rig, store: Store) -> None:
    """A person waits for no oven."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        run = rack.service.submit(warm(), "ada")
        await asyncio.sleep(60.0)
        began_s = asyncio.get_running_loop().time()
        await rack.service.stop(run.run_id, "ada")
        assert run.state is RunState.STOPPED
        assert asyncio.get_running_loop().time() - began_s < 5.0


async def test_check_of_the_oven_before_a_run(rig: Rig, store: Store) -> None:
    """Beside a cold oven it says that it will be heated, outside of any that nobody does, beyond its limits no."""
    async with warm_rack(rig, store) as rack:

        async def told(channel: str, degc: float | None) -> tuple[Outcome, str]:
            request = warm(channel, None if degc is None else CellTemperature(degc))
            report = await rack.service.preflight.report(request, "ada", NO_TERMS)
            (check,) = [it for it in report.checks if it.check is CheckName.OVEN]
            return check.outcome, check.sentence

        assert (await told(CHANNEL, 60.0))[0] is Outcome.PASS
        assert "is brought to 60 degC and soaks" in (await told(CHANNEL, 60.0))[1]
        assert (await told(CHANNEL, 90.0))[0] is Outcome.FAIL
        assert (await told(CHANNEL, None))[0] is Outcome.WARN
        assert (await told(OUTSIDE, 60.0))[0] is Outcome.WARN
        assert (await told(OUTSIDE, None))[0] is Outcome.NOT_ASKED


async def test_thermometer_that_contradicts_the_oven_refuses_the_start(rig: Rig, store: Store) -> None:
    """Nobody knows which of the two is right; nothing was started."""
    async with warm_rack(rig, store, Beside(lambda: 56.5)) as rack:
        run = rack.service.submit(warm(), "ada")
        await until(lambda: run.state is RunState.FAILED, 7200.0, 30.0)
        assert "and the thermometer at eurotherm-3216-oven 56.5 degC" in run.reason
        assert not store.tests(run.run_id)


async def test_oven_of_a_service_that_died_in_the_soak_is_set_back_by_the_next(rig: Rig, store: Store) -> None:
    """The run has failed, nothing else wants 60 degC: the cell inside does not stay there for good (fault E01)."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        rack.service.submit(warm(wanted=CellTemperature(60.0)), "ada")
        await asyncio.sleep(600.0)
    assert rack.oven.target_degc == 60.0
    async with served_again(rig, store, rack.driver_rig) as service:
        await asyncio.sleep(60.0)
        assert service.runs[0].state is RunState.FAILED
        assert rack.oven.target_degc == 25.0


async def test_oven_set_by_a_person_is_left_alone_by_the_next_service(rig: Rig, store: Store) -> None:
    """A set point that no process of ours has ordered last stays (fault B03)."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        rack.service.submit(warm(wanted=CellTemperature(60.0)), "ada")
        await asyncio.sleep(600.0)
    rack.oven.order(45.0, volatile=False)
    async with served_again(rig, store, rack.driver_rig):
        await asyncio.sleep(60.0)
    assert rack.oven.target_degc == 45.0


async def test_oven_stays_while_a_run_inside_is_not_recovered_yet(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is recovered ends; the other goes on in its tester, and keeps its temperature until it is known."""
    async with warm_rack(rig, store) as rack:
        first = rack.service.submit(warm(cycles=2), "ada")
        other = rack.service.submit(warm(OTHER, cycles=20), "ada")
        await until(lambda: first.state.is_live and other.state.is_live, 7200.0, 30.0)
    recover = Recovery.recover

    async def all_but_one(self: Recovery, row: RunRow) -> Run:
        if row.channel == OTHER:
            raise NotConfirmed("this tester does not say yet")
        return await recover(self, row)

    # A tester that answers for one channel and not for another is no fault of the simulator.
    monkeypatch.setattr(Recovery, "recover", all_but_one)
    async with served_again(rig, store, rack.driver_rig) as service:
        await until(lambda: service.runs[0].state is RunState.COMPLETED, 4 * 3600.0, 60.0)
        await asyncio.sleep(600.0)
        assert rack.oven.target_degc == 60.0
        said = service.ovens.conflict(CHANNEL, (CellTemperature(25.0),), "this run")
        assert said.startswith(f"this run wants 25 degC on {CHANNEL}, and {other.run_id} on {OTHER}, of an earlier")
        assert not service.ovens.conflict(CHANNEL, (CellTemperature(60.0),), "this run")


async def test_run_that_wants_it_cooler_waits_until_the_oven_has_cooled_down(rig: Rig, store: Store) -> None:
    """What it was at is no reason to cut it out: the cell is there already, and no current flows."""
    async with warm_rack(rig, store) as rack:
        run = await running(rack, warm(wanted=CellTemperature(40.0)))
        assert abs(rack.oven.place_degc - 40.0) < 3.0
        assert rack.events(_K.OVEN_TOO_HOT) == []
        assert run.state is RunState.RUNNING


async def test_heater_that_sticks_in_a_soak_fails_the_run_and_leaves_the_safe_set_point(rig: Rig, store: Store) -> None:
    """The order of the soak does not take the safe one back (fault C11)."""
    async with warm_rack(rig, store, is_cold=True) as rack:
        run = rack.service.submit(warm(), "ada")
        await asyncio.sleep(300.0)
        rack.oven.stick_heater()
        await until(lambda: run.state is RunState.FAILED, 1200.0)
        assert "stuck on: switch the oven off" in run.reason or "too hot: " in run.reason
        await asyncio.sleep(120.0)
        assert rack.oven.target_degc == 25.0
        assert not store.tests(run.run_id)


async def test_sensor_that_shows_the_right_value_from_the_beginning_and_never_moves_soaks_no_run(
    rig: Rig, store: Store
) -> None:
    """It is frozen beside the set point while the oven heats: no current flows on its word (fault C12)."""
    async with warm_rack(rig, store, is_cold=True, reach_within_s=5400.0) as rack:
        rack.oven.order(60.0, volatile=False)
        await until(lambda: rack.oven.shown_degc >= 59.9, 900.0, 1.0)
        rack.oven.freeze_sensor()
        run = rack.service.submit(warm(wanted=CellTemperature(60.0)), "ada")
        await asyncio.sleep(1800.0)
        assert run.state is RunState.PREFLIGHT
        assert "does not move while its heater does" in run.reason


async def test_who_ends_leaves_no_oven_hot_for_nobody(rig: Rig, store: Store) -> None:
    """A command that ran one cell orders the safe set point before it leaves its oven alone."""
    there = OvenRig(places=[CHANNEL])
    ovens = Ovens(BenchOvens(tuple(zip(there.settings, there.drivers, strict=True))), store, [])
    async with ovens.watching():
        watch = ovens.of(CHANNEL)
        assert watch is not None
        await watch.orders.order(60.0, "a run")
    assert there.oven.target_degc == 60.0
    await ovens.rest()
    assert there.oven.target_degc == 25.0
    await there.close()
