"""The process that is killed: the service on a bench of one simulated tester, with the clients that give it orders."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from drivers.interfaces import BatteryTester, HostLoss, Isolation
from drivers.mux import RelayMultiplexer, RelayMuxSettings
from drivers.neware.opening import open_tester
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.station import Station
from orchestrator.clock.scaled import run_scaled
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus, RunUpdate, Told
from orchestrator.failpoints import arm
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import NO_TERMS, MountedCells, Terms
from orchestrator.rack.ovens import NO_OVENS
from orchestrator.rack.service import Service
from orchestrator.runs.recovery import Recovery
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from protocols.branches import Branch, Measure
from protocols.program import MeasurementSegment, Program, Rest, Until
from protocols.techniques import Impedance
from protocols.temperature import CellTemperature
from simulators.chi660e.launching import program
from tests.kill.instruments import SOAK_S, at_rest, oven_at, source_meter
from tests.kill.plan import Life, Order
from tests.rig import li_li_program

POLL_S = 30.0
# Waits for replies are scaled too, and a loaded machine is slow: nobody must give up because of that.
_PATIENCE_S = 50_000.0
_HANGS_AFTER_S = 50.0
_LATE_PATIENCE_S = 1500.0
_START_MAY_ARRIVE_S = 600.0
_LATE_START_MAY_ARRIVE_S = 6000.0
_UNDER_WAY = frozenset({RunState.PREFLIGHT, RunState.ARMED, RunState.RUNNING, RunState.UNSEEN})
_BLOCKING = frozenset({RunState.HOLDING, RunState.TRIPPED, RunState.UNKNOWN})


class Exit(IntEnum):
    """How a life ends that nobody ended: every run has ended, or waits for a person; or nothing is started any more."""

    OVER = 0
    OBSERVING = 3


@dataclass(frozen=True, slots=True)
class World:
    """Where a scenario takes place: it outlives the service. ``starts_late``: a start is lost, and arrives later."""

    folder: Path
    port: int
    chi: str
    switch: str
    speed: float
    origin_s: float
    epoch_unix_s: float
    starts_late: bool = False
    # Addresses of an oven, of the hands at it and of a source meter, where the scenario has them.
    oven: str = ""
    hands: str = ""
    smu: str = ""

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.folder / "cellrig.db"

    @property
    def reports(self) -> Path:
        """Where each life says what it has committed."""
        return self.folder / "reports.jsonl"


class Report:
    """Says, line by line, what is committed and how far the recovery is; a line is one write."""

    def __init__(self, store: Store, path: Path, expected: set[str]) -> None:
        self._store = store
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._expected = expected
        self._decided = not expected
        self._good = False

    def say(self, kind: str, **values: object) -> None:
        """Write one line."""
        line = json.dumps({"kind": kind, "at_s": time.monotonic(), "unix_s": wall_time(), **values})
        os.write(self._file, f"{line}\n".encode())

    async def update(self, update: Told) -> None:
        """Take what the supervisor publishes: after each commit and decision."""
        if not isinstance(update, RunUpdate):
            return
        self._expected.discard(update.run_id)
        if not self._decided and not self._expected:
            self._decided = True
            self.say("decided")
        elif self._decided and not self._good and update.state is RunState.RUNNING:
            self._good = True
            self.say("good")
        marks = self._store.connection.execute("SELECT test, max(sequence) FROM sample GROUP BY test").fetchall()
        self.say("committed", marks=dict(marks))


def live(world: World, life: Life, orders: tuple[Order, ...]) -> None:
    """Be the process: serve until everything is over, or death."""
    # A life that hangs is killed after 60 s; where it hung is then on stderr.
    faulthandler.dump_traceback_later(_HANGS_AFTER_S)
    arm(life.failpoint)
    result = run_scaled(_serve(world, life, orders), world.speed, world.epoch_unix_s, world.origin_s, alone=True)
    raise SystemExit(int(result))


async def _serve(world: World, life: Life, orders: tuple[Order, ...]) -> Exit:
    settings = NewareSettings(
        port=world.port,
        step_files=world.folder,
        step_files_on_bts_pc=str(world.folder),
        poll_period_s=POLL_S,
        # The reply to a late start never comes: whoever waits for it must not wait for ever.
        reply_timeout_s=_LATE_PATIENCE_S if world.starts_late else _PATIENCE_S,
        confirm_timeout_s=_LATE_PATIENCE_S if world.starts_late else _PATIENCE_S,
        start_may_arrive_s=_LATE_START_MAY_ARRIVE_S if world.starts_late else _START_MAY_ARRIVE_S,
        units=(UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),),
    )
    with open_store(world.store) as store:
        async with open_tester(settings, wall_time) as tester:
            testers: list[BatteryTester] = [tester]
            if world.smu:
                testers.append(source_meter(world.smu))
            unfinished = {row.run_id for it in testers for row in Recovery(store, it).unfinished()}
            report = Report(store, world.reports, unfinished)
            report.say("begun", unfinished=len(unfinished))
            station = _station(world)
            ovens = oven_at(world.oven) if world.oven else NO_OVENS
            service = Service(store, testers, Bus([report.update]), station=station, ovens=ovens)
            serving = asyncio.ensure_future(service.run())
            client = asyncio.ensure_future(_client(service, life, orders, report))
            await asyncio.wait({serving, client}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                client.cancel()
                serving.result()
            serving.cancel()
            await asyncio.wait({serving})
            return client.result()


# Its files are read here once, in the process from which all lives are forked, and are remembered in each of them.
li_li_program()


def _program(order: Order) -> Program:
    whole = li_li_program(order.cycles, order.half_cycle_s)
    if order.degc is not None:
        wanted = CellTemperature(order.degc, soak_s=SOAK_S)
        whole = replace(whole, segments=tuple(replace(it, temperature=wanted) for it in whole.segments))
    (segment,) = whole.cycling
    if order.decides:
        after = Branch(Measure.CYCLES, to=3, above=2.0 * order.cycles)
        rest = replace(segment, steps=(Rest(Until(time_s=60.0)),))
        return replace(whole, segments=(*[replace(segment, after=(after,))] * 3, rest))
    if not order.measures:
        return whole
    measured = MeasurementSegment(Impedance(1e5, 10.0), segment.limits.host, rest_s=60.0)
    first = replace(segment, steps=(Rest(Until(time_s=60.0)),))
    return replace(whole, segments=(first, measured, segment, measured))


def _station(world: World) -> Station:
    """Give the potentiostat and the switch that outlive this process, with all the patience that scaled time needs."""
    interpreter, *arguments = program()
    jobs = world.folder / "jobs"
    jobs.mkdir(exist_ok=True)
    settings = Chi660eSettings(
        program=Path(interpreter),
        program_arguments=tuple(arguments),
        jobs=jobs,
        command_line="list",
        working_folder="job",
        environment={"CHI660E_SIM_BENCH": world.chi},
        host_loss=HostLoss.RIDES_ON,
        poll_period_s=30.0,
        start_timeout_s=_PATIENCE_S,
        deadline_margin_s=_PATIENCE_S,
        settle_timeout_s=_PATIENCE_S,
        end_timeout_s=_PATIENCE_S,
    )
    mux = RelayMuxSettings(
        port=f"socket://{world.switch}",
        identity="RM0001",
        ports=8,
        channels={str(n): f"21-1-{n}" for n in range(1, 9)},
        isolates_tester=Isolation.YES,
        reply_timeout_s=_PATIENCE_S,
        reconnect_first_s=_PATIENCE_S / 1000,
    )
    ports = {channel: int(port) for port, channel in mux.channels.items()}
    return Station(Chi660ePotentiostat(settings, wall_time), RelayMultiplexer(mux), ports)


async def _client(service: Service, life: Life, orders: tuple[Order, ...], report: Report) -> Exit:
    """Give the orders that are not in the store yet, and do what a person does meanwhile."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    if service.observe_only:
        report.say("observing")
    else:
        # The runs of one channel are tests of one cell; the next one is another person's, not a second click.
        known = Counter(row.channel for row in service.store.runs())
        ordered: Counter[str] = Counter()
        for order in orders:
            ordered[order.channel] += 1
            if ordered[order.channel] > known[order.channel]:
                is_next = ordered[order.channel] > 1
                terms = Terms(queue=True, same_cell=True) if is_next else NO_TERMS
                by = "bob" if is_next else "ada"
                await _submit(service, order, by, terms)
    stop_at_s = None if life.stop_after_s is None else loop.time() + life.stop_after_s
    while True:
        await asyncio.sleep(POLL_S)
        running = [run.run_id for run in service.runs if run.state in {RunState.RUNNING, RunState.UNSEEN}]
        if stop_at_s is not None and loop.time() >= stop_at_s and running:
            stop_at_s = None
            await (service.hold if life.holds else service.stop)(running[0], "ada")
        if life.attended and not service.observe_only and await _attend(service):
            continue
        if (end := _end(service)) is not None:
            await at_rest(service.ovens)
            return end


