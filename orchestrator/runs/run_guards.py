"""The guards that go through all tests of a run: of steps, of what vanishes, of shorts, of trouble seen early."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from drivers.interfaces import Sample
from orchestrator.events import EventKind
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.steps import ExecutedStep
from orchestrator.judging.trouble import LEVEL_KEY, SIGN_KEY, TroubleWatch
from orchestrator.judging.trouble_thresholds import KINDS
from orchestrator.judging.vanishing import VanishingWatch
from orchestrator.rollback import as_before
from orchestrator.shorts import ShortFinding, ShortKind
from orchestrator.shorts.run_shorts import RunShorts
from orchestrator.states import RunState
from orchestrator.store.rows import EventRow
from protocols.cell import SYMMETRIC
from protocols.program import CyclingSegment, Program, ShortPolicy

_ACTIONS = {
    ShortPolicy.COMPLETE: Action.COMPLETE,
    ShortPolicy.TRIP: Action.TRIP,
    ShortPolicy.HOLD: Action.HOLD,
    ShortPolicy.MARK: Action.MARK,
}
TROUBLE_KINDS = frozenset(KINDS.values())
_TROUBLE = frozenset(kind.value for kind in TROUBLE_KINDS)
_MARKS = frozenset(kind.value for kind in FindingKind) - _TROUBLE
_MARK = Action.MARK.name.lower()
_TAKEN_BACK = frozenset({ShortKind.MENDED, ShortKind.CAME_BACK, ShortKind.SOFT_DROPPED})


def _marks_in(event: EventRow) -> int:
    """Return how many marks of guards and limits an event tells of; those of a spectrum and of trouble are others."""
    data: dict[str, Any] = json.loads(event.data_json or "{}")
    is_mark = event.kind in _MARKS and data.get("action", _MARK) == _MARK and "verdict" not in data
    return int(data.get("count", 1)) if is_mark else 0


class RunGuards:
    """The guards of one run; what they find waits for nobody: the same records give the same findings again."""

    def __init__(self, program: Program, sign_hint: str) -> None:
        """Watch a run. ``sign_hint`` names the tester setting to correct when currents have the wrong sign."""
        self._steps = StepWatch(program.cycling[0], sign_hint, is_symmetric=program.cell.kind in SYMMETRIC)
        self._vanishing = VanishingWatch(program.cell)
        self._shorts = RunShorts(program)
        self._watches_shorts = self._shorts.is_watching and not program.cycling[0].guards.short_off
        self._trouble = TroubleWatch(program)
        self._policy = program.cycling[0].guards.short_policy
        # How many marks of each kind the run's events tell of that were not found again yet.
        self._told: Counter[str] = Counter()

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._steps.enter(segment, before_s)
        self._vanishing.enter(segment, before_s)
        self._shorts.enter(segment, before_s)
        self._trouble.enter(segment, before_s)

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed`` or ``finish``."""
        steps, vanishing, shorts = self._steps.undo(), self._vanishing.undo(), as_before(self, "_shorts", "_trouble")
        self._shorts, self._trouble = self._shorts.copy(), self._trouble.copy()

        def undo() -> None:
            steps()
            vanishing()
            shorts()

        return undo

    def feed(self, samples: Sequence[Sample], steps: Sequence[ExecutedStep], cycle: int) -> list[Finding]:
        """Judge samples, and the steps that they completed with the run's cycles; ``cycle`` is that of the last one."""
        found = self._steps.feed(steps) + self._vanishing.feed(samples)
        if samples:
            cycles = {step.step_count: step.cycle for step in steps}
            cycles.setdefault(samples[-1].step_count, cycle)
            found += self.feed_again(samples, cycles)
        return found + self._trouble.feed_steps(steps) if steps else found

    def feed_open(self, samples: Sequence[Sample]) -> list[Finding]:
        """Bring what is judged within a step to the end of stored samples, which begin with that of a step."""
        return self._vanishing.feed(samples)

    @property
    def watches_records(self) -> bool:
        """Whether the run is watched for shorts or trouble: after a restart its records are judged again."""
        return self._watches_shorts or self._trouble.is_watching

    def feed_again(self, samples: Sequence[Sample], cycles: Mapping[int, int]) -> list[Finding]:
        """Judge samples, whose steps bear these cycles of the run, for shorts and trouble; all of a test in order."""
        found = self._trouble.feed(samples, cycles)
        if self._watches_shorts:
            found += [self._finding(short) for short in self._shorts.feed(samples, cycles)]
        return found

    def recall(self, events: Iterable[EventRow]) -> None:
        """Take over which marks and trouble the run's events tell of, before stored records are judged again.

        What was to hold the run, and did not before the service died, is found again, and holds it then.
        """
        told: list[dict[str, Any]] = []
        waiting: list[dict[str, Any]] = []
        for event in events:
            self._told[event.kind] += _marks_in(event)
            if event.kind == EventKind.STATE and event.message.partition(":")[0] == RunState.HOLDING.value:
                told, waiting = told + waiting, []
            elif event.kind in _TROUBLE and event.data_json and SIGN_KEY in (data := json.loads(event.data_json)):
                (waiting if data.get("action") == Action.HOLD.name.lower() else told).append(data)
        self._trouble.recall((it[SIGN_KEY], it[LEVEL_KEY], it["time_s"]) for it in told)

    def is_untold(self, mark: Finding) -> bool:
        """Return whether no event tells of a mark that was found again, in the order in which it was found first.

        Its records were committed, and the service died before its event was.
        """
        if self._told[mark.kind.value] > 0:
            self._told[mark.kind.value] -= 1
            return False
        return True

    def finish(self) -> list[Finding]:
        """Judge what is open at the end of the run."""
        shorts = self._shorts.finish() if self._watches_shorts else []
        return self._steps.finish() + [self._finding(short) for short in shorts]

    def _finding(self, short: ShortFinding) -> Finding:
        if short.kind is ShortKind.HARD:
            kind, action = FindingKind.CELL_SHORTED, _ACTIONS[self._policy]
        else:
            kind = FindingKind.NO_SHORT if short.kind in _TAKEN_BACK else FindingKind.SOFT_SHORT
            action = Action.MARK
        return Finding(kind, action, short.sentence, short.time_s, short.as_dict())
