"""The resistance for direct current, by pulses from rest."""

from __future__ import annotations

from typing import Literal

from protocols.blocks.block import FAST, WindowBlock
from protocols.blocks.plain_steps import constant_current, rest
from protocols.current_sign import Direction
from protocols.quantities import Current, Duration, parse_quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule
from protocols.value_lists import Values


class DcResistanceBlock(WindowBlock):
    """Pulses from rest, whose change of voltage over current is the resistance for direct current.

    For each current a discharge and, behind the same rest, a charge of the same time, so that the state of charge is
    kept; ``direction`` takes one of the two alone. Procedure: pulses of 10 s at several currents, as in IEC 62660-1
    (power and internal resistance of cells for vehicles); the resistance is the slope of voltage over current.
    """

    step: Literal["dc_resistance"]
    current: Values[Current]
    time: Duration = parse_quantity("10 s")
    rest: Duration = parse_quantity("30 min")
    direction: Direction | None = None
    pulse_record: RecordRule = FAST

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give a rest, then each pulse with a rest behind it."""
        ways = (Direction.DISCHARGE, Direction.CHARGE) if self.direction is None else (self.direction,)
        steps = list(rest(self.rest))
        for current in self.current:
            for way in ways:
                end = self.end(way)
                steps.append(constant_current(way, current, time=self.time, voltage=end, record=self.pulse_record))
                steps += rest(self.rest)
        return tuple(steps)
