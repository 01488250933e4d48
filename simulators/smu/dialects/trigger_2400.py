"""The trigger model of a 2400: while it works, the unit is deaf to all but what ends it (section 1.10)."""

from __future__ import annotations

import math
from collections.abc import Callable

from simulators.smu.buffers import Reading
from simulators.smu.dialects.dialect import Command, Commands
from simulators.smu.status import Complaint, Measurement
from simulators.smu.unit import Unit, Wait
from simulators.smu.values import Arguments, setting

ENDING_WORDS = ("*TRG", "*RST", "*RCL", ":ABOR", "ABOR", ":SYST:PRES", "SYST:PRES", ":SYSTEM:PRES", "SYSTEM:PRES")
"""How a line begins, in capitals, that a 2400 hears while its trigger model works."""

_MOST_READINGS = 2500
FOREVER_S = 1e9
"""So long a trigger is waited for."""

_SOURCES = {
    "IMMediate": "IMM", "BUS": "BUS", "TIMer": "TIM", "MANual": "MAN", "TLINk": "TLIN", "NSTest": "NST",
    "PSTest": "PST", "BSTest": "BST",
}  # fmt: skip
_WAITING = ("BUS", "MAN", "TLIN", "NST", "PST", "BST")


class Trigger:
    """The trigger model of one unit, around what makes one reading and what writes several."""

    def __init__(self, unit: Unit, measure: Callable[[], Wait], write: Callable[[list[Reading]], str]) -> None:
        self._unit = unit
        self._measure = measure
        self._write = write
        self._timer_s = 0.1

    def commands(self) -> Commands:
        """Return the commands by their headers."""
        unit = self._unit
        nothing = Command(lambda _: None)
        return {
            ":READ": Command(query=self._read),
            ":INITiate[:IMMediate]": Command(self._initiate),
            ":FETCh": Command(query=self._fetch),
            "[:SENSe[1]]:DATA[:LATest]": Command(query=self._fetch),
            ":ABORt": nothing,
            ":TRIGger:CLEar": nothing,
            ":ARM[:SEQuence[1]][:LAYer[1]]:COUNt": Command(
                self._set_arm_count, lambda _: f"{unit.setup.arm_count:.0f}"
            ),
            ":ARM[:SEQuence[1]][:LAYer[1]]:SOURce": Command(self._set_arm_source, lambda _: unit.setup.arm_source),
            ":ARM[:SEQuence[1]][:LAYer[1]]:TIMer": Command(self._set_timer, lambda _: setting(self._timer_s)),
            ":TRIGger[:SEQuence[1]]:COUNt": Command(
                self._set_trigger_count, lambda _: f"{unit.setup.trigger_count:.0f}"
            ),
            ":TRIGger[:SEQuence[1]]:SOURce": Command(self._set_trigger_source, lambda _: "IMM"),
            ":TRIGger[:SEQuence[1]]:DELay": Command(self._set_delay, lambda _: setting(unit.setup.trigger_delay_s)),
        }

    def run(self) -> Wait:
        """Make all readings of one initiation; the output must be on (+803). Return them."""
        unit = self._unit
        if not unit.output and not unit.setup.auto_clear:
            raise Complaint(803)
        unit.in_trigger_model = True
        try:
            unit.buffers.latest = yield from self._all()
        finally:
            unit.in_trigger_model = False
        return unit.buffers.latest

    def _all(self) -> Wait:
        unit, readings = self._unit, list[Reading]()
        unit.buffers.latest = []
        while len(readings) < unit.setup.readings:
            if unit.setup.arm_source in _WAITING:
                yield FOREVER_S
            elif unit.setup.arm_source == "TIM" and readings:
                yield self._timer_s
            readings.append((yield from self._measure()))
            unit.buffers.feed_trace(readings[-1:])
            self._tell(readings[-1])
        return readings

    def _tell(self, reading: Reading) -> None:
        """Let the measurement register say what there is."""
        measurement, buffers = self._unit.status.measurement, self._unit.buffers
        measurement.set(Measurement.READING_AVAILABLE, on=False)
        measurement.set(Measurement.READING_AVAILABLE, on=True)
        over = any(it is not None and math.isinf(it) for it in (reading.voltage_v, reading.current_a))
        measurement.set(Measurement.OVERFLOW, on=over)
        measurement.set(Measurement.BUFFER_FULL, on=buffers.trace_feeds and buffers.trace_is_full)

    def _read(self, given: Arguments) -> Wait:
        given.nothing()
        return self._write((yield from self.run()))

    def _initiate(self, given: Arguments) -> Wait:
        given.nothing()
        yield from self.run()

    def _fetch(self, given: Arguments) -> str:
        given.nothing()
        if not self._unit.buffers.latest:
            raise Complaint(-230)
        return self._write(self._unit.buffers.latest)

    def _set_arm_count(self, given: Arguments) -> None:
        self._unit.setup.arm_count = self._count(given, self._unit.setup.trigger_count)

    def _set_trigger_count(self, given: Arguments) -> None:
        self._unit.setup.trigger_count = self._count(given, self._unit.setup.arm_count)

    @staticmethod
    def _count(given: Arguments, other: float) -> float:
        """Return a count; both together make 2500 readings at most, but for endless ones."""
        value = given.number()
        count = math.inf if value == math.inf else given.plain_number(1, _MOST_READINGS, 1)
        if math.isfinite(count) and count * other > _MOST_READINGS:
            raise Complaint(-222)
        return count

    def _set_arm_source(self, given: Arguments) -> None:
        self._unit.setup.arm_source = given.word(_SOURCES)

    @staticmethod
    def _set_trigger_source(given: Arguments) -> None:
        given.word({"IMMediate": "IMM", "TLINk": "TLIN"})

    def _set_timer(self, given: Arguments) -> None:
        self._timer_s = given.plain_number(0.001, 99999.99, 0.1)

    def _set_delay(self, given: Arguments) -> None:
        self._unit.setup.trigger_delay_s = given.plain_number(0.0, 999.9999, 0.0)
