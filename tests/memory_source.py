"""A source in memory around a simulated cell: two regulation loops, ranges, noise, late replies, faults by name."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import copysign, inf

from drivers.errors import CannotRun, ConnectionFailed, DriverError, NotConfirmed
from drivers.interfaces import HostLoss
from drivers.sources import Drive, Held, SourceReading
from simulators.cells import CellModel

# The longest time for which a regulated current is taken as constant.
_HELD_S = 1.0


class Capacitor:
    """A ``CellModel`` whose voltage rises as steeply as one likes: a capacitor behind a resistor.

    Below ``stop_v`` its voltage does not go, whatever charge is taken out, as where metal is plated.
    """

    temperature_degc = 25.0

    def __init__(self, farad: float, ohm: float = 1.0, *, stop_v: float = -inf, max_interval_s: float = 3600.0) -> None:
        self.max_interval_s = max_interval_s
        self._farad, self._ohm, self._stop_v = farad, ohm, stop_v
        self._charge_c = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Give the voltage now."""
        return self._inner_v + self._ohm * current_a

    def current_a(self, voltage_v: float) -> float:
        """Give the current at a voltage."""
        return (voltage_v - self._inner_v) / self._ohm

    @property
    def _inner_v(self) -> float:
        return max(self._stop_v, self._charge_c / self._farad)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Charge it."""
        self._charge_c += duration_s * current_a

    def snapshot(self) -> tuple[float, ...]:
        """Give its charge."""
        return (self._charge_c,)

    def restore(self, state: tuple[float, ...]) -> None:
        """Put its charge back."""
        (self._charge_c,) = state

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Give its resistance alone."""
        return complex(self._ohm)


@dataclass
class Wire:
    """What is wrong between the source and whoever orders it; times in seconds, of the loop."""

    reply_s: float = 0.0
    order_s: float = 0.0
    noise_v: float = 0.0
    # Errors to raise, by the order's name, first in first out; a number of seconds is a wait.
    next: dict[str, list[DriverError | float]] = field(default_factory=dict)
    # Readings to come that have no voltage.
    without_value: int = 0
    stuck_v: float | None = None
    offset_v: float = 0.0


