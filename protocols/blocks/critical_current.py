"""The critical current density of a symmetric cell, by a ramp of currents."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from protocols.blocks.block import Times, WindowBlock, opposite
from protocols.blocks.plain_steps import constant_current, loop, repeat, rest
from protocols.current_sign import Direction
from protocols.field_types import Flag, problem
from protocols.quantities import Charge, Current, Duration, Quantity
from protocols.recipe_steps import RecipeStep
from protocols.value_lists import Values

# Written out one by one, as the cell may leave the ramp behind each.
_CYCLES_MAX = 1000


class CriticalCurrentBlock(WindowBlock):
    """A ramp of currents: stripping and plating at each, until the cell is shorted or its voltage reaches an end.

    ``time`` gives every current the same time, ``capacity`` the same charge; the critical current density depends on
    which. The guard ``short`` ends the run of a Li/Li cell at its short. A cell that polarises ends its half-cycles at
    ``low`` and ``high``, and the ramp with the first cycle whose second half does; with ``stop_at_voltage: false`` all
    currents run, in one program of the tester. Procedure: Sharafi et al., J. Power Sources 302 (2016) 135.
    """

    step: Literal["critical_current"]
    current: Values[Current]
    time: Duration | None = None
    capacity: Charge | None = None
    rest: Duration | None = None
    cycles: Times = 1
    begin: Direction = Direction.CHARGE
    stop_at_voltage: Flag = True

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if (self.time is None) == (self.capacity is None):
            raise problem("time and capacity" if self.time else "no size of a half-cycle", "either time or capacity")
        falls = [
            (one, later)
            for one, later in zip(self.current, self.current[1:], strict=False)
            if one.dimension is not later.dimension or later.exact <= one.exact
        ]
        if falls:
            raise problem(
                f"{falls[0][1]} after {falls[0][0]}", "currents in one kind of unit, each above the one before"
            )
        if len(self.current) * self.cycles > _CYCLES_MAX:
            raise problem(
                f"{self.cycles} cycles at {len(self.current)} currents", f"at most {_CYCLES_MAX} cycles in all"
            )
        return self

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the cycles of each current, in order."""
        if not self.stop_at_voltage:
            return tuple(step for current in self.current for step in repeat(self.cycles, self._cycle(current)))
        # One pass of a loop, which the cell may leave behind each of its cycles.
        cycles = (step for current in self.current for _ in range(self.cycles) for step in self._cycle(current))
        return loop(1, tuple(cycles))

    def _cycle(self, current: Quantity) -> tuple[RecipeStep, ...]:
        first, second = self.begin, opposite(self.begin)
        return *self._half(first, current, leaves=False), *self._half(second, current, leaves=self.stop_at_voltage)

    def _half(self, way: Direction, current: Quantity, *, leaves: bool) -> tuple[RecipeStep, ...]:
        step = constant_current(
            way, current, time=self.time, capacity=self.capacity, voltage=self.end(way), leaves_at_voltage=leaves
        )
        return step, *rest(self.rest)
