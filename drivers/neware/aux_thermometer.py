"""The auxiliary temperature inputs of a CT-4008, as a ``TemperatureProbe`` on the connection of its tester.

They are asked for by a question of their own (``inquire`` with ``aux="1"``, reference neware-ct4008, section 4.3), so
that the poll of the channels stays as it is. Where BTS does not answer that question it is asked ever more rarely: one
connection serves both.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence

from drivers.errors import BadReply, ConnectionFailed
from drivers.neware import wire
from drivers.neware.aux_settings import AuxSettings
from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings
from drivers.neware.tester import NewareTester
from drivers.temperatures import TemperatureProbe, TemperatureReading
from drivers.transport.pauses import Pauses

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 1800.0
"""A question that is not answered keeps the tester's connection busy for twice its time-out."""


class AuxThermometer:
    """The inputs that the settings name; nothing is opened beside the tester."""

    def __init__(self, settings: AuxSettings, tester: NewareTester, clock: Callable[[], float]) -> None:
        self.name = f"{tester.name}-aux"
        self._settings = settings
        self._inputs = settings.inputs()
        self._tester = tester
        self._clock = clock
        self._pauses = Pauses(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    def places(self) -> tuple[str, ...]:
        """Return the places that the settings name."""
        return tuple(self._inputs)

    async def open(self) -> None:
        """Do nothing: the tester is opened by whoever uses it."""

    async def close(self) -> None:
        """Do nothing."""

    async def read(self) -> dict[str, TemperatureReading]:
        """Ask for the inputs of all places. Raises ConnectionFailed: at once while BTS is left alone after a failure.

        A channel that BTS does not show is a problem of its places.
        """
        self._pauses.check()
        there = set(self._tester.channels())
        if not there:
            raise ConnectionFailed(f"{self.name}: {self._tester.name} is not connected yet")
        channels = sorted({channel for channel, _ in self._inputs.values() if channel in there})
        addresses = [self._tester.address_of(channel) for channel in channels]
        shown: Mapping[str, Mapping[str, str]] = {}
        if addresses:
            try:
                shown = _shown(await self._tester.client.ask(wire.inquire(addresses, aux=True)), addresses)
            except ConnectionFailed as err:
                self._pauses.failed(err)
                raise
        self._pauses.answered()
        now = self._clock()
        return {place: self._reading(shown, *where, now) for place, where in self._inputs.items()}

    def _reading(
        self, rows: Mapping[str, Mapping[str, str]], channel: str, attribute: str, unix_time_s: float
    ) -> TemperatureReading:
        if (shown := rows.get(channel)) is None:
            return TemperatureReading(None, unix_time_s, f"BTS has no channel {channel}")
        if attribute not in shown:
            there = ", ".join(sorted(set(shown) - _OF_EVERY_ROW)) or "none"
            told = f"BTS shows no {attribute} of {channel} (auxiliary inputs there: {there}); map it in the BTS client"
            return TemperatureReading(None, unix_time_s, told)
        try:
            degc = round(wire.number(shown[attribute]) * self._settings.scale, 6)
        except BadReply as err:
            return TemperatureReading(None, unix_time_s, str(err))
        low, high = self._settings.valid_degc
        if not low <= degc <= high:
            told = "no number" if math.isnan(degc) else f"{degc:g} degC is not within {low:g} to {high:g} degC"
            return TemperatureReading(None, unix_time_s, told)
        return TemperatureReading(degc, unix_time_s)


class NewareTesterWithAux(NewareTester):
    """A CT-4008 whose auxiliary inputs measure the temperatures of places (``MeasuresTemperatures``)."""

    def __init__(self, settings: NewareSettings, client: NewareClient, wall_time: Callable[[], float]) -> None:
        super().__init__(settings, client, wall_time)
        self._aux = settings.aux

    def probes(self) -> Sequence[tuple[float, TemperatureProbe]]:
        """Return the thermometer of its inputs, with the seconds between two readings; none without settings."""
        if self._aux is None:
            return ()
        return ((self._aux.poll_period_s, AuxThermometer(self._aux, self, self._wall_time)),)


# What every row has, with or without inputs (section 4.3).
_OF_EVERY_ROW = {
    *("dev", "cycle_id", "step_id", "step_type", "workstatus", "barcode", "current", "voltage", "capacity", "energy"),
    *("totaltime", "relativetime", "open_or_close", "log_code"),
}


def _shown(root: ET.Element, addresses: Sequence[wire.Address]) -> dict[str, dict[str, str]]:
    """Return the attributes of each channel's rows; whether an input has a row of its own is not known (section 4.3).

    Raises BadReply for a row of a channel that was not asked for.
    """
    asked = {f"{a.devtype}-{a.devid}-{a.subdevid}-{a.chlid}": a.channel for a in addresses}
    found: dict[str, dict[str, str]] = {}
    for row in root.iterfind("list/inquire"):
        device = (row.get("dev") or "").rpartition("-")[0]
        if device not in asked:
            raise BadReply(f"BTS answered for {row.get('dev')} where {', '.join(asked.values())} were asked")
        if row.get("workstatus", "").strip() != "false":
            found.setdefault(asked[device], {}).update(row.attrib)
    return found
