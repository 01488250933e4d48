"""The steps of a program: what each kind sets, in which direction, how it ends, and how long it may take.

A step answers for itself. Code that judges, forecasts or writes steps asks for ``direction``, ``target_v``,
``constant_a`` and the others, never for the kind; what no kind knows of itself is asked of `Loop`, which only jumps.
A new kind is a dataclass here, in `PoweredStep`, with the answers that differ from those of its base class.

>>> step = ConstantCurrent(-0.001, Until(capacity_ah=0.002), Ceiling(time_s=14400.0))
>>> step.direction.value, step.constant_a, step.longest_s, step.expected_s(None)
('discharge', -0.001, 14400.0, 7200.0)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf, prod
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator

from protocols.current_sign import Direction

_TIME_FACTOR = 2.0  # a time ceiling is twice the expected time: step_ceilings.py


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


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Bounds that a healthy step never reaches. A tester ends the step there and goes on, so the host trips on it."""

    time_s: float | None = None
    capacity_ah: float | None = None


NO_CEILING = Ceiling()


class _RecordedStep:
    """Answers of a step that makes records, as they are where a kind says nothing else: nothing flows."""

    __slots__ = ()
    holds_voltage: ClassVar[bool] = False
    until: Until
    purpose: Purpose

    @property
    def bounds(self) -> Ceiling:
        """The ceiling; a step that passes no current needs none."""
        return NO_CEILING

    @property
    def target_v(self) -> float | None:
        """The voltage that it goes to or holds; None where it names none."""
        return None

    @property
    def constant_a(self) -> float | None:
        """The signed current that flows from the step's beginning to its end; None where it changes."""
        return 0.0

    @property
    def paced_a(self) -> float | None:
        """The magnitude of the current by which time is reckoned from charge; None where there is none."""
        return None

    @property
    def largest_a(self) -> float | None:
        """The largest magnitude of its current; 0 where none flows, None where the program does not say."""
        return 0.0

    @property
    def currents_a(self) -> tuple[float, ...]:
        """The magnitudes of the currents that it sets or judges by."""
        return ()

    @property
    def longest_s(self) -> float:
        """The time after which the tester ends it at the latest; infinite without a bound."""
        return _least(self.until.time_s, self.bounds.time_s, inf)

    @property
    def most_ah(self) -> float:
        """The charge after which the tester ends it at the latest; infinite without a bound."""
        return _least(self.until.capacity_ah, self.bounds.capacity_ah, inf)

    def expected_s(self, full_ah: float | None) -> float:
        """Give the time that a healthy cell takes; ``full_ah`` is the cell's capacity, None where charge has no end.

        It is the shortest of the set time and the times for the set charge and for a full cell, else half the ceiling.
        """
        paced_a = self.paced_a
        charges = () if paced_a is None else (self.until.capacity_ah, full_ah)
        times = [charge_ah * 3600 / paced_a for charge_ah in charges if paced_a and charge_ah is not None]
        ceiling_s = self.bounds.time_s
        if times or self.until.time_s is not None:
            return _least(self.until.time_s, *times)
        return inf if ceiling_s is None else ceiling_s / _TIME_FACTOR

    def expected_ah(self, full_ah: float | None) -> float:
        """Give the charge that a healthy cell passes in it, as a magnitude."""
        largest_a = self.largest_a
        return min(largest_a * self.expected_s(full_ah) / 3600, self.most_ah) if largest_a else 0.0


class _PoweredStep(_RecordedStep):
    """Answers of a step that passes current."""

    __slots__ = ()
    ceiling: Ceiling

    @property
    def bounds(self) -> Ceiling:
        """The ceiling."""
        return self.ceiling

    @property
    def constant_a(self) -> float | None:
        """None: the current changes while the step goes on."""
        return None

    @property
    def currents_a(self) -> tuple[float, ...]:
        """The largest current, where the step says it, and the current that it tapers to."""
        return tuple(value for value in (self.largest_a, self.until.current_a) if value is not None)


