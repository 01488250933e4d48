"""A cell kept at a voltage for days, with its capacity looked at in between."""

from __future__ import annotations

from typing import Literal

from protocols.blocks.block import Times, WindowBlock
from protocols.blocks.plain_steps import constant_current, constant_voltage, loop, repeat, rest
from protocols.conditions import CapacityOrShare, ConditionBlock
from protocols.current_sign import Direction
from protocols.quantities import Current, Duration, parse_quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule


class FloatBlock(WindowBlock):
    """A float test: charge to ``high``, hold it for ``time``, then discharge to ``low``, ``times`` times at most.

    The current while the voltage is held is that of the reactions which go on; the discharges show what they cost.
    Procedure: the floating test of Weingarth, Foelske-Schmitz and Koetz, J. Power Sources 225 (2013) 84. The held
    voltage may take ``current`` at most, and is recorded as ``hold_record`` says. The test ends when a discharge gives
    less than ``until_capacity``, such as ``80 % of cycle 1``.
    """

    step: Literal["float"]
    current: Current
    time: Duration
    times: Times = 1
    rest: Duration | None = None
    until_capacity: CapacityOrShare | None = None
    hold_record: RecordRule = RecordRule(every=parse_quantity("10 min"))

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give charge, hold and discharge as a loop."""
        held = constant_voltage(Direction.CHARGE, self.high, self.current, self.time, self.hold_record)
        steps = (
            constant_current(Direction.CHARGE, self.current, voltage=self.high),
            held,
            constant_current(Direction.DISCHARGE, self.current, voltage=self.low),
            *rest(self.rest),
        )
        if self.until_capacity is None:
            return repeat(self.times, steps)
        return loop(self.times, steps, ConditionBlock(capacity_below=self.until_capacity))
