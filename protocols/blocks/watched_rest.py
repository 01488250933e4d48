"""A rest whose voltage is watched."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from protocols.blocks.block import Block
from protocols.blocks.plain_steps import loop, rest
from protocols.conditions import ConditionBlock, Drift, ThenText
from protocols.field_types import problem
from protocols.quantities import Duration, Voltage, parse_quantity
from protocols.recipe_steps import RecipeStep
from protocols.step_ends import RecordRule

_CLOSE = RecordRule(every=parse_quantity("1 min"), on_voltage_change=parse_quantity("1 mV"))
_LOOKS_MAX = 1000


class WatchedRestBlock(Block):
    """A rest for ``time`` with a record at each change of the voltage by 1 mV: relaxation, self-discharge, soft shorts.

    With ``drift_below`` it is over when the voltage drifts by less. With ``voltage_below`` or ``voltage_above`` the
    host looks every ``look_every`` whether the voltage lies there, and then does what ``then`` says: it holds the run
    until a person has looked. Procedure: the decay of the open-circuit voltage as a measure of self-discharge, as
    Schmidt et al., J. Power Sources 274 (2015) 1231, discuss it beside faster ways.
    """

    step: Literal["watched_rest"]
    time: Duration
    drift_below: Drift | None = None
    voltage_below: Voltage | None = None
    voltage_above: Voltage | None = None
    look_every: Duration = parse_quantity("1 h")
    then: ThenText = "hold"
    watch_record: RecordRule = _CLOSE

    @model_validator(mode="after")
    def _whole_looks(self) -> Self:
        if self._asks and self.drift_below is not None:
            raise problem("drift_below and a voltage", "either of them")
        if self._asks and (self.time.exact % self.look_every.exact or self._looks > _LOOKS_MAX):
            seen = f"a look every {self.look_every} in {self.time}"
            raise problem(seen, f"a time that is a whole number of looks, {_LOOKS_MAX} at most")
        return self

    @property
    def _asks(self) -> bool:
        return self.voltage_below is not None or self.voltage_above is not None

    @property
    def _looks(self) -> int:
        return int(self.time.exact / self.look_every.exact)

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the rest, as a loop of rests where the host looks at its voltage."""
        if not self._asks:
            return rest(self.time, self.watch_record, self.drift_below)
        until = ConditionBlock(voltage_below=self.voltage_below, voltage_above=self.voltage_above)
        return loop(self._looks, rest(self.look_every, self.watch_record), until, self.then)
