"""One cell, several instruments: at no moment do two of them energise it, and who is in the way is told by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from drivers.interfaces import BatteryTester, ChannelState, Isolation
from orchestrator.api.routes import channel_now
from orchestrator.bench.opening import station_on
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.station import Station
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import ChannelUse, Terms
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.mux.server import SimulatedMux
from simulators.neware.step_machine import Status
from tests.cycler_rig import until
from tests.measuring_rig import start_by_hand
from tests.rig import CHANNEL
from tests.service_rig import request, running, state
from tests.smu_rig import CHANNEL as SMU
from tests.smu_rig import SmuRig, smu_rig
from tests.station_rig import StationRig, eis_program, switch_of
from tests.stepped_rig import SLOW

RECIPE = """
name: shared
title: A spectrum between two cycles
for: [li-li]
record: {every: 30 s}
potentiostat: {rest: 2 min, drift_per_min: 1 mV}
steps:
  - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 5 min, voltage: 0.5 V}}
  - {step: eis, high: 100 kHz, low: 10 Hz}
  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 5 min, voltage: -0.5 V}}
"""
BOTH = f"channel {CHANNEL} and channel {SMU} are wired to one cell"
WIRED = ((CHANNEL, SMU),)


@dataclass
class Shared:
    """A source meter, a CT-4008 and a CHI660E at one cell; ``seen`` is who had it at each moment that was looked at."""

    rack: StationRig
    smu: SmuRig
    tester: BatteryTester
    station: Station
    seen: list[frozenset[str]] = field(default_factory=list)

    def service(self, store: Store) -> Service:
        """Give a service with all of them."""
        return Service(store, [self.rack.tester, self.tester], station=self.station, shared_cells=WIRED)

    def energisers(self) -> frozenset[str]:
        """Give who can pass a current now, by the simulated terminals: an output that is on, a step, the leads."""
        machine = self.rack.bench.tester.channel(CHANNEL).machine
        found = {"smu": self.smu.output_on, "ct4008": machine.status is Status.WORKING}
        return frozenset(name for name, has in found.items() if has) | (
            {"chi660e"} if self.rack.bench.leads.channel else set()
        )

    async def look(self) -> None:
        """Look at each moment of the loop's time, a second apart and between."""
        while True:
            self.seen.append(self.energisers())
            await asyncio.sleep(0.37)

    def most(self) -> int:
        """Give the largest number of instruments at one moment."""
        return max(len(it) for it in self.seen)


@asynccontextmanager
async def shared(rack: StationRig) -> AsyncIterator[Shared]:
    """Wire a source meter to the cell of ``CHANNEL``, and the switch to it."""
    smu = smu_rig(more=SLOW)
    rack.bench.leads.others[SMU] = smu.unit
    relays = SimulatedMux(8, on_select=lambda port: rack.bench.clip(SMU if port else None))
    switch = switch_of(relays, {1: SMU}, Isolation.YES)
    station = Station(rack.station.potentiostat, switch, {SMU: 1, CHANNEL: 1})
    await switch.open()
    async with smu.tester() as tester:
        made = Shared(rack, smu, tester, station)
        looking = asyncio.create_task(made.look())
        try:
            yield made
        finally:
            looking.cancel()
            await switch.close()


async def test_run_cycles_on_a_source_meter_and_measures_on_the_potentiostat(
    station_rig: StationRig, store: Store
) -> None:
    """The spectrum is in the middle of the run, the tester of the same cell is refused meanwhile, and has it then."""
    async with shared(station_rig) as both, running(both.service(store)) as service:
        await asyncio.sleep(20.0)
        run = service.submit(RunRequest(eis_program(RECIPE), SMU, SMU), "ada")
        with pytest.raises(CommandRefused, match=f"{BOTH}, and {run.run_id} on {SMU} is queued"):
            service.submit(request(), "bob")
        await asyncio.sleep(120.0)
        assert both.energisers() == {"smu"}
        with pytest.raises(CommandRefused, match=BOTH):
            service.submit(request(), "bob")
        await until(run, RunState.COMPLETED)
        assert len(store.measurements(run.run_id)) == 1
        assert len(store.tests(run.run_id)) == 3
        with pytest.raises(CommandRefused, match=f"cell {SMU} of {run.run_id}.* is still mounted on {CHANNEL}"):
            service.submit(request(), "bob")
        other = service.submit(request(cycles=1, half_cycle_s=120.0), "bob", Terms(mounted=CHANNEL))
        await until(other, RunState.COMPLETED)
    assert {next(iter(it)) for it in both.seen if it} == {"smu", "ct4008", "chi660e"}
    assert both.most() == 1


