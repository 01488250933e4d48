"""One run: one program on one channel, from its checks to its end. The supervisor feeds it polls and samples.

A command that moves current is committed to the store as an intent before it leaves, and its outcome after the reply.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

from drivers.errors import DriverError, OutcomeUnknown
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, LoadedProgram, Sample, TestIdentity
from orchestrator.analysis.cycles import Cycle, CycleBuilder
from orchestrator.events import EventKind, RunUpdate
from orchestrator.halfcycles import ExecutedStep, StepBuilder, StepWatch
from orchestrator.preflight import reasons_not_to_start
from orchestrator.safety import Action, Finding, FindingKind, LimitWatch, primary
from orchestrator.states import ENDED, RunState, move
from orchestrator.store import Store
from orchestrator.virtual_time import wall_time
from protocols.forecast import planned_duration_s
from protocols.program import Program

logger = logging.getLogger(__name__)

# One download request holds at most this many records (reference neware-ct4008, section 4.5).
BLOCK = 1000
_FINAL = {Action.COMPLETE: RunState.COMPLETED, Action.STOP: RunState.STOPPED, Action.TRIP: RunState.TRIPPED}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a technician asks for: a program on a channel, under a label for tables and pictures."""

    program: Program
    channel: str
    label: str


class Run:
    """A run's state, and what it does with what the supervisor brings."""

    def __init__(self, store: Store, tester: BatteryTester, request: RunRequest) -> None:
        self._store = store
        self._tester = tester
        self.request = request
        self.segment = request.program.segments[0]
        self.state = RunState.QUEUED
        self.reason = ""
        self.samples = 0
        self.last: Sample | None = None
        self.identity: TestIdentity | None = None
        self.test = 0
        self._limits = LimitWatch(self.segment, tester.envelope(request.channel))
        self._steps = StepBuilder(self.segment)
        self._unsaved: list[ExecutedStep] = []
        self._ending: tuple[RunState, str] | None = None
        self._judge = StepWatch(self.segment)
        self._cycles = CycleBuilder(self.segment, request.program.cell)
        program = request.program
        self._planned_s = planned_duration_s(program)
        self.run_id = store.add_run(
            recipe=program.recipe,
            cell=program.cell.name,
            channel=request.channel,
            program_json=program.to_json(),
            program_sha256=program.sha256,
            label=request.label,
            created_unix_s=wall_time(),
        )

    @property
    def ended(self) -> bool:
        """Whether the run has reached a state that it does not leave by itself."""
        return self.state in ENDED

    def update(self) -> RunUpdate:
        """Give where the run is."""
        return RunUpdate(
            run_id=self.run_id,
            label=self.request.label,
            channel=self.request.channel,
            state=self.state,
            reason=self.reason,
            time_s=self.last.time_s if self.last else 0.0,
            planned_s=self._planned_s,
            cycle=self.last.cycle if self.last else 0,
            voltage_v=self.last.voltage_v if self.last else None,
            samples=self.samples,
        )

    def go(self, state: RunState, reason: str = "") -> None:
        """Move to a state and write it down with an event."""
        self.state = move(self.state, state)
        self.reason = reason
        self._store.set_run_state(self.run_id, state.value, reason, wall_time())
        self.note(EventKind.STATE, f"{state.value}: {reason}" if reason else state.value)

    def note(self, kind: str, message: str, data: Mapping[str, object] | None = None) -> None:
        """Write an event of this run."""
        logger.info("run %s on %s: %s: %s", self.run_id, self.request.channel, kind, message)
        self._store.add_event(self.run_id, str(kind), message, wall_time(), json.dumps(data) if data else None)

    async def begin(self) -> None:
        """Check, load and start. The run is then running, or failed with its reason; nothing is started twice."""
        self.go(RunState.PREFLIGHT)
        channel = self.request.channel
        try:
            status = (await self._tester.status([channel]))[channel]
            if reasons := reasons_not_to_start(self.request.program, status):
                self.go(RunState.FAILED, "; ".join(reasons))
                return
            loaded = await self._tester.load(channel, self.segment, self.run_id)
            self.go(RunState.ARMED)
            await self._start(loaded)
        except OutcomeUnknown as err:
            self.go(RunState.UNKNOWN, f"{err}; look at channel {channel} before anything else")
            return
        except DriverError as err:
            self.go(RunState.FAILED, str(err))
            return
        self.go(RunState.RUNNING)

    async def _start(self, loaded: LoadedProgram) -> None:
        intent = self._intend("start")
        starting = asyncio.ensure_future(self._tester.start(loaded, self.run_id))
        try:
            await asyncio.wait({starting})
        finally:
            # Also when cancelled: what a start did must be known before anything else happens to the channel.
            await asyncio.wait({starting})
            try:
                self.identity = starting.result()
            except DriverError as err:
                self._store.close_intent(intent, f"{type(err).__name__}: {err}", wall_time())
                raise
            self._store.close_intent(intent, "confirmed", wall_time())
            self._started(self.identity, loaded.location)

    def _started(self, identity: TestIdentity, location: str) -> None:
        self.test = self._store.add_test(
            run_id=self.run_id,
            segment=0,
            instrument=self._tester.name,
            channel=identity.channel,
            tester_test_id=identity.test_id,
            barcode=self.run_id,
            started_unix_s=wall_time(),
        )
        file = PureWindowsPath(location).name
        self.note(EventKind.STARTED, f"test {identity.test_id} on {identity.channel}, step file {file}")
        self.note(
            "limits_unverified", "no command reads limits back: the step file was parsed again and equals the program"
        )

    def _intend(self, command: str) -> int:
        key = f"{self.run_id}-{command}-{wall_time():.3f}"
        program = self.request.program
        return self._store.open_intent(self.run_id, self.request.channel, command, program.sha256, key, wall_time())

    def taken_over(self, status: ChannelStatus) -> bool:
        """Tell whether somebody else's test is on the channel now."""
        identity = self.identity
        return identity is not None and (status.test_id, status.barcode) != (identity.test_id, identity.barcode)

    async def fetch(self, record_count: int) -> list[Sample]:
        """Ask the tester for the next block of records, up to ``record_count``; empty when none are missing."""
        missing = record_count - (self.last.sequence if self.last else 0)
        if missing <= 0 or self.identity is None:
            return []
        return await self._tester.records(self.identity, self.last, min(BLOCK, missing))

    def accept(self, samples: list[Sample]) -> list[Finding]:
        """Judge samples that are committed, and keep the steps that they complete for `save_steps`."""
        self.last = samples[-1]
        self.samples += len(samples)
        findings = self._limits.feed(samples)
        steps = self._steps.feed(samples)
        self._unsaved += steps
        return findings + self._judge.feed(steps)

    def save_steps(self) -> None:
        """Store steps and cycles that are complete. They follow from the samples, so a tick later is soon enough."""
        if self._unsaved:
            self._store.add_steps(self.test, self._unsaved)
            self._save_cycles(self._cycles.feed(self._unsaved))
            self._unsaved = []

    def _save_cycles(self, cycles: list[Cycle]) -> None:
        if cycles:
            self._store.add_cycles(self.test, cycles)

    async def act(self, findings: list[Finding]) -> bool:
        """Write findings down and stop the channel where one asks for it; True when it was stopped."""
        self._note_findings(findings)
        ending = primary(findings)
        if ending is None:
            return False
        await self.stop(_FINAL[ending.action], f"{ending.kind}: {ending.message}")
        return True

    def _note_findings(self, findings: list[Finding]) -> None:
        """Write one event for each kind of finding and what it asks for: a lost cell can show hundreds in one poll."""
        alike: dict[tuple[FindingKind, Action], list[Finding]] = {}
        for finding in findings:
            alike.setdefault((finding.kind, finding.action), []).append(finding)
        for (kind, action), group in alike.items():
            more = f" (the first of {len(group)} alike)" if len(group) > 1 else ""
            data = {"action": action.name.lower(), "time_s": group[0].time_s, "count": len(group)}
            self.note(kind, group[0].message + more, data)

    async def stop(self, state: RunState, reason: str) -> None:
        """Stop the channel, confirm it, fetch what it recorded until then, and end in ``state``."""
        if self.identity is None:
            self.go(RunState.STOPPED, reason)
            return
        self._ending = self._ending or (state, reason)
        intent = self._intend("stop")
        try:
            await self._tester.stop(self.identity)
        except DriverError as err:
            self._store.close_intent(intent, f"{type(err).__name__}: {err}", wall_time())
            self.note(EventKind.STOP_NOT_CONFIRMED, str(err))
            self.go(RunState.UNKNOWN, f"{reason}; but the stop is not confirmed: {err}")
            return
        self._store.close_intent(intent, "confirmed: zero current is not measurable here", wall_time())
        await self._collect_rest()
        self._finish(*self._ending)

    async def _collect_rest(self) -> None:
        """Fetch the records up to the end of the test, once the channel is quiet."""
        channel = self.request.channel
        status = (await self._tester.status([channel]))[channel]
        while not self.taken_over(status) and (samples := await self.fetch(status.record_count)):
            self._store.tick({self.test: samples})
            self.accept(samples)

    def _finish(self, state: RunState, reason: str) -> None:
        steps = self._steps.finish()
        self._unsaved += steps
        self.save_steps()
        self._save_cycles(self._cycles.finish())
        findings = self._judge.feed(steps)
        self._note_findings(findings)
        if state is RunState.COMPLETED and (ending := primary(findings)):
            state, reason = _FINAL[ending.action], f"{ending.kind}: {ending.message}"
        self.note(EventKind.ENDED, reason)
        self.go(state, reason)

    async def conclude(self, status: ChannelStatus) -> None:
        """End the run because its test is over at the tester and all records are stored."""
        if self._ending is not None:
            self._finish(*self._ending)
            return
        if status.state is ChannelState.FINISHED:
            self._finish(RunState.COMPLETED, "program finished")
            return
        if status.state is ChannelState.PROTECTED:
            log = await self._tester.event_log(self.identity) if self.identity else []
            codes = ", ".join(str(entry.code) for entry in log[-2:])
            seen = f"{self.last.voltage_v:.4f} V, {self.last.current_a * 1e3:.4f} mA" if self.last else "no record"
            self._finish(RunState.TRIPPED, f"{EventKind.TESTER_PROTECTED} at {seen} (its last log codes: {codes})")
            return
        self.note(EventKind.EXTERNAL_ACTION, f"channel {status.channel} is {status.state.value}, and not by us")
        self._finish(RunState.STOPPED, "stopped at the tester, by its own program or a person there")
