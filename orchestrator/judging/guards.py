"""Judges executed steps: open circuits, steps that reached their ceiling, the contact check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from drivers.interfaces import EndReason
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.open_circuit import OpenCircuitWatch, Passage, passage
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rollback import as_before
from protocols.program import CyclingSegment, PoweredStep, Purpose
from protocols.step_names import told

# A contact check that is repeated finds the cell that it found before, or an aged one: up to this multiple of what the
# last half-cycle's voltage and current made, which hold the gradient as well, it has the same contact.
REPEATED = 2.0


class StepWatch:
    """Judges executed steps by the segment's guards, over all tests of a run."""

    def __init__(
        self, segment: CyclingSegment, sign_hint: str = "check the leads", *, is_symmetric: bool = False
    ) -> None:
        """Watch a segment; the voltage of an ``is_symmetric`` cell over its current is its resistance.

        ``sign_hint`` names the tester setting to correct when currents have the wrong sign.
        """
        self._segment = segment
        self._sign_hint = sign_hint
        self._is_symmetric = is_symmetric
        self._before_s = self._end_s = 0.0
        self._open = OpenCircuitWatch()
        # Resistance of the last half-cycle of a symmetric cell, in ohm; None before the first.
        self._last_ohm: float | None = None
        # Current and voltage of the contact check before.
        self._checked: tuple[float, float] | None = None

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._segment = segment
        self._before_s = before_s
        self._checked = None

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed``."""
        mine, circuit = as_before(self, "_end_s", "_last_ohm", "_checked"), self._open.undo()

        def undo() -> None:
            mine()
            circuit()

        return undo

    def feed(self, steps: Iterable[ExecutedStep]) -> list[Finding]:
        """Judge steps in the order in which they ran, with the test's own times and the run's cycles."""
        findings: list[Finding] = []
        for tested in steps:
            step = self._segment.steps[tested.step - 1]
            if not isinstance(step, PoweredStep):
                continue
            # From here on in the run's time, so that a message means the same in every test.
            executed = replace(tested, start_s=tested.start_s + self._before_s)
            self._end_s = executed.start_s + executed.duration_s
            if executed.end_reason is EndReason.CEILING:
                message = (
                    f"{told(self._segment.steps, tested.step)} of cycle {executed.cycle} ran into its ceiling: "
                    f"{executed.capacity_ah * 1e3:.4f} mAh in {executed.duration_s / 3600:.3f} h"
                )
                findings.append(Finding(FindingKind.CEILING, Action.TRIP, message, executed.start_s))
            set_a = step.constant_a
            if step.purpose is Purpose.CHECK and set_a is not None:
                failed = self._check(set_a, executed)
                findings.extend(failed)
                if not failed:
                    self._open.learn_check(step, executed)
                continue
            shows = passage(step, executed, self._segment.guards, self._segment.limits)
            if set_a is not None and self._is_symmetric and shows is Passage.PASSED:
                self._last_ohm = executed.resistance_ohm
            if not self._segment.guards.early_cutoff_off:
                findings.extend(self._open.feed(step, executed, self._segment))
        return findings

    def finish(self) -> list[Finding]:
        """Judge what is open at the end of the run."""
        off = self._segment.guards.early_cutoff_off
        return [] if off else self._open.finish(self._segment, self._end_s)

    def _check(self, set_a: float, executed: ExecutedStep) -> list[Finding]:
        guards = self._segment.guards
        low, high, seen = guards.resistance_low_ohm, guards.resistance_high_ohm, executed.resistance_ohm
        if low is None or high is None:
            return []
        if self._last_ohm is not None:
            high = max(high, REPEATED * self._last_ohm)
        # If the voltage cutoff ended the contact check, no cell is connected: its resistance is ignored.
        cut_off = executed.end_reason is EndReason.VOLTAGE
        if seen is not None and low <= seen <= high and not cut_off:
            return self._sign(set_a, executed)
        shown = "no current flowed" if seen is None else f"{seen / 1e6:.4g} Mohm" if seen >= 1e6 else f"{seen:.4g} ohm"
        likely = "the cell is shorted" if seen is not None and seen < low else "no cell, or bad contact"
        message = f"{shown}; the window is {low:g} to {high:g} ohm: {likely}"
        return [Finding(FindingKind.CHECK_FAILED, Action.STOP, message, executed.start_s)]

    def _sign(self, current_a: float, executed: ExecutedStep) -> list[Finding]:
        """Compare a contact check with the one before: a higher current must give a higher voltage in any cell."""
        here = current_a, executed.mean_voltage_v or 0.0
        before, self._checked = self._checked, here
        if before is None or (here[0] - before[0]) * (here[1] - before[1]) >= 0:
            return []
        (low_a, at_low_v), (high_a, at_high_v) = sorted((before, here))
        message = (
            f"{high_a * 1e3:.4g} mA shows {at_high_v:z.4f} V and {low_a * 1e3:.4g} mA {at_low_v:z.4f} V: the currents "
            f"have the wrong sign; {self._sign_hint}"
        )
        return [Finding(FindingKind.CHECK_FAILED, Action.STOP, message, executed.start_s)]
