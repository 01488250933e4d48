"""Lets the cells inside an oven follow its temperature."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

from simulators.oven.oven import SimulatedOven

_LOOK_S = 60.0
"""How often cells are given the temperature of their place while it moves; it lags 480 s behind the air."""
_REST_LOOK_S = 300.0
_MOVED_K = 0.02
"""What a cell does not notice."""


class WarmsCells(Protocol):
    """Whatever holds cells, such as a tester's holders."""

    def temperature_of(self, name: str) -> float:
        """Return the temperature of a channel's cell."""

    def warm_cell(self, name: str, temperature_degc: float) -> None:
        """Let the cell of a channel have a temperature from now on."""


class CellsInside:
    """The cells of some channels inside an oven; ``follow`` runs until it is cancelled.

    ``speed`` is how many seconds of the oven pass in one of the event loop's.
    """

    def __init__(self, oven: SimulatedOven, holders: WarmsCells, channels: Collection[str], speed: float = 1.0) -> None:
        """Put the cells of these channels into an oven."""
        self._oven = oven
        self._holders = holders
        self._channels = tuple(channels)
        self._speed = speed

    def give(self) -> bool:
        """Give every cell the temperature of its place, also one put in since; False where all have it already."""
        degc = self._oven.place_degc
        others = [one for one in self._channels if abs(self._holders.temperature_of(one) - degc) > _MOVED_K]
        for channel in others:
            self._holders.warm_cell(channel, degc)
        return bool(others)

    async def follow(self) -> None:
        """Give the cells their temperature again and again."""
        while True:
            pause_s = _LOOK_S if self.give() else _REST_LOOK_S
            await asyncio.sleep(pause_s / self._speed)
