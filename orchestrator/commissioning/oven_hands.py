"""The hands of a commissioning at an oven: no set point above the stated one, and the safe one behind each question."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from drivers.errors import DriverError
from drivers.oven.oven import ModbusOven
from drivers.oven.settings import OvenSettings
from drivers.oven.wire import Request
from drivers.temperatures import OvenReading
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.bound import BeyondBound, Bound
from orchestrator.commissioning.people import Person, does
from orchestrator.commissioning.questions import Found, Outcome, Question

logger = logging.getLogger(__name__)

T = TypeVar("T")

STEP_K = 5.0
"""The step of a commissioning: enough to see how an oven heats, and no cell's concern."""
MARGIN_K = 5.0
"""So far above a set point the air of a well set oven does not go; its sensor lags (section 23 of the reference)."""
_FAR_K = 1.0
"""A set point that is tried differs from the one before by so much, which every display shows."""
_ATTEMPTS, _PAUSE_S = 3, 5.0
_SETTINGS = ("scale", "word_order", "refresh_s")
_OF_LINK = ("parity", "reply_timeout_s")


class TooHot(DriverError):
    """The oven has passed the stated temperature; its safe set point is ordered now."""


@dataclass(frozen=True, slots=True)
class OvenQuestion(Question["OvenHands"]):
    """A question to an oven: with a ``longest_s`` of 0 it orders no set point, else none above ``warmest_degc``."""

    warmest_degc: float = 0.0

    def announcement(self, most_a: float) -> str:
        """Return what is said before anything is done; no current is a matter of it."""
        if not self.longest_s:
            return f"{self.does} No set point is ordered."
        for_at_most = f"{self.longest_s / 60:.0f} min" if self.longest_s >= 60 else f"{self.longest_s:.0f} s"
        return f"{self.does} No set point above {self.warmest_degc:g} degC, for at most {for_at_most}."


