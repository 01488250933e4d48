"""Galvanostatic intermittent titration."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from protocols.blocks.block import Block, Times
from protocols.blocks.plain_steps import constant_current, loop, repeat, rest
from protocols.current_sign import Direction
from protocols.field_types import Flag, problem
from protocols.quantities import Duration, StepCharge, StepCurrent, Voltage, parse_quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule


class GittBlock(Block):
    """Galvanostatic intermittent titration (GITT): short currents, each followed by a rest until equilibrium.

    ``time`` or ``capacity`` is that of one titration, ``times`` is how many there are at most: the first that meets
    ``voltage`` is the last. With ``stop_at_voltage: false`` all of them run, in one program of the tester, without the
    seconds of open circuit that the host takes behind each current to decide. Procedure: Weppner and Huggins, J.
    Electrochem. Soc. 124 (1977) 1569: the voltage under current over the square root of time and the change of the rest
    voltage give the diffusion coefficient.
    """

    step: Literal["gitt"]
    direction: Direction
    current: StepCurrent
    time: Duration | None = None
    capacity: StepCharge | None = None
    rest: Duration
    voltage: Voltage
    times: Times
    stop_at_voltage: Flag = True
    pulse_record: RecordRule = RecordRule(every=parse_quantity("1 s"), on_voltage_change=parse_quantity("1 mV"))

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.time is None) == (self.capacity is None):
            raise problem("time and capacity" if self.time else "no size of a titration", "either time or capacity")
        return self

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the titrations as one loop."""
        titration = constant_current(
            self.direction,
            self.current,
            time=self.time,
            capacity=self.capacity,
            voltage=self.voltage,
            record=self.pulse_record,
            leaves_at_voltage=self.stop_at_voltage,
        )
        titrations = loop if self.stop_at_voltage else repeat
        return titrations(self.times, (titration, *rest(self.rest)))
