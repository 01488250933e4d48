"""The service: one process that owns the instruments, their runs and the store, and executes clients' commands.

Clients (command line, pages, scripts) come and go; runs do not care. Cancelling the service leaves every tester riding
on: the next start asks them what became of each run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import isnan

from drivers.errors import BadReply, ConnectionFailed, DriverError
from drivers.interfaces import BatteryTester, ChannelState
from orchestrator.bench.holders import SimulatedHolders
from orchestrator.bench.station import Station
from orchestrator.clock.scaled import in_loop_time
from orchestrator.events import Bus, EventKind
from orchestrator.preflight.machine_checks import MOST_ROWS
from orchestrator.rack.cell_orders import CellOrders
from orchestrator.rack.channel_queue import Keep, keep_nothing
from orchestrator.rack.channel_watch import BY_HAND
from orchestrator.rack.claims import Claims, CommandRefused, NoSuchThing
from orchestrator.rack.double_orders import DoubleOrders
from orchestrator.rack.housekeeping import Housekeeping
from orchestrator.rack.mounted_cells import NO_TERMS, Terms
from orchestrator.rack.opening_testers import TesterOpening
from orchestrator.rack.order_keys import OrderKeys
from orchestrator.rack.ovens import NO_OVENS, BenchOvens, Ovens
from orchestrator.rack.pending_orders import PendingOrders
from orchestrator.rack.preflight import Preflight, PreflightPlan
from orchestrator.rack.shared_cells import SharedCells
from orchestrator.rack.start_gate import StartGate
from orchestrator.rack.stop_orders import StopOrders, StopReport
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.recovery import Recovery
from orchestrator.runs.request import RunRequest, stored_program
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Damaged, RunRow, Store, StoreError
from protocols.usual_bands import BANDS, UsualBands

logger = logging.getLogger(__name__)

_RETRY_S = 5.0
_RETRY_MAX_S = 60.0
# Where millions of records were judged again, nobody has seen the channels meanwhile.
_LONG_RECOVERY_S = 1.0


class Service:
    """Owns testers and store; accepts commands while ``run`` is running."""

    def __init__(
        self,
        store: Store,
        testers: Sequence[BatteryTester],
        bus: Bus | None = None,
        housekeeping: Housekeeping | None = None,
        station: Station | None = None,
        bands: UsualBands = BANDS,
        holders: SimulatedHolders | None = None,
        simulated: bool | None = None,
        plan: PreflightPlan | None = None,
        ovens: BenchOvens = NO_OVENS,
        shared_cells: Sequence[Sequence[str]] = (),
    ) -> None:
        self.store = store
        # Whether the instruments only simulate; None where that is not known.
        self.simulated = simulated
        self.station = station
        self.bus = bus or Bus()
        store.bus = self.bus
        self.supervisors = [Supervisor(store, tester, self.bus, station, holders) for tester in testers]
        for supervisor in self.supervisors:
            supervisor.is_served = True
        self._gate = StartGate(self.supervisors)
        self._opening = TesterOpening()
        self.claims = Claims()
        self._double_orders = DoubleOrders()
        self.orders = PendingOrders()
        self.stops = StopOrders(self, self.orders)
        self.cells = CellOrders(self)
        self.order_keys = OrderKeys(store)
        self.ovens = Ovens(ovens, store, self.supervisors)
        store.shared_cells = shared_cells
        self.shared_cells = SharedCells(shared_cells, self.supervisors, self.hold)
        self.preflight = Preflight(self, plan or PreflightPlan(bands=bands, holders=holders))
        for supervisor in self.supervisors:
            supervisor.checks_before_start = self.preflight.before_start
            supervisor.arrival.keep_others_off = self.shared_cells.keep_others_off
        self._housekeeping = housekeeping
        # Runs of an earlier process whose stored program is not the one that was ordered.
        self._not_adopted: dict[str, str] = {}

    async def run(self) -> None:
        """Recover the runs of an earlier process, then serve until cancelled."""
        self._gate.note_start(self.store)
        async with self.bus.listening(), self.ovens.watching(), self.shared_cells.watching():
            try:
                await self._serve_all()
            finally:
                await self.preflight.end()
                await self.orders.end()

    async def _serve_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gate.observe_to_the_end(), name="observe")
            if self._housekeeping is not None:
                group.create_task(self._housekeeping.run(self.rows_to_come, self._gate.refuse), name="housekeeping")
            for supervisor in self.supervisors:
                group.create_task(self._serve(supervisor), name=f"serve {supervisor.tester.name}")

    @property
    def observe_only(self) -> bool:
        """Whether nothing is started for a time, because the service has died again and again."""
        return self._gate.observes_until_unix_s is not None

    @property
    def observes_until_unix_s(self) -> float | None:
        """Until when the service only observes; None when it does not."""
        return self._gate.observes_until_unix_s

    @property
    def newest_backup_unix_s(self) -> float | None:
        """When the newest backup was made, 0 where there is none; None where this service makes none."""
        return self._housekeeping.newest_backup_unix_s if self._housekeeping is not None else None

    def rows_to_come(self) -> int:
        """Estimate the number of records that the unfinished runs will still make."""
        open_runs = [run for run in self.runs if not run.state.has_ended]
        return sum(max(0, int(min(run.forecast.records, MOST_ROWS)) - run.update().samples) for run in open_runs)

    async def _serve(self, supervisor: Supervisor) -> None:
        # Until the tester answers, and the store has said which, any channel may have a run of an earlier process.
        supervisor.undecided = set(supervisor.tester.channel_names())
        await self._opening.open(supervisor)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recover(supervisor), name=f"recover {supervisor.tester.name}")
            group.create_task(supervisor.serve(), name=f"watch {supervisor.tester.name}")

    async def _recover(self, supervisor: Supervisor) -> None:
        """Recover every unfinished run; a run that cannot be decided yet blocks only its own channel."""
        recovery = supervisor.recovery
        supervisor.undecided |= set(supervisor.tester.channels())
        delay_s, began_s = _RETRY_S, asyncio.get_running_loop().time()
        while supervisor.undecided:
            with supervisor.trouble.tolerating(supervisor.tester.name):
                recovery.close_leftovers()
                await self._recover_once(supervisor, recovery)
            if supervisor.undecided:
                await asyncio.sleep(in_loop_time(delay_s))
                delay_s = min(2 * delay_s, _RETRY_MAX_S)
        supervisor.wake(to_poll=asyncio.get_running_loop().time() - began_s > _LONG_RECOVERY_S)

    async def _recover_once(self, supervisor: Supervisor, recovery: Recovery) -> None:
        # What a client has ordered since this process began is no earlier process's.
        known = {run.run_id for run in self.runs}
        rows = [row for row in recovery.unfinished() if row.run_id not in known]
        left = {row.run_id: row.channel for row in rows}
        supervisor.undecided = set(left.values())
        if supervisor.undecided - set(supervisor.tester.channels()):
            # It is opened again at the next look; until then these runs are not decided.
            with suppress(DriverError):
                await supervisor.tester.open()
        for row in rows:
            try:
                supervisor.adopt(await recovery.recover(row))
                del left[row.run_id]
                self._not_adopted.pop(row.run_id, None)
            except ConnectionFailed as err:
                logger.warning("run %s cannot be recovered yet: %s", row.run_id, err)
                if not isinstance(err, BadReply):
                    break
            except DriverError as err:
                logger.warning("run %s cannot be recovered yet: %s", row.run_id, err)
            except Damaged as err:
                if self._not_adopted.get(row.run_id) != str(err):
                    logger.error("run %s is not adopted: %s", row.run_id, err)
                self._not_adopted[row.run_id] = str(err)
            except StoreError as err:
                supervisor.trouble.note(f"run {row.run_id}", err)
            except Exception:  # a task's root: what hinders one run must not keep the others from being watched
                logger.exception("run %s cannot be recovered yet", row.run_id)
        supervisor.undecided = set(left.values())

    @property
    def troubles(self) -> list[str]:
        """Sentences on all present faults that concern the whole rack."""
        known = [] if self.no_starts is None else [self.no_starts]
        known += self._opening.troubles
        known += [s.trouble.sentence for s in self.supervisors if s.trouble.sentence]
        waiting = {row.run_id for _, row in self.undecided_rows()} if self._not_adopted else set()
        known += [sentence for run_id, sentence in self._not_adopted.items() if run_id in waiting]
        return list(dict.fromkeys(known + self.bus.troubles))

    # What clients may ask

    @property
    def runs(self) -> list[Run]:
        """The runs of this process."""
        return [run for supervisor in self.supervisors for run in supervisor.runs]

    def channels(self) -> list[str]:
        """Return all channels, in rack order, also those of a tester that does not answer yet."""
        found = [channel for supervisor in self.supervisors for channel in _channels_of(supervisor.tester)]
        return list(dict.fromkeys(found))

    def supervisor_of(self, channel: str) -> Supervisor:
        """Return the supervisor of a channel. Raises NoSuchThing."""
        # One that answers before one that does not: an entry that is refused describes channels of another one.
        for supervisor in sorted(self.supervisors, key=lambda it: not it.tester.channels()):
            if channel in _channels_of(supervisor.tester):
                return supervisor
        raise NoSuchThing(f"there is no channel {channel!r}; there are {', '.join(self.channels()) or 'none'}")

    def find(self, run_id: str) -> tuple[Supervisor, Run]:
        """Return the run of this process with an id. Raises NoSuchThing."""
        for supervisor in self.supervisors:
            for run in supervisor.runs:
                if run.run_id == run_id:
                    return supervisor, run
        for row in self.store.runs():
            if row.run_id == run_id:
                raise NoSuchThing(f"run {run_id} is {row.state.value}: this service has nothing to do with it any more")
        raise NoSuchThing(f"there is no run {run_id!r}; 'cellrig status' shows those that go on, 'cellrig runs' all")

    def claim(self, channel: str, owner: str, duration_s: float) -> None:
        """Lock a channel for a client. Raises NoSuchThing, and CommandRefused if somebody else has it."""
        self.supervisor_of(channel)
        self.claims.take(channel, owner, duration_s)

    @property
    def testers(self) -> list[BatteryTester]:
        """The testers, in rack order."""
        return [supervisor.tester for supervisor in self.supervisors]

    @property
    def no_starts(self) -> str | None:
        """Why nothing is started at present, in a sentence; None when nothing speaks against it."""
        return self._gate.refusal

    def submit(self, request: RunRequest, by: str, terms: Terms = NO_TERMS, keep: Keep = keep_nothing) -> Run:
        """Queue a run. Raises CommandRefused if it is not allowed there, or if no starts are allowed at present.

        A busy channel, or one with the cell of an ended run on it, needs ``terms``. Raises Implausible if something in
        its program is, and no person has confirmed it. ``keep`` may store more of the run, together with it.
        """
        supervisor = self.supervisor_of(request.channel)
        admitted, word = self.preflight.admitted(request, by, terms, self._double_orders.problem(request, by))
        run = supervisor.submit(replace(admitted, simulated=self.simulated), by, word, keep)
        self._double_orders.taken(request, run, by)
        return run

    async def stop(self, run_id: str, by: str) -> Run:
        """Stop a run now, at any time; when this returns the stop is confirmed, or the run is unknown."""
        for undecided, row in self.undecided_rows():
            if row.run_id == run_id:
                raise CommandRefused(await undecided.recovery.stop(row, by))
        supervisor, run = self.find(run_id)
        try:
            run.journal.note(EventKind.COMMAND, f"stop ordered by {by}")
        except StoreError as err:
            supervisor.trouble.note(f"run {run_id}", err)
            raise
        finally:
            await supervisor.stop(run, f"stopped by {by}")
        return run

    async def hold(self, run_id: str, by: str) -> Run:
        """Stop a run's current and keep the run, which a person resumes; confirmed when this returns, or unknown."""
        if any(row.run_id == run_id for _, row in self.undecided_rows()):
            raise CommandRefused(f"it is not known yet what became of run {run_id}: stop it, or hold it in a minute")
        supervisor, run = self.find(run_id)
        if run.state is RunState.QUEUED:
            raise CommandRefused(f"run {run_id} has not begun: 'cellrig stop {run_id}' takes it out of the queue")
        if run.state.is_settled or run.state.can_be_resumed:
            raise CommandRefused(f"run {run_id} is {run.state.value} already: nothing of it runs")
        try:
            run.journal.note(EventKind.COMMAND, f"hold ordered by {by}")
        finally:
            await supervisor.hold(run, f"held by {by}")
        return run

    async def stop_run(self, run_id: str, by: str) -> StopReport:
        """Stop a run as ``stop`` does, answered in time. Raises CommandRefused for one that is not recovered yet."""
        for undecided, row in self.undecided_rows():
            if row.run_id == run_id:
                said = await self.orders.give(f"stop of {run_id}", undecided.recovery.stop(row, by))
                silent = f"the stop of {run_id} is ordered and not confirmed: {undecided.tester.name} does not answer"
                raise CommandRefused(said or f"{silent}; {BY_HAND}")
        return await self.stops.stop_run(run_id, by)

    def undecided_rows(self) -> list[tuple[Supervisor, RunRow]]:
        """Return the runs of an earlier process that are not recovered yet."""
        known = {run.run_id for run in self.runs}
        waiting = [supervisor for supervisor in self.supervisors if supervisor.undecided]
        rows = [(it, row) for it in waiting for row in it.recovery.unfinished()]
        return [(supervisor, row) for supervisor, row in rows if row.run_id not in known]

    async def stop_rack(self, by: str) -> list[Run]:
        """Stop every run of every tester, and every channel that works without one, all at once.

        Whatever one stop raises is raised when all the others have been tried.
        """
        runs = [run for run in self.runs if not run.state.is_settled]
        stops = [self.stop(run.run_id, by) for run in runs]
        stops += [self.stop(row.run_id, by) for _, row in self.undecided_rows()]
        results = await asyncio.gather(*stops, return_exceptions=True)
        for supervisor in self.supervisors:
            if supervisor.tester.traits.is_remote:
                try:
                    working = await supervisor.watch.working()
                except DriverError as err:
                    logger.warning("%s: whether other channels work is not known: %s", supervisor.tester.name, err)
                    continue
                for channel in working:
                    await supervisor.watch.stop(channel, by)
        for failure in results:
            if isinstance(failure, BaseException) and not isinstance(failure, CommandRefused):
                raise failure
        return runs

    def acknowledge(self, run_id: str, by: str, note: str = "") -> Run:
        """Acknowledge a trip by name: the channel may be used again. Raises CommandRefused for any other state.

        ``note`` says what was seen at the cell, and stands in the event.
        """
        _, run = self.find(run_id)
        if run.state is not RunState.TRIPPED:
            raise CommandRefused(f"run {run_id} is {run.state.value}: only a tripped run is acknowledged")
        with self.store.transaction():
            run.journal.note(EventKind.COMMAND, f"trip acknowledged by {by}" + (f": {note}" if note else ""))
            run.go(RunState.STOPPED, f"{run.reason} (acknowledged by {by})")
        run.publish()
        return run

    async def resume(self, run_id: str, by: str) -> Run:
        """Resume a held run: start its remaining part as a new program, after the checks of any start."""
        supervisor, run = self.find(run_id)
        if run.state is RunState.QUEUED:
            raise CommandRefused(
                f"run {run_id} is queued and not held: say 'cellrig mounted {run_id}' when its cell is there"
            )
        if not run.state.can_be_resumed:
            first = f"; 'cellrig ack {run_id}' says that you have seen it" if run.state is RunState.TRIPPED else ""
            raise CommandRefused(
                f"run {run_id} is {run.state.value}: only a held run, or one that waits for you, is resumed{first}"
            )
        if self.no_starts is not None:
            raise CommandRefused(self.no_starts)
        if why := self.ovens.resume_problem(run):
            raise CommandRefused(why)
        if supervisor.has_pending_write(run):
            raise CommandRefused(f"what became of run {run_id} is not written down yet: try again in a minute")
        self.claims.check(run.request.channel, by)
        if run.last is not None and isnan(run.last.capacity_ah) and not run.status.is_between:
            raise CommandRefused(
                f"the last record of run {run_id} has no charge, so that what is left of its step is unknown: stop it, "
                "and order what is still to do as a new run"
            )
        stored_program(self.store.run(run_id))
        left = run.remaining_segment()
        run.journal.note(EventKind.COMMAND, f"resume ordered by {by}")
        if left is None and not run.status.is_between:
            run.border.leave()
        if run.status.is_between and run.progress.is_over:
            run.go(RunState.COMPLETED, "nothing was left to do")
            return run
        if run.status.is_between or left is None:
            run.go(RunState.PREFLIGHT)
            supervisor.wake()
            return run
        channel = run.request.channel
        status = (await supervisor.tester.status([channel]))[channel]
        if status.state is ChannelState.PAUSED and not run.taken_over(status) and run.records is not None:
            await supervisor.tester.stop(run.records.identity)
        if not run.state.can_be_resumed:
            raise CommandRefused(f"run {run_id} is {run.state.value} by now")
        with self.store.transaction():
            run.journal.gap(run.last, run.segment, by, supervisor.tester.records_every_s)
            run.go(RunState.PREFLIGHT)
        run.run_next(left)
        await supervisor.begin(run)
        return run


def _channels_of(tester: BatteryTester) -> tuple[str, ...]:
    """Return a tester's channels; while it does not answer, those that its settings describe."""
    return tester.channels() or tester.channel_names()
