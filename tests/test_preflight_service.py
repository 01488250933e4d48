"""The checks before a run as a service makes them: beforehand over REST, at the order, and before the start."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import date

import pytest

from drivers.errors import OutcomeUnknown
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import CheckName, Outcome
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.lamps import switch_lamp
from orchestrator.rack.mounted_cells import NO_TERMS, Terms
from orchestrator.rack.preflight import PreflightPlan
from orchestrator.rack.service import Service
from orchestrator.rack.voltage_watch import VoltageWatches
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.loading import load_cell, load_recipe
from protocols.resolve import resolve
from simulators.faults import Fault, Spoil
from tests.api_client import ORDER, Client
from tests.cycler_rig import CyclerRig
from tests.preflight_rig import ENOUGH, checks, plan, planned
from tests.rig import CHANNEL, Rig
from tests.service_rig import request


async def test_report_names_every_check_of_a_healthy_order(rig: Rig, store: Store) -> None:
    """A Li/Li cell on a free channel: nothing fails, the step file was read back, and what is not asked says why."""
    async with planned(rig, store, plan(synchronised=True)) as service:
        found = await checks(service)
    unasked = {name for name, check in found.items() if check.outcome is Outcome.NOT_ASKED}
    assert unasked == {"calibration", "versions", "commissioned", "steady", "oven", "backup", "ups", "notices"}
    assert {check.outcome for name, check in found.items() if name not in unasked} == {Outcome.PASS}
    assert "read back equal" in found[CheckName.LIMITS].sentence
    assert store.runs() == []


async def test_wrong_cell_and_an_empty_holder_are_told_beforehand(rig: Rig, store: Store) -> None:
    """An LFP run where a Li/Li cell shows 0 V: the voltage fails, with what it may be and what to do (faults C01)."""
    lfp = RunRequest(resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp")), CHANNEL, "x")
    async with planned(rig, store, plan()) as service:
        voltage = (await checks(service, lfp))[CheckName.VOLTAGE]
        rig.bench.tester.pull_out_cell(CHANNEL)
        await asyncio.sleep(60)
        empty = (await checks(service, lfp))[CheckName.VOLTAGE]
    assert voltage.is_failed
    assert "no cell, or a short" in voltage.sentence
    assert "Look at the holder" in voltage.to_do
    assert empty.is_failed


async def test_full_disk_refuses_the_order_and_the_start(rig: Rig, store: Store) -> None:
    """Three times the records to come must fit; one that was queued before the disk filled does not start (F01)."""
    free = [ENOUGH]
    full = PreflightPlan(PreflightSettings(), free=lambda _: free[0])
    async with planned(rig, store, full) as service:
        waiting = service.submit(request(), "ada")
        free[0] = 10**6
        with pytest.raises(CommandRefused, match=r"1\.0 MB free.*free space on that disk"):
            service.submit(request("21-1-5"), "ada")
        await asyncio.sleep(60)
        assert waiting.state is RunState.FAILED
        assert "free space on that disk" in waiting.reason
    assert rig.bench.tester.channels[CHANNEL].tests == []


async def test_start_keeps_its_checks_with_the_run(rig: Rig, store: Store) -> None:
    """Before the start each check is made again and stored in one event, the channel's own among them."""
    async with planned(rig, store, plan(synchronised=False)) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(60)
        assert run.state is RunState.RUNNING
    (event,) = [event for event in store.events(run.run_id) if event.kind == EventKind.PREFLIGHT]
    kept = {check["check"]: check["outcome"] for check in json.loads(event.data_json or "{}")["checks"]}
    assert set(kept) == {name.value for name in CheckName} - {"tester"}
    assert (kept["channel"], kept["voltage"], kept["clock"]) == ("pass", "pass", "warn")
    assert event.message.startswith("may start; warn: clock; ")


