"""Schedules as the tester keeps them: the step file's meaning in SI units, without its XML.

The tester executes frozen values, so that the step machine never sees a tag name or a unit of the file. Reading the
XML is ``stepfile``'s work. Numbers in square brackets below are sections of the CT-4008 reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from simulators.neware.load import Load

TICKS_PER_S = 10
"""The tester samples at 10 Hz; all its times are whole tenths of a second [1.2]."""


class StepKind(IntEnum):
    """Kinds of steps that this tester executes, by their code in the step file [5.5]."""

    CC_CHARGE = 1
    CC_DISCHARGE = 2
    CV_CHARGE = 3
    REST = 4
    LOOP = 5
    END = 6
    CCCV_CHARGE = 7
    CP_DISCHARGE = 8
    CP_CHARGE = 9
    CR_DISCHARGE = 10
    PAUSE = 13
    CV_DISCHARGE = 19
    CCCV_DISCHARGE = 20


STEP_TYPE_TEXT = {
    StepKind.CC_CHARGE: "cc",
    StepKind.CC_DISCHARGE: "dc",
    StepKind.CV_CHARGE: "cv",
    StepKind.REST: "rest",
    StepKind.END: "end",
    StepKind.CCCV_CHARGE: "cccv",
    StepKind.CP_DISCHARGE: "dp",
    StepKind.CP_CHARGE: "cp",
    StepKind.CR_DISCHARGE: "dr",
    StepKind.PAUSE: "pause",
    StepKind.CV_DISCHARGE: "dv",
    StepKind.CCCV_DISCHARGE: "cccd",
}
"""Live and record strings of step types [6.2]."""

POWERS = frozenset({StepKind.CP_CHARGE, StepKind.CP_DISCHARGE})
LOADS = POWERS | {StepKind.CR_DISCHARGE}
CHARGES = frozenset({StepKind.CC_CHARGE, StepKind.CV_CHARGE, StepKind.CCCV_CHARGE, StepKind.CP_CHARGE})
DISCHARGES = frozenset({StepKind.CC_DISCHARGE, StepKind.CV_DISCHARGE, StepKind.CCCV_DISCHARGE}) | (LOADS - CHARGES)
CONSTANT_CURRENT = frozenset({StepKind.CC_CHARGE, StepKind.CC_DISCHARGE})
HOLDS_VOLTAGE = (CHARGES | DISCHARGES) - CONSTANT_CURRENT - LOADS


class ScheduleError(ValueError):
    """The step file cannot be run; BTS keeps the reason to itself and answers ``false``."""


@dataclass(frozen=True, slots=True)
class UnitRatings:
    """The largest values that one unit can measure and force [1.2, 1.3].

    A unit without negative voltage goes to protection before it forces a cell under ``minimum_voltage_v`` in discharge.
    """

    full_scale_v: float = 5.0
    compliance_v: float = 5.1
    ranges_a: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1)
    negative_voltage: bool = False
    minimum_voltage_v: float = 0.025

    @property
    def top_current_a(self) -> float:
        """Return the full scale of the largest range."""
        return max(self.ranges_a)

    def range_for(self, current_a: float) -> float:
        """Return the full scale of the smallest range that holds this current."""
        return min((r for r in self.ranges_a if r >= abs(current_a) * 0.999999), default=self.top_current_a)


@dataclass(frozen=True, slots=True)
class Protection:
    """Limits that end the whole test when broken for ``delay_ticks`` [5.3]; None means no limit."""

    upper_voltage_v: float | None = None
    lower_voltage_v: float | None = None
    upper_current_a: float | None = None
    lower_current_a: float | None = None
    upper_capacity_ah: float | None = None
    delay_ticks: int | None = None

    def over(self, general: Protection) -> Protection:
        """Return these limits, with those of ``general`` where this one is silent (a step's over the whole file's)."""
        own = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}
        return Protection(**{name: getattr(general, name) for name in self.__slots__} | own)


@dataclass(frozen=True, slots=True)
class RecordRules:
    """When records are made [5.4]: every so many ticks, and on a change of voltage or current."""

    interval_ticks: int | None = None
    voltage_v: float | None = None
    current_a: float | None = None


DEFAULT_RECORDS = RecordRules(interval_ticks=TICKS_PER_S)
"""1 s when the file says nothing [1.2]."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Currents and ``stop_current_a`` are magnitudes; the kind gives the direction [5.2]."""

    number: int
    kind: StepKind
    current_a: float | None = None
    voltage_v: float | None = None
    stop_voltage_v: float | None = None
    stop_current_a: float | None = None
    duration_ticks: int | None = None
    capacity_ah: float | None = None
    load: Load | None = None
    range_a: float | None = None
    loop_start: int = 0
    loop_count: int = 0
    protection: Protection = field(default_factory=Protection)
    records: RecordRules = DEFAULT_RECORDS

    @property
    def direction(self) -> int:
        """Return +1 for a charge, -1 for a discharge, 0 for a step that drives nothing."""
        return 1 if self.kind in CHARGES else -1 if self.kind in DISCHARGES else 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole step file: steps in order of their numbers, from 1."""

    steps: tuple[Step, ...]
    start_step: int = 1
    remark: str = ""

    def step(self, number: int) -> Step:
        """Return the step with this number."""
        return self.steps[number - 1]

    def check(self, ratings: UnitRatings) -> None:
        """Raise ``ScheduleError`` unless the unit may run this [5.8]."""
        if not 1 <= len(self.steps) <= 254:
            raise ScheduleError(f"{len(self.steps)} steps, 1 to 254 allowed")
        if [step.number for step in self.steps] != list(range(1, len(self.steps) + 1)):
            raise ScheduleError("steps are not numbered 1, 2, 3, ...")
        if self.steps[-1].kind is not StepKind.END or any(s.kind is StepKind.END for s in self.steps[:-1]):
            raise ScheduleError("the last step, and only it, is End")
        if not 1 <= self.start_step <= len(self.steps):
            raise ScheduleError(f"Start_Step {self.start_step} does not exist")
        _check_loops([step for step in self.steps if step.kind is StepKind.LOOP])
        for step in self.steps:
            _check_step(step, ratings)


def _check_loops(loops: list[Step]) -> None:
    """Loops jump back, nest no deeper than 3 and do not cross; count up to 65535 [1.2, 5.5]."""
    for loop in loops:
        if not 1 <= loop.loop_start < loop.number or not 1 <= loop.loop_count <= 65535:
            raise ScheduleError(f"step {loop.number}: loop to {loop.loop_start}, {loop.loop_count} times")
        outside = [o for o in loops if o.loop_start <= loop.loop_start and loop.number < o.number]
        if len(outside) > 2:
            raise ScheduleError(f"step {loop.number}: loops nested deeper than 3")
        if any(o.loop_start < loop.loop_start <= o.number < loop.number for o in loops):
            raise ScheduleError(f"step {loop.number}: loops cross")


def _missing(step: Step) -> str:
    """Return what the step's kind needs and the step has not; empty when it has all."""
    if step.kind in LOADS:
        return "" if step.load is not None else "power" if step.kind in POWERS else "resistance"
    if step.current_a is None and step.kind not in (StepKind.CV_CHARGE, StepKind.CV_DISCHARGE):
        return "current"
    return "voltage" if step.voltage_v is None and step.kind in HOLDS_VOLTAGE else ""