class OvenHands:
    """One oven without cells. ``build`` makes a driver with some settings; ``probe`` reads a thermometer inside."""

    def __init__(
        self,
        settings: OvenSettings,
        build: Callable[[OvenSettings], ModbusOven],
        person: Person,
        warmest_degc: float,
        wall_time: Callable[[], float],
        probe: Callable[[], Awaitable[float | None]] | None = None,
    ) -> None:
        self.settings = settings
        self.person = person
        self.warmest_degc = warmest_degc
        self.probe = probe
        self.bound = Bound(0.0, 0.0, 0.0, 0.0)
        self.wall_time = wall_time
        self._build = build
        self._original = settings
        self._driver: ModbusOven | None = None
        self._built_with: OvenSettings | None = None
        self._has_ordered = False
        self.coldest_degc = math.inf
        """The lowest temperature that was read so far."""

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take what has been found so far into the settings of the driver."""
        changes: dict[str, Any] = {name: facts[name] for name in _SETTINGS if name in facts}
        changes["link"] = {name: facts[name] for name in _OF_LINK if name in facts}
        changes["without"] = tuple(str(facts.get("without", "")).split())
        self.settings = _changed(self._original, changes)

    async def driver(self, **changes: Any) -> ModbusOven:  # noqa: ANN401 - any setting
        """Return an open driver with the settings as found so far, and ``changes``. Raises ConnectionFailed."""
        wanted = _changed(self.settings, changes)
        if self._driver is None or self._built_with != wanted:
            await self.close()
            driver = self._build(wanted)
            try:
                await driver.open()
            except BaseException:
                await driver.close()
                raise
            self._driver, self._built_with = driver, wanted
        return self._driver

    async def close(self) -> None:
        """Say nothing more to the oven; it goes on at its set point."""
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.close()

    async def ask(self, function: int, address: int, count: int = 0, *values: int, **changes: Any) -> tuple[int, ...]:  # noqa: ANN401 - any setting
        """Send one request and return its registers, unscaled. Raises ConnectionFailed, RefusedByUnit."""
        driver = await self.driver(scale=1.0, **changes)
        return await driver.ask(Request(self.settings.link.unit, function, address, count, values))

    async def word_at(self, address: int, **changes: Any) -> int:  # noqa: ANN401 - any setting
        """Return one register as a signed number."""
        (word,) = await self.ask(self.settings.registers.read_function, address, 1, **changes)
        return (word ^ 0x8000) - 0x8000

    async def read(self) -> OvenReading:
        """Read the oven. Raises TooHot above the stated temperature while a set point of ours is there."""
        reading = await (await self.driver()).read()
        self.coldest_degc = min(
            self.coldest_degc, math.inf if reading.temperature_degc is None else reading.temperature_degc
        )
        if self._has_ordered and (reading.temperature_degc or 0.0) > self.warmest_degc:
            raise TooHot(f"{reading.temperature_degc:g} degC, and {self.warmest_degc:g} degC were stated")
        return reading

    async def temperature(self) -> float:
        """Return the oven's own temperature. Raises TooHot, and DriverError where it has none."""
        if (found := (await self.read()).temperature_degc) is None:
            raise DriverError(f"{self.settings.name} shows no temperature")
        return found

    async def order(self, degc: float) -> float:
        """Order a set point if the bound lets it through, and return it. Raises what the driver does, BeyondBound."""
        if not self.bound.longest_s > 0:
            raise BeyondBound("this question was announced as one that orders no set point; nothing was sent")
        if not degc <= self.warmest_degc:
            raise BeyondBound(f"{degc:g} degC, and {self.warmest_degc:g} degC were announced; nothing was sent")
        self._has_ordered = True
        await (await self.driver()).set_target(degc)
        return degc

    async def other_set_point(self) -> float:
        """Return a set point beside the safe one that is not the present one: it heats nothing to speak of."""
        there, safe = (await self.read()).target_degc, self.settings.safe_degc
        up = 1 if safe + 2 * _FAR_K <= min(self.warmest_degc, self.settings.high_degc) else -1
        near = safe + up * _FAR_K
        return near if abs(near - there) >= _FAR_K else near + up * _FAR_K

    async def watch(
        self, shows: Callable[[OvenReading], bool], within_s: float, every_s: float = 0.0
    ) -> OvenReading | None:
        """Read again and again until the oven shows something; None where it has not within so many seconds."""
        until_s = self.wall_time() + within_s
        while True:
            if shows(reading := await self.read()):
                return reading
            if self.wall_time() >= until_s:
                return None
            await asyncio.sleep(every_s or self.settings.poll_period_s)

    async def does(self, deed: str, undo: str = "") -> bool:
        """Ask a person to do something at the oven; return whether it was done. Raises TooHot."""
        return await does(self, deed, undo)

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask a person which of some answers is right; the oven is read meanwhile. Raises TooHot."""
        return await self._looked_after(self.person.chooses(question, choices))

    async def reads(self, question: str, unit: str) -> float | None:
        """Ask a person what a display shows; the oven is read meanwhile. Raises TooHot."""
        return await self._looked_after(self.person.reads(question, unit))

    async def _looked_after(self, answer: Coroutine[Any, Any, T]) -> T:
        """Wait for a person, who may take long, and read the oven meanwhile where a set point of ours is there."""
        if not self._has_ordered:
            return await answer
        try:
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(self._look_on())
                found = await answer
                looking.cancel()
        except BaseExceptionGroup as err:
            raise err.exceptions[0] from None
        return found

    async def _look_on(self) -> None:
        """Read the oven until this is cancelled. Raises TooHot. One that does not answer may be off for a while."""
        while True:
            await asyncio.sleep(self.settings.poll_period_s)
            try:
                await self.read()
            except TooHot:
                raise
            except DriverError as err:
                logger.info("%s is not read while a person is asked: %s", self.settings.name, err)

    async def off(self) -> None:
        """Order the safe set point if anything was ordered, and see it. Raises DriverError where it is not there."""
        if not self._has_ordered:
            return
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await (await self.driver()).set_target(self.settings.safe_degc)
            except DriverError:
                if attempt == _ATTEMPTS:
                    raise
                await self.close()
                await asyncio.sleep(_PAUSE_S)
            else:
                self._has_ordered = False
                return


Ask = Callable[[OvenHands], Awaitable[Found]]


def guarded(ask: Ask) -> Ask:
    """Return a question that ends as wrong where the oven passes the stated temperature."""

    @functools.wraps(ask)
    async def asked(hands: OvenHands) -> Found:
        try:
            return await ask(hands)
        except TooHot as err:
            return Found(Outcome.WRONG, f"{err}: see how its controller is set", {"error": str(err)})

    return asked


def _changed(settings: OvenSettings, changes: Mapping[str, Any]) -> OvenSettings:
    """Return settings with others in their place; those of the link are a table of their own."""
    link = settings.link.model_copy(update=dict(changes.get("link", {})))
    without = tuple(dict.fromkeys((*settings.without, *changes.get("without", ()))))
    return settings.model_copy(update={**changes, "link": link, "without": without})
