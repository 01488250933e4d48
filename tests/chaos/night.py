"""A night: a rack, a host, an operator and everything that may go wrong, in virtual time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from drivers.neware import stepfile
from orchestrator.clock.virtual import VirtualTimeLoop
from orchestrator.events import Told
from orchestrator.states import RunState
from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.neware.schedule import Schedule
from simulators.neware.settings import Quirks, Trouble
from simulators.neware.stepfile import read_schedule
from tests.chaos import happenings
from tests.chaos.at_instruments import AtInstruments
from tests.chaos.beside import Beside
from tests.chaos.corner import Corner
from tests.chaos.host import POLL_S, Host
from tests.chaos.instruments import INSIDE, SMUS, Instruments, warmed
from tests.chaos.invariants import Invariants
from tests.chaos.plan import CHANNELS, PART_S, Happening, draw
from tests.chaos.programs import measuring_programs, programs

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CALM_S = 5 * POLL_S + 300.0
# A start that has not ended after so many seconds of calm is no start under way.
START_S = 120
_STARTING = frozenset({RunState.PREFLIGHT, RunState.ARMED})
LFP = CHANNELS[5:]


class InlineLoop(VirtualTimeLoop):
    """Virtual time without threads: a thread's work is done at once, and the killed leave none behind."""

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run the function here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as err:  # noqa: BLE001 - handed to whoever waits
            future.set_exception(err)
        return future


@dataclass(frozen=True)
class Outcome:
    """What a night has shown; ``digest`` is the same for the same night."""

    seed: int
    injected: Counter[str]
    finished: Counter[str]
    samples: int
    spectra: Counter[str]
    digest: str
    wall_s: float
    fed: str
    told: str
    at_instruments: str = ""