def _check_step(step: Step, ratings: UnitRatings) -> None:
    """One step has what its kind needs, an end, and values inside the unit's range."""
    where = f"step {step.number} ({step.kind.name})"
    if step.kind in (StepKind.LOOP, StepKind.END, StepKind.PAUSE):
        return
    ends = (step.duration_ticks, step.capacity_ah, step.stop_voltage_v, step.stop_current_a)
    if all(end is None for end in ends):
        raise ScheduleError(f"{where}: no end condition")
    if step.duration_ticks is not None and not 1 <= step.duration_ticks <= 365 * 86400 * TICKS_PER_S:
        raise ScheduleError(f"{where}: time outside 0.1 s to 365 days")
    if step.kind is StepKind.REST:
        if step.duration_ticks is None:
            raise ScheduleError(f"{where}: a rest ends by time")
        return
    if missing := _missing(step):
        raise ScheduleError(f"{where}: no {missing}")
    if step.current_a is not None and not 0.0005 * min(ratings.ranges_a) <= step.current_a <= ratings.top_current_a:
        raise ScheduleError(f"{where}: {step.current_a} A is outside the unit's ranges")
    for value in (step.voltage_v, step.stop_voltage_v):
        if value is not None and abs(value) > ratings.full_scale_v:
            raise ScheduleError(f"{where}: {value} V is above full scale")
    if step.range_a is not None and (step.current_a or 0.0) > step.range_a:
        raise ScheduleError(f"{where}: current above the pinned range")
