"""The guards that go through all tests of a run: those of steps and of what vanishes, and the watch for shorts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from drivers.interfaces import Sample
from orchestrator.judging.guards import StepWatch
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.steps import ExecutedStep
from orchestrator.judging.vanishing import VanishingWatch
from orchestrator.rollback import as_before
from orchestrator.shorts import ShortFinding, ShortKind
from orchestrator.shorts.run_shorts import RunShorts
from protocols.cell import SYMMETRIC
from protocols.program import CyclingSegment, Program, ShortPolicy

_ACTIONS = {
    ShortPolicy.COMPLETE: Action.COMPLETE,
    ShortPolicy.TRIP: Action.TRIP,
    ShortPolicy.HOLD: Action.HOLD,
    ShortPolicy.MARK: Action.MARK,
}
_TAKEN_BACK = frozenset({ShortKind.MENDED, ShortKind.CAME_BACK, ShortKind.SOFT_DROPPED})


class RunGuards:
    """The guards of one run; what they find waits for nobody: the same records give the same findings again."""

    def __init__(self, program: Program, sign_hint: str) -> None:
        """Watch a run. ``sign_hint`` names the tester setting to correct when currents have the wrong sign."""
        self._steps = StepWatch(program.cycling[0], sign_hint, is_symmetric=program.cell.kind in SYMMETRIC)
        self._vanishing = VanishingWatch(program.cell)
        self._shorts = RunShorts(program)
        self._watches_shorts = self._shorts.is_watching and not program.cycling[0].guards.short_off
        self._policy = program.cycling[0].guards.short_policy

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._steps.enter(segment, before_s)
        self._vanishing.enter(segment, before_s)
        self._shorts.enter(segment, before_s)

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed`` or ``finish``."""
        steps, vanishing, shorts = self._steps.undo(), self._vanishing.undo(), as_before(self, "_shorts")
        self._shorts = self._shorts.copy()

        def undo() -> None:
            steps()
            vanishing()
            shorts()

        return undo

    def feed(self, samples: Sequence[Sample], steps: Sequence[ExecutedStep], cycle: int) -> list[Finding]:
        """Judge samples, and the steps that they completed with the run's cycles; ``cycle`` is that of the last one."""
        found = self._steps.feed(steps) + self._vanishing.feed(samples)
        if samples and self._watches_shorts:
            cycles = {step.step_count: step.cycle for step in steps}
            cycles.setdefault(samples[-1].step_count, cycle)
            found += [self._finding(short) for short in self._shorts.feed(samples, cycles)]
        return found

    def feed_open(self, samples: Sequence[Sample]) -> list[Finding]:
        """Bring what is judged within a step to the end of stored samples, which begin with that of a step."""
        return self._vanishing.feed(samples)

    @property
    def watch_shorts(self) -> bool:
        """Whether the run is watched for shorts: its kind of cell is, and the recipe has not switched it off."""
        return self._watches_shorts

    def feed_again(self, samples: Sequence[Sample], cycles: Mapping[int, int]) -> list[Finding]:
        """Bring the watch for shorts to the end of stored samples, whose steps bear these cycles of the run."""
        return [self._finding(short) for short in self._shorts.feed(samples, cycles)]

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
