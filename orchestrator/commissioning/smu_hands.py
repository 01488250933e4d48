"""The hands of a commissioning at a source meter: every order goes through the bound, and ends with its output off."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from drivers.errors import NotConfirmed
from drivers.smu import SmuSettings, SmuSource
from drivers.smu.links import Link
from drivers.sources import Drive, Held, SourceReading
from drivers.stepping.drives import look
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.bound import Bound
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.questions import NoResistor, Setting

SILENT_S = 30.0
"""So long nothing is said to an instrument that is asked what it does then."""
WATCH_S = SILENT_S + 30.0
"""The driver's own watch, which switches off what nobody decides about, must not answer that question."""
AT_REST_V = 0.02
_REST_READINGS = 2
_SLOWEST_S = 2.0
"""A commissioning reads no slower than this, however far apart the readings of a run are: its orders are short."""
_BESIDE = 2.0
"""A reading may take as long again as the pause before it."""
READINGS = 5
TINY = 0.05
TOLERANCE = 0.1


class SourceHands:
    """One source meter with a resistor at its terminals: every order goes through the bound, and ends with it off."""

    def __init__(
        self,
        source: SmuSource,
        settings: SmuSettings,
        channel: str,
        ohm: float,
        most_a: float,
        person: Person,
        second: Callable[[], Link],
    ) -> None:
        self.source = source
        self.tester = settings
        self.person = person
        self.second = second
        self.settings = settings.unit(channel)
        self.interval_s = min(_SLOWEST_S, settings.interval_s)
        # No current, with a limit above any cell: below its voltage the source draws all it can (section 1.2).
        self.at_rest = look(settings)
        self.ohm = ohm
        self.most_a = most_a
        self.bound = Bound(0.0, ohm, 0.0, most_a)
        self.facts: Mapping[str, Fact] = {}
        self._may_be_on = False
        # The loop's time at which the time of the present order is over.
        self._until_s = math.inf

    @property
    def most_v(self) -> float:
        """The voltage of the resistor at the largest current."""
        return self.most_a * self.ohm

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take what has been found so far: readings are no closer than they take."""
        self.facts = facts
        found_s = facts.get("interval_s")
        wanted_s = found_s if isinstance(found_s, float) else self.tester.interval_s
        self.interval_s = min(_SLOWEST_S, wanted_s)

    def setting(self, name: str, value: Any) -> Setting:  # noqa: ANN401 - a setting of any kind
        """Return a setting of the channel's own unit."""
        return Setting(("units", {"channel": self.settings.channel}, name), value)

    def current(self, level_a: float, limit_v: float | None = None) -> Drive:
        """Return the order of a current, with a voltage limit of half as much again as the resistor needs."""
        edge_v = 1.5 * self.most_v + 0.2 if limit_v is None else limit_v
        return Drive(Held.CURRENT, level_a, edge_v, abs(level_a))

    def voltage(self, level_v: float, limit_a: float) -> Drive:
        """Return the order of a voltage with a limit of its current."""
        return Drive(Held.VOLTAGE, level_v, limit_a, abs(level_v))

    def reading_s(self, count: int = READINGS) -> float:
        """Return for how long an output is on that is read so often."""
        return count * _BESIDE * self.interval_s

    async def on(self, drive: Drive, for_s: float, *, is_looked_at: bool = False) -> None:
        """Prepare an order and switch the output on, if the bound lets it through and nothing has a voltage at rest.

        ``for_s`` is how long it is to stand, at most the announced time: once that is over, ``within`` ends whatever
        waits, and the output goes off. The resistor of an earlier answer may have given way to a cell since: only where
        the same question ``is_looked_at`` already is it not looked at again. Raises NoResistor, and no current flows.
        """
        self.bound.check_drive(drive, for_s)
        if drive != self.at_rest and not is_looked_at and not abs(rest_v := await self.rest_v()) <= AT_REST_V:
            raise NoResistor(rest_v)
        await self.source.prepare(drive, self.interval_s)
        self._may_be_on = True
        self._until_s = asyncio.get_running_loop().time() + self.bound.longest_s
        async with self.within():
            await self.source.switch_on()

    @asynccontextmanager
    async def within(self) -> AsyncIterator[None]:
        """End what waits with the output on when the announced time is over. Raises NotConfirmed then."""
        try:
            async with asyncio.timeout_at(self._until_s if self._may_be_on else None):
                yield
        except TimeoutError as err:
            said = f"it was on for {self.bound.longest_s:g} s, as long as was announced, and is switched off"
            raise NotConfirmed(f"{self.source.name}: {said}") from err

    async def rest_v(self) -> float:
        """Return the voltage at no current, output off behind it. Raises NotConfirmed where none is measured."""
        await self.on(self.at_rest, self.reading_s(_REST_READINGS))
        last = (await self.read(_REST_READINGS))[-1]
        await self.off()
        if last.voltage_v is None:
            raise NotConfirmed(f"{self.source.name} measured no voltage at no current")
        return last.voltage_v

    async def read(self, count: int = READINGS) -> list[SourceReading]:
        """Read again and again, as often as a run does."""
        readings = []
        async with self.within():
            for _ in range(count):
                await asyncio.sleep(self.interval_s)
                readings.append(await self.source.read())
        return readings

    async def measured(self, drive: Drive, *, is_looked_at: bool = False) -> tuple[float, float, SourceReading]:
        """Carry an order out for some readings; return voltage, current and the last reading, output off behind it."""
        await self.on(drive, self.reading_s(), is_looked_at=is_looked_at)
        last = (await self.read())[-1]
        await self.off()
        if last.voltage_v is None or last.current_a is None:
            raise NotConfirmed(f"{self.source.name} measured nothing, or more than its range")
        return last.voltage_v, last.current_a, last

    def may_be_on(self) -> None:
        """Note that the output was switched on by something else than an order of ours."""
        self._may_be_on = True

    async def off(self) -> None:
        """Switch the output off, and see that it is. Raises NotConfirmed."""
        if self._may_be_on:
            await self.source.switch_off()
            self._may_be_on = False
