"""What a test's own steps have shown so far: usual currents and ends, which step follows which, and flat voltages."""

from __future__ import annotations

from statistics import median

from drivers.interfaces import Sample
from orchestrator.audit.kinds import AuditKind, Seen
from orchestrator.audit.schedule_file import ScheduleFile
from orchestrator.audit.step_audit import StepAudit
from orchestrator.judging.step_trace import StepTrace
from orchestrator.judging.trouble_thresholds import FLAT_AROUND, FLAT_FACTOR, FLAT_STEPS

# So many earlier executions of a step make something usual, the last of them; ends agree within so much when a voltage
# ended them, and last differently long: else it was their time.
_USUAL, _KEPT, _END_V, _LASTS_S = 3, 5, 0.002, 1.0
# Currents of one step agree to this part when it is one step.
_ALIKE_PART = 0.01


class StepHabits:
    """The earlier steps of one test, by their number in its schedule."""

    def __init__(self) -> None:
        self._currents_a: dict[int, list[float]] = {}
        self._ends: dict[int, list[tuple[float, float]]] = {}
        self._executed: set[int] = set()
        # By direction: how many whole steps, and the longest run of equal voltages among them.
        self._flat: dict[int, tuple[int, int]] = {}

    def learn(self, step: StepAudit) -> None:
        """Take over a step that is over."""
        first, last = step.first, step.last
        self._executed.add(first.step)
        if step.currents_a:
            self._currents_a[first.step] = [*self._currents_a.get(first.step, []), median(step.currents_a)][-_KEPT:]
        if first.step_time_s == 0 and step.sign:
            end = last.step_time_s, last.voltage_v
            self._ends[first.step] = [*self._ends.get(first.step, []), end][-_KEPT:]
        if step.trace.is_constant:
            steps, longest = self._flat.get(step.sign, (0, 0))
            self._flat[step.sign] = steps + 1, max(longest, step.trace.longest)

    def usual(self, number: int) -> tuple[float | None, float | None]:
        """Return the usual current and end voltage of a step; None where there is none."""
        currents_a, ends = self._currents_a.get(number, []), self._ends.get(number, [])[-_USUAL:]
        usual_a = median(currents_a) if len(currents_a) >= _USUAL - 1 else None
        if usual_a is not None and any(abs(it - usual_a) > _ALIKE_PART * abs(usual_a) for it in currents_a):
            usual_a = None
        times_s, volts = [lasts_s for lasts_s, _ in ends], [volt for _, volt in ends]
        is_voltage = len(ends) >= _USUAL and max(volts) - min(volts) < _END_V and max(times_s) - min(times_s) > _LASTS_S
        return usual_a, median(volts) if is_voltage else None

    def prepare(self, trace: StepTrace, before: StepAudit | None) -> None:
        """Tell the trace of a new step from where on a flat voltage is none of the cell's own."""
        sign = 1 if trace.first.current_a > 0 else -1
        steps, longest = self._flat.get(sign, (0, 0))
        if steps >= FLAT_STEPS:
            trace.expect_flat(FLAT_FACTOR * longest)
        if before is None:
            return
        is_held = {before.first.mode, trace.first.mode} - {"cc", "dc", "rest"}
        if not is_held and before.last.current_a != trace.first.current_a and before.trace.same >= FLAT_AROUND:
            trace.carry(before.last)

    def follows(self, last: Sample, first: Sample, schedule: ScheduleFile | None) -> list[Seen]:
        """Judge whether a step may follow another: by the step file, else by the cycle number and earlier steps."""
        if last.step == first.step and last.tester_cycle == first.tester_cycle and first.step_time_s > 0:
            return []
        if schedule is not None:
            is_right = first.step in schedule.may_follow(last.step)
            why = f"step file {schedule.name} has no way there"
        elif first.step <= last.step:
            is_right, why = first.tester_cycle > last.tester_cycle, "no loop was counted"
        else:
            left_out = sorted(number for number in self._executed if last.step < number < first.step)
            is_right, why = (
                not left_out,
                f"step {', '.join(map(str, left_out))} was left out, which was executed before",
            )
        if is_right:
            return []
        words = f"step {first.step} follows step {last.step}: {why}; a person jumped, or a condition of the schedule"
        evidence = {"from_step": last.step, "to_step": first.step, "sequence": first.sequence}
        return [Seen(AuditKind.STEP_JUMPED, first.unix_time_s, words, evidence)]
