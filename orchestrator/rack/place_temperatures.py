"""Keeps what ovens and thermometers have shown, by place, and tells the temperature of a channel's cell at a time.

Records come seconds after they were made, and hours after an outage: readings are kept for as long as that may be.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

OLDEST_S = 60.0
"""A reading further than this from a record in time says nothing of it. At 1 K/min, as a chamber ramps, it is 1 K."""

KEPT_S = 7 * 86_400.0
"""A link that is dead over a long weekend is backfilled with its temperatures: a reading in 5 s makes 2 MB a place."""

_DECIMALS = 3
_DROPPED_AT_ONCE = 4096


@dataclass(slots=True)
class _Readings:
    """Readings of one place in the order of time."""

    times_unix_s: array[float] = field(default_factory=lambda: array("d"))
    temperatures_degc: array[float] = field(default_factory=lambda: array("d"))

    def add(self, unix_time_s: float, temperature_degc: float) -> None:
        """Keep a reading; those that bear a later time are dropped."""
        if self.times_unix_s and unix_time_s <= self.times_unix_s[-1]:
            # A host's clock that was set back: what it says twice is not ordered, and the newer reading is kept.
            at = bisect_left(self.times_unix_s, unix_time_s)
            del self.times_unix_s[at:], self.temperatures_degc[at:]
        self.times_unix_s.append(unix_time_s)
        self.temperatures_degc.append(temperature_degc)
        old = bisect_left(self.times_unix_s, unix_time_s - KEPT_S)
        if old >= _DROPPED_AT_ONCE:
            del self.times_unix_s[:old], self.temperatures_degc[:old]

    def at(self, unix_time_s: float, oldest_s: float) -> float | None:
        """Return the temperature between the readings on both sides, or the nearer one; None if neither is near."""
        after = bisect_left(self.times_unix_s, unix_time_s)
        near = [
            (self.times_unix_s[at], self.temperatures_degc[at])
            for at in (after - 1, after)
            if 0 <= at < len(self.times_unix_s) and abs(self.times_unix_s[at] - unix_time_s) <= oldest_s
        ]
        if not near:
            return None
        (first_s, first_degc), (last_s, last_degc) = near[0], near[-1]
        share = 0.0 if last_s == first_s else (unix_time_s - first_s) / (last_s - first_s)
        return round(first_degc + share * (last_degc - first_degc), _DECIMALS)

    def since(self, unix_time_s: float) -> Iterator[tuple[float, float]]:
        at = bisect_left(self.times_unix_s, unix_time_s)
        yield from zip(self.times_unix_s[at:], self.temperatures_degc[at:], strict=True)


class PlaceTemperatures:
    """The readings of all places: channels and ovens.

    ``oven_of`` names the oven that a channel is in. The temperature of a channel is that of the thermometer at it, else
    the oven's own, else that of the thermometer in the oven.
    """

    def __init__(self, oven_of: Mapping[str, str], oldest_s: float = OLDEST_S) -> None:
        self._oven_of = dict(oven_of)
        self._oldest_s = oldest_s
        self._by_probe: dict[str, _Readings] = {}
        self._by_oven: dict[str, _Readings] = {}

    def note_oven(self, oven: str, unix_time_s: float, temperature_degc: float) -> None:
        """Keep a valid temperature of an oven's own sensor."""
        self._by_oven.setdefault(oven, _Readings()).add(unix_time_s, temperature_degc)

    def note_probe(self, place: str, unix_time_s: float, temperature_degc: float) -> None:
        """Keep a valid temperature of a thermometer at a place, a channel or an oven."""
        self._by_probe.setdefault(place, _Readings()).add(unix_time_s, temperature_degc)

    def at(self, channel: str, unix_time_s: float) -> float | None:
        """Return the temperature of a channel's place at a time; None where no reading is near enough."""
        oven = self._oven_of.get(channel, "")
        for readings in (self._by_probe.get(channel), self._by_oven.get(oven), self._by_probe.get(oven)):
            if readings is not None and (found := readings.at(unix_time_s, self._oldest_s)) is not None:
                return found
        return None

    def of_probe(self, place: str, unix_time_s: float) -> float | None:
        """Return what a thermometer at a place has shown at a time; None where no reading is near enough."""
        readings = self._by_probe.get(place)
        return None if readings is None else readings.at(unix_time_s, self._oldest_s)

    def of_oven(self, oven: str, unix_time_s: float) -> float | None:
        """Return what an oven's own sensor has shown at a time; None where no reading is near enough."""
        readings = self._by_oven.get(oven)
        return None if readings is None else readings.at(unix_time_s, self._oldest_s)

    def oven_since(self, oven: str, unix_time_s: float) -> Sequence[tuple[float, float]]:
        """Return times and temperatures that an oven's own sensor has shown since a time, in order."""
        readings = self._by_oven.get(oven)
        return () if readings is None else tuple(readings.since(unix_time_s))