async def _submit(service: Service, order: Order, by: str, terms: Terms) -> None:
    """Give an order; one for an oven whose runs of an earlier process are not recovered yet is given again."""
    while True:
        try:
            service.submit(RunRequest(_program(order), order.channel, order.channel), by, terms)
        except CommandRefused:
            if order.degc is None:
                raise
            await asyncio.sleep(POLL_S)
        else:
            return


async def _attend(service: Service) -> bool:
    """Resume what holds or waits, and acknowledge what tripped; True when there was anything to do."""
    for run in service.runs:
        tripped = {other.request.channel for other in service.runs if other.state is RunState.TRIPPED}
        waits = run.state is RunState.QUEUED and run.reason and run.request.channel not in tripped
        if waits and not MountedCells(service.store).begun_runs(run.request.channel):
            service.cells.mounted(run.run_id, "ada")
            return True
        if run.state is RunState.HOLDING:
            # An oven may not have soaked again yet: it is tried until it has.
            with suppress(CommandRefused):
                await service.resume(run.run_id, "ada")
            return True
        if run.state is RunState.TRIPPED:
            service.acknowledge(run.run_id, "ada")
            return True
    return False


def _end(service: Service) -> Exit | None:
    rows = service.store.runs()
    looked_after = {run.run_id for run in service.runs}
    # A life that has not recovered its runs is not over, whatever an earlier one has stored of them.
    open_states = _UNDER_WAY | {RunState.QUEUED, RunState.UNKNOWN}
    undecided = [row for row in rows if row.state in open_states and row.run_id not in looked_after]
    busy = [
        run
        for run in service.runs
        if run.state in _UNDER_WAY or run.status.stop_is_pending or run.status.start_is_unknown
    ]
    if undecided or busy:
        return None
    blocked = {row.channel for row in rows if row.state in _BLOCKING}
    # A queued run with a reason waits for a person.
    if all(row.channel in blocked or row.reason for row in rows if row.state is RunState.QUEUED):
        return Exit.OVER if rows else Exit.OBSERVING
    return Exit.OBSERVING if service.observe_only else None
