"""What only some battery testers can do: interfaces that are asked for by ``isinstance``, beside ``BatteryTester``."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from drivers.interfaces import HostLoss
from protocols.program import CyclingSegment, Program


@runtime_checkable
class RehearsesLoading(Protocol):
    """A tester that can compile a segment and read it back without an instrument, a file or a connection."""

    def rehearse(self, channel: str, segment: CyclingSegment) -> list[str]:
        """Compile a segment, read back what was made, and return each difference as a sentence; empty when equal."""


@runtime_checkable
class ForeseesHostLoss(Protocol):
    """A tester whose programs differ in what a cell sees when this computer dies: ``host_loss`` says the worst."""

    def host_loss_in(self, channel: str, program: Program) -> tuple[HostLoss, str]:
        """Return the behaviour in the worst step of a program, and what the cell then sees, as a clause."""


@runtime_checkable
class ChannelLamps(Protocol):
    """A tester that has a lamp at each channel, by which a person finds the holder."""

    async def light(self, channel: str, *, on: bool) -> None:
        """Switch a channel's lamp. Sent once: Refused when the instrument says no, OutcomeUnknown without a reply."""


@runtime_checkable
class LooksAtIdleCells(Protocol):
    """A tester that connects an idle cell for a moment to see its voltage, but not one that another instrument has."""

    def keep_off(self, channel: str, by: str) -> None:
        """Leave a channel's cell to ``by``, without looks and starts; empty: no more. Raises CannotRun under a test."""
