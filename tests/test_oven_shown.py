"""What people and programs are told of ovens: beside the channels, a line for each oven, and of each run."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import httpx
import pytest

from orchestrator.analysis.summary import details
from orchestrator.analysis.time_ahead import time_ahead
from orchestrator.api.app import create_app
from orchestrator.api.live_stream import LiveClients
from orchestrator.cli.operate import print_status
from orchestrator.cli.output import ProgressView
from orchestrator.cli.run_tables import print_run
from orchestrator.cli.watch import picture
from orchestrator.clock.virtual import wall_time
from orchestrator.events import RunUpdate
from orchestrator.rack.ovens import BenchOvens
from orchestrator.rack.service import Service
from orchestrator.runs.progress import Progress
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.temperature import CellTemperature
from simulators.faults import Fault, Spoil
from simulators.oven.serve import ServedOven, serve_oven
from tests.api_client import TOKEN, answered
from tests.oven_rig import OvenRig
from tests.oven_service_rig import OTHER, OUTSIDE, OVEN, WarmRack, running, until, warm, warm_rack
from tests.rig import CHANNEL, Rig
from tests.service_rig import running as serving


def client_of(rack: WarmRack) -> httpx.AsyncClient:
    """Give a client of a rack's service, which runs already."""
    transport = httpx.ASGITransport(create_app(rack.service, LiveClients(rack.service.bus), TOKEN))
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


