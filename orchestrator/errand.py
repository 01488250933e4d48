"""What happens between two segments on the tester: the cell rests, goes to the potentiostat, is measured, comes back.

One energiser per cell at any time: the tester's channel is seen to be off before the switch moves, and is watched while
the potentiostat has the cell. An intent is committed before the cell is connected, its outcome when it is off again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import DriverError, MacroRefused, MeasurementFailed, OutcomeUnknown
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, Measurement, Trace
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.measured import archive, keep_measurement
from orchestrator.run import Run
from orchestrator.settling import Settling
from orchestrator.shortwatch import ShortWatches
from orchestrator.states import RunState
from orchestrator.station import Station
from orchestrator.store import Store
from orchestrator.virtual_time import wall_time
from protocols.program import MeasurementSegment
from protocols.techniques import OpenCircuit, Technique

logger = logging.getLogger(__name__)

LOOK_S = 60.0
_ARRIVAL = OpenCircuit(duration_s=20.0, interval_s=0.5)
_ATTEMPTS = 2
_OFF = frozenset({ChannelState.FINISHED, ChannelState.STOPPED})


class Interrupted(Exception):
    """The errand cannot go on by itself; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Rested:
    """How a rest ended."""

    voltage_v: float
    duration_s: float


class Errands:
    """Takes the runs of one tester from one cycling segment to the next."""

    def __init__(
        self, store: Store, tester: BatteryTester, station: Station | None, publish: Callable[[Run], None]
    ) -> None:
        self._store = store
        self._tester = tester
        self._station = station
        self._publish = publish
        self._shorts = ShortWatches(store)
        # Runs whose cell a person has been asked to move, and what the tester showed of it before.
        self._moving: dict[str, _Rested] = {}

    async def go_on(self, run: Run) -> bool:
        """Carry out the measurements that are due; True when a cycling segment is to begin now.

        False when the run has ended, is held, or waits for a person.
        """
        try:
            while (segment := run.course.measurement) is not None:
                if not await self._carry_out(run, segment):
                    return False
        except Interrupted as err:
            run.hold(str(err))
            return False
        if run.course.is_over:
            run.finish(RunState.COMPLETED, "program finished")
            return False
        if run.state is not RunState.PREFLIGHT:
            _to_running(run)
            run.go(RunState.PREFLIGHT)
        return True

    async def _carry_out(self, run: Run, segment: MeasurementSegment) -> bool:
        station = self._station
        if station is None:
            raise Interrupted("this bench has no potentiostat any more")
        rested = self._moving.pop(run.run_id, None)
        if rested is None:
            _to_running(run)
            rested = await self._rest(run, segment)
            if station.needs_a_person:
                self._moving[run.run_id] = rested
                text = station.instruction(run.request.channel, run.request.program.cell.name)
                run.go(RunState.AWAITING_OPERATOR, f"{text}; then resume the run")
                return False
        self._say(run, f"waits for {station.potentiostat.name}")
        async with station.turn:
            await self._measure(run, segment, station, rested)
        if station.needs_a_person and not run.course.is_over:
            text = station.way_back(run.request.channel, run.request.program.cell.name)
            run.go(RunState.AWAITING_OPERATOR, f"{text}; then resume the run")
            return False
        return True

    async def _rest(self, run: Run, segment: MeasurementSegment) -> _Rested:
        """Wait with the tester off until the cell has settled. Raises Interrupted when it does not."""
        loop = asyncio.get_running_loop()
        settling = Settling(segment, loop.time())
        name = segment.technique.kind
        while True:
            status = await self._status(run)
            if status is not None:
                settling.feed(loop.time(), status.voltage_v)
            now_s = loop.time()
            if settling.is_settled(now_s):
                return _Rested(settling.voltage_v, now_s - settling.began_s)
            if settling.is_hopeless(now_s):
                drift = settling.drift_v_per_min
                shown = "no voltage comes" if drift is None else f"it still drifts by {drift * 1e3:.2f} mV/min"
                raise Interrupted(f"the cell does not settle for {name}: {shown}")
            left_s = settling.left_s(now_s)
            left = f"rests before {name}, {left_s / 60:.0f} min left" if left_s else f"settles before {name}"
            self._say(run, left)
            await asyncio.sleep(min(left_s, LOOK_S) if left_s else LOOK_S)

    def _say(self, run: Run, doing: str) -> None:
        """Tell whoever looks what the run is doing; nothing is written down."""
        run.reason = doing
        self._publish(run)

    async def _status(self, run: Run) -> ChannelStatus | None:
        """Ask for the channel, which must be off and still hold our test; None while the tester does not answer."""
        channel = run.request.channel
        try:
            status = (await self._tester.status([channel]))[channel]
        except DriverError as err:
            logger.warning("run %s: %s", run.run_id, err)
            return None
        if run.taken_over(status) or status.state not in _OFF:
            message = f"channel {channel} is {status.state.value} with {status.barcode!r}, and not by us"
            run.diary.note(EventKind.EXTERNAL_ACTION, message)
            raise Interrupted(message)
        return status

    async def _see_it_off(self, run: Run) -> None:
        """Wait until the tester answers that the channel is off. Raises Interrupted when it is not."""
        while True:
            if await self._status(run) is not None:
                return
            await asyncio.sleep(LOOK_S)

    async def _measure(self, run: Run, segment: MeasurementSegment, station: Station, rested: _Rested) -> None:
        """Measure, at most twice, and store what came whole; a cell that is surely off the leads goes on without it."""
        failures: list[str] = []
        for attempt in range(1, _ATTEMPTS + 1):
            job = f"{run.run_id}-s{run.course.index}-{len(run.tests)}-{wall_time():.0f}-{attempt}"
            try:
                arrival, measurement = await self._connected(run, segment, station, rested, job)
            except MeasurementFailed as err:
                failures.append(f"{type(err).__name__}: {err}")
                run.diary.note(EventKind.MEASUREMENT_FAILED, failures[-1])
                if station.needs_a_person and not err.cell_state_known:
                    text = f"take the leads of {station.potentiostat.name} off the cell: what it does is not known"
                    raise Interrupted(f"{failures[-1]}; {text}") from err
                if isinstance(err, MacroRefused):
                    break
                await asyncio.sleep(LOOK_S)
                continue
            kept = await asyncio.to_thread(archive, measurement, self._store.path)
            self._keep(run, station, kept, _Rested(_mean_v(arrival), rested.duration_s))
            failpoint("measurement stored")
            self._shorts.check(run)
            run.course.advance()
            return
        run.diary.missing(segment.technique.kind, "; ".join(failures))
        run.course.advance()

    def _keep(self, run: Run, station: Station, measurement: Measurement, rested: _Rested) -> None:
        """Store a whole measurement in one commit."""
        segment = run.course.measurement
        if segment is None:
            raise TypeError("a measurement is stored while its segment is due")
        with self._store.transaction():
            test = self._store.add_test(
                run_id=run.run_id,
                segment=run.course.index,
                instrument=station.potentiostat.name,
                channel=run.request.channel,
                tester_test_id=None,
                barcode=measurement.job,
                started_unix_s=measurement.started_unix_s,
                program_json=segment.to_json(),
            )
            keep_measurement(
                self._store,
                test,
                run.run_id,
                measurement,
                cycle=run.course.cycles.count,
                open_circuit_v=rested.voltage_v,
                rested_s=rested.duration_s,
            )
            run.diary.note(EventKind.MEASURED, f"{segment.technique.kind} at {station.potentiostat.name}")

    async def _connected(
        self, run: Run, segment: MeasurementSegment, station: Station, rested: _Rested, job: str
    ) -> tuple[Trace, Measurement]:
        """Bring the cell to the leads, look whether it is the right one, measure, and take it off again."""
        if run.state is RunState.RUNNING:
            run.go(RunState.PREFLIGHT, f"before {segment.technique.kind} at {station.potentiostat.name}")
        await self._see_it_off(run)
        intent = run.diary.intend("measure")
        failpoint("measure intended")
        outcome = ""
        try:
            run.go(RunState.ARMED)
            await station.connect(run.request.channel)
            failpoint("cell connected")
            run.go(RunState.RUNNING, f"{segment.technique.kind} at {station.potentiostat.name}")
            self._publish(run)
            arrival = await self._watched(run, station, _ARRIVAL, f"{job}a")
            _check_arrival(arrival.result, rested.voltage_v, segment, station.arrival_v)
            measurement = await self._watched(run, station, segment.technique, job)
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
            await self._let_go(run, station, intent, outcome)
        if not isinstance(arrival.result, Trace):
            raise TypeError("an open-circuit voltage is a trace")
        return arrival.result, measurement

    async def _let_go(self, run: Run, station: Station, intent: int, outcome: str) -> None:
        """Take the cell off the leads, whatever has happened, and write down whether that is certain.

        Without an outcome, ended in the middle, and with nobody who takes the cell off, the intent stays open: the next
        start of the service then holds the run.
        """
        try:
            is_off = await station.let_go()
            failpoint("cell let go")
        except DriverError as err:
            message = f"the switch did not let the cell go: {err}; take the leads off the cell"
            self._store.close_intent(intent, f"{outcome or 'interrupted'}; {message}", wall_time())
            run.diary.note(EventKind.STOP_NOT_CONFIRMED, message)
            raise Interrupted(message) from err
        if is_off or outcome:
            where = "the switch has let the cell go" if is_off else "the cell is on the leads until a person moves it"
            self._store.close_intent(intent, f"{outcome or 'interrupted'}; {where}", wall_time())

    async def _watched(self, run: Run, station: Station, technique: Technique, job: str) -> Measurement:
        """Measure while looking at the tester's channel: should it begin to work, the potentiostat is ended at once."""
        cell = run.request.program.cell.name
        measuring = asyncio.ensure_future(station.measure(technique, job, f"{cell} {run.request.channel}"))
        try:
            while not measuring.done():
                await asyncio.wait({measuring}, timeout=LOOK_S)
                await self._status(run)
            return measuring.result()
        finally:
            measuring.cancel()
            await asyncio.wait({measuring})


def _to_running(run: Run) -> None:
    """Bring a run that goes on, or was resumed, to the state in which it rests."""
    if run.state is RunState.PREFLIGHT:
        run.go(RunState.ARMED)
    if run.state is not RunState.RUNNING:
        run.go(RunState.RUNNING, "between two segments")


def _check_arrival(result: object, expected_v: float, segment: MeasurementSegment, arrival_v: float) -> None:
    """Compare what the potentiostat sees at its leads with what the tester saw. Raises Interrupted."""
    if not isinstance(result, Trace):
        raise TypeError("an open-circuit voltage is a trace")
    seen_v = _mean_v(result)
    window = segment.window
    if abs(seen_v - expected_v) > arrival_v:
        raise Interrupted(
            f"the potentiostat sees {seen_v:.4f} V where the tester saw {expected_v:.4f} V: is it the right cell, and "
            "are all leads on?"
        )
    if not window.low_v <= seen_v <= window.high_v:
        raise Interrupted(f"the cell is at {seen_v:.4f} V, outside {window.low_v:g} to {window.high_v:g} V")


def _mean_v(trace: Trace) -> float:
    return sum(trace.voltage_v) / len(trace.voltage_v)
