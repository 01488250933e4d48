"""The context of a running technique: its parameters, the cell behind the link, and the instrument's resolution."""

from __future__ import annotations

from typing import Any

from simulators.chi660e.instrument_link import Link
from simulators.chi660e.parameters import Parameters
from simulators.chi660e.settings import Settings

MOST_A = 0.25
"""What the galvanostat and potentiostat can carry for long [2.1]."""


class Run:
    """One run in progress. Currents of the macro and of the files are in the program's sign, of the link in ours."""

    def __init__(self, link: Link, parameters: Parameters, settings: Settings, *, dummy: bool) -> None:
        """Begin."""
        self.link = link
        self.parameters = parameters
        self.settings = settings
        self.dummy = dummy

    def call(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        """Have something done to the cell, or to the dummy."""
        return self.link.call(do, dummy=self.dummy, **arguments)

    @property
    def full_scale_a(self) -> float:
        """Return the current at which the chosen sensitivity overflows [2.1]."""
        if self.parameters.mode("autosens") == "on":
            return MOST_A
        return min(MOST_A, 10.0 * (self.parameters["sens"] or 0.1))

    def recorded_a(self, current_a: float) -> float:
        """Return a current as the file shows it: clipped in overflow, in the sign of the polarity setting."""
        full_a = self.full_scale_a
        if self.settings.clips:
            current_a = max(-full_a, min(full_a, current_a))
        return -current_a if self.settings.cathodic_positive else current_a

    def hold(self, voltage_v: float, seconds: float, every_s: float | None = None) -> dict[str, Any]:
        """Hold one voltage."""
        return self.levels([(voltage_v, seconds)], every_s or seconds)

    def levels(self, levels: list[tuple[float, float]], every_s: float) -> dict[str, Any]:
        """Hold voltages one after the other, reading the current every so often."""
        limits = {"most_a": self.full_scale_a} if self.parameters.mode("abortov") == "on" else {}
        return self.call("hold", levels=levels, every_s=every_s, **limits)

    def quiet(self) -> None:
        """Hold Init E for the quiet time, unrecorded."""
        if self.parameters["qt"] > 0.0:
            self.call("hold", levels=[(self.parameters["ei"], self.parameters["qt"])], every_s=self.parameters["qt"])
