"""The interface of an instrument that holds one current or one voltage at a cell and runs no program of its own.

A source meter is one. ``drivers/stepping.py`` makes a ``BatteryTester`` of any ``Source``: the host measures, decides
and switches. Positive current charges the cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from drivers.interfaces import HostLoss


class Held(StrEnum):
    """The quantity that a source sets; it limits the other."""

    CURRENT = "current"
    VOLTAGE = "voltage"


@dataclass(frozen=True, slots=True)
class Drive:
    """One order to a source: hold ``level`` (amperes or volts, signed) and let the other quantity not pass ``limit``.

    ``limit`` is a magnitude, in volts where a current is held, in amperes where a voltage is. ``largest`` is the
    largest magnitude of ``level`` that will be ordered before the output is off again, by which ranges are chosen: a
    range never changes under a cell.
    """

    held: Held
    level: float
    limit: float
    largest: float


@dataclass(frozen=True, slots=True)
class SourceReading:
    """One measurement of a source, current and voltage of one moment.

    ``voltage_v`` and ``current_a`` are None where the instrument measured nothing or more than its range (SCPI's
    9.91E37 and 9.9E37 never leave a driver as numbers). ``at_limit``: the limit holds the output, not the level.
    ``output_on``: whether the instrument itself says that the output is on.
    """

    voltage_v: float | None
    current_a: float | None
    at_limit: bool
    output_on: bool


class Source(Protocol):
    """One output with one cell at it. Reads raise ConnectionFailed and may be asked again; orders never are.

    After a time-out or a cancelled call the connection is spoiled: the driver closes it, opens it, identifies the
    instrument and reads its error queue before it asks anything else.
    """

    name: str

    def host_loss(self, drive: Drive) -> HostLoss:
        """Return what the cell sees when the host dies under this order."""

    async def open(self) -> None:
        """Connect and identify. An output that is on is left alone: the first reading shows it."""

    async def close(self) -> None:
        """Drop the connection; the output is left as it is."""

    async def prepare(self, drive: Drive, interval_s: float) -> None:
        """Set everything for an order while the output is off, read it back and empty the error queue.

        ``interval_s`` is how often it will be read: integration time and autozero are chosen to hold that. Raises
        NotConfirmed on a difference, Refused on an error of the instrument, CannotRun when its ranges cannot do it.
        """

    async def switch_on(self) -> None:
        """Switch the output on with what was prepared, and confirm it. Raises NotConfirmed, OutcomeUnknown."""

    async def adjust(self, drive: Drive) -> None:
        """Change level and limit with the output on, within the prepared function and ranges; read both back."""

    async def switch_off(self) -> None:
        """Switch the output off with the cell disconnected (high impedance), and confirm it.

        Raises NotConfirmed with a sentence that names the source and says that its output was not seen off, and why.
        """

    async def read(self) -> SourceReading:
        """Measure."""
