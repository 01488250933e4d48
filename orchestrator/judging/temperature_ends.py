"""Watches the temperature of a cell's place for the end of a step, which the run goes on behind, and for a trip.

The readings are those of an oven or a thermometer, at each poll. Two in a row must be outside: one alone may be a spike
on a lead. What nothing measures ends no step and trips no run; that is told once.

>>> from protocols.temperature import TemperatureBand
>>> watch = TemperatureWatch(TemperatureBand(high_degc=65.0), None, last_step=2)
>>> [watch.feed(degc, step, 10.0) for degc, step in ((66.0, 1), (64.0, 2), (66.0, 2))]
[[], [], []]
>>> [finding.message for finding in watch.feed(66.5, 2, 20.0)]
['temperature 66.5 degC, above 65 degC']
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.judging.limits import Action, Finding, FindingKind
from protocols.program import CyclingSegment
from protocols.temperature import TemperatureBand

IN_A_ROW = 2
"""So many readings in a row must be outside."""
BLIND_AFTER = 10
"""So many polls in a row without a reading are told."""


class TemperatureWatch:
    """Watches one test; what it finds is found once."""

    def __init__(self, end: TemperatureBand | None, limit: TemperatureBand | None, last_step: int) -> None:
        self._last_step = last_step
        self._bands: Mapping[Action, TemperatureBand | None] = {Action.END_SEGMENT: end, Action.TRIP: limit}
        self._in_a_row = dict.fromkeys(self._bands, 0)
        self._found: set[Action] = set()
        self._blind = 0

    @classmethod
    def of(cls, segment: CyclingSegment) -> TemperatureWatch:
        """Return the watch of a segment."""
        return cls(segment.temperature_end, segment.temperature_limit, len(segment.steps))

    @property
    def is_needed(self) -> bool:
        """Whether anything is watched for."""
        return any(band is not None for band in self._bands.values())

    @property
    def has_gone_blind(self) -> bool:
        """Whether no temperature has been known for so many polls; true at one poll alone, so that it is told once."""
        return self._blind == BLIND_AFTER

    def feed(self, degc: float | None, step: int, time_s: float) -> list[Finding]:
        """Judge a reading while ``step`` of the test runs, at this test time; None where nothing measures."""
        self._blind = self._blind + 1 if degc is None else 0
        found: list[Finding] = []
        for action, band in self._bands.items():
            is_due = action is Action.TRIP or step == self._last_step
            outside = "" if band is None or degc is None or not is_due else band.outside(degc)
            self._in_a_row[action] = self._in_a_row[action] + 1 if outside else 0
            if outside and self._in_a_row[action] >= IN_A_ROW and action not in self._found:
                self._found.add(action)
                kind = FindingKind.HOST_END if action is Action.END_SEGMENT else FindingKind.TEMPERATURE_LIMIT
                data = {"watched": "temperature_degc", "value": degc}
                found.append(Finding(kind, action, outside, time_s, data))
        return found
