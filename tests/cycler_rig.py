"""A simulated CHI660E that cycles the cell at its leads, beside the simulated rack, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from drivers.chi660e.cycling_tester import PotentiostatCycler
from drivers.interfaces import ChannelState, TestIdentity
from orchestrator.clock.virtual import wall_time
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.program import ConstantCurrent, Program
from tests.rig import CHANNEL, li_li_program
from tests.service_rig import running
from tests.station_rig import StationRig, open_station_rig

CHI = "chi660e"
# A process that runs for an hour of virtual time is looked at seven hundred times, not seven thousand.
_SELDOM = {"poll_period_s": 5.0}


@dataclass
class CyclerRig:
    """The channel on the cell of ``CHANNEL``, whose holder is empty for the tester, and all that is behind it."""

    cycler: PotentiostatCycler
    rig: StationRig

    async def supervise(self, store: Store, program: Program) -> Run:
        """Run a program on the channel to its end."""
        request = RunRequest(program, CHI, CHI)
        (run,) = await Supervisor(store, self.cycler).run([request])
        return run

    def another(self) -> PotentiostatCycler:
        """Give what a process that begins now has of the instrument."""
        return PotentiostatCycler(self.rig.settings, self.rig.station.potentiostat, wall_time, self.rig.station.turn)

    def configure(self, text: str) -> None:
        """Let every process of the program that begins from now on have this configuration."""
        self.rig.cfg.write_text(text, encoding="utf-8")

    async def jobs(self, count: int, within_s: float = 100_000.0) -> None:
        """Wait until so many processes have been started."""
        async with asyncio.timeout(within_s):
            while len(self.rig.launched) < count:  # noqa: ASYNC110 -- a started process tells nobody
                await asyncio.sleep(1.0)


@asynccontextmanager
async def open_cycler_rig(
    cells: dict[str, str] | None = None,
    **chi: Any,  # noqa: ANN401 - fields of Chi660eSettings
) -> AsyncIterator[CyclerRig]:
    """Open the rig; its channel is open, with the leads on the cell."""
    async with open_station_rig(by_hand=True, cells=cells, chi=_SELDOM | chi) as rig:
        rig.bench.clip(CHANNEL)
        made = CyclerRig(PotentiostatCycler(rig.settings, rig.station.potentiostat, wall_time, rig.station.turn), rig)
        await made.cycler.open()
        try:
            yield made
        finally:
            await made.cycler.close()
            assert rig.processes_left() == []


def short_program(cycles: int = 2, cutoff_v: float = 0.5) -> Program:
    """Give cycles of ten minutes each way behind the contact check, with a cutoff of one's own."""
    program = li_li_program(cycles, half_cycle_s=600.0)
    (segment,) = program.cycling
    steps = tuple(
        replace(step, until=replace(step.until, voltage_v=cutoff_v if step.current_a > 0 else -cutoff_v))
        if isinstance(step, ConstantCurrent) and (step.until.time_s or 0.0) > 60.0
        else step
        for step in segment.steps
    )
    return replace(program, segments=(replace(segment, steps=steps),))


@asynccontextmanager
async def cycling_service(cycler: PotentiostatCycler, store: Store) -> AsyncIterator[Service]:
    """Run a service with the channel; leaving the block ends it in order, which ends what the channel does."""
    try:
        async with running(Service(store, [cycler])) as service:
            yield service
    finally:
        await cycler.close()


async def until(run: Run, *states: RunState, within_s: float = 100_000.0) -> None:
    """Wait for a run to be in one of these states."""
    async with asyncio.timeout(within_s):
        while run.state not in states:  # noqa: ASYNC110 -- a run's state is looked at, as a person does
            await asyncio.sleep(5.0)


def request(program: Program | None = None) -> RunRequest:
    """Ask for a run on the potentiostat's channel."""
    return RunRequest(program or short_program(), CHI, CHI)


def executed(store: Store, run: Run) -> list[ExecutedStep]:
    """Give the steps of all tests of a run."""
    return [step for test in store.tests(run.run_id) for step in store.steps(test.id)]


def kinds(store: Store, run: Run) -> set[str]:
    """Give what happened in a run."""
    return {event.kind for event in store.events(run.run_id)}


async def started(rig: CyclerRig, barcode: str = "R000001", program: Program | None = None) -> TestIdentity:
    """Load and start without a host."""
    (segment,) = (program or short_program()).cycling
    return await rig.cycler.start(await rig.cycler.load(CHI, segment, barcode), barcode)


async def state_of(rig: CyclerRig) -> ChannelState:
    """Ask for the channel."""
    return (await rig.cycler.status([CHI]))[CHI].state