async def test_status_and_show_tell_the_temperature_of_a_place_and_what_its_oven_does(
    rig: Rig, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """The channels inside have a temperature, the one outside has none; the oven holds, soaks, is too hot, says why."""
    async with warm_rack(rig, store) as rack, client_of(rack) as http:

        async def told() -> str:
            found = await answered(http, "GET", "/status", 200)
            (oven,) = found["ovens"]
            assert oven["name"] == OVEN
            return str(oven["words"])

        assert (await told()).endswith(" degC, set to 60 degC, no run wants a temperature")
        run = await running(rack, warm(cycles=20))
        await asyncio.sleep(600.0)
        assert await told() == "60.0 degC, holds 60 degC"
        inside = await answered(http, "GET", f"/channels/{OTHER}", 200)
        assert (inside["temperature_degc"], inside["oven"]) == (pytest.approx(60.0, abs=0.2), OVEN)
        outside = await answered(http, "GET", f"/channels/{OUTSIDE}", 200)
        assert (outside["temperature_degc"], outside["oven"]) == (None, None)

        found = await answered(http, "GET", "/status", 200)
        print_status(found)
        shown = capsys.readouterr().out
        assert "channel  place degC  what it does" in shown
        assert re.search(rf"\n{CHANNEL} +60\.0  runs {run.run_id} \({CHANNEL}\), ", shown)
        assert re.search(rf"\n{OUTSIDE} +-  free\n", shown)
        assert f"\n{OVEN}  60.0 degC, holds 60 degC" in shown
        assert f"\n{OVEN}  60.0 degC, holds 60 degC" in picture(found, "", 80, 40).plain
        print_run(details(store, run.run_id, 0), "")
        shown = capsys.readouterr().out
        assert f"{'temperature':19}60.0 degC at its newest record; the recipe wants 60 degC\n{'':19}59.9 to 60" in shown
        assert "without a temperature" not in shown

        rack.oven.stick_heater()
        await until(lambda: run.state is RunState.HOLDING, 300.0)
        found = await answered(http, "GET", "/status", 200)
        (oven,) = found["ovens"]
        assert oven["needs_person"]
        assert oven["held"] == [run.run_id]
        assert " K above the 60 degC that its runs want" in oven["words"]
        assert oven["words"].endswith(f"; held: {run.run_id}")


async def test_oven_that_soaks_or_is_silent_says_so(rig: Rig, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The run for which it soaks is named, with the time; an oven without power needs a person and no place has one."""
    async with warm_rack(rig, store, is_cold=True) as rack, client_of(rack) as http:
        run = rack.service.submit(warm(wanted=CellTemperature(60.0)), "ada")
        await asyncio.sleep(300.0)
        (oven,) = (await answered(http, "GET", "/status", 200))["ovens"]
        assert oven["soaking"] == [run.run_id]
        assert f" degC, soaks at 60 degC for {run.run_id}, about " in oven["words"]
        rack.oven.cut_power()
        await asyncio.sleep(120.0)
        found = await answered(http, "GET", "/status", 200)
        assert "does not answer" in found["ovens"][0]["words"]
        print_status(found)
        shown = capsys.readouterr().out
        assert f"a person is needed at {OVEN}" in shown
        assert "place" not in shown


async def test_soak_counts_in_the_time_left(rig: Rig, store: Store) -> None:
    """Under way as its run says, before a segment of another temperature as the recipe says; the end is then right."""
    first = warm(wanted=CellTemperature(60.0, soak_s=1200.0), cycles=1)
    cooler = replace(first.program.segments[0], temperature=CellTemperature(55.0, tolerance_k=2.0, soak_s=1800.0))
    request = replace(first, program=replace(first.program, segments=(*first.program.segments, cooler)))
    steps_s = Progress.at_start(request.program).times.left_s(0, 0.0)
    assert steps_s is not None
    async with warm_rack(rig, store, is_cold=True) as rack:
        run = rack.service.submit(request, "ada")
        await asyncio.sleep(300.0)
        update = run.update()
        said = re.search(r"about (\d+) min left", update.reason)
        assert said
        assert update.time_left_s is not None
        assert update.time_left_s == pytest.approx(60.0 * int(said[1]) + steps_s + 1800.0, abs=60.0)
        assert update.expected_end_unix_s == pytest.approx(wall_time() + update.time_left_s, abs=1.0)
        await until(lambda: run.state.is_live, 7200.0, 10.0)
        assert run.update().time_left_s == pytest.approx(steps_s + 1800.0, abs=60.0)
        await until(lambda: len(run.tests) == 1 and run.status.is_between, 7200.0, 10.0)
        await asyncio.sleep(600.0)
        between, at_unix_s = run.update(), wall_time()
        ahead = time_ahead(RunData(store, run.run_id))
        assert ahead is not None
        assert ahead["time_left_s"] == pytest.approx(steps_s / 2 + 1800.0, abs=60.0)
        assert re.search(
            r"soaking: 5\d\.\d of 55 degC, within 2 degC for \d+ of 30 min, about \d+ min left", between.reason
        )
        await until(lambda: run.state is RunState.COMPLETED, 14400.0, 10.0)
        assert between.time_left_s == pytest.approx(wall_time() - at_unix_s, abs=120.0)


async def test_show_says_how_many_records_have_no_temperature(
    rig: Rig, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lowest, the mean and the highest of those that have one, and the number of those that do not."""
    async with warm_rack(rig, store) as rack:
        run = await running(rack, warm(cycles=20))
        await asyncio.sleep(1200.0)
        rack.oven.break_sensor()
        await until(lambda: run.state is RunState.HOLDING, 400.0)
    found = details(store, run.run_id, 0)
    degc = [one for (one,) in store.connection.execute("SELECT temperature_degc FROM sample")]
    there = [one for one in degc if one is not None]
    told = found["temperatures"]
    assert (told["lowest_degc"], told["highest_degc"]) == (min(there), max(there))
    assert told["mean_degc"] == pytest.approx(sum(there) / len(there), abs=1e-3)
    assert told["samples_without"] == len(degc) - len(there) > 0
    print_run(found, "")
    shown = capsys.readouterr().out
    assert f"{'':19}59.9 to 60.0 degC, 60.0 degC in the mean of its samples\n" in shown
    assert f"{'':19}without a temperature: {len(degc) - len(there)} of {len(degc)} samples\n" in shown


async def test_oven_that_is_gone_is_told_at_the_terminal_and_with_the_runs_inside(
    rig: Rig, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """``cellrig run --bench`` says it at once, and ``show`` lists it with the run inside, and not with one outside."""
    async with warm_rack(rig, store) as rack:
        outside = rack.service.submit(warm(OUTSIDE, None), "ada")
        run = await running(rack, warm(cycles=20))
        rack.service.bus.subscribe(ProgressView())
        rack.driver_rig.line.wire.spoil(Fault(Spoil.SILENT, times=None))
        await asyncio.sleep(60.0)
        rack.driver_rig.line.wire.mend()
        await asyncio.sleep(60.0)
    words = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines() if OVEN in line]
    assert [f"{OVEN} does not answer" in words[0], f"{OVEN} answers again" in words[-1]] == [True, True]
    inside, beside = (details(store, it.run_id, 0)["events"] for it in (run, outside))
    told = [event["kind"] for event in inside if event["kind"].startswith("oven")]
    assert told == ["oven set", "oven does not answer", "oven back"]
    assert not [event for event in beside if event["kind"].startswith("oven")]


async def test_first_word_of_a_soak_is_a_temperature(rig: Rig, store: Store) -> None:
    """A run that begins while the first reading is on its way waits for it, and does not say that there is none."""
    there = OvenRig(places=[CHANNEL])
    there.line.wire.spoil(Fault(Spoil.LATE, "3", times=2, seconds=0.9))
    bench = BenchOvens(tuple(zip(there.settings, there.drivers, strict=True)))
    async with serving(Service(store, [rig.tester], ovens=bench)) as service:
        run = service.submit(warm(), "ada")
        await until(lambda: run.reason.startswith("soaking"), 60.0, 0.01)
        assert run.reason == "soaking: 23.0 of 60 degC"
    await there.close()


def test_progress_tells_the_soak_again_where_there_are_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    """The first look, then each ten minutes, and at once what keeps the oven from being there."""
    view = ProgressView()
    for reason, left_s in (
        ("soaking: 23.0 of 60 degC", None),
        ("soaking: 30.0 of 60 degC, about 34 min left", 34 * 60.0),
        ("soaking: 30.4 of 60 degC, about 33 min left", 33 * 60.0),
        ("soaking: 45.0 of 60 degC, about 22 min left", 22 * 60.0),
        ("soaking: the sensor of oven-60 is frozen at 45.0 degC", None),
    ):
        state = (RunState.PREFLIGHT, reason, 0.0, 600.0, 0, None, 0, False)
        view.show(RunUpdate("R1", "cell-17", CHANNEL, *state, left_s))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("soaking: ")[2][:8] for line in lines] == ["23.0 of ", "30.0 of ", "45.0 of ", "the sens"]
    assert lines[1] == "cell-17: soaking: 30.0 of 60 degC, about 34 min left"


@pytest.mark.real_time
async def test_simulated_oven_tells_its_own_address_before_that_of_its_hands() -> None:
    """Who reads one line has the address of the controller."""
    told: list[str] = []
    both = asyncio.Event()

    def hands(address: str) -> None:
        told.append(f"hands on {address}")
        both.set()

    serving = asyncio.create_task(serve_oven(ServedOven(control=0), port=0, announce=told.append, announce_hands=hands))
    await both.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert [line.startswith("hands on ") for line in told] == [False, True]
