"""The parts of the commissioning campaign that tests stand on: the resistor with a log, a person, and a tester."""

from __future__ import annotations

from benchmarks.commissioning.resistor import CHANNEL, MOST_A, OHM, LoggedResistor, Operator
from benchmarks.commissioning.testers import CommissioningRig, open_commissioning

__all__ = ["CHANNEL", "MOST_A", "OHM", "CommissioningRig", "LoggedResistor", "Operator", "open_commissioning"]
