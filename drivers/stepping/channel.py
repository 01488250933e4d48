"""One channel of a stepped tester: a source with a cell at it, the test that runs there, and looks in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan

from drivers.errors import CannotRun, DriverError, NotConfirmed, OutcomeUnknown
from drivers.interfaces import ChannelState, ChannelStatus, TestIdentity
from drivers.memory import LogCode, Memory
from drivers.sources import Source
from drivers.stepping.output import Output
from drivers.stepping.segment_run import SegmentRun
from drivers.stepping.settings import SteppedSettings
from drivers.stepping.suspension import slept_s
from drivers.stepping.watching import EndedEarly
from protocols.program import CyclingSegment
from protocols.step_names import told

logger = logging.getLogger(__name__)

# A voltage this far below zero is no resting cell's that is mounted the right way round.
_REVERSED_V = 0.05
_RECONNECT_S = 60.0


@dataclass(slots=True)
class SteppedTest:
    """A test since its start. OTHER: its output was not seen off, and ``cause`` is what had ended it until then."""

    identity: TestIdentity
    segment: CyclingSegment
    memory: Memory
    run: SegmentRun
    state: ChannelState = ChannelState.WORKING
    detail: str = ""
    cause: str = ""
    task: asyncio.Task[None] | None = None
    # Whether the host has been told that it is over: until then its last reading is shown.
    told: bool = field(default=False)


class SteppedChannel:
    """A source under a channel's name. ``test`` is its last one in this process."""

    def __init__(
        self,
        name: str,
        source: Source,
        settings: SteppedSettings,
        wall_time: Callable[[], float],
        slept_s: Callable[[], float] = slept_s,
    ) -> None:
        self.name = name
        self.test: SteppedTest | None = None
        self.is_connected = False
        self._source, self._settings, self._wall_time, self._slept_s = source, settings, wall_time, slept_s
        self._problem = f"{source.name} is not connected"
        self._output = Output(source, settings.order_timeout_s)
        self._kept_off_by = ""
        self._is_closing = False
        self._voltage_v = nan
        self._seen_s: float | None = None
        self._tried_s: float | None = None
        self._asked_s: float | None = None
        # Held by whoever gives the source orders outside of a test.
        self._turn = asyncio.Lock()

    # Connection ------------------------------------------------------------------------------------------------

    async def connect(self) -> str:
        """Connect, and return why that failed, or an empty text.

        An output that is on is left alone; one that is off is confirmed to be disconnected from its cell. Nothing is
        sent while a test runs here: it has the connection.
        """
        if self.test is not None and self.test.state is ChannelState.WORKING:
            return ""
        async with self._turn:
            self._is_closing = False
            self._tried_s = asyncio.get_running_loop().time()
            try:
                await self._source.open()
                await self._find()
            except DriverError as err:
                self.is_connected, self._problem = False, str(err)
                return self._problem
            self.is_connected, self._problem = True, ""
            return ""

    async def disconnect(self) -> None:
        """End a running test, and drop the connection; a start that still looks at its cell is refused."""
        self._is_closing = True
        test = self.test
        if test is not None and test.state.is_busy:
            try:
                await self.stop(test.identity)
            except DriverError as err:
                logger.error("channel %s: %s", self.name, err)
        async with self._turn:
            self.is_connected, self._problem = False, f"{self._source.name} is not connected"
            try:
                await self._source.close()
            except DriverError as err:
                logger.warning("channel %s: %s", self.name, err)

    def keep_off(self, by: str) -> None:
        """Refuse starts and looks while ``by`` has the cell, empty: no more.

        Raises CannotRun while a test, a start or a look has it: its output may be on.
        """
        if by and self.test is not None and self.test.state.is_busy:
            raise CannotRun(f"channel {self.name} is {self.test.state.value}: {by} cannot have its cell")
        if by and self._turn.locked():
            raise CannotRun(f"channel {self.name} looks at its cell: {by} cannot have it before that is over")
        self._kept_off_by = by
        # What was seen before says nothing of what another instrument has left.
        self._seen_s = None

    # Status ----------------------------------------------------------------------------------------------------

    async def status(self) -> ChannelStatus:
        """Return what the channel does; the voltage of an idle one is measured when it is old.

        One that is kept off its cell is only asked whether its output is on.
        """
        test = self.test
        is_idle = test is None or (test.told and not test.state.is_busy)
        if is_idle:
            await (self._ask_if_old() if self._kept_off_by else self._look_if_old())
        if test is not None:
            test.told = test.state is not ChannelState.WORKING
        if test is None or not self.is_connected or self._output.unknown:
            return self._status_without_test()
        run, last, is_working = test.run, test.memory.last, test.state is ChannelState.WORKING
        return ChannelStatus(
            channel=self.name,
            state=test.state,
            barcode=test.identity.barcode,
            voltage_v=run.voltage_v if is_working or not is_idle else self._voltage_v,
            current_a=run.current_a if is_working else 0.0,
            step=run.place.step if run.place else None,
            cycle=run.place.cycle if run.place else 0,
            test_time_s=asyncio.get_running_loop().time() - run.begun_s if is_working else last.time_s if last else 0.0,
            test_id=test.identity.test_id,
            record_count=test.memory.count,
            complete=not is_working,
            detail=test.detail,
        )

    def _status_without_test(self) -> ChannelStatus:
        test = self.test
        state = ChannelState.FINISHED
        detail = f"its tests before this process are not known; its output is off, at {self._voltage_v:.4f} V"
        if self._output.unknown:
            cause = test.cause if test is not None and test.state is ChannelState.OTHER else ""
            state, detail = ChannelState.OTHER, f"{cause}; {self._output.unknown}".removeprefix("; ")
        elif not self.is_connected:
            state, detail = ChannelState.ABSENT, self._problem
        return ChannelStatus(
            channel=self.name,
            state=state,
            barcode=test.identity.barcode if test else "",
            voltage_v=self._voltage_v,
            current_a=0.0 if state is ChannelState.FINISHED else nan,
            step=None,
            cycle=0,
            test_time_s=0.0,
            test_id=test.identity.test_id if test else 0,
            record_count=test.memory.count if test else 0,
            complete=True,
            detail=detail,
        )

    async def _look_if_old(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._is_closing:
            return
        if not self.is_connected:
            if self._tried_s is None or now_s - self._tried_s >= _RECONNECT_S:
                await self.connect()
            if not self.is_connected:
                return
        async with self._turn:
            is_old = self._seen_s is None or now_s - self._seen_s > self._settings.open_circuit_age_s
            is_free = self.test is None or not self.test.state.is_busy
            if not is_old or not is_free or self._kept_off_by:
                return
            try:
                if self._output.unknown:
                    # Somebody may have switched it off by hand meanwhile.
                    await self._find()
                else:
                    await self._look()
            except DriverError as err:
                self.is_connected, self._problem = False, f"{self.name} shows no open-circuit voltage: {err}"

    async def _ask_if_old(self) -> None:
        """Ask whether the output is on, and order nothing: another instrument has the cell (decision 42).

        A source that does not answer is asked seldom, and says itself that it is off once it is reached again.
        """
        now_s = asyncio.get_running_loop().time()
        every_s = self._settings.open_circuit_age_s if self.is_connected else _RECONNECT_S
        if self._is_closing or (self._asked_s is not None and now_s - self._asked_s <= every_s):
            return
        self._asked_s = now_s
        try:
            reading = await self._source.read()
        except NotConfirmed as err:
            # Somebody has changed what it is set to: it is as on as it was.
            logger.info("channel %s: %s", self.name, err)
            return
        except DriverError as err:
            self.is_connected, self._problem = False, str(err)
            return
        # The cell may be its own again by now, and what is on then is a test's.
        if self._kept_off_by and (self.test is None or not self.test.state.is_busy):
            self.is_connected, self._problem = True, ""
            self._output.saw(reading)

    async def _find(self) -> None:
        """Find out whether the output is on, which is left alone, or off, which is made sure of."""
        reading = await self._output.find()
        if reading.output_on:
            self._voltage_v = nan if reading.voltage_v is None else reading.voltage_v
        else:
            await self._output.switch_off()

    # Orders ----------------------------------------------------------------------------------------------------

    def must_be_free(self) -> None:
        """Raise CannotRun while something has, or may have, the cell."""
        test = self.test
        if test is not None and test.state.is_busy:
            raise CannotRun(f"channel {self.name} is {test.state.value} with {test.identity.barcode!r} on it")
        if self._output.unknown:
            raise CannotRun(f"channel {self.name}: {self._output.unknown}")
        if self._kept_off_by:
            raise CannotRun(f"{self._kept_off_by} has the cell of channel {self.name}; start again when it has ended")
        if not self.is_connected:
            raise CannotRun(f"channel {self.name}: {self._problem}")
        if self._is_closing:
            raise CannotRun(f"channel {self.name}: its tester is being closed")

    async def start(self, segment: CyclingSegment, barcode: str, end_step: int | None) -> TestIdentity:
        """Look at the cell, judge it, and begin. Raises CannotRun, OutcomeUnknown."""
        async with self._turn:
            self.must_be_free()
            try:
                voltage_v = await self._look()
                # The tester may have been closed meanwhile, after which nobody would end the test.
                self.must_be_free()
            except CannotRun:
                raise
            except DriverError as err:
                if self._output.unknown:
                    raise OutcomeUnknown(f"{err}; {self._output.unknown}") from err
                raise CannotRun(f"nothing was started on channel {self.name}: {err}") from err
            _judge(self.name, segment, voltage_v)
            # Counts up, also from one process to the next.
            number = max(int(self._wall_time()), self.test.identity.test_id + 1 if self.test else 1)
            identity = TestIdentity(self.name, number, barcode, end_step)
            memory = Memory(self._settings.records_kept)
            run = SegmentRun(self._source, segment, self._settings, memory, self._wall_time, voltage_v, self._slept_s)
            self.test = test = SteppedTest(identity, segment, memory, run)
            memory.note(LogCode.STARTED, self._wall_time())
            test.task = asyncio.create_task(self._work(test), name=f"{self.name} {barcode}")
            return identity

    async def stop(self, identity: TestIdentity) -> None:
        """End a test, and confirm that its output is off. Raises NotConfirmed, also for somebody else's test."""
        test = self.test
        if test is not None and test.identity != identity:
            if test.state.is_busy:
                raise NotConfirmed(f"channel {self.name} runs {test.identity.barcode!r}, not {identity.barcode!r}")
            return
        if test is not None and test.task is not None and not test.task.done():
            test.task.cancel()
            await asyncio.wait({test.task})
        if test is not None and not test.state.is_busy and not self._output.unknown:
            return
        async with self._turn:
            if not self.is_connected:
                # The service may have been started again while this source did not answer.
                await self._reopen()
            await self._output.switch_off()
        if test is not None and test.state.is_busy:
            # That it was not seen off is over.
            test.state, test.detail = ChannelState.STOPPED, test.cause
            test.memory.note(LogCode.STOPPED, self._wall_time())

    async def _reopen(self) -> None:
        try:
            await self._source.open()
        except DriverError as err:
            raise NotConfirmed(f"{self._source.name} cannot be reached: {err}; take its leads off") from err
        self.is_connected, self._problem = True, ""

    async def _look(self) -> float:
        self._voltage_v = await self._output.look(self._settings)
        self._seen_s = asyncio.get_running_loop().time()
        return self._voltage_v

    # The task of a test ----------------------------------------------------------------------------------------

    async def _work(self, test: SteppedTest) -> None:
        """Carry out a segment; whatever ends it, the output is switched off and seen off before its state is told."""
        state, code, detail = ChannelState.STOPPED, LogCode.STOPPED, ""
        try:
            await test.run.carry_out()
            state, code = ChannelState.FINISHED, LogCode.FINISHED
        except EndedEarly as early:
            state, detail = early.state, f"{_where(test)}: {early.detail}"
            code = LogCode.LIMIT if state is ChannelState.PROTECTED else LogCode.FAILED
        except DriverError as err:
            code, detail = LogCode.FAILED, f"{_where(test)}: {err}"
        except Exception as err:  # a task's root: the cell must be off all the same
            logger.exception("channel %s: a defect", self.name)
            code, detail = LogCode.FAILED, f"{_where(test)} met a defect, {type(err).__name__}: {err}"
        finally:
            await self._end(test, state, code, detail)

    async def _end(self, test: SteppedTest, state: ChannelState, code: LogCode, detail: str) -> None:
        test.cause = detail
        try:
            await self._output.switch_off()
            self._voltage_v, self._seen_s = test.run.voltage_v, asyncio.get_running_loop().time()
            test.state, test.detail = state, detail
        except NotConfirmed as err:
            test.state, test.detail = ChannelState.OTHER, f"{detail}; {err}".removeprefix("; ")
        except asyncio.CancelledError:
            is_off = not self._output.unknown
            test.state, test.detail = (state, detail) if is_off else (ChannelState.OTHER, self._output.unknown)
            raise
        finally:
            test.memory.note(code, self._wall_time())


def _where(test: SteppedTest) -> str:
    """Return the words for the step at which a test is."""
    place = test.run.place
    return told(test.segment.steps, place.step) if place else "before its first step"


def _judge(channel: str, segment: CyclingSegment, voltage_v: float) -> None:
    """Raise CannotRun for a cell that the program would ruin: reversed, or outside of the limits of the run."""
    host, tester = segment.limits.host, segment.limits.tester
    if host.low_v >= 0 and voltage_v < -_REVERSED_V:
        raise CannotRun(
            f"channel {channel} shows {voltage_v:.4f} V: the cell is in with reversed polarity; turn it, or "
            "exchange its leads"
        )
    if not tester.low_v <= voltage_v <= tester.high_v:
        raise CannotRun(
            f"channel {channel} shows {voltage_v:.4f} V without current, outside of the run's limits, "
            f"{tester.low_v:g} to {tester.high_v:g} V: is the right cell in the holder?"
        )