class _CurrentStep(_PoweredStep):
    """Answers of a step that begins with a set current."""

    __slots__ = ()
    current_a: float

    @property
    def direction(self) -> Direction:
        """The direction that the sign of its current means."""
        return Direction.CHARGE if self.current_a > 0 else Direction.DISCHARGE

    @property
    def paced_a(self) -> float:
        """The magnitude of the set current."""
        return abs(self.current_a)

    @property
    def largest_a(self) -> float:
        """The magnitude of the set current."""
        return abs(self.current_a)


@dataclass(frozen=True, slots=True)
class Rest(_RecordedStep):
    """Leave the circuit open for ``until.time_s``."""

    until: Until
    record: Record | None = None
    purpose: Purpose = Purpose.RECIPE
    kind: Literal["rest"] = "rest"

    @property
    def direction(self) -> None:
        """None: no current flows."""
        return None


@dataclass(frozen=True, slots=True)
class ConstantCurrent(_CurrentStep):
    """Pass ``current_a`` (signed: positive charges) until an end condition holds."""

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
        """The set current."""
        return self.current_a


@dataclass(frozen=True, slots=True)
class ConstantVoltage(_PoweredStep):
    """Hold ``voltage_v``; ``current_limit_a`` is a magnitude."""

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
        """The limit of its current."""
        return self.current_limit_a


@dataclass(frozen=True, slots=True)
class CcCv(_CurrentStep):
    """Pass ``current_a`` (signed) up to ``voltage_v``, then hold that voltage until an end condition holds."""

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
class Loop:
    """Jump back to step ``back_to`` until the block has been executed ``times`` times in all (not extra repeats).

    The counter starts anew each time the loop is entered from before, so that an inner loop repeats fully on every
    outer pass. A loop makes no record; each backward jump raises the tester's cycle number by one.
    """

    back_to: int
    times: int
    kind: Literal["loop"] = "loop"


PoweredStep = ConstantCurrent | ConstantVoltage | CcCv
RecordedStep = Rest | PoweredStep
Step = Annotated[Rest | PoweredStep | Loop, Discriminator("kind")]


def with_ends(step: RecordedStep, until: Until, ceiling: Ceiling) -> RecordedStep:
    """Give the step with other ends; a rest has no ceiling."""
    return replace(step, until=until) if isinstance(step, Rest) else replace(step, until=until, ceiling=ceiling)


def recorded(steps: Sequence[Step]) -> Iterator[tuple[int, RecordedStep]]:
    """Give the steps that make records, all but loops, with their numbers."""
    return ((number, step) for number, step in enumerate(steps, 1) if not isinstance(step, Loop))


def powered(steps: Sequence[Step]) -> Iterator[tuple[int, PoweredStep]]:
    """Give the steps that pass current, with their numbers."""
    return ((number, step) for number, step in enumerate(steps, 1) if isinstance(step, PoweredStep))


def loops(steps: Sequence[Step]) -> Iterator[tuple[int, Loop]]:
    """Give each loop with its own step number."""
    return ((number, step) for number, step in enumerate(steps, 1) if isinstance(step, Loop))


def executions(steps: Sequence[Step], number: int) -> int:
    """Give how often step ``number`` is executed in a whole run, by the loops around it."""
    return prod(loop.times for own, loop in loops(steps) if loop.back_to <= number < own)


def depth(steps: Sequence[Step]) -> int:
    """Give how deep loops nest: 0 without loops."""
    spans = [(loop.back_to, own) for own, loop in loops(steps)]
    return max((sum(first <= inner and own >= last for first, own in spans) for inner, last in spans), default=0)


def crossings(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Give the pairs of loops, by step number, of which each holds a part of the other."""
    spans = [(loop.back_to, own) for own, loop in loops(steps)]
    return [(own, later) for first, own in spans for start, later in spans if first < start <= own < later]


def _least(*values: float | None) -> float:
    return min(value for value in values if value is not None)