class MemorySource:
    """A ``Source``. ``log`` has every order that has been carried out."""

    def __init__(
        self,
        name: str,
        cell: CellModel,
        *,
        rides: HostLoss = HostLoss.STOPS,
        open_circuit: bool = False,
        reversed_cell: bool = False,
    ) -> None:
        self.name, self.cell, self.wire = name, cell, Wire()
        self.is_on = self.is_open = False
        self.log: list[str] = []
        self.readings = 0
        self.most_v = self.least_v = cell.voltage_v(0.0)
        # Seconds for which current has flowed.
        self.energised_s = 0.0
        self._rides, self._sign = rides, -1.0 if reversed_cell else 1.0
        self._has_cell = not open_circuit
        self._drive: Drive | None = None
        self._at_s: float | None = None
        self._random = random.Random(name)

    def host_loss(self, drive: Drive) -> HostLoss:
        """Say what was said."""
        return self._rides

    def unplug(self) -> None:
        """Take the cell out; whatever is driven goes on against nothing."""
        self._go_on()
        self._has_cell = False

    def press_output(self) -> None:
        """Switch the output off at the panel."""
        self._go_on()
        self.is_on = False

    async def open(self) -> None:
        """Connect."""
        await self._ordered("open", 0.0)
        self.is_open = True

    async def close(self) -> None:
        """Disconnect; the output stays as it is."""
        self.is_open = False

    async def prepare(self, drive: Drive, interval_s: float) -> None:
        """Set an order; function and range never change under a cell."""
        await self._ordered(f"prepare {drive.held.value}", self.wire.order_s)
        if self.is_on:
            raise AssertionError("prepared with the output on")
        if drive.largest > (0.1 if drive.held is Held.CURRENT else 10.0):
            raise CannotRun(f"{self.name} has no range for {drive.largest}")
        self._drive = drive

    async def switch_on(self) -> None:
        """Switch on what was prepared."""
        await self._ordered("on", self.wire.order_s)
        if self._drive is None:
            raise AssertionError("switched on without an order")
        self._go_on()
        self.is_on = True

    async def adjust(self, drive: Drive) -> None:
        """Change the level, within the prepared function and range."""
        await self._ordered("adjust", self.wire.order_s)
        before = self._drive
        if before is None or not self.is_on:
            raise AssertionError("adjusted with the output off")
        if (before.held, before.largest) != (drive.held, drive.largest) or abs(drive.level) > drive.largest + 0.02:
            raise AssertionError(f"a change of function or range under the cell: {before} to {drive}")
        self._go_on()
        self._drive = drive

    async def switch_off(self) -> None:
        """Switch off."""
        await self._ordered("off", self.wire.order_s)
        self._go_on()
        self.is_on = False

    async def read(self) -> SourceReading:
        """Measure."""
        await self._ordered("read", self.wire.reply_s)
        self.readings += 1
        self._go_on()
        if not self.is_on or self._drive is None:
            return SourceReading(None, None, at_limit=False, output_on=False)
        if self.wire.without_value:
            self.wire.without_value -= 1
            return SourceReading(None, None, at_limit=False, output_on=True)
        voltage_v, current_a, at_limit = self._state(self._drive)
        voltage_v += self.wire.offset_v + (self._random.gauss(0.0, self.wire.noise_v) if self.wire.noise_v else 0.0)
        if self.wire.stuck_v is not None:
            voltage_v = self.wire.stuck_v
        return SourceReading(voltage_v, current_a, at_limit=at_limit, output_on=True)

    # Physics ---------------------------------------------------------------------------------------------------

    def _state(self, drive: Drive) -> tuple[float, float, bool]:
        """Give voltage, current, and whether the limit holds the output, now."""
        if not self._has_cell:
            level_v = drive.level if drive.held is Held.VOLTAGE else copysign(drive.limit, drive.level or 1.0)
            return level_v, 0.0, drive.held is Held.CURRENT
        sign, cell = self._sign, self.cell
        if drive.held is Held.CURRENT:
            voltage_v = sign * cell.voltage_v(sign * drive.level)
            if abs(voltage_v) <= drive.limit:
                return voltage_v, drive.level, False
            # The limit is below the cell: it becomes a source of that voltage, and an excessive current flows.
            limit_v = copysign(drive.limit, voltage_v)
            return limit_v, sign * cell.current_a(sign * limit_v), True
        current_a = sign * cell.current_a(sign * drive.level)
        if abs(current_a) <= drive.limit:
            return drive.level, current_a, False
        current_a = copysign(drive.limit, current_a)
        return sign * cell.voltage_v(sign * current_a), current_a, True

    def _go_on(self) -> None:
        """Bring the cell to this moment."""
        now_s = asyncio.get_running_loop().time()
        left_s, self._at_s = now_s - (now_s if self._at_s is None else self._at_s), now_s
        while left_s > 0:
            voltage_v, current_a = 0.0, 0.0
            if self.is_on and self._drive is not None:
                voltage_v, current_a, _ = self._state(self._drive)
                self.most_v, self.least_v = max(self.most_v, voltage_v), min(self.least_v, voltage_v)
            step_s = min(left_s, self.cell.max_interval_s, _HELD_S if current_a else left_s)
            self.cell.advance(step_s, self._sign * current_a)
            self.energised_s += step_s if current_a else 0.0
            left_s -= step_s

    async def _ordered(self, order: str, takes_s: float) -> None:
        if not self.is_open and order != "open":
            raise ConnectionFailed(f"{self.name} is not connected")
        if takes_s:
            await asyncio.sleep(takes_s)
        waiting = self.wire.next.get(order.split(maxsplit=1)[0])
        if waiting:
            spoiled = waiting.pop(0)
            if isinstance(spoiled, DriverError):
                raise spoiled
            await asyncio.sleep(spoiled)
        if order != "read":
            self.log.append(order)


def broken(times: int = 1, error: Callable[[str], DriverError] = ConnectionFailed) -> list[DriverError | float]:
    """Give errors for so many orders."""
    return [error("the plug is out") for _ in range(times)]


def unconfirmed(times: int) -> list[DriverError | float]:
    """Give the errors of an output that is not seen off."""
    return broken(times, NotConfirmed)
