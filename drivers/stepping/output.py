"""The output of a source as this process knows it: switched off and seen off, or not known, and then why."""

from __future__ import annotations

import asyncio

from drivers.errors import ConnectionFailed, DriverError, NotConfirmed
from drivers.sources import Source, SourceReading
from drivers.stepping.drives import look
from drivers.stepping.settings import SteppedSettings
from drivers.stepping.uncancelled import to_its_end

_OFF_TRIES, _OFF_PAUSE_S = 3, 0.5
# A relay takes 15 ms, and the leads are charged (reference smu-and-ovens, section 12).
_SETTLE_S, _LOOKS = 0.1, 5


class Output:
    """The output between tests. ``unknown``: why it may be on although no test of this process runs, or empty."""

    def __init__(self, source: Source, order_timeout_s: float) -> None:
        self._source, self._order_timeout_s = source, order_timeout_s
        self.unknown = ""

    async def find(self) -> SourceReading:
        """Ask whether the output is on, and change nothing: ``unknown`` says so."""
        reading = await self._source.read()
        if reading.output_on:
            self.unknown = self._told_on
        return reading

    def saw(self, reading: SourceReading) -> None:
        """Take a reading of a source that is left alone: it is on, or somebody has switched it off again."""
        if reading.output_on:
            self.unknown = self._told_on
        elif self.unknown == self._told_on:
            self.unknown = ""

    @property
    def _told_on(self) -> str:
        return f"the output of {self._source.name} is on, and no test of this process runs there: stop the channel"

    async def switch_off(self) -> None:
        """Switch the output off and see it off, also while cancelled. Raises NotConfirmed."""
        await to_its_end(self._try_off)
        if self.unknown:
            raise NotConfirmed(self.unknown)

    async def _try_off(self) -> None:
        for attempt in range(_OFF_TRIES):
            if attempt:
                await asyncio.sleep(_OFF_PAUSE_S)
            name = self._source.name
            why = f"{name}: its output was not seen off: no answer within {self._order_timeout_s:g} s"
            try:
                async with asyncio.timeout(self._order_timeout_s):
                    await self._source.switch_off()
            except TimeoutError:
                pass
            except NotConfirmed as err:
                # The source says itself that it was not seen off, and why.
                why = str(err)
            except DriverError as err:
                why = f"{name}: its output was not seen off: {err}"
            else:
                self.unknown = ""
                return
            self.unknown = f"{why}; take its leads off"

    async def look(self, settings: SteppedSettings) -> float:
        """Connect the cell to a source of no current for a moment and return its voltage; the output is off again.

        Nothing is sent to an output that is on. Raises NotConfirmed when it is, or cannot be seen off afterwards, and
        ConnectionFailed.
        """
        if (await self.find()).output_on:
            raise NotConfirmed(self.unknown)
        voltage_v: float | None = None
        try:
            await self._source.prepare(look(settings), settings.interval_s)
            await self._source.switch_on()
            for _ in range(_LOOKS):
                await asyncio.sleep(_SETTLE_S)
                before_v, voltage_v = voltage_v, (await self._source.read()).voltage_v
                if before_v is not None and voltage_v is not None:
                    break
        finally:
            await self.switch_off()
        if voltage_v is None:
            raise ConnectionFailed(f"{self._source.name} measures no voltage at a cell without current")
        return voltage_v
