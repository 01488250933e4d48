"""A cell's visit to the potentiostat: connected to the leads, checked, measured, and disconnected.

An intent is committed before the cell is connected, its outcome when it is off. The tester's channel is watched
meanwhile: one energiser per cell.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from drivers.errors import DriverError, MeasurementFailed, OutcomeUnknown
from drivers.interfaces import Measurement, Spectrum, Trace
from orchestrator.bench.station import Interrupted, Station
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.measuring.patient_writer import PatientWriter, in_full
from orchestrator.measuring.tester_off import LOOK_S, TesterOffWatch
from orchestrator.runs.run import Run
from orchestrator.runs.starting import StartPermit
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.program import MeasurementSegment
from protocols.techniques import OpenCircuit, Technique

_ARRIVAL = OpenCircuit(duration_s=20.0, interval_s=0.5)
# The whole range of the instrument: open leads may float anywhere.
_NOTHING = OpenCircuit(duration_s=5.0, interval_s=0.5, low_v=-10.0, high_v=10.0)


@dataclass(frozen=True, slots=True)
class Rested:
    """A cell that has settled: the tester's last status of it, and the begin of its rest in the loop's time."""

    voltage_v: float
    began_s: float


@dataclass(frozen=True, slots=True)
class Visit:
    """The result of a visit. ``trouble``: the measurement is complete, but the cell may still be on the leads."""

    open_circuit_v: float
    rested_s: float
    measurement: Measurement
    trouble: str


class StationVisits:
    """Connects one run's cell to the potentiostat, measures it and disconnects it."""

    def __init__(
        self,
        store: Store,
        off: TesterOffWatch,
        permit: StartPermit,
        writer: PatientWriter,
    ) -> None:
        self._store = store
        self._off = off
        self._permit = permit
        self._writer = writer

    async def visit(self, run: Run, segment: MeasurementSegment, station: Station, rested: Rested, job: str) -> Visit:
        """Measure once. Raises MeasurementFailed with the cell disconnected, Interrupted when a person must look."""
        await self._leads_are_free(run, station, job)
        what = f"{segment.technique.kind} at {station.potentiostat.name}"
        await self._writer.write_before_going_on(run, lambda: _to_preflight(run, f"before {what}"))
        intent = await self._writer.write_before_going_on(run, lambda: run.journal.intend("measure"))
        failpoint("measure intended")
        outcome, trouble = "", ""
        try:
            # Nothing is written while the cell is on the leads: what waits for the store waits without it.
            await self._writer.write_before_going_on(run, lambda: _to_measuring(run, what))
            shown = await self._off.wait_until_off(run)
            self._off.lend(run, station.potentiostat.name)
            await station.connect(run.request.channel)
            rested_s = asyncio.get_running_loop().time() - rested.began_s
            failpoint("cell connected")
            run.publish()
            seen_v = _mean_v((await self._watched(run, station, _ARRIVAL, f"{job}a")).result)
            # A hand has taken the tester's leads off before: what it showed while it had the cell counts.
            expected_v = rested.voltage_v if station.needs_a_person else shown.voltage_v
            _check_arrival(seen_v, expected_v, segment, station, run)
            measurement = await self._watched(run, station, segment.technique, job)
            await station.check_connected(run.request.channel)
            outcome = "measured"
            failpoint("measured")
        except DriverError as err:
            outcome = f"{type(err).__name__}: {err}"
            if isinstance(err, OutcomeUnknown) or not isinstance(err, MeasurementFailed):
                raise Interrupted(f"{err}; take the leads of {station.potentiostat.name} off the cell") from err
            raise
        except Interrupted as err:
            outcome = str(err)
            raise
        finally:
            trouble = await self._disconnect(run, station, intent, outcome)
            self._off.lend(run, "")
            if trouble and outcome != "measured":
                raise Interrupted(trouble)
        return Visit(seen_v, rested_s, measurement, trouble)

    async def _leads_are_free(self, run: Run, station: Station, job: str) -> None:
        """Wait until no earlier measurement can drive the leads, and until measurements may begin.

        After a measurement that ended nobody knows how, the instrument first measures open leads: a job that ends with
        the cell off (reference chi660e, section 4.4). Raises MeasurementFailed when it cannot.
        """
        while True:
            why = station.potentiostat.occupied() or self._permit.refusal
            if not why:
                break
            run.say(f"waits before {station.potentiostat.name}: {why}")
            await asyncio.sleep(LOOK_S)
        if station.is_unsure and not station.needs_a_person:
            await station.measure(_NOTHING, f"{job}n", "open leads")
        station.is_unsure = False

    async def _disconnect(self, run: Run, station: Station, intent: int, outcome: str) -> str:
        """Disconnect the cell in every case, and return the trouble if that could not be confirmed.

        Ended in the middle with nobody who takes the cell off, the intent stays open: the next start of the service
        then holds the run.
        """
        try:
            is_off = await in_full(station.disconnect_all())
            failpoint("cell let go")
        except DriverError as err:
            trouble = f"the switch did not let the cell go: {err}; take the leads off the cell"
            await self._close(run, intent, f"{outcome or 'interrupted'}; {trouble}", trouble)
            return trouble
        if is_off or outcome:
            where = "the switch has let the cell go" if is_off else "the cell is on the leads until a person moves it"
            await self._close(run, intent, f"{outcome or 'interrupted'}; {where}")
            return ""
        trouble = (
            f"it was ended in the middle of a measurement: take the leads of {station.potentiostat.name} off the cell, "
            "what they do to it is not known"
        )
        await self._writer.write_outcome(run, trouble, lambda: run.journal.note(EventKind.STOP_NOT_CONFIRMED, trouble))
        return trouble

    async def _close(self, run: Run, intent: int, outcome: str, trouble: str = "") -> None:
        def write() -> None:
            with self._store.transaction():
                self._store.close_intent(intent, outcome, wall_time())
                if trouble:
                    run.journal.note(EventKind.STOP_NOT_CONFIRMED, trouble)

        await self._writer.write_outcome(run, outcome, write)

    async def _watched(self, run: Run, station: Station, technique: Technique, job: str) -> Measurement:
        """Measure while polling the tester's channel: if it starts working, the measurement is cancelled at once."""
        cell = run.request.program.cell.name
        measuring = asyncio.ensure_future(station.measure(technique, job, f"{cell} {run.request.channel}"))
        try:
            while not measuring.done():
                await asyncio.wait({measuring}, timeout=LOOK_S)
                await self._off.check(run)
            return measuring.result()
        finally:
            measuring.cancel()
            await asyncio.wait({measuring})


