"""The steps of a program: what each kind sets, in which direction, how it ends, and how long it may take.

A step answers for itself, in each kind by an attribute of the same name, so that code which judges, forecasts or writes
steps need not know the kinds:

- ``direction`` of its current, None where none flows; ``target_v``, the voltage that it goes to or holds, None for none
- ``constant_a``, the signed current that flows from its beginning to its end, None where the current changes
- ``largest_a`` and ``least_a``, the largest and the least magnitude of its current while its cell is inside the limits,
  ``usual_a``, that by which times are estimated; each None where the program does not say
- ``power_w`` and ``resistance_ohm``, magnitudes, of a step whose current follows from its voltage, None of any other
- ``sets_current`` and ``holds_voltage``, which tell how it is controlled
- ``until`` and ``ceiling``, its ends, and ``record`` and ``purpose``

A new kind is a dataclass here and a member of ``PoweredStep`` (docs/decisions/0011-steps-answer-for-themselves.md).

>>> step = ConstantCurrent(-0.001, Until(capacity_ah=0.002), Ceiling(time_s=14400.0))
>>> step.direction.value, step.constant_a, step.largest_a, longest(step)
('discharge', -0.001, 0.001, (14400.0, 0.002))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate
from math import inf
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field

from protocols.current_sign import Direction

STEPS_MAX = 254
"""Steps that a program of the CT-4000 family holds, with its End (reference neware-ct4008, section 1.2)."""
LOOP_DEPTH_MAX = 3
"""How deep the loops of such a program may nest (same section)."""
REST_TO_PART_S = 60.0
"""Shortest rest (s) behind which a program may be parted: those between pulses, whose timing counts, are shorter."""


class Purpose(StrEnum):
    """Why a step is in the program: written by the technician, or put in front to check the contact."""

    RECIPE = "recipe"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Record:
    """When a record is made, besides the first and last of each step; None switches a condition off."""

    every_s: float | None = None
    voltage_change_v: float | None = None
    current_change_a: float | None = None


@dataclass(frozen=True, slots=True)
class Until:
    """End conditions of a step, whichever comes first; ``current_a`` (taper) is a magnitude, the others absolute."""

    time_s: float | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    capacity_ah: float | None = None


def _is_none(value: object) -> bool:
    return value is None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Bounds that a healthy step never reaches. A tester ends the step there and goes on, so the host trips on it.

    ``expected_ah``: the charge that a healthy step passes, where the steps before it tell that: stripping of plated Li.
    ``low_v``, ``high_v``: the voltages between which the step passes current, where its current follows from them.
    """

    time_s: float | None = None
    capacity_ah: float | None = None
    # Left out of the text where it is not known: hashes of earlier versions hold, and so do step files.
    expected_ah: Annotated[float | None, Field(exclude_if=_is_none)] = field(default=None, repr=False)
    low_v: Annotated[float | None, Field(exclude_if=_is_none)] = field(default=None, repr=False)
    high_v: Annotated[float | None, Field(exclude_if=_is_none)] = field(default=None, repr=False)


NO_CEILING = Ceiling()


class _NoLoad:
    """Answers of a step whose current does not follow from its voltage."""

    __slots__ = ()
    power_w: ClassVar[None] = None
    resistance_ohm: ClassVar[None] = None


class _SetCurrent(_NoLoad):
    """Answers of a step that begins with a set current, whose sign is its direction."""

    __slots__ = ()
    sets_current: ClassVar[bool] = True
    current_a: float

    @property
    def direction(self) -> Direction:
        """The direction of its current."""
        return Direction.CHARGE if self.current_a > 0 else Direction.DISCHARGE

    @property
    def largest_a(self) -> float:
        """The largest magnitude of its current."""
        return abs(self.current_a)

    @property
    def usual_a(self) -> float:
        """The magnitude of its set current."""
        return abs(self.current_a)


