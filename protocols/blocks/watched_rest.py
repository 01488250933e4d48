"""A rest whose voltage is watched."""

from __future__ import annotations

from typing import Literal

from protocols.blocks.block import Block
from protocols.blocks.plain_steps import rest
from protocols.quantities import Duration, parse_quantity
from protocols.recipe_steps import RecipeStep, RecordRule

_CLOSE = RecordRule(every=parse_quantity("1 min"), on_voltage_change=parse_quantity("1 mV"))


class WatchedRestBlock(Block):
    """A rest for ``time`` with a record at each change of the voltage by 1 mV: relaxation, self-discharge, soft shorts.

    Procedure: the decay of the open-circuit voltage as a measure of self-discharge, as Schmidt et al., J. Power Sources
    274 (2015) 1231, discuss it beside faster ways.
    """

    step: Literal["watched_rest"]
    time: Duration
    watch_record: RecordRule = _CLOSE

    def expanded(self) -> tuple[RecipeStep, ...]:
        """Give the rest."""
        return rest(self.time, self.watch_record)
