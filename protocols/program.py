"""The program: a recipe resolved for one cell, in absolute SI units (and ampere-hours), ready for a tester.

A program is data only. Its steps form a flat, numbered list in which a loop is a backward jump, because that is what
every programmable tester stores and what the step number in each of its records refers to: step ``n`` of a segment is
``segment.steps[n - 1]``, here, in the step file and in the sample table alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Discriminator, Field, TypeAdapter

from protocols.branches import Branch, HostEnd, Measure
from protocols.measured_amounts import MeasuredAmount, MeasuredRange, corners, with_values
from protocols.program_steps import (
    CcCv,
    Ceiling,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    Loop,
    PoweredStep,
    Purpose,
    Record,
    RecordedStep,
    Rest,
    Step,
    Until,
)
from protocols.techniques import Technique
from protocols.temperature import CellTemperature, TemperatureBand
from protocols.trouble import DEFAULT_TROUBLE, TroubleGuards

__all__ = [
    "SHORT_RATIO",
    "CcCv",
    "Ceiling",
    "CellFacts",
    "ConstantCurrent",
    "ConstantPower",
    "ConstantResistance",
    "ConstantVoltage",
    "CyclingSegment",
    "GuardChange",
    "Guards",
    "Limits",
    "Loop",
    "MeasurementSegment",
    "PoweredStep",
    "Program",
    "Purpose",
    "Record",
    "RecordedStep",
    "Rest",
    "Segment",
    "ShortPolicy",
    "Step",
    "Until",
    "VoltageBand",
]


# A half-cycle whose resistance is below this part of the median before it is shorted, unless a recipe says otherwise.
SHORT_RATIO = 0.35


def _is_none(value: object) -> bool:
    return value is None


class ShortPolicy(StrEnum):
    """What a hard short means for the run: its natural end, a trip, a hold until a person decides, or only a mark."""

    COMPLETE = "complete"
    TRIP = "trip"
    HOLD = "hold"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class VoltageBand:
    """Allowed voltages, both ends included."""

    low_v: float
    high_v: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Layers of limits, each wider than the one before: host trip < tester whole-run < absolute cell limit.

    Currents are magnitudes in amperes: 105, 110 and 120 % of the largest set current by default.
    """

    host: VoltageBand
    tester: VoltageBand
    absolute: VoltageBand
    host_current_a: float
    tester_current_a: float
    absolute_current_a: float
    tester_delay_s: float = 5.0


def _is_empty(value: object) -> bool:
    return not value


def _is_as_by_default(value: object) -> bool:
    return value == DEFAULT_TROUBLE


