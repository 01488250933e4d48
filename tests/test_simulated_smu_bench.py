"""The source meters of the built-in simulated bench: in one process, and served with the rack."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from drivers.smu import SmuSettings
from orchestrator.bench.opening import bench_ovens
from orchestrator.bench.serving import ensure_simulated_rack
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.simulated import SimulatedRack, open_simulated_rack, open_simulated_station, simulated_bench
from orchestrator.bench.simulated_smus import SIMULATED_SMUS, open_simulated_smus
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.holders import Holders
from simulators.smu.server import SimulatedSmu
from tests.rig import Rig, li_li_program
from tests.smu_talk import EXACT, Battery


async def test_built_in_bench_has_source_meters_that_run_programs(store: Store) -> None:
    """A Li/Li program is completed on each, in virtual time, with the records that it asks for."""
    program = li_li_program(cycles=1, half_cycle_s=120.0)
    assert set(SIMULATED_SMUS) <= {it for tester in simulated_bench().tester for it in tester.channel_names()}
    async with open_simulated_smus(dict.fromkeys(SIMULATED_SMUS, "coated-li-li"), {}, 1, 600.0) as (tester, _):
        requests = [RunRequest(program, channel, channel) for channel in SIMULATED_SMUS]
        runs = await Supervisor(store, tester).run(requests)
    assert [run.state for run in runs] == [RunState.COMPLETED, RunState.COMPLETED]


# The rack outlives who started it.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_served_rack_has_source_meters_and_an_oven(tmp_path: Path) -> None:
    """The bench file of a rack that is not too fast names them at their addresses, where the right ones answer."""
    bench, said = ensure_simulated_rack(tmp_path / "x.db", 10.0)
    try:
        units = [unit for it in bench.tester if isinstance(it, SmuSettings) for unit in it.units]
        assert [unit.channel for unit in units] == list(SIMULATED_SMUS)
        for unit in units:
            assert unit.socket is not None
            with socket.create_connection(unit.socket, timeout=20.0) as client, client.makefile("rwb") as stream:
                stream.write(b"*IDN?\n")
                stream.flush()
                assert f",{unit.serial}," in stream.readline().decode()
        assert said.endswith("\nsimulated-oven has 21-1-7 and 21-1-8 inside")
        assert asyncio.run(_ordered(bench, 60.0)) == 60.0
    finally:
        os.kill(int(said.partition("process ")[2].partition(";")[0]), signal.SIGKILL)


async def _ordered(bench: BenchSettings, target_degc: float) -> float:
    """Order a set point of the only oven of a bench, and give the one that it then shows."""
    async with bench_ovens(bench) as ((oven,), _):
        await oven.open()
        await oven.set_target(target_degc)
        return (await oven.read()).target_degc


async def test_order_puts_its_cell_into_a_source_meters_holder(rig: Rig) -> None:
    """Into an empty one always, over another cell only a fresh one, and never while the output is on."""
    smu = SimulatedSmu("keithley-2450", asyncio.get_running_loop().time, Battery(3.3), quirks=EXACT)
    stage = smu.instrument.unit.stage
    stage.touch(lambda leads: leads.pull_out())
    holders = Holders(rig.bench.tester, 1, None, {"smu-1": smu})
    assert holders.mount("smu-1", "coated-lfp", fresh=False) == "coated-lfp"
    first = stage.leads.cell
    assert holders.mount("smu-1", "bare-lfp", fresh=False) == ""
    assert holders.mount("smu-1", "bare-lfp", fresh=True) == "bare-lfp"
    assert stage.leads.cell is not first
    smu.instrument.unit.press_output()
    with pytest.raises(ValueError, match="works"):
        holders.mount("smu-1", "bare-lfp", fresh=True)


async def test_switch_brings_a_source_meters_cell_to_the_potentiostat() -> None:
    """The spectrum is of that very cell; the source meter sees nothing meanwhile, and has it back as old as it is."""
    async with AsyncExitStack() as stack:
        _, bench = await stack.enter_async_context(open_simulated_rack(SimulatedRack()))
        _, units = await stack.enter_async_context(open_simulated_smus({}, {}, 1, 600.0))
        bench.leads.others.update(units)
        station = await stack.enter_async_context(open_simulated_station(bench))
        leads = units["smu-2"].instrument.unit.stage.leads
        cell = leads.cell
        await station.connect("smu-2")
        assert bench.leads.channel == "smu-2"
        assert bench.leads.terminals().impedance_ohm(1e3) == cell.impedance_ohm(1e3)
        assert abs(leads.cell.voltage_v(1e-6)) > 10.0
        await asyncio.sleep(3600.0)
        await station.disconnect("smu-2")
        assert leads.cell is cell
        with pytest.raises(ValueError, match="isolates"):
            bench.clip("smu-2", isolating=False)
