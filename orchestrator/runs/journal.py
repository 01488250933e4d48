"""Writes the journal of a run: its events, its deviations, and its intents before commands are sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

from drivers.errors import RecordsLost
from drivers.interfaces import Sample
from orchestrator.checks import Check, Outcome
from orchestrator.clock.virtual import wall_time
from orchestrator.events import SEVERITY_KEY, STATE_SEVERITY, EventKind, Severity
from orchestrator.judging.limits import Action, Finding, FindingKind, alike
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, Store, StoreError
from orchestrator.store.step_names import names_of_run
from protocols.program import CyclingSegment
from protocols.program_steps import powered
from protocols.step_names import CHECK_AGAIN, StepNames

if TYPE_CHECKING:
    from orchestrator.runs.progress import Progress

logger = logging.getLogger(__name__)

# Commands that stop a test, each with the state in which it leaves the run, also when another process ends it.
STOP_COMMANDS = {
    "trip": RunState.TRIPPED,
    "stop": RunState.STOPPED,
    "hold": RunState.HOLDING,
    "end segment": RunState.RUNNING,
}
STOPS = frozenset(STOP_COMMANDS)
# Those that are settled with a run that is held.
LEFT_BY_HOLD = frozenset({"hold", "end segment"})
# What is wrong with data for which these findings stand.
_DEVIATES = {
    FindingKind.CONTACT_RISES: DeviationCategory.EQUIPMENT_FAILURE,
    FindingKind.POLARISATION_DRIFTS: DeviationCategory.PARAMETER_DRIFT,
    FindingKind.CHARGE_DIFFERS: DeviationCategory.CALIBRATION_ISSUE,
    FindingKind.VOLTAGE_FLAT: DeviationCategory.EQUIPMENT_FAILURE,
    FindingKind.VOLTAGE_JUMPS: DeviationCategory.OUT_OF_TOLERANCE,
    FindingKind.RECORDS_LATE: DeviationCategory.COMMUNICATION_LOSS,
}


class RunJournal:
    """The journal of one run."""

    def __init__(self, store: Store, request: RunRequest, run_id: str) -> None:
        self._store = store
        self._request = request
        self._run_id = run_id
        self._commands = 0

    @cached_property
    def _names(self) -> StepNames:
        return names_of_run(self._store, self._run_id, self._request.program)

    def step_name(self, progress: Progress, last: Sample | None) -> str:
        """Name the step of the present test's last sample, or the measurement that is due; empty for neither."""
        if progress.measurement is not None:
            return self._names.of(progress.index, 1)
        if last is None or progress.tested is None:
            return ""
        return self._names.of(progress.index, number) if (number := progress.step(last)) else CHECK_AGAIN

    def note(
        self,
        kind: EventKind,
        message: str,
        data: Mapping[str, object] | None = None,
        severity: Severity | None = None,
    ) -> None:
        """Write an event, with a severity if it differs from the default severity of its kind."""
        logger.info("run %s on %s: %s: %s", self._run_id, self._request.channel, kind, message)
        if severity is not None:
            data = {**(data or {}), SEVERITY_KEY: severity}
        self._store.add_event(self._run_id, kind, message, wall_time(), json.dumps(data) if data else None)

    def ordered(self, by: str) -> None:
        """Write who ordered the run, which guards it changes, what was confirmed, and why any voltage is accepted."""
        if by:
            self.note(EventKind.COMMAND, f"start ordered by {by}")
        for change in self._request.program.cycling[0].guards.changes:
            self.note(EventKind.GUARD_CHANGED, f"by the recipe: {change}", asdict(change))
        seen, person = self._request.plausibility, self._request.confirming
        if seen is not None and seen.sentences:
            data = {"by": person, "findings": seen.sentences}
            self.note(EventKind.IMPLAUSIBLE, f"confirmed by {person}: {' '.join(seen.sentences)}", data)
        guards = self._request.program.cycling[0].guards
        if guards.open_circuit_reason and guards.open_circuit:
            low_v, high_v = guards.open_circuit.low_v, guards.open_circuit.high_v
            message = f"a cell at {low_v:g} to {high_v:g} V may be started: {guards.open_circuit_reason}"
            window = {"low_v": low_v, "high_v": high_v}
            self.note(EventKind.VOLTAGE_ACCEPTED, message, {"by": by, "reason": guards.open_circuit_reason, **window})

    def preflight(self, checks: Sequence[Check]) -> None:
        """Write an event with every check that was made before the start, naming those that need a look."""
        names = {outcome: [it.check.value for it in checks if it.outcome is outcome] for outcome in Outcome}
        told = [f"{'must not' if names[Outcome.FAIL] else 'may'} start"]
        told += [f"{it.value}: {', '.join(names[it])}" for it in (Outcome.FAIL, Outcome.WARN) if names[it]]
        told += [f"{len(names[it])} {it.value}" for it in (Outcome.PASS, Outcome.NOT_ASKED) if names[it]]
        severity = Severity.NOTICE if names[Outcome.WARN] else None
        severity = Severity.WARNING if names[Outcome.FAIL] else severity
        self.note(EventKind.PREFLIGHT, "; ".join(told), {"checks": [asdict(check) for check in checks]}, severity)

    def moved(self, state: RunState, reason: str) -> None:
        """Write an event that the run changed to a state; the state gives the severity."""
        message = f"{state.value}: {reason}" if reason else state.value
        self.note(EventKind.STATE, message, severity=STATE_SEVERITY.get(state))

    def findings(self, findings: Sequence[Finding]) -> None:
        """Write one event for each kind and action of findings: a damaged cell can show hundreds in one poll."""
        for first, count in alike(findings):
            more = f" (the first of {count} alike)" if count > 1 else ""
            data = {"action": first.action.name.lower(), "time_s": first.time_s, "count": count, **(first.data or {})}
            # A mark asks nobody to come, whatever its kind.
            severity = Severity.WARNING if first.action is Action.MARK else None
            with self._store.transaction():
                self.note(EventKind(first.kind.value), first.message + more, data, severity)
                if (category := _DEVIATES.get(first.kind)) is not None and first.data is not None:
                    self._deviated(category, first)

    def _deviated(self, category: DeviationCategory, finding: Finding) -> None:
        """Write a deviation from where a finding begins, by the tester's clock, until now."""
        now = wall_time()
        since = (finding.data or {}).get("since_unix_s")
        began = min(since, now) if isinstance(since, float) and since > 0 else now
        self._store.add_deviation(self._run_id, category, began, now, f"{finding.kind}: {finding.message}")

    def gap(self, last: Sample | None, segment: CyclingSegment, by: str, lot_s: float) -> None:
        """Write, before a run is resumed, how uncertain the charge is that passed after its last stored sample.

        ``lot_s``: how long a tester may keep records to itself; in that time it may have gone on to any step.
        """
        every_s = segment.record.every_s or 0.0
        unknown_ah = abs(last.current_a) * every_s / 3600 if last else 0.0
        if lot_s:
            lot_s = min(lot_s, max(0.0, wall_time() - last.unix_time_s)) if last else lot_s
            largest_a = max((step.largest_a or 0.0 for _, step in powered(segment.steps)), default=0.0)
            unknown_ah = largest_a * lot_s / 3600
        effect = (
            f"resumed by {by} in a new program with what was still to do; up to {unknown_ah * 1e3:.5f} mAh passed "
            "after the last record are not known and are passed again"
        )
        self._deviation(DeviationCategory.OPERATOR_INTERVENTION, last, effect)

    def lost(self, err: RecordsLost, last: Sample | None) -> None:
        """Write exactly which records the tester had deleted before they could be read (faults B05)."""
        with self._store.transaction():
            self.note(EventKind.RECORDS_LOST, str(err), {"first": err.first, "last": err.last})
            self._deviation(DeviationCategory.COMMUNICATION_LOSS, last, f"{err}; no value stands for them")

    def missing(self, technique: str, why: str) -> None:
        """Write a deviation: the run continues without a measurement that its recipe requires."""
        now = wall_time()
        effect = f"{technique} is missing here, the cell went on without it: {why}"
        self._store.add_deviation(self._run_id, DeviationCategory.EQUIPMENT_FAILURE, now, now, effect)

    def _deviation(self, category: DeviationCategory, last: Sample | None, effect: str) -> None:
        """Write a deviation from the last sample until now; if the clock was set back, it begins and ends now."""
        now = wall_time()
        self._store.add_deviation(self._run_id, category, min(last.unix_time_s if last else now, now), now, effect)

    def intend(self, command: str) -> int:
        """Commit the intent to send a command, and return the intent's number."""
        # The count tells apart commands ordered at one time; the time, those of processes before this one.
        self._commands += 1
        key = f"{self._run_id}-{command}-{wall_time():.3f}-{self._commands}"
        sha256 = self._request.program.sha256
        return self._store.open_intent(self._run_id, self._request.channel, command, sha256, key, wall_time())

    def intend_stop(self, end: RunState = RunState.STOPPED) -> None:
        """Commit the intent to stop. Only what energises a cell waits for the store (faults F01, F05).

        It stays open until the run's end is written with its outcome: whoever dies before has left word of it.
        """
        try:
            command = next((command for command, state in STOP_COMMANDS.items() if state is end), "stop")
            newest = self.intend(command)
            self.close_intents("no end could be written after it: sent again", STOPS, before=newest)
        except StoreError:
            logger.exception("run %s: its stop is not written down", self._run_id)

    def close_intents(
        self, outcome: str, commands: Collection[str] = (), before: float = inf, kept: Collection[str] = ()
    ) -> None:
        """Store an outcome for open intents of this run: of one kind or all but some, older than an intent or all."""
        for intent in self._store.open_intents():
            meant = (not commands or intent.command in commands) and intent.command not in kept
            if intent.run_id == self._run_id and meant and intent.id < before:
                self._store.close_intent(intent.id, outcome, wall_time())
