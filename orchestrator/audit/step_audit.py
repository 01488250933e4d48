"""Judges the records of one executed step: both counters, current, cutoff, the window, and when records come.

Charge, flat and jumping voltages are judged by ``orchestrator.judging.step_trace``, as in runs of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.interfaces import Sample
from orchestrator.audit.kinds import AuditKind, Seen
from orchestrator.audit.record_rhythm import RecordRhythm
from orchestrator.audit.schedule_file import LOADS, SIGNS, FileStep
from orchestrator.judging.step_trace import Jump, StepTrace
from protocols.channel_envelope import ChannelEnvelope
from protocols.current_sign import Direction
from protocols.program import CcCv, ConstantCurrent, ConstantPower, ConstantVoltage, Record, Rest, Until
from protocols.program_steps import RecordedStep
from protocols.trouble import DEFAULT_TROUBLE, TroubleSign

# The counters of a tester agree with its own current to this part (what is asked for of charge in runs, too).
COUNTER_PART = DEFAULT_TROUBLE.charge_part
# Integrals of less than these tell nothing: times have 0.1 s, counters 0.1 uWh.
_COUNTED_S, _COUNT_WH = 60.0, 2e-7
# A source has settled by then (reference neware-ct4008, section 1.4).
_SETTLED_S = 10.0
# A current is another one by this part of it, and by twice the accuracy of its range (0.05 % of full scale).
_CURRENT_PART, _RANGE_PART = 0.01, 0.001
# In a rest no current flows: a real tester reads exactly none (section 1.4). Part of the smallest range.
_REST_PART = 0.005
# Testers end a step within some mV of its voltage (section 1.4), and look every 0.1 s: with what the slope of the
# voltage makes in a second. What is over at once was never held.
_OVERSHOT_V, _SLOPE_S, _AT_ONCE_S = 0.010, 1.0, 2.0
# Twice the accuracy of a 5 V unit (0.05 % of full scale), to each side of what the bench file says.
_WINDOW_V = 0.005
# So many readings in a row, so that a spike of one record is none.
_IN_A_ROW = 2
# The usual current of a step is the median of so many.
_ENOUGH = 200
_KINDS = {TroubleSign.CHARGE: AuditKind.CHARGE_COUNTER, TroubleSign.FLAT: AuditKind.VOLTAGE_FLAT}


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a step before it ends: its step file, and its usual current and end (A and V, signed)."""

    file: FileStep | None = None
    usual_a: float | None = None
    usual_end_v: float | None = None


def program_step(first: Sample) -> RecordedStep:
    """Return a step of ours that is of the kind of a tester's, for the judges of runs; its values are the record's."""
    sign, until = SIGNS.get(first.mode, 0), Until(time_s=1.0)
    amp = sign * (abs(first.current_a) or 1e-6)
    direction = Direction.CHARGE if sign > 0 else Direction.DISCHARGE
    if first.mode in {"cc", "dc"}:
        return ConstantCurrent(amp, until)
    if first.mode in {"cccv", "cccd"}:
        return CcCv(amp, first.voltage_v, until)
    if first.mode in LOADS.values():
        return ConstantPower(direction, abs(first.voltage_v * amp), until)
    return ConstantVoltage(direction, first.voltage_v, until) if sign else Rest(until)