async def test_cell_of_one_channel_is_on_every_channel_that_is_wired_to_it(
    station_rig: StationRig, store: Store
) -> None:
    """Its next test may be ordered on the other channel as the same cell; said to be empty there, it is so on both."""
    async with shared(station_rig) as both, running(both.service(store)) as service:
        await asyncio.sleep(20.0)
        first = service.submit(replace(request(cycles=1, half_cycle_s=120.0), label="A17"), "ada")
        await until(first, RunState.RUNNING)
        assert channel_now(service, SMU).use is ChannelUse.BUSY
        assert f"{first.run_id} on {CHANNEL} is running" in channel_now(service, SMU).words
        with pytest.raises(CommandRefused, match=f"{first.run_id} .A17. is on {CHANNEL}"):
            service.cells.empty(SMU, "bob")
        await until(first, RunState.COMPLETED)
        assert channel_now(service, SMU).use is ChannelUse.IDLE
        second = service.submit(replace(request(SMU, 1, 120.0), label=""), "ada", Terms(same_cell=True))
        assert second.request.label == "A17"
        await until(second, RunState.COMPLETED)
        assert service.cells.elsewhere("A17", CHANNEL) == {}
        service.cells.empty(CHANNEL, "ada")
        assert channel_now(service, SMU).use is ChannelUse.FREE
        assert service.cells.on(SMU) is None


async def test_test_by_hand_on_the_other_instrument_holds_the_run(station_rig: StationRig, store: Store) -> None:
    """The run's output goes off within a poll, both are named, and the test of the hand is left alone."""
    async with shared(station_rig) as both, running(both.service(store)) as service:
        await asyncio.sleep(20.0)
        run = service.submit(RunRequest(eis_program(RECIPE), SMU, SMU), "ada")
        await until(run, RunState.RUNNING)
        await asyncio.sleep(30.0)
        await start_by_hand(station_rig)
        await until(run, RunState.HOLDING, within_s=15.0)
        assert f"channel {SMU} and channel {CHANNEL} are wired to one cell" in run.reason
        assert both.energisers() == {"ct4008"}
        with pytest.raises(CommandRefused):
            service.submit(request(), "bob")
        await service.resume(run.run_id, "ada")
        assert state(run) is RunState.HOLDING
        assert f"{CHANNEL} is working with" in run.reason
        # Whose cell is driven by hand is not looked at either.
        await asyncio.sleep(60.0)
        assert both.energisers() == {"ct4008"}


async def test_output_that_is_switched_on_by_hand_holds_the_run(station_rig: StationRig, store: Store) -> None:
    """A source meter that is kept off is asked whether it is on, is told nothing, and holds the run with both names."""
    async with shared(station_rig) as both, running(both.service(store)) as service:
        await asyncio.sleep(20.0)
        run = service.submit(request(), "ada")
        await until(run, RunState.RUNNING)
        await asyncio.sleep(30.0)
        both.smu.unit.received.clear()
        await asyncio.sleep(60.0)
        assert set(both.smu.unit.received) == {":OUTP?"}
        both.smu.unit.instrument.set_by_hand(":OUTP ON")
        await until(run, RunState.HOLDING, within_s=15.0)
        assert f"channel {CHANNEL} and channel {SMU} are wired to one cell: {SMU} is other" in run.reason
        assert "is on, and no test of this process runs there" in run.reason
        assert both.energisers() == {"smu"}
        await service.resume(run.run_id, "ada")
        assert state(run) is RunState.HOLDING
        both.smu.unit.instrument.set_by_hand(":OUTP OFF")
        await asyncio.sleep(20.0)
        await service.resume(run.run_id, "ada")
        await until(run, RunState.RUNNING)
        assert both.energisers() == {"ct4008"}


async def test_run_is_refused_while_the_other_instrument_drives_the_cell(station_rig: StationRig, store: Store) -> None:
    """A test that was started by hand before keeps a source meter off: it does not even look at the cell."""
    await start_by_hand(station_rig)
    async with shared(station_rig) as both:
        both.seen.clear()
        async with running(both.service(store)) as service:
            await asyncio.sleep(20.0)
            status = (await both.tester.status([SMU]))[SMU]
            assert status.state is ChannelState.FINISHED
            run = service.submit(RunRequest(eis_program(RECIPE), SMU, SMU), "ada")
            await until(run, RunState.FAILED)
            assert f"channel {SMU} and channel {CHANNEL} are wired to one cell" in run.reason
            assert set(both.seen) == {frozenset({"ct4008"})}


def test_bench_file_names_the_channels_of_a_cell() -> None:
    """They must be there, and in one cell; the port of one is that of all."""
    units = [{"channel": SMU, "model": "keithley-2450", "resource": "TCPIP::h::5025::SOCKET", "serial": "1"}]
    ct4008 = {
        "host": "h",
        "step_files": "/srv",
        "step_files_on_bts_pc": "/srv",
        "units": [{"devid": 21, "subdevid": 1}],
    }
    described = {
        "tester": [ct4008, {"kind": "smu", "units": units}],
        "potentiostat": {"program": "/opt/chi", "jobs": "/jobs"},
        "multiplexer": {"kind": "relay-mux", "port": "COM5", "identity": "RM1", "ports": 8, "channels": {"3": CHANNEL}},
        "shared_cell": [{"channels": [CHANNEL, SMU]}],
    }
    bench = BenchSettings.model_validate(described)
    station = station_on(bench)
    assert station is not None
    assert station.ports == {CHANNEL: 3, SMU: 3}
    assert bench.sharing_with(SMU) == (CHANNEL,)
    for wrong, why in ((["21-1-3", "smu-7"], "no channel 'smu-7'"), ([SMU, SMU], "wired twice"), ([SMU], "at least 2")):
        with pytest.raises(ValueError, match=why):
            BenchSettings.model_validate(described | {"shared_cell": [{"channels": wrong}]})
