"""Leads that are soldered to cells of the program's own process, for use without a bench."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from simulators.cells import load_cell
from simulators.cells.model import CellModel
from simulators.cells.resistor import ResistorCell
from simulators.chi660e.settings import Settings
from simulators.chi660e.terminals import DUMMY_OHM, OwnTerminals, Terminals


class RcCell:
    """A resistor before a resistor with a capacitor beside it, and a voltage behind them that never changes."""

    max_interval_s = 600.0
    temperature_degc = 25.0

    def __init__(self, series_ohm: float, parallel_ohm: float, parallel_f: float, rest_v: float) -> None:
        """Begin at rest."""
        self._series_ohm = series_ohm
        self._parallel_ohm = parallel_ohm
        self._parallel_f = parallel_f
        self._rest_v = rest_v
        self._parallel_v = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Return the terminal voltage."""
        return self._rest_v + self._parallel_v + current_a * self._series_ohm

    def current_a(self, voltage_v: float) -> float:
        """Return the current at a held voltage."""
        return (voltage_v - self._rest_v - self._parallel_v) / self._series_ohm

    def advance(self, duration_s: float, current_a: float) -> None:
        """Charge the capacitor, exactly."""
        end_v = current_a * self._parallel_ohm
        decay = math.exp(-duration_s / (self._parallel_ohm * self._parallel_f))
        self._parallel_v = end_v + (self._parallel_v - end_v) * decay

    def snapshot(self) -> tuple[float, ...]:
        """Return the capacitor's voltage."""
        return (self._parallel_v,)

    def restore(self, state: tuple[float, ...]) -> None:
        """Set the capacitor's voltage."""
        (self._parallel_v,) = state

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Return the impedance."""
        angular = 2.0 * math.pi * frequency_hz
        return self._series_ohm + self._parallel_ohm / (1.0 + 1j * angular * self._parallel_ohm * self._parallel_f)


class OwnLeads:
    """One cell, or several behind a multiplexer, and the dummy."""

    double_energised = 0
    ac_peak_v = 0.0
    ac_peak_a = 0.0

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Build the cells that the settings name; a ValueError names a bad one."""
        self.speed = settings.speed
        self.now_s = clock
        now_s = clock()
        names = settings.cells or (settings.cell,)
        cells = [_build(name, settings, settings.seed + number) for number, name in enumerate(names)]
        self._ports = [OwnTerminals(cell, now_s) for cell in cells]
        self._chosen = self._ports[0]
        self._dummy = OwnTerminals(ResistorCell(DUMMY_OHM), now_s)

    def unix_s(self) -> float:
        """Return the system's wall time."""
        return time.time()

    def terminals(self, *, dummy: bool = False) -> Terminals:
        """Return the terminals that are measured, advanced to now."""
        chosen = self._dummy if dummy else self._chosen
        chosen.go(max(chosen.at_s, self.now_s()))
        chosen.settle()
        return chosen

    def select(self, port: int) -> None:
        """Switch to another cell; the one left is open circuit. A port that is not there is ignored [11]."""
        if 1 <= port <= len(self._ports):
            self.terminals().leave_open()
            self._chosen = self._ports[port - 1]

    def note_energised(self) -> bool:
        """Do nothing: no other instrument is on these cells."""
        return False

    def lost(self) -> None:
        """Do nothing: the cells end with the program."""


def _build(name: str, settings: Settings, seed: int) -> CellModel:
    if name == "rc":
        return RcCell(settings.series_ohm, settings.parallel_ohm, settings.parallel_f, settings.rest_v)
    return load_cell(name, seed=seed)
