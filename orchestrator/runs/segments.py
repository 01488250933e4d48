"""Takes a run over the border between two segments: what was measured decides which is next, and whether it is held.

A segment is left in one commit with the decision behind it. A run that such a decision holds is held when it is between
the segments, so that a kill on the way loses nothing: the decision is found again, and that the run was not held since.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar, Protocol

from orchestrator.clock.virtual import wall_time
from orchestrator.failpoints import failpoint
from orchestrator.rollback import as_before
from orchestrator.runs.decisions import Decided, Decisions
from orchestrator.runs.measured_segments import MeasuredSegments
from orchestrator.runs.progress import Progress
from orchestrator.runs.records import RecordPipeline
from orchestrator.states import Ending, RunState, RunStatus
from orchestrator.store import Store
from protocols.branches import Then


class Bordered(Protocol):
    """The parts of a run that a border between segments uses; what it changes is restored where the store refuses."""

    # Attributes that count the time and samples of the tests before the present one.
    BEHIND: ClassVar[tuple[str, ...]]
    progress: Progress
    status: RunStatus
    records: RecordPipeline | None

    def go(self, state: RunState, reason: str = "") -> None:
        """Change the state and store it."""

    def finish(self, ending: Ending) -> None:
        """End the run and store it."""


class SegmentBorder:
    """The border between two segments of one run."""

    def __init__(self, run: Bordered, store: Store, decisions: Decisions, measured: MeasuredSegments) -> None:
        self._run = run
        self._store = store
        self.decisions = decisions
        self.measured_segments = measured
        self._hold = ""

    def take_hold(self) -> str:
        """Return why the recipe holds the run here, once; "" where it does not."""
        reason, self._hold = self._hold, ""
        return reason

    @property
    def prompt(self) -> str:
        """What a person is to do before the segment that is due, and has not been asked for; "" for nothing."""
        progress = self._run.progress
        prompt = None if progress.is_over else progress.program.segments[progress.index].prompt
        return prompt if prompt and not self.decisions.was_asked(progress.index) else ""

    @property
    def is_ended(self) -> bool:
        """Whether the host has ended the present segment before, and its stop was confirmed."""
        progress = self._run.progress
        part = None if progress.is_over else progress.program.segments[progress.index]
        return bool(getattr(part, "host_may_end", False)) and self.decisions.was_ended(progress.index)

    @property
    def how_finished(self) -> str:
        """How a run that has carried out everything has come to its end."""
        why = self.decisions.why_over(len(self._run.progress.program.segments))
        return f"program finished: {why}" if why else "program finished"

    def go_to_next(self) -> bool:
        """Leave a segment that is done; False when none follows, or when findings end the run here."""
        run = self._run
        if run.records is None or (run.progress.is_in_last and not run.progress.whole.after):
            return False
        with self._store.transaction(as_before(run, "progress", "status")):
            run.records.finish()
            ending = run.records.ending
            if ending is not None and ending.state is not RunState.RUNNING:
                return False
            run.records.write_down()
            self._leave(may_hold=True)
        _left()
        return True

    def leave(self) -> None:
        """Leave a segment of a held run that a person resumes: what is decided now does not hold it again."""
        run = self._run
        with self._store.transaction(as_before(run, "progress", "status")):
            if run.records is not None:
                run.records.finish()
            self._leave(may_hold=False)
        _left()

    def end(self, ending: Ending) -> None:
        """Leave a segment that the host has ended: its stop is confirmed, and all of its records are stored.

        Findings in its last records that are graver end or hold the run instead.
        """
        run = self._run
        records = run.records
        if records is None:
            return
        with self._store.transaction(as_before(run, "progress", "status")):
            records.finish()
            found = records.ending
            run.status = replace(run.status, ordered_end=None)
            if found is not None and found.is_graver_than(ending):
                run.finish(found.joined(ending))
                return
            records.write_down()
            self.decisions.end(run.progress.index, ending.reason)
            if run.status.state is not RunState.RUNNING:
                run.go(RunState.RUNNING, ending.reason)
            self._leave(may_hold=True)
        _left()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Commit the writes of the ``with`` block about a measurement together with the advance to the next segment."""
        run = self._run
        with self._store.transaction(as_before(run, "progress", *run.BEHIND)):
            yield
            index = run.progress.index
            decided = self.decisions.decide(run.progress)
            run.progress = run.progress.visited(wall_time())
            self._go_to(index, decided, may_hold=True)

    def follow(self, index: int) -> None:
        """Go where the stored decision behind a measurement leads, after a restart."""
        decided = self.decisions.stored(index) if self._run.progress.program.segments[index].after else None
        self._go_to(index, decided, may_hold=True)

    def _leave(self, *, may_hold: bool) -> None:
        run, index = self._run, self._run.progress.index
        decided = self.decisions.decide(run.progress)
        run.progress = run.progress.advanced(wall_time())
        run.status = replace(run.status, is_between=True)
        self._go_to(index, decided, may_hold=may_hold)

    def _go_to(self, index: int, decided: Decided | None, *, may_hold: bool) -> None:
        run = self._run
        if decided is not None:
            run.progress = run.progress.leaving_out(decided.to, run.progress.since_unix_s)
            if may_hold and decided.then is Then.HOLD and not self.decisions.was_held(index):
                self._hold = f"the recipe holds it behind segment {index + 1}: {decided.reason}"
        self._reckon(may_hold=may_hold)

    def _reckon(self, *, may_hold: bool) -> None:
        """Give the segment that is due the values that the run has measured for it."""
        run = self._run
        reckoned = self.measured_segments.reckon(run.progress)
        due = run.progress.index
        if reckoned is not None:
            run.progress = run.progress.with_measured({due: reckoned.segment})
        if may_hold and (why := self.measured_segments.hold_left(due)):
            self._hold = f"{self._hold}; {why}" if self._hold else f"segment {due + 1} is not begun: {why}"


def _left() -> None:
    """Mark the point at which a segment is left: the commit is made, and nothing has begun of the next one."""
    failpoint("segment left")
