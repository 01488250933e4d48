"""Drivers of the instruments: they convert programs into native programs, and bytes into samples."""

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, Sample

__all__ = ["BatteryTester", "DriverError", "Sample"]
