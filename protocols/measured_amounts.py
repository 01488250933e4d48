"""Values of a program that the run measures first: a current or a charge that is a part of a charge passed before.

The program has the expected value at its step, by which times are foretold, and here the values that it may have. What
is measured replaces it when the program of the tester is written, so that the tester holds the end by itself.

>>> from protocols.program_steps import ConstantCurrent, Until
>>> step = ConstantCurrent(-1e-3, Until(capacity_ah=1e-4))
>>> amount = MeasuredAmount(1, AmountKey.CAPACITY, 0.1, 0.5e-4, 1.25e-4, of_cycle=2)
>>> with_values((step,), {amount: amount.allowed(0.9e-3)})[0].until.capacity_ah, amount.allowed(2e-3)
(9e-05, 0.000125)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Annotated, cast

from pydantic import Field

from protocols.current_sign import Direction
from protocols.program_steps import ConstantCurrent, PoweredStep, Step


class AmountKey(StrEnum):
    """The value of a step that is measured, in the unit of its name; both are magnitudes."""

    CURRENT = "current_a"
    CAPACITY = "capacity_ah"


MeasuredRange = tuple[int, AmountKey, float, float]
"""The number of a step, its value that is measured, and the least and the largest that it may be."""


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """Passes of a loop in which a step runs: in the segments ``first`` to ``last``, each ``every`` segments, as a step.

    >>> [*EarlierRuns(1, 7, 3, step=2)]
    [(7, 2), (4, 2), (1, 2)]
    """

    first: int
    last: int
    every: int
    step: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the segments with the number of the step, the last one first."""
        return ((segment, self.step) for segment in range(self.last, self.first - 1, -self.every))


@dataclass(frozen=True, slots=True)
class MeasuredAmount:
    """A value of the step with this number: ``factor`` times a charge in Ah that the run has passed before.

    ``low`` and ``high`` are the values that it may have. The charge is the capacity of the cycle ``of_cycle``, or what
    the step ``of_step`` of the segment with the index ``of_segment`` has passed when it ran last. Where a run may have
    passed over that segment, it is what the same step has passed in ``earlier`` ones, of which the last first.
    """

    step: int
    key: AmountKey
    factor: float
    low: float
    high: float
    of_cycle: int | None = None
    of_segment: int | None = None
    of_step: int | None = None
    # Left out of the text where no run passes over the segment: hashes of earlier versions hold.
    earlier: Annotated[tuple[EarlierRuns, ...], Field(exclude_if=lambda runs: not runs)] = ()

    def __post_init__(self) -> None:
        """Refuse an amount that nothing measures, or of which no value is allowed. Raises ValueError."""
        by_step = self.of_segment is not None and self.of_step is not None
        if by_step == (self.of_cycle is not None):
            raise ValueError("a measured amount is of a cycle, or of a step of a segment")
        if not 0 < self.low <= self.high:
            raise ValueError(f"a measured amount from {self.low} to {self.high}")

    @property
    def runs(self) -> Iterator[MeasuredAmount]:
        """The amount as each segment measures it in which its step may have run, the last one first."""
        yield replace(self, earlier=())
        for segment, step in (place for runs in self.earlier for place in runs):
            yield replace(self, of_segment=segment, of_step=step, earlier=())

    @property
    def range(self) -> MeasuredRange:
        """The step, the value and its ends, without what measures it."""
        return self.step, self.key, self.low, self.high

    def allowed(self, charge_ah: float) -> float:
        """Give the value for a measured charge (Ah); beyond the values that it may have, the nearer end of them."""
        return min(max(self.value(charge_ah), self.low), self.high)

    def value(self, charge_ah: float) -> float:
        """Give the value for a measured charge (Ah), whatever it may be."""
        return self.factor * charge_ah

    @property
    def told(self) -> str:
        """What it is measured by, in words."""
        if self.of_cycle is not None:
            return f"the capacity of cycle {self.of_cycle}"
        return f"the charge of step {self.of_step} of segment {(self.of_segment or 0) + 1}"

    @property
    def part(self) -> str:
        """How large a part of that it is: ``10 %`` of a charge, ``0.3333 C`` of it as a rate."""
        return f"{self.factor:.4g} C" if self.key is AmountKey.CURRENT else f"{self.factor * 100:.4g} %"

    def words(self, value: float) -> str:
        """Give a value of it in words: ``current 0.3 mA``."""
        unit = "mA" if self.key is AmountKey.CURRENT else "mAh"
        return f"{'current' if self.key is AmountKey.CURRENT else 'charge'} {value * 1e3:.4g} {unit}"


def with_values(steps: Sequence[Step], values: Mapping[MeasuredAmount, float]) -> tuple[Step, ...]:
    """Give the steps with these values in place of the expected ones; steps without any are the same objects."""
    found = list(steps)
    for amount, value in values.items():
        found[amount.step - 1] = _with(found[amount.step - 1], amount, value)
    return tuple(found)


def _with(step: Step, amount: MeasuredAmount, value: float) -> Step:
    if not isinstance(step, PoweredStep):
        raise TypeError(f"step {amount.step} passes no current")
    if amount.key is AmountKey.CAPACITY:
        return replace(step, until=replace(step.until, capacity_ah=value))
    if not step.sets_current:
        raise TypeError(f"step {amount.step} sets no current")
    # Each kind that sets a current has it under this name.
    return replace(cast(ConstantCurrent, step), current_a=value if step.direction is Direction.CHARGE else -value)


def expected_of(steps: Sequence[Step], amount: MeasuredAmount) -> float:
    """Give the value that steps have at the place of an amount: the expected one, a magnitude, before it is measured.

    Raises ValueError where they have none.
    """
    step = steps[amount.step - 1]
    if isinstance(step, PoweredStep):
        value = step.until.capacity_ah if amount.key is AmountKey.CAPACITY else step.largest_a
        if value is not None:
            return value
    raise ValueError(f"step {amount.step} has no {amount.key}")


def corners(steps: Sequence[Step], amounts: Sequence[MeasuredAmount]) -> Iterator[tuple[Step, ...]]:
    """Yield the steps with every combination, step by step, of the least and the largest values that they may have.

    What a step does at most and at least grows or falls with each of its values, so that these bound all of them.
    """
    keys = sorted({amount.key for amount in amounts})
    for chosen in product((False, True), repeat=len(keys)):
        is_high = dict(zip(keys, chosen, strict=True))
        yield with_values(steps, {one: one.high if is_high[one.key] else one.low for one in amounts})
