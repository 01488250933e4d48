"""Judges samples against the limits: one pure function for a pair of values, and findings for a batch of samples.

No flag turns any of this off. A value that is not a number never counts as within limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import inf
from typing import ClassVar

from drivers.interfaces import Sample, Trace
from protocols.channel_envelope import ChannelEnvelope
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Limits, VoltageBand
from protocols.program_steps import Purpose, longest, recorded
from protocols.step_names import told


class Verdict(IntEnum):
    """The position of a pair of values relative to the limits, from good to bad."""

    WITHIN = 0
    INVALID = 1
    OUTSIDE_HOST = 2
    OUTSIDE_ABSOLUTE = 3


class Action(IntEnum):
    """The action that a finding requires, in rising order of precedence if there are several findings."""

    MARK = 0
    END_SEGMENT = 1
    HOLD = 2
    COMPLETE = 3
    STOP = 4
    TRIP = 5


class FindingKind(StrEnum):
    """The kind of a finding, in a technician's words."""

    EARLY_CUTOFF = "cutoff reached early"
    CELL_GONE = "cell no longer seen"
    CHECK_FAILED = "contact check failed"
    CELL_SHORTED = "cell shorted"
    SOFT_SHORT = "soft short suspected"
    NO_SHORT = "no short after all"
    CEILING = "ceiling reached"
    OVERDUE = "step did not end"
    ABSOLUTE_LIMIT = "absolute limit exceeded"
    HOST_LIMIT = "limit exceeded"
    WRONG_CURRENT = "current differs from the set value"
    INVALID_VALUE = "value is not a number"
    CONTACT_RISES = "contact resistance rises"
    POLARISATION_DRIFTS = "polarisation drifts"
    CHARGE_DIFFERS = "charge differs from the counter"
    VOLTAGE_FLAT = "voltage does not change"
    VOLTAGE_JUMPS = "voltage jumps"
    RECORDS_LATE = "records come late"
    HOST_END = "step ended by the host"
    TEMPERATURE_LIMIT = "temperature limit exceeded"