class _Load(ABC):
    """Answers of a step whose current follows from its voltage, which ends it on discharge."""

    __slots__ = ()
    constant_a: ClassVar[None] = None
    sets_current: ClassVar[bool] = False
    holds_voltage: ClassVar[bool] = False
    until: Until
    ceiling: Ceiling

    @property
    def target_v(self) -> float | None:
        """The voltage at which it ends."""
        return self.until.voltage_v

    @property
    def largest_a(self) -> float | None:
        """The larger of its currents at the ends of its voltages."""
        return max(self._ends_a(), default=None)

    @property
    def least_a(self) -> float | None:
        """The smaller of its currents at the ends of its voltages."""
        return min(self._ends_a(), default=None)

    @property
    def usual_a(self) -> float | None:
        """Its current at the middle of its voltages."""
        low_v, high_v = self.ceiling.low_v, self.ceiling.high_v
        return None if low_v is None or high_v is None else self.at(0.5 * (low_v + high_v))

    def _ends_a(self) -> list[float]:
        return [self.at(volts) for volts in (self.ceiling.low_v, self.ceiling.high_v) if volts is not None]

    @abstractmethod
    def at(self, voltage_v: float) -> float:
        """Give the magnitude of its current at a voltage above zero."""


@dataclass(frozen=True, slots=True)
class Rest(_NoLoad):
    """Leave the circuit open for ``until.time_s``."""

    direction: ClassVar[None] = None
    target_v: ClassVar[None] = None
    constant_a: ClassVar[float] = 0.0
    largest_a: ClassVar[float] = 0.0
    least_a: ClassVar[float] = 0.0
    usual_a: ClassVar[float] = 0.0
    sets_current: ClassVar[bool] = False
    holds_voltage: ClassVar[bool] = False
    ceiling: ClassVar[Ceiling] = NO_CEILING

    until: Until
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["rest"] = "rest"


@dataclass(frozen=True, slots=True)
class ConstantCurrent(_SetCurrent):
    """Pass ``current_a`` (signed: positive charges) until an end condition holds."""

    holds_voltage: ClassVar[bool] = False

    current_a: float
    until: Until
    ceiling: Ceiling = NO_CEILING
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["constant_current"] = "constant_current"

    @property
    def target_v(self) -> float | None:
        """The voltage at which it ends."""
        return self.until.voltage_v

    @property
    def constant_a(self) -> float:
        """The set current, which flows from beginning to end."""
        return self.current_a

    @property
    def least_a(self) -> float:
        """The magnitude of the set current."""
        return abs(self.current_a)


@dataclass(frozen=True, slots=True)
class ConstantVoltage(_NoLoad):
    """Hold ``voltage_v``; ``current_limit_a`` is a magnitude."""

    constant_a: ClassVar[None] = None
    least_a: ClassVar[None] = None
    sets_current: ClassVar[bool] = False
    holds_voltage: ClassVar[bool] = True

    direction: Direction
    voltage_v: float
    until: Until
    current_limit_a: float | None = None
    ceiling: Ceiling = NO_CEILING
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["constant_voltage"] = "constant_voltage"

    @property
    def target_v(self) -> float:
        """The voltage that it holds."""
        return self.voltage_v

    @property
    def largest_a(self) -> float | None:
        """The limit of its current, where it has one."""
        return self.current_limit_a

    @property
    def usual_a(self) -> float | None:
        """The limit of its current, where it has one."""
        return self.current_limit_a


@dataclass(frozen=True, slots=True)
class CcCv(_SetCurrent):
    """Pass ``current_a`` (signed) up to ``voltage_v``, then hold that voltage until an end condition holds."""

    constant_a: ClassVar[None] = None
    least_a: ClassVar[None] = None
    holds_voltage: ClassVar[bool] = True

    current_a: float
    voltage_v: float
    until: Until
    ceiling: Ceiling = NO_CEILING
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["cc_cv"] = "cc_cv"

    @property
    def target_v(self) -> float:
        """The voltage that it goes to and holds."""
        return self.voltage_v


@dataclass(frozen=True, slots=True)
class ConstantPower(_Load):
    """Pass the current that makes ``power_w`` (a magnitude) at the cell's voltage, until an end condition holds."""

    resistance_ohm: ClassVar[None] = None

    direction: Direction
    power_w: float
    until: Until
    ceiling: Ceiling = NO_CEILING
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["constant_power"] = "constant_power"

    def at(self, voltage_v: float) -> float:
        """Give the magnitude of its current at a voltage above zero."""
        return self.power_w / voltage_v


@dataclass(frozen=True, slots=True)
class ConstantResistance(_Load):
    """Discharge with the current that ``resistance_ohm`` takes at the cell's voltage, until an end condition holds."""

    direction: ClassVar[Direction] = Direction.DISCHARGE
    power_w: ClassVar[None] = None

    resistance_ohm: float
    until: Until
    ceiling: Ceiling = NO_CEILING
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["constant_resistance"] = "constant_resistance"

    def at(self, voltage_v: float) -> float:
        """Give the magnitude of its current at a voltage above zero."""
        return voltage_v / self.resistance_ohm


