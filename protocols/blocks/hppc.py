"""Hybrid pulse power characterisation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.blocks.block import FAST, Times, WindowBlock
from protocols.blocks.plain_steps import constant_current, loop, repeat, rest
from protocols.current_sign import Direction
from protocols.field_types import Flag, Number
from protocols.quantities import Duration, StepCharge, StepCurrent, parse_quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule
from protocols.value_lists import exact_ratio


class HppcBlock(WindowBlock):
    """Hybrid pulse power characterisation (HPPC): at each depth of discharge a pulse each way, from a full cell.

    After a rest: a discharge of ``time`` at ``current``, a rest ``between``, a charge of ``charge_time`` at
    ``charge_ratio`` of that current; then ``remove`` is discharged at ``remove_current`` to the next depth. It begins
    with a charged cell, and ends when that discharge meets ``low``, behind ``times`` depths at most. Procedure and its
    usual values: the FreedomCAR test manual (DOE/ID-11069, 2003), 10 s, 40 s, 10 s and 75 %, a tenth of the capacity
    and 1 h of rest; that for electric vehicles (INL/EXT-15-34184, 2015) has discharges of 30 s.
    """

    step: Literal["hppc"]
    current: StepCurrent
    time: Duration = parse_quantity("10 s")
    between: Duration = parse_quantity("40 s")
    charge_time: Duration = parse_quantity("10 s")
    charge_ratio: Annotated[Number, Field(gt=0, le=2)] = 0.75
    remove: StepCharge = parse_quantity("10 % of nominal capacity")
    remove_current: StepCurrent
    rest: Duration = parse_quantity("1 h")
    times: Times = 9
    stop_at_voltage: Flag = True
    pulse_record: RecordRule = FAST

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give a rest, then the pulses and the way to the next depth, as a loop."""
        back = self.current.times(exact_ratio(self.charge_ratio))
        down, up, fast = Direction.DISCHARGE, Direction.CHARGE, self.pulse_record
        one_depth = (
            constant_current(down, self.current, time=self.time, voltage=self.low, record=fast),
            *rest(self.between, fast),
            constant_current(up, back, time=self.charge_time, voltage=self.high, record=fast),
            constant_current(
                down,
                self.remove_current,
                capacity=self.remove,
                voltage=self.low,
                leaves_at_voltage=self.stop_at_voltage,
            ),
            *rest(self.rest),
        )
        depths = loop if self.stop_at_voltage else repeat
        return *rest(self.rest), *depths(self.times, one_depth)
