"""Current pulses with rests between them."""

from __future__ import annotations

from typing import Literal

from protocols.blocks.block import FAST, Times, WindowBlock, opposite
from protocols.blocks.plain_steps import constant_current, repeat, rest
from protocols.current_sign import Direction
from protocols.field_types import Flag
from protocols.quantities import Current, Duration, Quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule
from protocols.value_lists import Values


class PulseBlock(WindowBlock):
    """A train of pulses: ``times`` pulses of each current, each followed by a rest.

    With ``back`` each pulse is followed by one of the other direction, so that no charge is left over. What comes back
    at once when the current ends is ohmic, what comes back later is not: the intermittent current interruption of
    Lacey, ChemElectroChem 4 (2017) 1997, takes them apart in this way.
    """

    step: Literal["pulse"]
    direction: Direction
    current: Values[Current]
    time: Duration
    rest: Duration
    times: Times = 1
    back: Flag = False
    pulse_record: RecordRule = FAST

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the pulses with their rests."""
        directions = (self.direction, opposite(self.direction)) if self.back else (self.direction,)
        return tuple(
            step
            for current in self.current
            for step in repeat(self.times, [one for way in directions for one in self._pulse(way, current)])
        )

    def _pulse(self, direction: Direction, current: Quantity) -> tuple[RecipeStep, ...]:
        end = self.end(direction)
        pulse = constant_current(direction, current, time=self.time, voltage=end, record=self.pulse_record)
        return pulse, *rest(self.rest)