async def test_warning_refuses_where_the_bench_says_so(rig: Rig, store: Store) -> None:
    """An expired calibration is a warning, and a refusal for a bench that lists it under ``refuse``."""
    dates = {rig.tester.name: date(2020, 1, 2)}
    async with planned(rig, store, plan(calibrated=dates)) as service:
        assert (await checks(service))[CheckName.CALIBRATION].outcome is Outcome.WARN
        service.submit(request(), "ada")
    async with planned(rig, store, plan(refuse=("calibration",), calibrated=dates)) as service:
        assert (await checks(service, request("21-1-5")))[CheckName.CALIBRATION].is_failed
        with pytest.raises(CommandRefused, match="calibrated on 2020-01-02"):
            service.submit(request("21-1-5"), "ada")


OTHER = "21-1-5"


def named(label: str, channel: str = CHANNEL, cell: str = "lot-7") -> RunRequest:
    """Give an order with the cell file of a user's own."""
    program = request(channel).program
    return RunRequest(replace(program, cell=replace(program.cell, name=cell)), channel, label)


async def test_one_cell_on_two_channels_is_told_by_the_other_channel(rig: Rig, store: Store) -> None:
    """Refused where it runs, a warning where it was left; the name of a batch only warns, none typed says nothing.

    Faults C07.
    """
    async with planned(rig, store, plan()) as service:
        first = service.submit(named("A17"), "ada")
        service.submit(named("lot-7", "21-1-6"), "ada")
        await asyncio.sleep(60)
        told = (await checks(service, named("A17", OTHER)))[CheckName.CELL]
        assert told.is_failed
        assert f"A17 is on channel {CHANNEL} just now, where {first.run_id} of it is running" in told.sentence
        with pytest.raises(CommandRefused, match=f"A17 is on channel {CHANNEL} just now"):
            service.submit(named("", OTHER), "ada", Terms(mounted="A17"))
        batch = (await checks(service, named("", OTHER), Terms(mounted="lot-7")))[CheckName.CELL]
        assert (batch.outcome, "channel 21-1-6" in batch.sentence) == (Outcome.WARN, True)
        assert (await checks(service, named("", OTHER)))[CheckName.CELL].outcome is Outcome.PASS
        await service.stop(first.run_id, "ada")
        left = (await checks(service, named("A17", OTHER)))[CheckName.CELL]
        assert (left.outcome, left.to_do) == (
            Outcome.WARN,
            f"if it was moved from there, say so: cellrig empty {CHANNEL}",
        )
        service.cells.empty(CHANNEL, "ada")
        assert (await checks(service, named("A17", OTHER)))[CheckName.CELL].outcome is Outcome.PASS


async def test_cell_that_runs_elsewhere_by_then_is_not_started(rig: Rig, store: Store) -> None:
    """What waits in a queue is no claim that the cell is there; the check before the start sees where it is."""
    async with planned(rig, store, plan()) as service:
        service.submit(named("A16", OTHER), "ada")
        second = service.submit(named("A17", OTHER), "ada", Terms(queue=True))
        await asyncio.sleep(60)
        service.submit(named("A17"), "bob")
        await asyncio.sleep(60)
        await service.stop("R000001", "ada")
        service.cells.mounted(second.run_id, "eve")
        await asyncio.sleep(60)
        assert second.state is RunState.FAILED
        assert f"A17 is on channel {CHANNEL} just now" in second.reason


@pytest.mark.parametrize(
    ("cell", "outcome"), [("A18", Outcome.WARN), ("A17", Outcome.PASS), ("bare-lfp", Outcome.PASS)]
)
async def test_mounted_name_that_is_not_that_of_the_cell_file_warns(
    rig: Rig, store: Store, cell: str, outcome: Outcome
) -> None:
    """With both names; the shipped cells are models, whose names are those of no cell."""
    async with planned(rig, store, plan()) as service:
        told = (await checks(service, named("", cell=cell), Terms(mounted="A17")))[CheckName.CELL]
        assert told.outcome is outcome
        differs = "the cell file is that of A18, and A17 is said to be mounted"
        assert (differs in told.sentence) == (outcome is Outcome.WARN)
    async with planned(rig, store, plan(refuse=("cell",))) as service:
        if outcome is Outcome.WARN:
            with pytest.raises(CommandRefused, match=differs):
                service.submit(named("", cell=cell), "ada", Terms(mounted="A17"))