@dataclass(frozen=True, slots=True)
class GuardChange:
    """A guard that a recipe has switched off or set otherwise: its name, what was changed, and the reason."""

    guard: str
    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.guard} {self.what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Guards:
    """What the host watches over a segment, besides limits.

    ``early_cutoff_fraction``: a half-cycle that its voltage cutoff ends in less than this part of its set (or expected)
    time may be that of an open circuit; ``early_cutoff_in_a_row`` of them may stop the run.
    ``resistance_low_ohm``/``resistance_high_ohm``: window for the check block, None where the program has none.
    ``short_ratio``: a record whose resistance is below this part of what is expected of a Li/Li cell may be a short's;
    ``short_policy``: what a hard short does, while ``short_in_a_row`` is of programs of earlier versions, whose hashes
    it keeps. ``open_circuit``: where the voltage of a healthy cell lies before the first step; ``open_circuit_reason``:
    why a person has widened that for this run. ``early_cutoff_off`` and ``short_off`` switch guards off; ``changes``
    has the reason for every guard that the recipe has changed. ``trouble``: what is told early, and what of it holds.
    """

    early_cutoff_fraction: float = 0.05
    early_cutoff_in_a_row: int = 3
    resistance_low_ohm: float | None = None
    resistance_high_ohm: float | None = None
    short_ratio: float = SHORT_RATIO
    short_in_a_row: int = 3
    short_policy: ShortPolicy = ShortPolicy.TRIP
    open_circuit: VoltageBand | None = None
    # Left out of the text where it is not said: hashes of earlier versions hold.
    open_circuit_reason: Annotated[str | None, Field(exclude_if=_is_none)] = None
    # Left out of the text where nothing is changed: hashes of earlier versions hold.
    early_cutoff_off: Annotated[bool, Field(exclude_if=_is_empty)] = False
    short_off: Annotated[bool, Field(exclude_if=_is_empty)] = False
    changes: Annotated[tuple[GuardChange, ...], Field(exclude_if=_is_empty)] = ()
    trouble: Annotated[TroubleGuards, Field(exclude_if=_is_as_by_default)] = DEFAULT_TROUBLE


@dataclass(frozen=True, slots=True)
class CyclingSegment:
    """A part of a program that runs whole on a battery tester. The end after the last step is implicit.

    ``prompt``: what a person is asked to do before it begins. ``after``: where the run goes on when it is over, if a
    condition holds; else with the next segment. ``ends``: ends of its last step that the host orders.
    ``checks_on_resume``: the contact checks of a segment that begins without them, because the cell came to it from
    another one on the same channel; they are made where an interrupted run goes on in it. ``measured``: values of its
    steps, here the expected ones, that what the run has measured replaces before it begins. ``temperature_end``: the
    temperatures of the cell's place outside of which the host ends its last step; ``temperature_limit``: those outside
    of which the run trips.
    """

    steps: tuple[Step, ...]
    record: Record
    limits: Limits
    guards: Guards = field(default_factory=Guards)
    kind: Literal["cycling"] = "cycling"
    # Left out of the text where a recipe does not say them: hashes of earlier versions hold.
    temperature: Annotated[CellTemperature | None, Field(exclude_if=_is_none)] = None
    prompt: Annotated[str | None, Field(exclude_if=_is_none)] = None
    after: Annotated[tuple[Branch, ...], Field(exclude_if=_is_empty)] = ()
    ends: Annotated[tuple[HostEnd, ...], Field(exclude_if=_is_empty)] = ()
    checks_on_resume: Annotated[tuple[Step, ...], Field(exclude_if=_is_empty)] = ()
    measured: Annotated[tuple[MeasuredAmount, ...], Field(exclude_if=_is_empty)] = ()
    temperature_end: Annotated[TemperatureBand | None, Field(exclude_if=_is_none)] = None
    temperature_limit: Annotated[TemperatureBand | None, Field(exclude_if=_is_none)] = None

    @property
    def host_may_end(self) -> bool:
        """Whether the host may end its last step, by what it watches in the records or by the temperature."""
        return bool(self.ends) or self.temperature_end is not None

    def with_measured(self, values: Mapping[MeasuredAmount, float]) -> CyclingSegment:
        """Give the segment with values that were measured; nothing of it is measured any more."""
        return replace(self, steps=with_values(self.steps, values), measured=())

    @property
    def measured_ranges(self) -> tuple[MeasuredRange, ...]:
        """The values that may be measured, whatever measures them: passes of a loop have the same."""
        return tuple(one.range for one in self.measured)

    @property
    def extremes(self) -> tuple[CyclingSegment, ...]:
        """The segments between which it lies, whatever is measured: itself, where nothing of it is."""
        if not self.measured:
            return (self,)
        return tuple(replace(self, steps=steps) for steps in corners(self.steps, self.measured))

    def to_json(self) -> str:
        """Give the canonical JSON text: the same segment gives the same bytes."""
        return _SEGMENT.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> CyclingSegment:
        """Read what ``to_json`` wrote. Raises pydantic's ValidationError for anything else."""
        return _SEGMENT.validate_json(text)


@dataclass(frozen=True, slots=True)
class MeasurementSegment:
    """A part of a program that a potentiostat measures in one go, with the tester off.

    Before it the cell rests for ``rest_s``, and on until its open-circuit voltage drifts by less than
    ``drift_v_per_min``, but no longer than ``settle_max_s`` in all. ``window``: where every voltage of it must lie.
    ``prompt`` and ``after``: as of a cycling segment.
    """

    technique: Technique
    window: VoltageBand
    rest_s: float = 1800.0
    drift_v_per_min: float = 0.001
    settle_max_s: float = 14400.0
    kind: Literal["measurement"] = "measurement"
    # Left out of the text where a recipe does not say them: hashes of earlier versions hold.
    temperature: Annotated[CellTemperature | None, Field(exclude_if=_is_none)] = None
    prompt: Annotated[str | None, Field(exclude_if=_is_none)] = None
    after: Annotated[tuple[Branch, ...], Field(exclude_if=_is_empty)] = ()

    def to_json(self) -> str:
        """Give the canonical JSON text: the same segment gives the same bytes."""
        return _MEASUREMENT.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> MeasurementSegment:
        """Read what ``to_json`` wrote. Raises pydantic's ValidationError for anything else."""
        return _MEASUREMENT.validate_json(text)


Segment = Annotated[CyclingSegment | MeasurementSegment, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class CellFacts:
    """What a program needs to know of its cell, for labels, normalised quantities and checks."""

    name: str
    kind: str
    area_cm2: float | None = None
    active_mass_mg: float | None = None
    nominal_capacity_ah: float | None = None
    electrolyte_thickness_um: float | None = None
    # Left out of the text where the cell file does not say them: hashes of earlier versions hold.
    electrolyte_s_per_cm: Annotated[float | None, Field(exclude_if=_is_none)] = None
    electrolyte_degc: Annotated[float | None, Field(exclude_if=_is_none)] = None
    # What the working electrode is made of, as its line says; None where the kind tells it, or the line does not.
    material: Annotated[str | None, Field(exclude_if=_is_none)] = None

    def to_json(self) -> str:
        """Give the facts as they stand in the text of a program."""
        return _FACTS.dump_json(self).decode()


@dataclass(frozen=True, slots=True)
class Program:
    """A recipe resolved for one cell: ordered segments of absolute values."""

    recipe: str
    recipe_sha256: str
    cell: CellFacts
    segments: tuple[Segment, ...]

    @property
    def cycling(self) -> tuple[CyclingSegment, ...]:
        """The segments that run on a battery tester, in order."""
        return tuple(segment for segment in self.segments if isinstance(segment, CyclingSegment))

    @property
    def different_steps(self) -> tuple[tuple[Step, ...], ...]:
        """The steps of its cycling segments, each once: passes of a loop that the host decides share theirs."""
        return tuple({id(segment.steps): segment.steps for segment in self.cycling}.values())

    @property
    def temperatures(self) -> tuple[CellTemperature, ...]:
        """The different temperatures of its segments, in order; a segment without one adds none."""
        wanted = (segment.temperature for segment in self.segments)
        return tuple(dict.fromkeys(one for one in wanted if one is not None))

    def started_at_any_voltage(self, reason: str) -> Program:
        """Give the program for a cell at any voltage within the host's limits, with the reason of the person.

        Raises ValueError without a reason. Only the first segment is changed: it is what looks at the cell.
        """
        if not reason.strip():
            raise ValueError("a start at any voltage needs a reason")
        first = self.cycling[0]
        guards = replace(first.guards, open_circuit=first.limits.host, open_circuit_reason=reason.strip())
        widened = replace(first, guards=guards)
        return replace(self, segments=tuple(widened if one is first else one for one in self.segments))

    @property
    def asks_for_temperature(self) -> bool:
        """Whether a step of it ends, or the run trips, by the temperature of the cell's place."""
        return any(it.temperature_end is not None or it.temperature_limit is not None for it in self.cycling)

    @property
    def decides(self) -> bool:
        """Whether any of its segments may lead elsewhere than to the next one."""
        return self.decides_from(0)

    def is_measured_from(self, index: int) -> bool:
        """Tell whether anything that is measured, and not only counted, decides behind this segment or a later one."""
        counted = {Measure.CYCLES, Measure.TIME}
        ahead = enumerate(self.segments[index:], index)
        return any(it.to > place + 1 and it.measure not in counted for place, part in ahead for it in part.after)

    def decides_from(self, index: int) -> bool:
        """Tell whether any of its segments from this one on may lead elsewhere than to the next one."""
        ahead = enumerate(self.segments[index:], index)
        return any(branch.to > place + 1 for place, segment in ahead for branch in segment.after)

    def leaving_out(self, indices: Collection[int]) -> Program:
        """Give the program with the segments at these indices empty, as a run has it that goes on behind them.

        The indices of the others stay, and so do the numbers of the steps before them.
        """
        first = self.cycling[0]
        empty = CyclingSegment((), first.record, first.limits)
        found = (empty if index in indices else segment for index, segment in enumerate(self.segments))
        return replace(self, segments=tuple(found)) if indices else self

    def as_begun(self, begun: Collection[int]) -> Program:
        """Give the program without what a run has left out that has begun the segments at these indices."""
        if not self.decides or not begun:
            return self
        return self.leaving_out(set(range(max(begun))) - set(begun))

    def to_json(self) -> str:
        """Give the canonical JSON text: the same program gives the same bytes."""
        return _PROGRAM.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Program:
        """Read what ``to_json`` wrote. Raises pydantic's ValidationError for anything else."""
        return _PROGRAM.validate_json(text)

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON: the program's identity in the store and in intents."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


_SEGMENT = TypeAdapter(CyclingSegment)
_MEASUREMENT = TypeAdapter(MeasurementSegment)
_FACTS = TypeAdapter(CellFacts)
_PROGRAM = TypeAdapter(Program)
