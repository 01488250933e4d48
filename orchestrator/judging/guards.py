"""Judges executed steps: early cutoffs, steps that reached their ceiling, the contact check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from drivers.interfaces import EndReason
from orchestrator.judging.limits import Action, Finding, FindingKind
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rollback import as_before
from protocols.program import CyclingSegment, PoweredStep, Purpose
from protocols.program_steps import expected_s


class StepWatch:
    """Judges executed steps by the segment's guards, over all tests of a run."""

    def __init__(self, segment: CyclingSegment, sign_hint: str = "check the leads") -> None:
        """Watch a segment. ``sign_hint`` names the tester setting to correct when currents have the wrong sign."""
        self._segment = segment
        self._sign_hint = sign_hint
        self._before_s = 0.0
        self._early = 0
        # Current and voltage of the contact check before.
        self._checked: tuple[float, float] | None = None

    def enter(self, segment: CyclingSegment, before_s: float) -> None:
        """Begin the next test of the run; ``before_s`` is the test time of all earlier tests."""
        self._segment = segment
        self._before_s = before_s
        self._checked = None

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed``."""
        return as_before(self, "_early", "_checked")

    def feed(self, steps: Iterable[ExecutedStep]) -> list[Finding]:
        """Judge steps in the order in which they ran, with the test's own times and the run's cycles."""
        findings: list[Finding] = []
        for tested in steps:
            step = self._segment.steps[tested.step - 1]
            if not isinstance(step, PoweredStep):
                continue
            # From here on in the run's time, so that a message means the same in every test.
            executed = replace(tested, start_s=tested.start_s + self._before_s)
            if executed.end_reason is EndReason.CEILING:
                message = (
                    f"step {executed.step} (cycle {executed.cycle}) ran into its ceiling: "
                    f"{executed.capacity_ah * 1e3:.4f} mAh in {executed.duration_s / 3600:.3f} h"
                )
                findings.append(Finding(FindingKind.CEILING, Action.TRIP, message, executed.start_s))
            set_a = step.constant_a
            if set_a is None:
                continue
            if step.purpose is Purpose.CHECK:
                findings.extend(self._check(set_a, executed))
            else:
                findings.extend(self._early_cutoff(step, executed))
        return findings

    def _check(self, set_a: float, executed: ExecutedStep) -> list[Finding]:
        guards = self._segment.guards
        low, high, seen = guards.resistance_low_ohm, guards.resistance_high_ohm, executed.resistance_ohm
        if low is None or high is None:
            return []
        # If the voltage cutoff ended the contact check, no cell is connected: its resistance is ignored.
        cut_off = executed.end_reason is EndReason.VOLTAGE
        if seen is not None and low <= seen <= high and not cut_off:
            return self._sign(set_a, executed)
        shown = "no current flowed" if seen is None else f"{seen:.4g} ohm"
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
            f"{high_a * 1e3:.4g} mA shows {at_high_v:.4f} V and {low_a * 1e3:.4g} mA {at_low_v:.4f} V: the currents "
            f"have the wrong sign; {self._sign_hint}"
        )
        return [Finding(FindingKind.CHECK_FAILED, Action.STOP, message, executed.start_s)]

    def _early_cutoff(self, step: PoweredStep, executed: ExecutedStep) -> list[Finding]:
        guards = self._segment.guards
        set_s = expected_s(step)
        early = set_s is not None and executed.duration_s < guards.early_cutoff_fraction * set_s
        if not (early and executed.end_reason is EndReason.VOLTAGE):
            self._early = 0
            return []
        self._early += 1
        if self._early != guards.early_cutoff_in_a_row:
            return []
        message = (
            f"{self._early} half-cycles in a row met their voltage cutoff in under "
            f"{guards.early_cutoff_fraction:.0%} of their time (cycle {executed.cycle}, {executed.duration_s:.1f} s "
            f"of {set_s:.0f} s): was the cell pulled out, or is a contact lost?"
        )
        return [Finding(FindingKind.EARLY_CUTOFF, Action.STOP, message, executed.start_s)]