@pytest.mark.parametrize("refuse", ["calibration", "versions", "backup", "clock", "oven", "notices"])
async def test_order_is_refused_for_a_check_that_cannot_be_asked_here(rig: Rig, store: Store, refuse: str) -> None:
    """Where the bench insists on it: no date, no versions commissioned, no backups, no clock service, nobody told."""
    async with planned(rig, store, plan(refuse=(refuse,))) as service:
        told = (await checks(service))[CheckName(refuse)]
        assert told.is_failed
        with pytest.raises(CommandRefused, match=f"it cannot be asked.*refuse names {refuse}"):
            service.submit(request(), "ada")


@pytest.mark.parametrize("refuse", ["ups", "steady", "voltage"])
async def test_start_is_refused_for_a_check_that_cannot_be_asked_here(rig: Rig, store: Store, refuse: str) -> None:
    """Of those that are made before the start alone: no UPS, no watch of the voltage, no window for it."""
    program = request().program
    first, *others = program.segments
    assert first is program.cycling[0]
    windowless = replace(first, guards=replace(program.cycling[0].guards, open_circuit=None))
    order = replace(request(), program=replace(program, segments=(windowless, *others)))
    async with planned(rig, store, plan(refuse=(refuse,))) as service:
        run = service.submit(order, "ada")
        await asyncio.sleep(60)
        assert run.state is RunState.FAILED
        assert f"refuse names {refuse}" in run.reason
    assert rig.bench.tester.channels[CHANNEL].tests == []


async def test_check_that_is_only_put_off_refuses_nothing(rig: Rig, store: Store) -> None:
    """The voltage is being watched, or that of another cell is there still: both are looked at before the start."""
    async with planned(rig, store, plan(watch_s=30, refuse=("steady", "voltage"))) as service:
        assert (await checks(service))[CheckName.STEADY].outcome is Outcome.NOT_ASKED
        run = service.submit(request(), "ada")
        await asyncio.sleep(60)
        assert run.state is RunState.RUNNING
        behind = await checks(service, terms=Terms(queue=True))
        assert {behind[name].outcome for name in (CheckName.STEADY, CheckName.VOLTAGE)} == {Outcome.NOT_ASKED}


async def test_busy_claimed_and_silent_channels_are_told(rig: Rig, store: Store) -> None:
    """Each of them fails under its own name, and a run that may wait behind another one is only warned."""
    async with planned(rig, store, plan()) as service:
        service.claim("21-1-5", "night script", 600)
        claimed = (await checks(service, request("21-1-5")))[CheckName.CHANNEL]
        assert "claimed by night script" in claimed.sentence
        service.submit(request(), "ada")
        await asyncio.sleep(60)
        busy = await checks(service)
        assert (busy[CheckName.CHANNEL].outcome, busy[CheckName.CELL].outcome) == (Outcome.FAIL, Outcome.FAIL)
        waits = await checks(service, terms=Terms(queue=True))
        assert (waits[CheckName.CHANNEL].outcome, waits[CheckName.CELL].outcome) == (Outcome.WARN, Outcome.PASS)
        rig.tester.faults.silence(after_s=10)
        silent = await checks(service, request("21-1-6"))
        rig.tester.faults.mend()
    assert "has not answered within" in silent[CheckName.TESTER].sentence
    assert silent[CheckName.CHANNEL].is_failed


