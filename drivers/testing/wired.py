"""The description of a driver at a wire: what the suite of spoiled wires needs to know of any instrument."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drivers.testing.messages import Cut
from drivers.testing.spoiled_wire import Connect, Handler, SpoiledWire


@dataclass(frozen=True, slots=True)
class WireFacts:
    """What a driver promises of its wire.

    ``order`` finds, in what is sent at once, the orders that a cell or an oven feels; None: it takes none.
    ``identifying`` matches all that may be said to an instrument that has not yet said who it is. ``is_cable``: what
    the instrument sends arrives at whoever has the port open. ``late_s`` is longer than the driver waits for a reply.
    A question is answered, rightly or by an error, within ``answers_within_s``, and rightly within
    ``recovers_within_s`` after a fault is over.

    ``off_within_s``, of what gives current under this computer's control: in which time after a fault its output is
    off. ``rides_on``: its programs go on by themselves under limits of their own, and off is what was ordered off.
    ``meaningless`` names spoiled wires that cannot be here, each with its reason.
    """

    name: str
    wire: str
    cut: Cut
    order: re.Pattern[bytes] | None
    identifying: re.Pattern[bytes]
    is_cable: bool
    late_s: float
    answers_within_s: float
    recovers_within_s: float
    off_within_s: float | None = None
    rides_on: bool = False
    meaningless: Mapping[str, str] = field(default_factory=dict)


class Wired(Protocol):
    """A driver, not open yet, at a spoiled wire, and the instrument at its far end as its owner knows it."""

    facts: WireFacts
    wire: SpoiledWire

    async def open(self) -> None:
        """Open the driver."""

    async def close(self) -> None:
        """Close the driver, whatever state it is in."""

    async def ask(self) -> object:
        """Ask the instrument one question through the driver."""

    def is_right(self, answer: object) -> bool:
        """Return whether an answer is what the instrument would say now."""

    async def begin(self) -> None:
        """Bring the instrument to where its question has an answer worth asking for; many are there at once."""

    async def change(self) -> None:
        """Let the instrument answer something else from now on than it ever did."""

    async def order(self) -> None:
        """Give one order through the driver, which a cell or an oven feels; the output is off before."""

    def is_obeyed(self) -> bool:
        """Return whether the instrument does what was ordered."""

    async def make_safe(self) -> None:
        """Do what the driver's owner does after an error: switch off, stop, or go to the safe set point."""

    def is_safe(self) -> bool:
        """Return whether nothing of the order is in force any more, by the instrument itself."""

    async def drive(self) -> None:
        """Bring a cell under current as a run does, with whatever watches over it."""

    def joined(self, handler: Handler) -> Connect:
        """Return how a device is reached that is served by ``handler``: in memory, or as the instrument is."""

    def others(self) -> Sequence[tuple[str, Connect]]:
        """Return other instruments of the same kind, by what is different in them."""
