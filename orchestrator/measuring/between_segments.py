"""Takes a run from one cycling segment to the next: the cell rests, is measured at the potentiostat, and returns.

One energiser per cell at any time: the tester's channel is seen to be off before the switch moves, and is watched while
the potentiostat has the cell. An intent is committed before the cell is connected, its outcome when it is off again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from drivers.errors import MacroRefused, MeasurementFailed
from drivers.interfaces import BatteryTester, Measurement, Trace
from orchestrator.bench.station import Interrupted, Station
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.judging.limits import beyond_absolute
from orchestrator.judging.settling import Settling
from orchestrator.measuring.patient_writer import PatientWriter, in_full
from orchestrator.measuring.soft_short import SoftShortWatches
from orchestrator.measuring.storing import archive, keep_measurement
from orchestrator.measuring.tester_off import LOOK_S, TesterOffWatch
from orchestrator.measuring.visit import Rested, StationVisits, Visit
from orchestrator.runs.run import Run
from orchestrator.runs.soaking import Soak, no_oven
from orchestrator.runs.starting import StartPermit
from orchestrator.states import Ending, RunState
from orchestrator.store import Store, StoreError
from protocols.program import MeasurementSegment

logger = logging.getLogger(__name__)

_ATTEMPTS = 2


class BetweenSegments:
    """Takes each run of one tester from one cycling segment to the next."""

    def __init__(
        self,
        store: Store,
        tester: BatteryTester,
        station: Station | None,
        permit: StartPermit,
    ) -> None:
        self._store = store
        self._station = station
        self._off = TesterOffWatch(tester)
        self._refresh_s = tester.traits.refresh_s
        self._writer = PatientWriter(store)
        self._at = StationVisits(store, self._off, permit, self._writer)
        self._shorts = SoftShortWatches(store)
        # Waits until the oven has soaked, and returns why it does not; replaced where a bench has ovens.
        self.soak: Soak = no_oven
        # Whether somebody can be asked. A simulated run in the foreground goes on as if all was done at once.
        self.is_attended = True
        # Runs whose cell a person has been asked to move, and what the tester showed of it before.
        self._moving: dict[str, Rested] = {}
        # Why runs whose task was cancelled must be held, where the store refused to keep that.
        self._trouble: dict[str, str] = {}

    def trouble_of(self, run: Run) -> str:
        """Return why a run that is being stopped between segments must be held, else "": leads may be on its cell.

        Only what the store did not take is told here: ``write_pending`` holds the run. Any other is held already.
        """
        return self._trouble.get(run.run_id, "")

    def write_pending(self, run: Run) -> None:
        """Write the entries that a cancelled task could not write: outcomes, a complete spectrum, why the run is held.

        All in one commit, before anything else is written of the run. Raises StoreError, and may then be called again.
        """
        self._writer.write_pending(run)
        self._trouble.pop(run.run_id, None)

    async def go_on(self, run: Run) -> bool:
        """Carry out the measurements that are due; True when a cycling segment is to begin now.

        False when the run has ended, is held, or waits for a person.
        """
        try:
            if self._writer.has_pending(run):
                await self._writer.write_before_going_on(run, lambda: self.write_pending(run))
                if run.state is RunState.HOLDING:
                    return False
            if run.state is RunState.PREFLIGHT:
                await self._resume(run)
            self._judge(run, self._shorts.check_after_restart)
            while not run.progress.is_over:
                if why := run.border.take_hold():
                    raise Interrupted(why)
                if prompt := run.border.prompt:
                    await self._prompt(run, prompt)
                    if self.is_attended:
                        return False
                segment = run.progress.measurement
                if segment is None:
                    break
                if not await self._carry_out(run, segment):
                    return False
        except Interrupted as err:
            await self._hold(run, str(err))
            return False
        if run.progress.is_over:
            await self._writer.write_before_going_on(
                run, lambda: run.finish(Ending(RunState.COMPLETED, run.border.how_finished))
            )
            return False
        await self._writer.write_before_going_on(run, lambda: _to_preflight(run))
        return True

    async def _hold(self, run: Run, why: str) -> None:
        if not await self._writer.write_outcome(run, why, lambda: run.hold(why)):
            self._trouble[run.run_id] = why
            run.say(why)

    async def _resume(self, run: Run) -> None:
        """Continue a run that a person has resumed: disconnect its cell from the potentiostat. Raises Interrupted."""
        self._off.accept(run)
        if self._station is not None:
            if left := await self._station.disconnect_problem(run.request.channel):
                raise Interrupted(left)
            await self._station.wait_until_shown(run.request.channel, self._refresh_s)

    async def _carry_out(self, run: Run, segment: MeasurementSegment) -> bool:
        station = self._station
        if station is None:
            raise Interrupted("this bench has no potentiostat any more")
        rested = self._moving.pop(run.run_id, None)
        if rested is None:
            await self._writer.write_before_going_on(run, lambda: _to_running(run))
            if cold := await self.soak(run):
                raise Interrupted(cold)
            rested = await self._rest(run, segment)
            if station.needs_a_person:
                self._moving[run.run_id] = rested
                text = station.instruction(run.request.channel, run.request.program.cell.name)
                await self._ask(run, text)
                return False
        await self._off.wait_until_off(run)
        run.say(f"waits for {station.potentiostat.name}")
        async with station.turn:
            await self._measure(run, segment, station, rested)
        if run.state is RunState.TRIPPED:
            return False
        if station.needs_a_person and not run.progress.is_over:
            text = station.return_instruction(run.request.channel, run.request.program.cell.name)
            # A person comes in any case: what the recipe holds the run for is told with it.
            why = run.border.take_hold()
            await self._ask(run, f"{text}; {why}" if why else text)
            return False
        return True

    async def _ask(self, run: Run, text: str) -> None:
        """Put the run in the state in which it waits for manual work by a person."""
        await self._writer.write_before_going_on(
            run, lambda: run.go(RunState.AWAITING_OPERATOR, f"{text}; then resume the run")
        )

    async def _prompt(self, run: Run, prompt: str) -> None:
        """Ask a person for what the recipe wants done before the next segment; resumed, the run is not asked again."""

        def ask() -> None:
            with self._store.transaction():
                _to_running(run)
                run.border.decisions.ask(run.progress.index, prompt)
                if self.is_attended:
                    run.go(RunState.AWAITING_OPERATOR, f"{prompt.rstrip('.')}; then resume the run")

        await self._writer.write_before_going_on(run, ask)

    async def _rest(self, run: Run, segment: MeasurementSegment) -> Rested:
        """Wait with the tester off until the cell has settled. Raises Interrupted when it does not."""
        loop = asyncio.get_running_loop()
        settling = Settling(segment, loop.time())
        name = segment.technique.kind
        while True:
            status = await self._off.check(run)
            if status is not None:
                settling.feed(loop.time(), status.voltage_v)
            now_s = loop.time()
            if settling.is_settled(now_s):
                return Rested(settling.voltage_v, settling.began_s)
            if settling.is_hopeless(now_s):
                drift = settling.drift_v_per_min
                shown = "no voltage comes" if drift is None else f"it still drifts by {drift * 1e3:.2f} mV/min"
                raise Interrupted(f"the cell does not settle for {name}: {shown}")
            left_s = settling.left_s(now_s)
            left = f"rests before {name}, {left_s / 60:.0f} min left" if left_s else f"settles before {name}"
            run.say(left)
            await asyncio.sleep(min(left_s, LOOK_S) if left_s else LOOK_S)

    async def _measure(self, run: Run, segment: MeasurementSegment, station: Station, rested: Rested) -> None:
        """Measure, at most twice, and store a complete result; a disconnected cell continues without it."""
        failures: list[str] = []
        for attempt in range(1, _ATTEMPTS + 1):
            job = f"{run.run_id}-s{run.progress.index}-{len(run.tests)}-{wall_time():.0f}-{attempt}"
            try:
                visit = await self._at.visit(run, segment, station, rested, job)
            except MeasurementFailed as err:
                failures.append(f"{type(err).__name__}: {err}")
                station.is_unsure = station.is_unsure or not err.cell_state_known
                await self._note_failure(run, failures[-1])
                if station.needs_a_person and not err.cell_state_known:
                    text = f"take the leads of {station.potentiostat.name} off the cell: what it does is not known"
                    raise Interrupted(f"{failures[-1]}; {text}") from err
                if isinstance(err, MacroRefused):
                    break
                self._writer.raise_if_ended()
                await asyncio.sleep(LOOK_S)
                continue
            await self._keep(run, segment, station, visit)
            if visit.trouble and run.state is not RunState.TRIPPED:
                raise Interrupted(visit.trouble)
            return
        await self._writer.write_before_going_on(run, lambda: self._skip(run, segment, station, failures))

    async def _note_failure(self, run: Run, failure: str) -> None:
        await self._writer.write_outcome(run, failure, lambda: run.journal.note(EventKind.MEASUREMENT_FAILED, failure))

    async def _archived(self, run: Run, measurement: Measurement) -> Measurement:
        """Copy the instrument's files beside the store; if that fails, only the values are stored."""
        try:
            return await in_full(asyncio.to_thread(archive, measurement, self._store.path))
        except OSError as err:
            left = f"the files of {measurement.job} were not copied and stay in the potentiostat's folder: {err}"
            await self._note_failure(run, left)
            return measurement

    def _skip(self, run: Run, segment: MeasurementSegment, station: Station, failures: list[str]) -> None:
        """Skip a measurement: a stored test without values shows a restart that its segment is done."""
        with run.border.measured():
            barcode = f"{run.run_id}-s{run.progress.index}-{len(run.tests)}-missing"
            self._add_test(run, segment, station, barcode, wall_time())
            run.journal.missing(segment.technique.kind, "; ".join(failures))

    def _add_test(
        self, run: Run, segment: MeasurementSegment, station: Station, barcode: str, started_unix_s: float
    ) -> int:
        return self._store.add_test(
            run_id=run.run_id,
            segment=run.progress.index,
            instrument=station.potentiostat.name,
            channel=run.request.channel,
            tester_test_id=None,
            barcode=barcode,
            started_unix_s=started_unix_s,
            program_json=segment.to_json(),
        )

    async def _keep(self, run: Run, segment: MeasurementSegment, station: Station, visit: Visit) -> None:
        """Store a complete measurement, advance the run, and check the spectrum for soft shorts."""
        kept = replace(visit, measurement=await self._archived(run, visit.measurement))
        where = ", ".join(sorted({str(path.parent) for path in kept.measurement.files})) or "no file"
        what = f"{segment.technique.kind} of job {kept.measurement.job}, which is whole; its files are in {where}"
        if not await self._writer.write_outcome(run, what, lambda: self._store_whole(run, segment, station, kept)):
            return
        failpoint("measurement stored")
        self._judge(run, self._shorts.check)

    def _judge(self, run: Run, check: Callable[[Run], None]) -> None:
        """Check the spectra of a run for soft shorts."""
        try:
            check(run)
        except (ArithmeticError, LookupError, StoreError, ValueError):
            # They are stored; what cannot be judged must not keep the run from going on.
            logger.exception("run %s: its spectra could not be judged", run.run_id)

    def _store_whole(self, run: Run, segment: MeasurementSegment, station: Station, visit: Visit) -> None:
        """Store a complete measurement and advance the run to its next segment, in one commit."""
        with run.border.measured():
            measured = visit.measurement
            test = self._add_test(run, segment, station, measured.job, measured.started_unix_s)
            keep_measurement(
                self._store,
                test,
                run.run_id,
                measured,
                cycle=run.progress.cycle(None),
                open_circuit_v=visit.open_circuit_v,
                rested_s=visit.rested_s,
            )
            run.count_trace(test)
            run.journal.note(EventKind.MEASURED, f"{segment.technique.kind} at {station.potentiostat.name}")
            self._trip_beyond(run, station, visit)

    def _trip_beyond(self, run: Run, station: Station, visit: Visit) -> None:
        """Trip a run whose cell was beyond its absolute limits in a measurement, and say where its leads may be."""
        result = visit.measurement.result
        found = beyond_absolute(run.segment.limits, result) if isinstance(result, Trace) else None
        if found is None:
            return
        left = visit.trouble
        if not left and station.needs_a_person:
            left = station.return_instruction(run.request.channel, run.request.program.cell.name)
        run.journal.findings([found])
        tripped = Ending(RunState.TRIPPED, f"{found.kind}: {found.message}")
        run.finish(tripped.joined(Ending(RunState.HOLDING, left) if left else None))


def _to_running(run: Run) -> None:
    """Change the state of a run that continues, or was resumed, to RUNNING, in which its cell rests."""
    if run.state is RunState.PREFLIGHT:
        run.go(RunState.ARMED)
    if run.state is not RunState.RUNNING:
        run.go(RunState.RUNNING, "between two segments")


def _to_preflight(run: Run) -> None:
    """Change the state of a run that continues on the tester to PREFLIGHT, the checks before its start."""
    if run.state is not RunState.PREFLIGHT:
        _to_running(run)
        run.go(RunState.PREFLIGHT)
