"""Watches each reading of a source for what must end a test: limits, a reading without value, wires that do not sense.

Pure: times are the loop's, and what must end the test is raised as ``EndedEarly`` with the sentence for its person.
"""

from __future__ import annotations

from drivers.interfaces import ChannelState
from drivers.sources import Drive, Held, SourceReading
from protocols.program import Limits, VoltageBand

_MOST_WITHOUT_VALUE = 3
# A source that is not at its limit holds its level: more than this off, it senses somewhere else (reference
# smu-and-ovens, section 3).
_SENSE_V = 0.1
# The part by which a current may differ from the one that is set, with an offset of large ranges (section 2.1).
_CURRENT_PART, _CURRENT_OFFSET_A = 0.2, 2e-6
# A fault is seen in so many readings in a row, over so much time: a switch takes milliseconds (section 12).
_FAULT_READINGS, _FAULT_S = 3, 0.5
# From this change of current on, 10 ohm move the voltage by 1 mV, ten steps of the coarsest range (section 2.1).
_MOVES_FROM_A = 1e-4
_STUCK_READINGS, _STUCK_S = 20, 5.0


class EndedEarly(Exception):
    """A test must end now, with its state and a sentence; the output is still to be switched off."""

    def __init__(self, state: ChannelState, detail: str) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail


class LimitWatch:
    """The limits of the whole run: those of the tester after their delay, the absolute ones at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since_s: float | None = None

    def check_absolute(self, voltage_v: float, current_a: float, *, is_open: bool) -> None:
        """Judge a reading by the absolute limits, which need no delay. Raises EndedEarly as PROTECTED.

        ``is_open``: the source drives nothing through the cell although it should.
        """
        if outside := _outside(voltage_v, current_a, self._limits.absolute, self._limits.absolute_current_a):
            hint = ", and no current flows: is the cell still at the leads?" if is_open else ", the absolute limit"
            raise EndedEarly(ChannelState.PROTECTED, outside + hint)

    def check(self, at_s: float, voltage_v: float, current_a: float) -> None:
        """Judge a reading by the limits of the whole run and their delay. Raises EndedEarly as PROTECTED."""
        limits = self._limits
        outside = _outside(voltage_v, current_a, limits.tester, limits.tester_current_a)
        if not outside:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = at_s
        elif at_s - self._since_s >= limits.tester_delay_s:
            raise EndedEarly(ChannelState.PROTECTED, f"for {at_s - self._since_s:.1f} s {outside}")


def _outside(voltage_v: float, current_a: float, band: VoltageBand, most_a: float) -> str:
    """Return the words for a value beyond a limit; empty when both are within."""
    if not band.low_v <= voltage_v <= band.high_v:
        return f"{voltage_v:.4f} V is outside of {band.low_v:g} to {band.high_v:g} V"
    return f"{current_a:.4g} A is more than {most_a:g} A" if abs(current_a) > most_a else ""


class FaultWatch:
    """What a reading says of the wires and of hands at the panel; one for a whole test."""

    def __init__(self, open_circuit_v: float) -> None:
        self._missing = 0
        self._fault, self._fault_count, self._fault_since_s = "", 0, 0.0
        self._voltage_v, self._current_a = open_circuit_v, 0.0
        # The voltage before the last large change of current, while nothing has moved since.
        self._stuck_v: float | None = None
        self._stuck_count, self._stuck_since_s = 0, 0.0

    def check_value(self, reading: SourceReading) -> bool:
        """Return whether a reading has both values. Raises EndedEarly when the output is off, or at the third without.

        None of an output that is off is a voltage or a current of the cell.
        """
        if not reading.output_on:
            raise EndedEarly(
                ChannelState.STOPPED,
                "the instrument switched its output off by itself: somebody pressed its panel, its interlock opened, "
                "or it protected itself",
            )
        if reading.voltage_v is not None and reading.current_a is not None:
            self._missing = 0
            return True
        self._missing += 1
        if self._missing >= _MOST_WITHOUT_VALUE:
            what = "voltage" if reading.voltage_v is None else "current"
            raise EndedEarly(
                ChannelState.STOPPED,
                f"{self._missing} readings in a row had no {what}: nothing was measured, or more than the range",
            )
        return False

    def begin(self, drive: Drive, at_s: float) -> None:
        """Remember the voltage under the order before, when another begins."""
        set_a = drive.level if drive.held is Held.CURRENT else None
        change_a = abs(set_a - self._current_a) if set_a is not None else drive.limit
        self._stuck_v = self._voltage_v if change_a >= _MOVES_FROM_A else None
        self._stuck_count, self._stuck_since_s = 0, at_s
        self._fault_count = 0

    def check(self, drive: Drive, at_s: float, voltage_v: float, current_a: float, *, at_limit: bool) -> None:
        """Judge a reading with both values. Raises EndedEarly for wires that do not sense the cell."""
        self._voltage_v, self._current_a = voltage_v, current_a
        fault = "" if at_limit else _off_its_level(drive, voltage_v, current_a)
        if not fault:
            self._fault_count = 0
        elif self._fault_count == 0:
            self._fault_count, self._fault_since_s = 1, at_s
        else:
            self._fault_count += 1
            if self._fault_count >= _FAULT_READINGS and at_s - self._fault_since_s >= _FAULT_S:
                raise EndedEarly(ChannelState.STOPPED, fault)
        if self._stuck_v is None:
            return
        if voltage_v != self._stuck_v:
            self._stuck_v = None
            return
        self._stuck_count += 1
        if self._stuck_count >= _STUCK_READINGS and at_s - self._stuck_since_s >= _STUCK_S:
            raise EndedEarly(
                ChannelState.STOPPED,
                f"the voltage stays at the very same {voltage_v:.6g} V although the current has changed to "
                f"{current_a:.4g} A: look at the sense leads",
            )


def _off_its_level(drive: Drive, voltage_v: float, current_a: float) -> str:
    """Return what is wrong when a source that regulates does not hold its level; empty when it does."""
    if drive.held is Held.VOLTAGE:
        if abs(voltage_v - drive.level) <= _SENSE_V:
            return ""
        return f"{voltage_v:.4f} V is measured where {drive.level:.4f} V is held: look at the sense leads"
    if not drive.level or abs(current_a - drive.level) <= _CURRENT_PART * abs(drive.level) + _CURRENT_OFFSET_A:
        return ""
    return f"{current_a:.4g} A is measured where {drive.level:.4g} A is held: was the source set by hand?"