# Of findings that require the same action, the one that explains the others is named first.
EXPLAINS = (
    FindingKind.CHECK_FAILED,
    FindingKind.EARLY_CUTOFF,
    FindingKind.CELL_GONE,
    FindingKind.ABSOLUTE_LIMIT,
    FindingKind.HOST_LIMIT,
    FindingKind.TEMPERATURE_LIMIT,
    FindingKind.WRONG_CURRENT,
    FindingKind.OVERDUE,
    FindingKind.CEILING,
    FindingKind.CELL_SHORTED,
    FindingKind.INVALID_VALUE,
    FindingKind.SOFT_SHORT,
    FindingKind.NO_SHORT,
    FindingKind.VOLTAGE_FLAT,
    FindingKind.CONTACT_RISES,
    FindingKind.VOLTAGE_JUMPS,
    FindingKind.CHARGE_DIFFERS,
    FindingKind.POLARISATION_DRIFTS,
    FindingKind.RECORDS_LATE,
    FindingKind.HOST_END,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding in a batch of samples: a sentence, the required action, its test time in seconds, values to store."""

    kind: FindingKind
    action: Action
    message: str
    time_s: float
    data: Mapping[str, object] | None = None


def by_gravity(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that end the run, the first of each kind and action: the gravest action leads.

    The first decides the state of the run and begins its reason (docs/decisions/0015-the-gravest-finding-decides.md).
    """
    ending = [first for first, _ in alike(findings) if first.action is not Action.MARK]
    return sorted(ending, key=lambda finding: (-finding.action, EXPLAINS.index(finding.kind)))


def alike(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    """Return the first finding of each kind and action, with the number of them."""
    groups: dict[tuple[FindingKind, Action], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.action), []).append(finding)
    return [(group[0], len(group)) for group in groups.values()]


def verdict(limits: Limits, voltage_v: float, current_a: float) -> Verdict:
    """Judge one pair of values. Comparisons are written so that NaN fails them."""
    magnitude_a = abs(current_a)
    if limits.host.low_v <= voltage_v <= limits.host.high_v and magnitude_a <= limits.host_current_a:
        return Verdict.WITHIN
    if voltage_v != voltage_v or magnitude_a != magnitude_a:
        return Verdict.INVALID
    if limits.absolute.low_v <= voltage_v <= limits.absolute.high_v and magnitude_a <= limits.absolute_current_a:
        return Verdict.OUTSIDE_HOST
    return Verdict.OUTSIDE_ABSOLUTE


def beyond_absolute(limits: Limits, trace: Trace) -> Finding | None:
    """Return a finding for the first voltage of a potentiostat's trace beyond the absolute limits; None without one."""
    band = limits.absolute
    for time_s, voltage_v in zip(trace.time_s, trace.voltage_v, strict=True):
        if voltage_v < band.low_v or voltage_v > band.high_v:
            seen = f"{voltage_v:z.4f} V at the potentiostat, {time_s:.1f} s after its begin"
            message = f"{seen}; the cell's absolute limits are {band.low_v:g} to {band.high_v:g} V"
            return Finding(FindingKind.ABSOLUTE_LIMIT, Action.TRIP, message, time_s)
    return None


@dataclass(frozen=True, slots=True)
class StepWindow:
    """The allowed values of one step's samples: a current band, and the longest time and largest charge.

    A galvanostatic step's current is the set value +- max(5 %, 0.1 % of the range) (faults B08), that of a constant
    power or resistance between those that both ends of the voltages give, 5 % and 0.1 % of the range wider. Time and
    charge may pass the tester's own end of the step by 5 %: then the tester did not end it (faults B06). Where a
    current is set, a magnitude up to ``no_current_a``, 0.1 % of the range and at most a tenth of the set value, is a
    reading of none.

    Until ``overshoot_s`` the voltage may be beyond the host's limit on the side of the step's cutoff, 1 above and -1
    below, 0 for a step without: the tester looks for the end of a step once in its time resolution (faults B06), and
    until then a cell too weak for the current shows what current and resistance make.
    """

    low_a: float
    high_a: float
    time_s: float = inf
    capacity_ah: float = inf
    no_current_a: float = -inf
    is_check: bool = False
    overshoot_s: float = -inf
    overshoots: int = 0

    def lacks_current(self, current_a: float) -> bool:
        """Return whether the step sets a current and a reading shows none; not for a reading that is no number."""
        return abs(current_a) <= self.no_current_a


# A current may differ from the set value by these parts of it and of the range that holds it: what leads and a tester's
# ranges leave (faults B08). Below the second, and at most a part of the set value, a reading shows no current.
CURRENT_MARGIN, RANGE_MARGIN = 0.05, 0.001
# A channel that shows less has no cell, or metal between its leads: testers are off by less.
NO_CELL_V = 0.005
NO_CURRENT_PART = 0.1
# In so many looks a tester has ended a step whose voltage was beyond its cutoff from the first record on.
_LOOKS = 2
OVERDUE_FACTOR = 1.05
# Time by which a step may outlast its end, however short it is.
OVERDUE_S = 2.0


def step_windows(segment: CyclingSegment, envelope: ChannelEnvelope) -> dict[int, StepWindow]:
    """Return the window of each step that makes records, by step number."""
    host_a = segment.limits.host_current_a
    guards = segment.guards
    checks_contact = guards.resistance_low_ohm is not None and guards.resistance_high_ohm is not None
    windows = {}
    for number, step in recorded(segment.steps):
        low_a, high_a, no_current_a = -host_a, host_a, -inf
        set_a, least_a, most_a = step.constant_a, step.least_a, step.largest_a
        full_scale_a = _full_scale_a(envelope, most_a or 0.0)
        if set_a is None and least_a and most_a:
            # It follows from the voltage, and so lies between what both ends of the voltages give.
            sizes = least_a - CURRENT_MARGIN * least_a, most_a + CURRENT_MARGIN * most_a
            margin_a = RANGE_MARGIN * full_scale_a
            low_a, high_a = sizes[0] - margin_a, sizes[1] + margin_a
            if step.direction is Direction.DISCHARGE:
                low_a, high_a = -high_a, -low_a
        if set_a:
            no_current_a = min(RANGE_MARGIN * full_scale_a, NO_CURRENT_PART * abs(set_a))
            margin_a = max(CURRENT_MARGIN * abs(set_a), RANGE_MARGIN * full_scale_a)
            low_a, high_a = set_a - margin_a, set_a + margin_a
        time_s, capacity_ah = longest(step)
        ends_by_voltage = step.until.voltage_v is not None and step.direction is not None
        windows[number] = StepWindow(
            low_a,
            high_a,
            time_s * OVERDUE_FACTOR + OVERDUE_S,
            capacity_ah * OVERDUE_FACTOR,
            no_current_a,
            checks_contact and step.purpose is Purpose.CHECK,
            _LOOKS * envelope.time_resolution_s if ends_by_voltage else -inf,
            0 if not ends_by_voltage else 1 if step.direction is Direction.CHARGE else -1,
        )
    return windows


def _full_scale_a(envelope: ChannelEnvelope, current_a: float) -> float:
    """Return the full scale of the smallest range that holds a magnitude of current."""
    fitting = [r.high_a for r in envelope.current_ranges if r.high_a >= current_a]
    return min(fitting, default=envelope.current_ranges[-1].high_a)


class LimitWatch:
    """Judges every sample of a test against the host's limits and its step's window.

    Beyond the absolute limits one sample trips; beyond the host's limits, outside the step's current or not a number,
    it takes as many in a row as ``debounce``: one spike alone is only marked (faults D01, D03). What overshoots
    a cutoff before the tester's first looks counts once.

    In a contact check a sample without current is only marked: nothing passed through a cell, and whether there is one
    is what the check finds out (faults C02).
    """

    debounce: ClassVar = {Verdict.OUTSIDE_HOST: 2, Verdict.INVALID: 3}
    wrong_current_in_a_row = 2

    def __init__(self, segment: CyclingSegment, envelope: ChannelEnvelope) -> None:
        self._limits, self._steps = segment.limits, segment.steps
        self._windows = step_windows(segment, envelope)
        self._outside = {Verdict.OUTSIDE_HOST: 0, Verdict.INVALID: 0}
        self._wrong_current = 0

    @property
    def voltages(self) -> VoltageBand:
        """The voltages of samples that need no second look."""
        return self._limits.host

    @property
    def windows(self) -> Mapping[int, StepWindow]:
        """The window of each step that makes records, by step number."""
        return self._windows

    def pass_over(self) -> None:
        """Note that samples came which were all within their windows: ``feed`` would find nothing in them."""
        if self._wrong_current or any(self._outside.values()):
            self._wrong_current = 0
            self._outside = dict.fromkeys(self._outside, 0)

    def feed(self, samples: Iterable[Sample]) -> list[Finding]:
        """Judge a batch in order."""
        findings: list[Finding] = []
        low_v, high_v = self._limits.host.low_v, self._limits.host.high_v
        everything = StepWindow(-self._limits.host_current_a, self._limits.host_current_a)
        windows = self._windows
        is_clear = False
        for sample in samples:
            window = windows.get(sample.step, everything)
            if (
                low_v <= sample.voltage_v <= high_v
                and window.low_a <= sample.current_a <= window.high_a
                and sample.step_time_s <= window.time_s
                and sample.capacity_ah <= window.capacity_ah
            ):
                if not is_clear:
                    self.pass_over()
                    is_clear = True
                continue
            is_clear = False
            findings.extend(self._judge(sample, window))
        return findings

    def _overshoots(self, sample: Sample, window: StepWindow) -> bool:
        """Return whether a voltage is beyond the cutoff of a step that the tester has not looked at yet."""
        host = self._limits.host
        is_beyond = {1: sample.voltage_v > host.high_v, -1: sample.voltage_v < host.low_v}.get(window.overshoots, False)
        is_set = window.low_a <= sample.current_a <= window.high_a
        return is_beyond and is_set and sample.step_time_s <= window.overshoot_s

    def _judge(self, sample: Sample, window: StepWindow) -> list[Finding]:
        found = verdict(self._limits, sample.voltage_v, sample.current_a)
        seen = f"{sample.voltage_v:z.4f} V, {sample.current_a * 1e3:z.4f} mA at {sample.time_s / 3600:.3f} h"
        is_open = window.lacks_current(sample.current_a)
        is_only_contact = is_open and window.is_check and sample.step_time_s <= window.time_s
        if found is Verdict.OUTSIDE_ABSOLUTE:
            band = self._limits.absolute
            message = f"{seen}; the cell's absolute limits are {band.low_v:g} to {band.high_v:g} V"
            message += _question(sample, band, is_open=is_open)
            action = Action.MARK if is_only_contact else Action.TRIP
            return [Finding(FindingKind.ABSOLUTE_LIMIT, action, message, sample.time_s)]
        if is_only_contact:
            # What the contact check itself answers, when its step ends.
            message = f"{seen}; no current flows in the contact check"
            return [Finding(FindingKind.WRONG_CURRENT, Action.MARK, message, sample.time_s)]
        if found in self._outside:
            is_overshoot = found is Verdict.OUTSIDE_HOST and self._overshoots(sample, window)
            self._outside[found] = max(1, self._outside[found]) if is_overshoot else self._outside[found] + 1
            enough = not is_overshoot and self._outside[found] >= self.debounce[found]
            kind = FindingKind.INVALID_VALUE if found is Verdict.INVALID else FindingKind.HOST_LIMIT
            band = self._limits.host
            message = f"{seen}; the limits are {band.low_v:g} to {band.high_v:g} V"
            message += _question(sample, band, is_open=False)
            return [Finding(kind, Action.TRIP if enough else Action.MARK, message, sample.time_s)]
        if sample.step_time_s > window.time_s or sample.capacity_ah > window.capacity_ah:
            message = (
                f"{self._told(sample)} goes on after {sample.step_time_s:.0f} s and "
                f"{sample.capacity_ah * 1e3:.4f} mAh; the tester should have ended it"
            )
            return [Finding(FindingKind.OVERDUE, Action.TRIP, message, sample.time_s)]
        if window.low_a <= sample.current_a <= window.high_a:
            # Without its time or charge nobody sees that a step does not end: the cell waits for a person (faults D01).
            self._outside[Verdict.INVALID] += 1
            enough = self._outside[Verdict.INVALID] >= self.debounce[Verdict.INVALID]
            message = f"{seen}; a reading of {self._told(sample)} is not a number"
            return [Finding(FindingKind.INVALID_VALUE, Action.HOLD if enough else Action.MARK, message, sample.time_s)]
        self._wrong_current += 1
        enough = self._wrong_current >= self.wrong_current_in_a_row
        message = f"{seen}; {self._told(sample)} allows {window.low_a * 1e3:z.4f} to {window.high_a * 1e3:z.4f} mA"
        return [Finding(FindingKind.WRONG_CURRENT, Action.TRIP if enough else Action.MARK, message, sample.time_s)]

    def _told(self, sample: Sample) -> str:
        return told(self._steps, sample.step)


def _question(sample: Sample, band: VoltageBand, *, is_open: bool) -> str:
    """Return what a person should look for, where a voltage beyond a limit tells it; else nothing."""
    if is_open:
        return "; no current flows: was the cell pulled out, or is a contact lost?"
    if band.low_v <= 0 or sample.voltage_v >= band.low_v:
        return ""
    if abs(sample.voltage_v) < NO_CELL_V:
        return "; there is no voltage: was the cell pulled out, or is it shorted?"
    return "; the voltage is too low while the cell is charged: is it shorted?" if sample.current_a > 0 else ""
