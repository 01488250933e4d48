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
from orchestrator.cli.run_tables import print_run
from orchestrator.cli.watch import picture
from orchestrator.clock.virtual import wall_time
from orchestrator.runs.progress import Progress
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.temperature import CellTemperature
from tests.api_client import TOKEN, answered
from tests.oven_service_rig import OTHER, OUTSIDE, OVEN, WarmRack, running, until, warm, warm_rack
from tests.rig import CHANNEL, Rig


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
        assert f"{'temperature':19}60.0 degC at its newest record; the recipe wants 60 degC" in capsys.readouterr().out

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
        assert between.reason.startswith("soaking, ")
        ahead = time_ahead(RunData(store, run.run_id))
        assert ahead is not None
        assert ahead["time_left_s"] == pytest.approx(steps_s / 2 + 1800.0, abs=60.0)
        await until(lambda: run.state is RunState.COMPLETED, 14400.0, 10.0)
        assert between.time_left_s == pytest.approx(wall_time() - at_unix_s, abs=120.0)