class StepAudit:
    """One executed step, from the first of its records that was read."""

    def __init__(self, first: Sample, expected: Expected, envelope: ChannelEnvelope) -> None:
        self.trace = StepTrace(first, program_step(first), Record(), DEFAULT_TROUBLE)
        self.first = self.last = first
        self.rhythm = RecordRhythm(first)
        self.sign = SIGNS.get(first.mode, 0)
        self.currents_a: list[float] = []
        self._expected, self._envelope = expected, envelope
        self._set_a = self._wanted()
        self._slack_a = _CURRENT_PART * abs(self._set_a or 0.0) + _RANGE_PART * self._range_of(self._set_a or 0.0)
        self._stop_v = self._cutoff()
        self._double_ws = self._spread_ws = 0.0
        self._rows: dict[AuditKind, int] = {}
        self._told: set[AuditKind] = set()
        self._taken, self._number, self._count_at = 0, 1, 128

    @property
    def integral_wh(self) -> float:
        """The integral of power over time, as a magnitude in Wh."""
        return self._double_ws / 7200

    def _wanted(self) -> float | None:
        """Return the signed current of a step that holds one, as far as anybody knows."""
        if self.first.mode not in {"cc", "dc", "cccv", "cccd"}:
            return None
        file = self._expected.file
        return self._expected.usual_a if file is None or file.current_a is None else self.sign * file.current_a

    def _cutoff(self) -> float | None:
        """Return the voltage that the step does not pass."""
        file = self._expected.file
        if file is None:
            return self._expected.usual_end_v
        return file.stop_v if self.first.mode in {"cc", "dc", *LOADS.values()} else file.voltage_v

    def _range_of(self, current_a: float) -> float:
        ranges = self._envelope.current_ranges
        return next((it.high_a for it in ranges if it.high_a >= abs(current_a)), ranges[-1].high_a)

    def add(self, samples: Sequence[Sample]) -> list[Seen]:
        """Judge more records of the step, in order; return what was not told of this step yet."""
        seen: list[Seen] = []
        for sample in samples:
            last, power_w = self.last, abs(sample.voltage_v * sample.current_a)
            apart_s = sample.step_time_s - last.step_time_s
            before_w = abs(last.voltage_v * last.current_a)
            if power_w == power_w and before_w == before_w:
                self._double_ws += (power_w + before_w) * apart_s
                self._spread_ws += abs(power_w - before_w) * apart_s
            self._judge(sample, last, apart_s, seen)
            if (late := self.rhythm.feed(sample)) is not None:
                self._tell(seen, late)
            self.last = sample
        self.trace.add(samples)
        self._number += len(samples)
        if self._number >= self._count_at:
            self._count_at = 2 * self._number
            self._count_energy(seen)
        return seen + self._signs()

    def finish(self) -> list[Seen]:
        """Judge what is known when the step is over, or that nobody follows it any more."""
        seen: list[Seen] = []
        self.trace.finish()
        self._count_energy(seen)
        return seen + self._signs()

    def jumps(self) -> tuple[Jump, ...]:
        """Return the jumps of the voltage that came back since the last call."""
        return self.trace.take_jumps()

    def _signs(self) -> list[Seen]:
        new, self._taken = self.trace.found[self._taken :], len(self.trace.found)
        return [
            Seen(
                _KINDS[sign.sign],
                self.first.unix_time_s,
                f"in step {self.first.step} {sign.sentence}",
                {key: value for key, value in sign.evidence.items() if isinstance(value, float | int)},
            )
            for sign in new
            if sign.sign in _KINDS
        ]

    def _judge(self, sample: Sample, last: Sample, apart_s: float, seen: list[Seen]) -> None:
        volt, amp = sample.voltage_v, sample.current_a
        where = f"in step {sample.step} at {sample.step_time_s:.0f} s"
        is_settled = sample.step_time_s >= _SETTLED_S and self.first.mode in {"cc", "dc"}
        if is_settled and len(self.currents_a) < _ENOUGH:
            self.currents_a.append(amp)
        set_a = self._set_a
        if set_a is not None and sample.step_time_s >= _SETTLED_S:
            above_a = abs(amp) - abs(set_a) if amp * set_a >= 0 else abs(amp - set_a)
            is_off = above_a > self._slack_a or (self.first.mode in {"cc", "dc"} and -above_a > self._slack_a)
            if self._shows(AuditKind.CURRENT_OFF, is_off):
                known = "set" if self._expected.file else "usual in this step"
                sentence = f"{where} the current is {amp * 1e3:.5g} mA where {set_a * 1e3:.5g} mA is {known}"
                self._tell(seen, _seen(AuditKind.CURRENT_OFF, sample, sentence, current_a=amp, set_a=set_a))
        if self.first.mode == "rest":
            is_on = abs(amp) > _REST_PART * self._envelope.current_ranges[0].high_a and sample.step_time_s > _AT_ONCE_S
            if self._shows(AuditKind.CURRENT_IN_REST, is_on):
                sentence = f"{where}, a rest, a current of {amp * 1e6:.4g} uA flows"
                self._tell(seen, _seen(AuditKind.CURRENT_IN_REST, sample, sentence, current_a=amp))
        low_v, high_v = self._envelope.voltage_low_v, self._envelope.voltage_high_v
        is_outside = volt < low_v - _WINDOW_V or volt > high_v + _WINDOW_V
        if self._shows(AuditKind.OUTSIDE_WINDOW, is_outside):
            sentence = f"{where} the voltage is {volt:.4f} V, outside the channel's {low_v:g} to {high_v:g} V"
            self._tell(seen, _seen(AuditKind.OUTSIDE_WINDOW, sample, sentence, voltage_v=volt))
        self._judge_cutoff(sample, last, apart_s, where, seen)

    def _judge_cutoff(self, sample: Sample, last: Sample, apart_s: float, where: str, seen: list[Seen]) -> None:
        stop_v = self._stop_v
        if stop_v is not None and sample.step_time_s > _AT_ONCE_S and self.sign:
            slope = abs(sample.voltage_v - last.voltage_v) / apart_s if apart_s > 0 else 0.0
            beyond_v = self.sign * (sample.voltage_v - stop_v)
            # One record is enough: the step is over then, or it should be.
            if beyond_v > _OVERSHOT_V + _SLOPE_S * slope:
                ends = "usually ends" if self._expected.file is None else "is to end"
                sentence = (
                    f"{where} the voltage is {sample.voltage_v:.4f} V, {beyond_v * 1e3:.1f} mV beyond {stop_v:.4f} V "
                    f"where it {ends}"
                )
                values = {"voltage_v": sample.voltage_v, "cutoff_v": stop_v, "beyond_v": beyond_v}
                self._tell(seen, _seen(AuditKind.CUTOFF_OVERSHOT, sample, sentence, **values))

    def _shows(self, kind: AuditKind, is_so: bool) -> bool:
        """Return whether so many records in a row show it, this one the last."""
        self._rows[kind] = self._rows.get(kind, 0) + 1 if is_so else 0
        return self._rows[kind] >= _IN_A_ROW

    def _tell(self, seen: list[Seen], new: Seen) -> None:
        if new.kind not in self._told:
            self._told.add(new.kind)
            seen.append(new)

    def _count_energy(self, seen: list[Seen]) -> None:
        """Compare the energy that the tester counted with the integral of its power, between the bounds of both."""
        first, last = self.first, self.last
        lasts_s = last.step_time_s - first.step_time_s
        if not self.sign or lasts_s < _COUNTED_S:
            return
        counted_wh, integral_wh = last.energy_wh - first.energy_wh, self.integral_wh
        allowed_wh = max(COUNTER_PART * max(abs(counted_wh), integral_wh), _COUNT_WH)
        if not abs(counted_wh - integral_wh) - self._spread_ws / 7200 > allowed_wh:
            return
        part = (counted_wh - integral_wh) / integral_wh if integral_wh else float("inf")
        sentence = (
            f"in step {first.step} the tester counts {counted_wh * 1e3:.5g} mWh, and its voltage and current make "
            f"{integral_wh * 1e3:.5g} mWh in {lasts_s:.0f} s ({part:+.2%})"
        )
        evidence = {"counted_wh": counted_wh, "integral_wh": integral_wh, "uncertain_wh": self._spread_ws / 7200}
        self._tell(seen, Seen(AuditKind.ENERGY_COUNTER, first.unix_time_s, sentence, evidence))


def _seen(kind: AuditKind, sample: Sample, sentence: str, **evidence: float) -> Seen:
    return Seen(kind, sample.unix_time_s, sentence, {**evidence, "sequence": sample.sequence})