class Night:
    """Everything that a happening may touch."""

    def __init__(self, seed: int, folder: Path, *, has_instruments: bool = False) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, InlineLoop)
        cells = {
            name: load_cell("coated-lfp" if name in LFP else "coated-li-li", seed=seed * 10 + n)
            for n, name in enumerate(CHANNELS)
        }
        self.seed = seed
        self.bench = SimulatedBench(
            loop.time,
            loop.epoch_unix_s,
            1,
            cells,
            seed=seed,
            negative_voltage=True,
            quirks=Quirks(reply_delay_s=0.25),
        )
        self.invariants = Invariants(self.bench, folder / "cellrig.db")
        self.corner = Corner(self.bench, loop, folder, self.invariants.at_leads.hear)
        self.invariants.at_leads.stays = self.corner.stays
        self.instruments = Instruments(loop.time, self.bench.tester, seed) if has_instruments else None
        self.at_instruments = (
            AtInstruments(self.instruments, self.invariants.query, (folder / "cellrig.db").exists)
            if self.instruments is not None
            else None
        )
        self.host = Host(self.bench, self.corner, folder, (self.invariants.hear, self._note), self.instruments)
        self.beside = Beside(seed, self.host)
        self.host.started = self.beside.start
        self.programs = {
            name: programs("lfp-200mA-g", "coated-lfp") if name in LFP else programs("li-li-0.2", "coated-li-li")
            for name in CHANNELS
        }
        if self.instruments is not None:
            # Short ones: a source meter is asked every two seconds.
            self.programs |= {name: programs("li-li-0.2", "coated-li-li")[:4:3] for name in SMUS}
            self.programs |= {name: warmed(self.programs[name]) for name in INSIDE}
        self.measuring = {name: measuring_programs("lfp" if name in LFP else "li-li") for name in CHANNELS}
        self.injected: Counter[str] = Counter()
        self._fresh = 0
        self.link_troubles = 0
        self.troubles_so_far = 0

    def schedule(self, channel: str) -> Schedule:
        """Give a program that somebody might start at the tester."""
        (segment,) = self.programs[channel][0].cycling
        return read_schedule(stepfile.write(segment, "somebody", 0.0), self.bench.tester.units[0].ratings)

    @contextmanager
    def link_trouble(self) -> Iterator[None]:
        """Note that the link is bad meanwhile."""
        self.link_troubles += 1
        self.troubles_so_far += 1
        if self.at_instruments is not None:
            self.at_instruments.line_troubles += 1
        try:
            yield
        finally:
            self.link_troubles -= 1
            if self.at_instruments is not None:
                self.at_instruments.line_troubles -= 1

    @contextmanager
    def oven_trouble(self) -> Iterator[None]:
        """Note that the oven is in trouble meanwhile, and for two minutes more."""
        assert self.at_instruments is not None
        self.at_instruments.oven_troubles += 1
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(120.0, self.at_instruments.oven_is_well)

    def kill(self) -> None:
        """Kill the service and see what it leaves."""
        before = self.invariants.stored()
        self.host.kill()
        self.beside.die_with_control()
        self.invariants.survived(before)

    async def _note(self, told: Told) -> None:
        await self.beside.hear(told)

    async def happen(self, happening: Happening) -> None:
        """Let one thing happen at its time."""
        await asyncio.sleep(happening.at_s)
        if await happenings.TABLE[happening.kind](self, happening):
            self.injected[happening.kind] += 1
        self.invariants.look(self.host)
        if self.at_instruments is not None:
            self.at_instruments.look()
        self.beside.look()

    async def calm(self) -> None:
        """Mend everything, keep the service up for some polls, and look whether all has come to order."""
        self.bench.wire.mend()
        self.host.bts_is_dead(False)
        self.host.switch_is_dead(False)
        self.corner.mend()
        for name in CHANNELS:
            with self.corner.reached(name):
                self.bench.tester.put_back_cell(name)
            self.bench.tester.make_trouble(name, Trouble())
        self._replace_dead_cells()
        if self.instruments is not None:
            self.instruments.mend()
        self.host.start()
        self.beside.mend()
        await asyncio.sleep(CALM_S)
        await self._starts_under_way()
        self.invariants.look(self.host)
        self.invariants.order(self.host)
        if self.at_instruments is not None:
            self.at_instruments.look()
            self.at_instruments.order()
        await self.beside.order()

    def _replace_dead_cells(self) -> None:
        """Put fresh cells where faults have charged one to death: no run would ever begin there again."""
        for name in LFP:
            channel = self.bench.tester.channel(name)
            is_dead = not 2.0 <= channel.cell.voltage_v(0.0) <= 4.3
            if is_dead and not channel.busy and self.corner.channel != name:
                self._fresh += 1
                self.bench.tester.swap_cell(name, load_cell("coated-lfp", seed=self.seed * 1000 + self._fresh))

    async def _starts_under_way(self) -> None:
        """Wait for starts that a channel's turn has just begun: the tester may know of a test before the store does."""
        for _ in range(START_S):
            service = self.host.service
            if service is None or all(run.state not in _STARTING for run in service.runs):
                return
            await asyncio.sleep(1.0)

    async def live(self, days: float) -> None:
        """Live through the night."""
        await self.corner.open()
        watching = [asyncio.ensure_future(it) for it in self._watched()]
        try:
            await self._live(days)
        finally:
            for task in watching:
                task.cancel()
            self.beside.kill_all()
            self.host.kill()
            await self.corner.close()

    def _watched(self) -> list[Coroutine[None, None, None]]:
        if self.instruments is None or self.at_instruments is None:
            return []
        return [self.instruments.follow(), self.at_instruments.watch(self.host)]

    async def _live(self, days: float) -> None:
        self.host.start()
        for part in draw(self.seed, days, instruments=self.instruments is not None):
            async with asyncio.TaskGroup() as group:
                for happening in part:
                    group.create_task(self.happen(happening), name=happening.kind)
            await asyncio.sleep(max(0.0, PART_S - part[-1].at_s if part else 0.0) / 10)
            await self.calm()
        service = self.host.service
        assert service is not None
        await service.stop_rack("the morning")
        self.invariants.look(self.host)
        self.invariants.end(self.host)
        if self.at_instruments is not None:
            self.at_instruments.order()
            self.at_instruments.end()
        await self.beside.order()
        self.beside.end()


def replay(seed: int, days: float, *, has_instruments: bool = False) -> Outcome:
    """Live through a night; AssertionError or ExceptionGroup says what was broken."""
    began_s = time.perf_counter()

    async def main(folder: Path) -> Outcome:
        night = Night(seed, folder, has_instruments=has_instruments)
        await night.live(days)
        told = night.invariants.reader
        outcome = Outcome(
            seed,
            night.injected,
            told.finished(),
            told.sample_count(),
            told.spectra(),
            told.digest(),
            time.perf_counter() - began_s,
            night.beside.stranger.figures(),
            night.beside.people.figures(),
            night.at_instruments.figures() if night.at_instruments is not None else "",
        )
        told.close()
        return outcome

    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=InlineLoop) as runner:
        return runner.run(main(Path(folder)))