async def test_voltage_is_watched_before_the_start_where_the_bench_says_so(rig: Rig, store: Store) -> None:
    """Asked beforehand it is begun, and told when it is over; a loose lead then refuses the start."""
    async with planned(rig, store, plan(watch_s=30)) as service:
        report = await service.preflight.report(request(), "ada", NO_TERMS)
        assert 0 < report.ready_in_s <= 30
        await asyncio.sleep(40)
        steady = (await checks(service))[CheckName.STEADY]
        assert (steady.outcome, "at rest the voltage drifts" in steady.sentence) == (Outcome.PASS, True)
        signs = itertools.cycle((1, -1, -1))
        rig.tester.faults.change(
            "status",
            lambda seen: {
                name: replace(status, voltage_v=status.voltage_v + 0.02 * next(signs)) for name, status in seen.items()
            },
        )
        run = service.submit(request(), "ada")
        await asyncio.sleep(60)
        assert run.state is RunState.FAILED
        assert "no lead is loose" in run.reason


async def test_watch_too_short_for_its_readings_goes_on_until_they_are_there(rig: Rig, store: Store) -> None:
    """Live values are 5 s old: within 6 s two come, so that the watch takes 15 s, and says so; then it is judged."""
    async with planned(rig, store, plan(watch_s=6)) as service:
        report = await service.preflight.report(request(), "ada", NO_TERMS)
        assert report.ready_in_s == pytest.approx(15.0)
        await asyncio.sleep(16)
        assert (await checks(service))[CheckName.STEADY].outcome is Outcome.PASS


async def test_watch_of_a_silent_tester_ends_and_says_what_is_missing(rig: Rig) -> None:
    """It goes on for two readings more than it needs, and no longer: a start waits for it."""
    rig.tester.faults.silence()
    began_s = asyncio.get_running_loop().time()
    check = await VoltageWatches(6.0).before_start(rig.tester, CHANNEL, lambda: False, is_symmetric=True)
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(25.0)
    assert (check.outcome, check.sentence.startswith("only 0 of 4 readings")) == (Outcome.WARN, True)


async def test_lamp_is_switched_once_and_kept(rig: Rig, store: Store) -> None:
    """The lamp of the channel shines, the store says who ordered it, and a lost reply is not sent again."""
    async with planned(rig, store, plan()) as service:
        await asyncio.sleep(1)
        await switch_lamp(service, CHANNEL, "ada", on=True)
        assert rig.bench.tester.channels[CHANNEL].lit
        rig.bench.wire.spoil(Fault(Spoil.SILENT, "light"))
        with pytest.raises(OutcomeUnknown):
            await switch_lamp(service, CHANNEL, "ada", on=False)
    told = [event.message for event in store.events() if event.kind == EventKind.COMMAND]
    assert told == [f"lamp of channel {CHANNEL} on, ordered by ada", f"lamp of channel {CHANNEL} off, ordered by ada"]


async def test_lamp_of_an_instrument_without_one_is_refused(cycler_rig: CyclerRig, store: Store) -> None:
    """The potentiostat has no lamps: the sentence says so, and nothing is sent or stored."""
    service = Service(store, [cycler_rig.cycler])
    (channel,) = cycler_rig.cycler.channel_names()
    with pytest.raises(CommandRefused, match="has no lamp at channel"):
        await switch_lamp(service, channel, "ada", on=True)
    assert list(store.events()) == []


async def test_rest_tells_the_checks_and_orders_nothing(client: Client) -> None:
    """``GET`` by shipped names and ``POST`` of a whole order answer 200 with each check; nothing is queued."""
    await asyncio.sleep(60)
    found = await client.get(f"/preflight?recipe=li-li-0.2&cell=coated-li-li&channel={CHANNEL}")
    assert found["may_start"]
    assert [check["check"] for check in found["checks"]] == [name.value for name in CheckName]
    slip = {**ORDER, "recipe_yaml": ORDER["recipe_yaml"].replace("0.2 mA/cm2", "40 mA/cm2")}
    told = await client.post("/preflight", slip)
    assert [check["check"] for check in told["checks"] if check["outcome"] == "fail"] == ["plausible"]
    assert not told["may_start"]
    assert (await client.get("/runs"))["runs"] == []
    await client.get(f"/preflight?recipe=li-li-0.2&cell=coated-li-li&channel={CHANNEL}&labels=x", 422)
    await client.get("/preflight?recipe=li-li-0.2&cell=coated-li-li&channel=99-1-1", 404)