@dataclass(frozen=True, slots=True)
class Loop:
    """Jump back to step ``back_to`` until the block has been executed ``times`` times in all (not extra repeats).

    The counter starts anew each time the loop is entered from before, so that an inner loop repeats fully on every
    outer pass. A loop makes no record; each backward jump raises the tester's cycle number by one.
    """

    back_to: int
    times: int
    kind: Literal["loop"] = "loop"


PoweredStep = ConstantCurrent | ConstantVoltage | CcCv | ConstantPower | ConstantResistance
RecordedStep = Rest | PoweredStep
Step = Annotated[Rest | PoweredStep | Loop, Discriminator("kind")]


def with_ends(step: RecordedStep, until: Until, ceiling: Ceiling) -> RecordedStep:
    """Give the step with other ends; a rest has no ceiling."""
    return replace(step, until=until) if isinstance(step, Rest) else replace(step, until=until, ceiling=ceiling)


def longest(step: RecordedStep) -> tuple[float, float]:
    """Give the seconds and the ampere-hours at which the tester ends a step at the latest, infinite without a bound."""
    times, charges = (step.until.time_s, step.ceiling.time_s), (step.until.capacity_ah, step.ceiling.capacity_ah)
    return (
        min((time_s for time_s in times if time_s is not None), default=inf),
        min((charge_ah for charge_ah in charges if charge_ah is not None), default=inf),
    )


def bounded(step: RecordedStep) -> RecordedStep:
    """Give the step as a tester is told it: what ends it at the latest is an end like any other, not a ceiling."""
    time_s, capacity_ah = longest(step)
    time = None if time_s == inf else time_s
    until = replace(step.until, time_s=time, capacity_ah=None if capacity_ah == inf else capacity_ah)
    return with_ends(step, until, NO_CEILING)


def expected_s(step: PoweredStep) -> float | None:
    """Give how long a step takes in a healthy cell, by the nearest of its ends; None where nothing tells it.

    Where the steps before it tell what charge it passes (stripping of plated Li), that counts like an end, and so does
    the most that its cell can pass: a step of 1 C may be allowed a day and is over within an hour all the same. Without
    a set charge a time ceiling is twice the expected time.
    """
    charges_ah = (step.until.capacity_ah, step.ceiling.expected_ah, step.ceiling.capacity_ah)
    half_ceiling_s = None if step.ceiling.time_s is None or charges_ah[0] is not None else step.ceiling.time_s / 2
    known = [time_s for time_s in (step.until.time_s, half_ceiling_s) if time_s is not None]
    if step.usual_a:
        known += [charge_ah / step.usual_a * 3600 for charge_ah in charges_ah if charge_ah is not None]
    return min(known, default=None)


def recorded(steps: Sequence[Step]) -> list[tuple[int, RecordedStep]]:
    """Give the steps that make records, all but loops, with their numbers."""
    return [(number, step) for number, step in enumerate(steps, 1) if not isinstance(step, Loop)]


def powered(steps: Sequence[Step]) -> list[tuple[int, PoweredStep]]:
    """Give the steps that pass current, with their numbers."""
    return [(number, step) for number, step in enumerate(steps, 1) if isinstance(step, PoweredStep)]


def loops(steps: Sequence[Step]) -> list[tuple[int, Loop]]:
    """Give each loop with its own step number."""
    return [(number, step) for number, step in enumerate(steps, 1) if isinstance(step, Loop)]


def depth(steps: Sequence[Step]) -> int:
    """Give how deep loops nest: 0 without loops."""
    spans = [(loop.back_to, own) for own, loop in loops(steps) if loop.back_to <= own]
    begun, ended = Counter(first for first, _ in spans), Counter(own + 1 for _, own in spans)
    changes = (begun[number] - ended[number] for number in range(1, len(steps) + 1))
    return max(accumulate(changes), default=0)


def crossings(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Give the pairs of loops, by step number, of which each holds a part of the other."""
    spans = [(loop.back_to, own) for own, loop in loops(steps)]
    return [(own, later) for first, own in spans for start, later in spans if first < start <= own < later]