def _to_preflight(run: Run, reason: str) -> None:
    if run.state is RunState.RUNNING:
        run.go(RunState.PREFLIGHT, reason)


def _to_measuring(run: Run, what: str) -> None:
    if run.state is not RunState.ARMED:
        run.go(RunState.ARMED)
    run.go(RunState.RUNNING, what)


def _check_arrival(seen_v: float, expected_v: float, segment: MeasurementSegment, station: Station, run: Run) -> None:
    """Compare the voltage at the potentiostat's leads with the tester's last voltage. Raises Interrupted."""
    window = segment.window
    back = ""
    if station.needs_a_person:
        back = f"; {station.return_instruction(run.request.channel, run.request.program.cell.name)}"
    if abs(seen_v - expected_v) > station.arrival_v:
        raise Interrupted(
            f"the potentiostat sees {seen_v:z.4f} V where the tester saw {expected_v:z.4f} V: is it the right cell, "
            f"and are all leads on?{back}"
        )
    if not window.low_v <= seen_v <= window.high_v:
        raise Interrupted(f"the cell is at {seen_v:z.4f} V, outside {window.low_v:g} to {window.high_v:g} V{back}")


def _mean_v(result: Spectrum | Trace) -> float:
    """Return the time average of an open-circuit voltage."""
    if not isinstance(result, Trace):
        raise TypeError("an open-circuit voltage is a trace")
    return sum(result.voltage_v) / len(result.voltage_v)
